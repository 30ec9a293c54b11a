"""The fake Rokt as a server: its two ports, its outages, its life in a loop or in a thread."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from random import Random
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import uvloop
from aiohttp import web

from processor.fake_rokt.admin import PREFIX, Admin
from processor.fake_rokt.desk import Desk
from processor.fake_rokt.exchange import Connections
from processor.fake_rokt.fast import FastConnections
from processor.fake_rokt.ledger import Ledger
from processor.fake_rokt.outage import Mode, Outage
from processor.fake_rokt.reservations import Reservations
from processor.fake_rokt.rules import Rules
from processor.fake_rokt.settings import Settings

T = TypeVar("T")


class ListenError(OSError):
    """A port cannot be opened; `port` is the one, `errno` and `strerror` say why."""

    def __init__(self, port: int, error: OSError) -> None:
        """Remember which port it was."""
        super().__init__(error.errno, error.strerror)
        self.port = port


_PATIENCE: Final = 10.0
_LAST_WORDS: Final = 0.1


class FakeRokt:
    """A Rokt of one's own: `async with FakeRokt(settings) as rokt: rokt.base_url`.

    `rules`, `reservations` and `api_key` can be changed while it runs, and `ledger` be read,
    from any thread; coroutines belong to its loop (see `from_thread`).
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._desk = Desk(self.settings)
        self._admin = Admin(desk=self._desk, go_down=self.go_down, come_up=self.come_up)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._listener: asyncio.Server | None = None
        self._return: asyncio.Task[None] | None = None
        self.port = self.settings.port

    @property
    def ledger(self) -> Ledger:
        """Everything that arrived, and what came of it."""
        return self._desk.ledger

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self._desk.rules

    @property
    def reservations(self) -> Reservations:
        """The reservations that it knows."""
        return self._desk.reservations

    @property
    def api_key(self) -> str | None:
        """The key that callers must show; None refuses everybody."""
        return self._desk.api_key

    @api_key.setter
    def api_key(self, api_key: str | None) -> None:
        self._desk.api_key = api_key

    @property
    def base_url(self) -> str:
        """Where it answers, without a slash at the end."""
        scheme = "http" if self.settings.tls is None else "https"
        return f"{scheme}://{_in_url(self.settings.host)}:{self.port}"

    @property
    def admin_url(self) -> str:
        """Where the admin interface answers, whatever happens to the main port."""
        return f"http://{_in_url(self.settings.host)}:{self._admin_port}{PREFIX}"

    async def start(self) -> None:
        """Open both ports; raises ListenError when one cannot be had."""
        self._loop = asyncio.get_running_loop()
        self._connections = Connections(self._handle, refuses=self._refuses_connections)
        self._fast = FastConnections(
            self.ledger,
            self.settings.latency,
            Random(self.settings.seed),  # noqa: S311  (repeatable on purpose)
        )
        await self._listen()
        self._admin_connections = Connections(self._admin.serve, refuses=lambda: False)
        try:
            self._admin_listener = await self._open(
                self._admin_connections, self.settings.admin_port
            )
        except ListenError:
            self._stop_listening()
            raise
        self._admin_port = self._admin_listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything; calls in progress end without an answer."""
        if self._return is not None:
            self._return.cancel()
        self._stop_listening()
        self._admin_listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connections in (self._connections, self._admin_connections):
            connections.pre_shutdown()
            await connections.shutdown(_LAST_WORDS)

    async def go_down(self, outage: Outage) -> None:
        """Begin an outage, in place of the one that there may be."""
        await self.come_up()
        self._desk.outage = outage
        if outage.mode is Mode.PORT:
            self._stop_listening()
        if outage.seconds is not None:
            self._return = asyncio.create_task(self._come_up_after(outage.seconds))

    async def come_up(self) -> None:
        """End the outage, if there is one."""
        if self._return is not None and self._return is not asyncio.current_task():
            self._return.cancel()
        self._return = None
        if self._listener is None:
            await self._listen()
        self._desk.outage = None

    def from_thread(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run one of its coroutines from another thread, and return what that returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_PATIENCE)

    @classmethod
    @contextmanager
    def in_thread(cls, settings: Settings | None = None) -> Iterator[Self]:
        """Run one in a thread, on a uvloop of its own, for callers without a loop."""
        rokt = cls(settings)
        loop = uvloop.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="fake-rokt", daemon=True)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(rokt.start(), loop).result(_PATIENCE)
            try:
                yield rokt
            finally:
                rokt.from_thread(rokt.stop())
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_PATIENCE)
            loop.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if f"{request.raw_path}/".startswith(PREFIX):
            return await self._admin.serve(request)
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await self._desk.serve(request, self._connections.exchanges)

    def _refuses_connections(self) -> bool:
        outage = self._desk.outage
        return outage is not None and outage.mode is Mode.RESET

    async def _listen(self) -> None:
        settings = self.settings
        self._listener = await self._open(
            self._fast if settings.is_fast else self._connections, self.port, settings.tls
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _open(
        self,
        connections: Callable[[], asyncio.BaseProtocol],
        port: int,
        tls: ssl.SSLContext | None = None,
    ) -> asyncio.Server:
        host = self.settings.host
        try:
            return await self._loop.create_server(connections, host, port, ssl=tls)
        except OSError as error:
            raise ListenError(port, error) from error

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._connections.drop()
        self._fast.drop()

    async def _come_up_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.come_up()


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
