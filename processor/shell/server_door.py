"""The door: lets connections in, and out again those that only stand there."""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from typing import Final, cast

import structlog

from processor.shell.clock import steady
from processor.shell.server_pace import Shares

MOST: Final = 64
"""Connections at once. Those under TLS take some 300 KB each."""
_ARRIVE_WITHIN: Final = 10.0
_STAY: Final = 75.0
_SPEAK_WITHIN: Final = 0.1
_SERVED_WITHIN: Final = 2.0
_A_SECOND: Final = 100
_AT_ONCE: Final = 1_000
_BACKLOG: Final = 1_024
_LOOK_EVERY: Final = 1.0
_NO_FILES_FOR: Final = 0.1
_LOG: Final = structlog.get_logger(__name__)

Context = Callable[[], ssl.SSLContext | None]


class Visit(asyncio.Protocol):
    """One connection, from its arrival to its end; `inner` is who speaks on it.

    It must have asked for something by `leaves_at`, and has its place to itself until `safe_until`.
    Whatever the one who speaks raises ends this connection: the loop would take it for a mistake
    of ours, and a line of a stranger's would end the process.
    """

    def __init__(
        self, inner: asyncio.Protocol, origin: str, gone: Callable[["Visit"], None]
    ) -> None:
        """Begin with an arrival from `origin`; `gone` is told of the end."""
        self.inner = inner
        self.origin = origin
        self.leaves_at = steady() + _ARRIVE_WITHIN
        self.safe_until = steady() + _SPEAK_WITHIN
        self._gone = gone
        self._transport: asyncio.Transport | None = None
        self._arrival: asyncio.Task[None] | None = None

    def arrive(
        self, connection: socket.socket, context: ssl.SSLContext | None
    ) -> asyncio.Task[None]:
        """Begin to speak on a connection, with a handshake if there is to be one."""
        self._arrival = asyncio.get_running_loop().create_task(self._arrive(connection, context))
        return self._arrival

    async def _arrive(self, connection: socket.socket, context: ssl.SSLContext | None) -> None:
        within = None if context is None else _ARRIVE_WITHIN
        loop = asyncio.get_running_loop()
        try:
            # Whoever does not get through the handshake, a scanner say, is worth no line.
            with self._at_its_cost(), contextlib.suppress(OSError):
                await loop.connect_accepted_socket(
                    lambda: self, connection, ssl=context, ssl_handshake_timeout=within
                )
        finally:
            if self._transport is None:
                connection.close()
                self._gone(self)

    def end(self) -> None:
        """End it at once, whatever is still to be sent."""
        if self._transport is not None:
            self._transport.abort()
        elif self._arrival is not None:
            self._arrival.cancel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the other speak."""
        self._transport = cast("asyncio.Transport", transport)
        with self._at_its_cost():
            self.inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell of the end."""
        self._gone(self)
        with self._at_its_cost():
            self.inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass on what came."""
        with self._at_its_cost():
            self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass on that no more will come."""
        with self._at_its_cost():
            return self.inner.eof_received()

    def pause_writing(self) -> None:
        """Pass on that whoever reads is slow."""
        with self._at_its_cost():
            self.inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that there is room again."""
        with self._at_its_cost():
            self.inner.resume_writing()

    @contextlib.contextmanager
    def _at_its_cost(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001  parsers raise what they like
            _LOG.debug("a connection was ended", error=type(error).__name__)
            # Not at once: asyncio's transports trip over an end in the middle of a callback.
            asyncio.get_running_loop().call_soon(self.end)


class Door:
    """Lets so many connections in at once, and of one address so many a second; hangs up on others.

    Where all places are taken, a new one gets that of whoever has asked for nothing for longest,
    or one of the address that has most of them: nobody keeps others out.
    """

    def __init__(self, welcome: Callable[[], asyncio.Protocol], context: Context) -> None:
        """Prepare; `welcome` gives who speaks on a connection, `context` the TLS of a new one."""
        self._welcome = welcome
        self._context = context
        self._shares = Shares(_A_SECOND, _AT_ONCE)
        self._visits: OrderedDict[object, Visit] = OrderedDict()
        self._listening: list[socket.socket] = []
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, the port being the real one."""
        host, port = self._listening[0].getsockname()[:2]
        return host, port

    async def open(self, host: str, port: int) -> None:
        """Begin to listen on all addresses of a name; OSError where that cannot be."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        try:
            for family, _, _, _, address in dict.fromkeys(found):
                listening = socket.create_server(address, family=family, backlog=_BACKLOG)
                listening.setblocking(False)  # noqa: FBT003  that is its signature
                self._listening.append(listening)
        except OSError:
            await self.close()
            raise
        self._tasks = [loop.create_task(self._let_in(each)) for each in self._listening]
        self._tasks.append(loop.create_task(self._let_out()))
        for task in self._tasks:
            task.add_done_callback(_complain)

    async def close(self) -> None:
        """Stop listening; who is in stays."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listening in self._listening:
            listening.close()

    def empty(self) -> None:
        """End all connections at once."""
        for visit in list(self._visits.values()):
            visit.end()

    def asks(self, inner: object) -> None:
        """Note that whoever speaks on a connection was asked for something."""
        if (visit := self._visits.get(inner)) is not None:
            visit.leaves_at = steady() + _STAY
            visit.safe_until = steady() + _SERVED_WITHIN
            self._visits.move_to_end(inner)

    async def _let_in(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, address = await loop.sock_accept(listening)
            except OSError:
                # It was gone already, or there are too many files: the next one may fare better.
                await asyncio.sleep(_NO_FILES_FOR)
                continue
            origin = _origin(address[0])
            if self._shares.takes(origin) and self._make_room(origin):
                visit = Visit(self._welcome(), origin, self._gone)
                self._visits[visit.inner] = visit
                visit.arrive(connection, self._context())
            else:
                connection.close()
            # However many wait to be let in, all else has its turn after each.
            await asyncio.sleep(0)

    def _make_room(self, origin: str) -> bool:
        """Return whether there is a place for one from `origin`, taking one away if need be."""
        if len(self._visits) < MOST:
            return True
        leaving = next(iter(self._visits.values()))
        if leaving.safe_until > steady():
            counts = Counter(visit.origin for visit in self._visits.values())
            ((crowd, most),) = counts.most_common(1)
            if counts[origin] >= most:
                return False
            leaving = next(each for each in self._visits.values() if each.origin == crowd)
        self._gone(leaving)
        leaving.end()
        return True

    async def _let_out(self) -> None:
        """End what has stood there, dripped a request or not read its answer, for too long."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            for visit in list(self._visits.values()):
                if steady() >= visit.leaves_at:
                    visit.end()

    def _gone(self, visit: Visit) -> None:
        self._visits.pop(visit.inner, None)


def _origin(address: str) -> str:
    """Return what one client can call its own: an address, or a network of IPv6."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        return address
    return str(found.ipv4_mapped or int(found) >> 64)


def _complain(task: asyncio.Task[None]) -> None:
    """Have the loop told of a mistake of ours: a door that stays shut must not go unnoticed."""
    if not task.cancelled() and (error := task.exception()) is not None:
        told = {"message": "the server lets nobody in any more", "exception": error}
        task.get_loop().call_exception_handler(told)
