"""A TCP proxy on loopback that delays, cuts and blackholes, to be told so while it runs."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from tests.support.brokers import KafkaProcess
from tests.support.programs import free_port

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_CHUNK = 65_536
_PATIENCE = 10.0


class Proxy:
    """A way to a port of loopback that can be made slow, or closed, for those who come by it.

    As a context manager it listens at `address` from entry to exit, in a thread of its own. Whoever
    is at the other end of `target` need not listen yet.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self._delay = 0.0
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self.carried = 0
        """How many bytes have gone through, both ways."""

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()

    def delay(self, seconds: float) -> None:
        """Let every piece wait that long, each way; 0 ends it."""
        self._do(lambda: setattr(self, "_delay", seconds))

    def blackhole(self) -> None:
        """Keep and take connections, and forward nothing until `heal`, as a lost route does."""
        self._do(self._flows.clear)

    def cut(self) -> None:
        """Reset all connections, and every new one, until `heal`."""
        self._do(self._cut)

    def heal(self) -> None:
        """Forward again: what was held back first."""
        self._do(self._heal)

    def _do(self, change: Callable[[], object]) -> None:
        async def do() -> None:
            change()

        asyncio.run_coroutine_threadsafe(do(), self._loop).result(_PATIENCE)

    def _cut(self) -> None:
        self._is_cut = True
        for writer in self._writers:
            _reset(writer)

    def _heal(self) -> None:
        self._is_cut = False
        self._flows.set()

    async def _listen(self) -> None:
        self._flows = asyncio.Event()
        self._flows.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            with suppress(OSError):
                await self._carry(reader, writer)
        except asyncio.CancelledError:
            pass  # asyncio's server would report it as an error
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect the two ends, and return when either has ended."""
        await self._flows.wait()
        if self._is_cut:
            return
        behind, before = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers.add(before)
        ways = [
            asyncio.create_task(self._forward(reader, before)),
            asyncio.create_task(self._forward(behind, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._writers.discard(before)
            before.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_CHUNK):
            await asyncio.sleep(self._delay)
            await self._flows.wait()
            self.carried += len(piece)
            writer.write(piece)
            await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection as a reset does, whatever waits to be sent."""
    end = writer.get_extra_info("socket")
    with suppress(OSError):
        if end is not None:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()


class ProxiedKafka(KafkaProcess):
    """A broker of our own that those who come by the proxy meet by the proxy alone."""

    def __init__(self, folder: Path, proxy: Proxy) -> None:
        self._proxy = proxy
        super().__init__(folder)

    def _configure(self) -> None:
        proxy, node = self._proxy, self._node
        self._settings |= {
            "listener.security.protocol.map": (
                "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT"
            ),
            "listeners": (
                f"BROKER://{node.address},CONTROLLER://{node.controller},"
                f"PROXIED://127.0.0.1:{proxy.target}"
            ),
            "advertised.listeners": f"BROKER://{node.address},PROXIED://{proxy.address}",
        }
        super()._configure()


@contextmanager
def proxied_kafka(folder: Path) -> Iterator[tuple[KafkaProcess, Proxy]]:
    """Give a real Kafka, and a way to it that can be closed: start from the proxy's address."""
    with Proxy(free_port()) as proxy, ProxiedKafka(folder, proxy) as kafka:
        yield kafka, proxy
