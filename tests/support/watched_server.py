"""The processor's server for tests: run on both kinds of loop, watched for what must not happen."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import trustme
import uvloop
from prometheus_client import CollectorRegistry

from processor.shell import settings
from processor.shell.server import Server

STRANGER = "127.0.0.2"
"""Where strangers come from, unless they live on this machine, too."""
LOOPS: Mapping[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


@dataclass
class Watched:
    """A server, what its loop complained of, and how long that stood still at most, in seconds."""

    server: Server
    complaints: list[Mapping[str, Any]] = field(default_factory=list)
    longest_stop: float = 0.0

    @property
    def port(self) -> int:
        """Where it listens on the loopback address."""
        return int(self.server.url.rpartition(":")[2])

    async def ask(
        self,
        path: str,
        *headers: str,
        host: str = "localhost",
        secure: ssl.SSLContext | None = None,
        come_from: str = "127.0.0.1",
    ) -> tuple[int, str]:
        """Ask on a connection of its own; return the status and all that was said.

        The status is 0 where it was hung up on without a word.
        """
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=secure, local_addr=(come_from, 0)
        )
        lines = (f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", "")
        writer.write("\r\n".join(lines).encode())
        try:
            said = (await reader.read()).decode()
        except ConnectionError:
            said = ""
        finally:
            writer.close()
        return int(said.split(" ", 2)[1]) if said else 0, said


@asynccontextmanager
async def watched(
    where: settings.Server | None = None,
    registry: CollectorRegistry | None = None,
    look: Callable[[], Any] = dict,
) -> AsyncIterator[Watched]:
    """Serve, and watch; `look` gives the status and the page's view."""
    server = Server(
        where or settings.Server(port=0),
        registry or CollectorRegistry(),
        is_live=lambda: True,
        is_ready=lambda: True,
        status=look,
        view=look,
    )
    seen = Watched(server)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: seen.complaints.append(context))
    async with server:
        beating = asyncio.create_task(_beat(seen))
        yield seen
        beating.cancel()


async def _beat(seen: Watched) -> None:
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        await asyncio.sleep(0.01)
        seen.longest_stop = max(seen.longest_stop, loop.time() - began)


def on(loop: str, scenario: Callable[[], Awaitable[None]], within: float = 40.0) -> None:
    """Run a scenario on one kind of loop."""

    async def bounded() -> None:
        async with asyncio.timeout(within):
            await scenario()

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(bounded())


@dataclass(frozen=True)
class Pair:
    """A certificate and its key in files, and who trusts its authority."""

    certificate: Path
    key: Path
    trusting: ssl.SSLContext


def new_pair(folder: Path, not_after: datetime | None = None) -> Pair:
    """Write a certificate for this machine by an authority of its own."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1", not_after=not_after)
    certificate, key = folder / "server.pem", folder / "server.key"
    certificate.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    key.chmod(0o600)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return Pair(certificate, key, trusting)
