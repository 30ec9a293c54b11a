"""The fast engine: plain connections of the event loop.

It knows for certain what was sent: `ConnectError` and `ConnectTimeout` are raised before
a request is written, everything else afterwards, when it may have been applied. It never writes
a request twice, and whoever stops waiting for a reply hangs up.
"""

import asyncio
import re
import socket
import ssl
from collections import deque
from typing import Final, Self

import aiohappyeyeballs
import httpx2 as httpx

from processor.shell.clock import steady
from processor.shell.http.connection import Connection
from processor.shell.http.edge_settings import EdgeSettings
from processor.shell.http.transport import Request, Withheld
from processor.shell.tls import Tls

_NEXT_ADDRESS_AFTER: Final = 0.25  # RFC 8305
_UNSENDABLE: Final = re.compile(rb"[^\x20-\x7e]")
_HTTPS: Final = 443
_HTTP: Final = 80


class FastTransport:
    """Sends requests to one origin over HTTP/1.1. Bodies come as they were sent, still encoded.

    There is no limit on connections: there are as many as calls in flight. Unused ones are
    kept for the idle timeout, the last used is used first; none is used again once the files
    have changed that it was made with.
    """

    def __init__(self, settings: EdgeSettings, tls: Tls) -> None:
        """Send to the host of `settings.base_url`; `tls` says whom to trust."""
        url = httpx.URL(settings.base_url)
        self._host = url.host
        self._port = url.port or (_HTTPS if settings.is_https else _HTTP)
        self._tls = tls if settings.is_https else None
        self._destinations = settings.destinations
        self._connect_timeout = settings.connect_timeout
        self._idle_timeout = settings.idle_timeout
        self._idle: deque[Connection] = deque()
        self._busy: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None

    async def exchange(self, request: Request) -> "_Answer":
        """Send `request`; raises httpx.TransportError as every transport does."""
        message = _message(request)
        ends_at = asyncio.get_running_loop().time() + request.deadline
        connection = self._take_idle()
        if connection is None:
            connection = await self._connect()
            if not request.may_go():
                connection.abort()
                raise Withheld
        self._busy.add(connection)
        try:
            connection.send(message, request.read_timeout, ends_at)
            return _Answer(self, connection, await connection.head())
        except BaseException:  # whoever is cancelled hangs up, too
            self.give_back(connection)
            raise

    async def aclose(self) -> None:
        """Close all connections; whoever waits for a reply is told that it is lost."""
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in (*self._idle, *self._busy):
            connection.abort()
        self._idle.clear()

    def give_back(self, connection: Connection) -> None:
        """Keep a connection whose response was read to its end; close any other."""
        self._busy.discard(connection)
        if not connection.is_reusable():
            connection.abort()
            return
        self._idle.append(connection)
        if self._sweep is None:
            loop = asyncio.get_running_loop()
            self._sweep = loop.call_later(self._idle_timeout, self._close_idle)

    def _take_idle(self) -> Connection | None:
        fresh_since = asyncio.get_running_loop().time() - self._idle_timeout
        context = self._context()
        while self._idle:
            connection = self._idle.pop()
            is_fresh = connection.idle_since > fresh_since and connection.context is context
            if is_fresh and connection.is_open():
                return connection
            connection.abort()
        return None

    def _close_idle(self) -> None:
        """Close what has been unused for too long, and look again while there is anything."""
        loop = asyncio.get_running_loop()
        fresh_since = loop.time() - self._idle_timeout
        while self._idle and self._idle[0].idle_since <= fresh_since:
            self._idle.popleft().abort()
        self._sweep = None
        if self._idle:
            again = self._idle[0].idle_since + self._idle_timeout
            self._sweep = loop.call_at(again, self._close_idle)

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(self._connect_timeout):
                return await self._open()
        except ssl.SSLError as error:
            raise httpx.ConnectError(str(error)) from error
        except TimeoutError as error:
            raise httpx.ConnectTimeout("") from error
        except UnicodeError as error:  # no such name can be
            raise httpx.ConnectError(str(error)) from error
        except OSError as error:
            raise httpx.ConnectError(str(error)) from (_hung_up(error) or error)

    async def _open(self) -> Connection:
        """Try the addresses of the host, a slow one together with the next; shake hands.

        No address is looked up twice: those that may be called are those that are connected to.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        refusal = self._destinations.refusal_of_all([str(each[4][0]) for each in found])
        if refusal is not None:
            raise httpx.ConnectError(refusal)
        addresses = [each for each in found if self._destinations.refusal(str(each[4][0])) is None]
        connected = await aiohappyeyeballs.start_connection(
            addresses, happy_eyeballs_delay=_NEXT_ADDRESS_AFTER, interleave=1
        )
        context = self._context()
        _, connection = await loop.create_connection(
            Connection,
            sock=connected,
            ssl=context,
            server_hostname=self._host if context else None,
        )
        connection.context = context
        return connection

    def _context(self) -> ssl.SSLContext | None:
        """Return what connections are made with now, None without TLS."""
        return self._tls.current(steady()) if self._tls else None


def _hung_up(error: OSError) -> ssl.SSLError | None:
    """Return the error of a handshake that the peer has ended; a reset names its `errno`."""
    if isinstance(error, ConnectionResetError) and error.errno is None:
        return ssl.SSLError(ssl.SSL_ERROR_EOF, "the peer hung up in the TLS handshake")
    return None


def _message(request: Request) -> bytes:
    lines = [b"%b %b HTTP/1.1" % (request.method, request.target)]
    lines += [b"%b: %b" % pair for pair in request.headers]
    if _UNSENDABLE.search(b"".join(lines)):
        raise httpx.LocalProtocolError("the request cannot be sent")
    return b"\r\n".join([*lines, b"", request.body])


class _Answer:
    """The response on one connection; closing it before its end drops the connection."""

    def __init__(self, transport: FastTransport, connection: Connection, status: int) -> None:
        self._transport = transport
        self._connection: Connection | None = connection
        self.status, self.headers = status, connection.headers

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._connection.piece() if self._connection is not None else b""
        if not piece:
            raise StopAsyncIteration
        return piece

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._transport.give_back(connection)
