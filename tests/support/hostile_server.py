"""A loopback server that misbehaves on purpose, and counts what reached it."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Final

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Visit:
    """One connection: what the client sent, and the ways to answer or not to."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: "HostileServer"
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._server = server

    async def request(self) -> bytes:
        """Read one whole request (its body by Content-Length) and count it."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        whole = head + await self._reader.readexactly(length)
        self._server.requests.append(whole)
        await self._server.notify()
        return whole

    async def some_bytes(self) -> bytes:
        """Read whatever comes first, without counting it."""
        return await self._reader.read(65536)

    def count(self) -> None:
        """Count what was read so far as a request, whatever it was."""
        self._server.requests.append(b"")

    async def send(self, data: bytes) -> None:
        """Write `data` and wait until it has left."""
        self._writer.write(data)
        await self._writer.drain()

    async def client_leaves(self) -> None:
        """Wait until the client has closed or reset the connection."""
        while await self._reader.read(65536):
            pass

    def reset(self) -> None:
        """Drop the connection with a TCP reset."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._writer.transport.abort()


Behaviour = Callable[[Visit], Awaitable[None]]


class HostileServer:
    """Serves each connection by `behaviour`; what it saw is in its attributes."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.port = 0
        self.connections = 0
        self.departures = 0
        self.requests: list[bytes] = []
        self._behaviour = behaviour
        self._changed = asyncio.Condition()
        self._visits: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def wait_for(self, condition: Callable[["HostileServer"], bool]) -> None:
        """Return once `condition` holds; it is asked again at each event."""
        async with self._changed:
            await self._changed.wait_for(lambda: condition(self))

    async def welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._visits[task] = writer
        self.connections += 1
        try:
            await self.notify()
            await self._behaviour(Visit(reader, writer, self))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went away first, or the server closes
        finally:
            writer.close()
            self.departures += 1
            await self.notify()

    async def close_visits(self) -> None:
        """End every connection, whatever is still to be written to it."""
        for visit in self._visits:
            visit.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)
        writers = self._visits.values()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)

    async def notify(self) -> None:
        """Tell whoever waits that something happened."""
        async with self._changed:
            self._changed.notify_all()


@asynccontextmanager
async def hostile_server(
    behaviour: Behaviour, tls: ssl.SSLContext | None = None, *, port: int = 0
) -> AsyncIterator[HostileServer]:
    """Run a server on a port of 127.0.0.1, a free one by itself; over TLS if a context is given."""
    state = HostileServer(behaviour)
    server = await asyncio.start_server(state.welcome, "127.0.0.1", port, ssl=tls)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        await state.close_visits()
        await server.wait_closed()


@contextmanager
def refusing_port() -> Iterator[int]:
    """Yield a port of 127.0.0.1 where nobody listens, kept from everybody else."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@contextmanager
def full_port() -> Iterator[int]:
    """Yield a port of 127.0.0.1 whose backlog is full: further connections are never made."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(4):
            filler = sockets.enter_context(socket.socket())
            filler.settimeout(0)
            filler.connect_ex(("127.0.0.1", port))
        yield port
