"""One connection to Rokt, and the exchange on it.

HTTP is parsed by llhttp, strictly. Whoever asks learns the head of a response as soon as it is
there, and its body piece by piece: a peer that never ends takes neither memory nor time.
"""

import asyncio
import ssl
from collections.abc import Awaitable
from typing import Final, cast

import httptools
import httpx2 as httpx

_FIRST_FINAL_STATUS: Final = 200
_HEAD_LIMIT: Final = 64 * 1024
_BUFFER_LIMIT: Final = 64 * 1024
_LENGTH_GIVEN_BY: Final = (b"content-length", b"transfer-encoding")


class Connection(asyncio.Protocol):
    """A connection that carries one request at a time.

    `status`, None until the final head is there, and `headers` are those of the last response;
    `context` is what it was made with, None without TLS.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._parser: httptools.HttpResponseParser | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.idle_since = 0.0
        self.context: ssl.SSLContext | None = None
        self._begin()

    def _begin(self) -> None:
        self.status, self.headers = None, []
        self._pieces: list[bytes] = []
        self._beside = self._buffered = 0  # bytes: of heads, chunks and trailers; of the body
        self._heard_at = self._may_be_silent = self._ends_at = 0.0
        self._is_complete = self._is_spoilt = self._is_paused = False
        self._error: httpx.TransportError | None = None

    # What the exchange does

    def send(self, request: bytes, read_timeout: float, ends_at: float) -> None:
        """Write a request; from now on each silence may last `read_timeout` seconds.

        All of it ends at `ends_at`, by the clock of the loop.
        """
        self._begin()
        self._parser = httptools.HttpResponseParser(self)
        self._heard_at, self._may_be_silent = self._loop.time(), read_timeout
        self._ends_at = ends_at
        self._look_at_the_time()
        self._transport.write(request)

    async def head(self) -> int:
        """Wait for the head of the final response, and return its status.

        Raises httpx.TransportError when there will be none: the request may have arrived.
        """
        while self.status is None:
            await self._progress()
        return self.status

    async def piece(self) -> bytes:
        """Return what came of the body; nothing at its end.

        Raises httpx.TransportError when the body breaks off or stops.
        """
        while not self._pieces:
            if self._is_complete:
                return b""
            await self._progress()
        body = b"".join(self._pieces)
        self._pieces.clear()
        self._buffered = 0
        if self._is_paused and not self._transport.is_closing():
            self._is_paused = False
            self._heard_at = self._loop.time()
            self._transport.resume_reading()
        return body

    def _progress(self) -> Awaitable[None]:
        if self._error is not None:
            raise self._error
        self._waiter = self._loop.create_future()
        return self._waiter

    def is_reusable(self) -> bool:
        """Whether the response was read to its end and both sides keep the connection."""
        return self._is_complete and not self._is_spoilt and self.is_open()

    def is_open(self) -> bool:
        """Whether a request may be written: neither side has closed the connection."""
        return not self._transport.is_closing()

    def abort(self) -> None:
        """Close the connection at once; whoever waits for its reply is told that it is lost."""
        if self._parser is not None and self._error is None and not self._is_complete:
            self._error = httpx.ReadError("the connection was closed")
        self._hush()
        self._transport.abort()

    # What the parser calls, inside `data_received`

    def on_message_begin(self) -> None:
        """Note a response that nobody asked for: the connection is not used again."""
        self._is_spoilt |= self._is_complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those behind the body are passed over."""
        if self.status is None:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Take the head, if it is that of a final response."""
        if self._parser is None or self._is_complete:
            return
        status = self._parser.get_status_code()
        if status < _FIRST_FINAL_STATUS:
            self.headers = []
        else:
            self.status = status

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if not self._is_complete:
            self._pieces.append(body)
            self._buffered += len(body)
            self._beside -= len(body)

    def on_message_complete(self) -> None:
        """Note the end of the body, and whether the peer keeps the connection."""
        if self._parser is not None and self.status is not None and not self._is_complete:
            self._is_complete = True
            self._is_spoilt = not self._parser.should_keep_alive()

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is no subclass

    def data_received(self, data: bytes) -> None:
        """Parse what came; what nobody has asked for ends the connection."""
        parser = self._parser
        if parser is None:
            self.abort()
            return
        self._heard_at = self._loop.time()
        self._beside += len(data)
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(httpx.RemoteProtocolError("a change of protocol unasked"))
        except httptools.HttpParserError:
            # No cause: it may quote the peer.
            self._fail(httpx.RemoteProtocolError("no HTTP"))
        if self._beside > _HEAD_LIMIT:
            self._fail(httpx.RemoteProtocolError("there is too much beside the body"))
        if self._is_complete:
            self._rest()
        elif self._buffered > _BUFFER_LIMIT and not self._is_paused and self.is_open():
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end; without a length it is that of the body."""
        if self._parser is not None and not self._is_complete:
            if exc is None and self._error is None and self._is_ended_by_closing():
                self._is_complete = True
            else:
                self._fail(httpx.ReadError("the connection ended"))
        self._is_spoilt = True
        self._hush()
        self._wake()

    def _is_ended_by_closing(self) -> bool:
        is_given = any(name.lower() in _LENGTH_GIVEN_BY for name, _ in self.headers)
        return self.status is not None and not is_given

    def _rest(self) -> None:
        """Wait for the next request: whatever comes before that was not asked for."""
        self._parser = None
        self.idle_since = self._heard_at
        self._hush()

    def _look_at_the_time(self) -> None:
        now = self._loop.time()
        heard_at = now if self._is_paused else self._heard_at  # it is we who do not listen
        may_last_until = min(heard_at + self._may_be_silent, self._ends_at)
        if now < may_last_until:
            self._alarm = self._loop.call_at(may_last_until, self._look_at_the_time)
            return
        self._fail(httpx.ReadTimeout("silence" if now < self._ends_at else "deadline"))
        self._wake()

    def _fail(self, error: httpx.TransportError) -> None:
        """End the exchange; what goes wrong behind a complete response only ends the connection."""
        if self._error is None and not self._is_complete:
            self._error = error
        self._is_spoilt = True
        self.abort()

    def _hush(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
