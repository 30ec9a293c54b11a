"""Exchanges: one request and its answer, written to the socket byte by byte as a rule wants it."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from aiohttp import web

from processor.fake_rokt.answers import BODILESS, Answer
from processor.fake_rokt.complaints import LOGGER
from processor.fake_rokt.ledger import Entry, Ledger
from processor.fake_rokt.rules import Send

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_ENDLESS_PIECE: Final = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
_COMPLETE: Final = frozenset({Send.WHOLE, Send.SLOW_HEADERS, Send.SLOW_BODY})
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}


class Written(web.StreamResponse):
    """Tells aiohttp that the answer is on its way already, and whether to keep the connection."""

    def __init__(self, *, is_kept: bool) -> None:
        super().__init__()
        self._keep_alive = is_kept

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write nothing."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Write nothing."""


class Exchange:
    """A request being answered. It outlives its connection: `leave` says that the caller left."""

    def __init__(self, request: web.BaseRequest, ledger: Ledger, entry: Entry) -> None:
        self._transport = request.transport
        self._request = request
        self._ledger = ledger
        self._entry = entry
        self._left = asyncio.Event()
        if self._transport is None:
            self.leave()

    def leave(self) -> None:
        """Note that the connection is gone."""
        self._ledger.end(self._entry, is_answered=False, is_disconnected=True)
        self._left.set()

    async def send(self, answer: Answer, how: Send, drip: float) -> Written:
        """Send as much of an answer as `how` says, and note in the ledger what left."""
        if not self._is_gone:
            await self._send_as(answer, how, drip)
        if self._is_gone:  # the news is on its way: only `leave` can say that the caller left
            await self._left.wait()
            return Written(is_kept=False)
        if how in _COMPLETE:
            return Written(is_kept=self._request.keep_alive)
        self._ledger.end(self._entry, is_answered=False)
        if self._transport is not None:
            if how in {Send.RESET, Send.TRUNCATE_RESET}:
                reset(self._transport)
            self._transport.close()
        return Written(is_kept=False)

    async def _send_as(self, answer: Answer, how: Send, drip: float) -> None:
        match how:
            case Send.WHOLE | Send.SLOW_HEADERS | Send.SLOW_BODY:
                await self._send_all(answer, how, drip)
            case Send.TRUNCATE | Send.TRUNCATE_RESET | Send.TRUNCATE_CHUNK | Send.ENDLESS:
                await self._send_some(answer, how)
            case Send.NEVER:
                await self._left.wait()
            case Send.CLOSE | Send.RESET:
                pass

    async def _send_all(self, answer: Answer, how: Send, drip: float) -> None:
        self._entry.status = answer.status
        start, body = self._head(answer), answer.body
        if how is Send.SLOW_HEADERS:
            await self._slowly(start, drip)
            await self._whole(body)
        elif how is Send.SLOW_BODY:
            self._write(start)
            await self._slowly(body[:-1], drip)
            await self._whole(body[-1:])
        else:
            await self._whole(start + body)

    async def _send_some(self, answer: Answer, how: Send) -> None:
        self._entry.status = answer.status
        half = answer.body[: len(answer.body) // 2]
        if how is Send.ENDLESS:
            self._write(self._chunked_head(answer))
            await self._endlessly()
        elif how is Send.TRUNCATE_CHUNK:
            announced = b"%x\r\n" % (len(answer.body) + 1)
            self._write(self._chunked_head(answer) + announced + half)
        else:
            announced_length = ("Content-Length", str(len(answer.body) + 1))
            longer = replace(answer, headers=(*answer.headers, announced_length))
            self._write(self._head(longer) + half)
        await self._drain()

    async def _whole(self, rest: bytes) -> None:
        """Write the end of an answer. The ledger knows first, so that no caller is ahead of it."""
        if not self._is_gone:
            self._ledger.end(self._entry, is_answered=True)
        self._write(rest)
        await self._drain()

    async def _slowly(self, data: bytes, drip: float) -> None:
        for index in range(len(data)):
            self._write(data[index : index + 1])
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._left.wait(), drip)
                return

    async def _endlessly(self) -> None:
        while not self._is_gone:
            self._write(_ENDLESS_PIECE)
            await self._drain()
            await asyncio.sleep(0)

    async def _drain(self) -> None:
        with contextlib.suppress(ConnectionError):
            await self._request.writer.drain()

    @property
    def _is_gone(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _head(self, answer: Answer) -> bytes:
        return head(answer, is_kept=self._request.keep_alive)

    def _chunked_head(self, answer: Answer) -> bytes:
        chunked = (*answer.headers, ("Transfer-Encoding", "chunked"))
        return head(Answer(status=answer.status, headers=chunked), is_kept=True)


def head(answer: Answer, *, is_kept: bool) -> bytes:
    """Return status line and headers; a Content-Length is added unless they frame themselves."""
    names = {name.lower() for name, _ in answer.headers}
    lines = [f"HTTP/1.1 {answer.status} {_PHRASES.get(answer.status, 'Unnamed')}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    is_framed = not names.isdisjoint({"content-length", "transfer-encoding"})
    if not is_framed and answer.status not in BODILESS:
        lines.append(f"Content-Length: {len(answer.body)}")
    if not is_kept and "connection" not in names:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "\r\n"]).encode()


def reset(transport: asyncio.Transport) -> None:
    """End a connection with RST; what has not left yet is lost."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


class Connections(web.Server):
    """aiohttp's server, which also tells an exchange that its caller has left."""

    def __init__(self, handler: Callable[..., object], *, refuses: Callable[[], bool]) -> None:
        # A compressed body is for the contract to refuse, not for aiohttp to unpack.
        super().__init__(
            handler,  # type: ignore[arg-type]
            access_log=None,
            logger=LOGGER,
            auto_decompress=False,
        )
        self._refuses = refuses
        self.exchanges: dict[object, Exchange] = {}

    def connection_made(self, handler: object, transport: asyncio.Transport) -> None:
        """Let a connection in, or reset it."""
        super().connection_made(handler, transport)  # type: ignore[arg-type]
        if self._refuses():
            reset(transport)

    def connection_lost(self, handler: object, exc: BaseException | None = None) -> None:
        """Tell the exchange in progress there, if any."""
        super().connection_lost(handler, exc)  # type: ignore[arg-type]
        exchange = self.exchanges.pop(handler, None)
        if exchange is not None:
            exchange.leave()

    def drop(self) -> None:
        """End all connections."""
        for handler in self.connections:
            if handler.transport is not None:
                handler.transport.abort()
