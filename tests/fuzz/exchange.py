"""One exchange with Rokt without a network: bytes in, through the real client, a reply out."""

import asyncio
from typing import Final

from processor.core.calls import Call
from processor.core.replies import Reply
from processor.shell.http.connection import Connection
from processor.shell.http.edge_settings import EdgeSettings
from processor.shell.http.fast_transport import FastTransport
from processor.shell.http.rokt_client import RoktClient
from processor.shell.tls import Tls, TlsFiles

LIMIT: Final = 64 * 1024
_TLS: Final = Tls(TlsFiles())
_SETTINGS: Final = EdgeSettings(base_url="http://127.0.0.1:9", reply_limit=LIMIT)


class _Wire(asyncio.Transport):
    """What a connection writes to and is read from: it answers with the same bytes always."""

    def __init__(self, connection: Connection, answer: bytes, pieces: int) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        size = max(1, -(-len(answer) // pieces))
        self._rest = [answer[at : at + size] for at in range(0, len(answer), size)]
        self._is_paused = self._is_closing = False

    def write(self, _: bytes | bytearray | memoryview) -> None:
        self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        while self._rest and not self._is_paused and not self._is_closing:
            self._connection.data_received(self._rest.pop(0))
        if not self._is_paused and not self._is_closing:
            self._end()

    def _end(self) -> None:
        self._is_closing = True
        self._connection.connection_lost(None)

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        self._is_paused = False
        self._loop.call_soon(self._go_on)

    def is_closing(self) -> bool:
        return self._is_closing

    def abort(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._loop.call_soon(self._connection.connection_lost, None)


class _Transport(FastTransport):
    """The fast engine, connected to a wire."""

    def __init__(self, answer: bytes, pieces: int) -> None:
        super().__init__(_SETTINGS, _TLS)
        self._answer, self._cut = answer, pieces

    async def _connect(self) -> Connection:
        connection = Connection()
        connection.connection_made(_Wire(connection, self._answer, self._cut))
        return connection


async def _send(call: Call, answer: bytes, pieces: int) -> Reply:
    client = RoktClient(_SETTINGS, _Transport(answer, pieces), lambda: "key")
    try:
        return await client.send(call)
    finally:
        await client.aclose()


def reply_to(call: Call, answer: bytes, pieces: int, loop: asyncio.AbstractEventLoop) -> Reply:
    """Return the reply that `answer`, coming in so many pieces, is to a call."""
    return loop.run_until_complete(_send(call, answer, pieces))
