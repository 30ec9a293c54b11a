"""The API that a case calls: a program of its own, which is watched so that it is no limit."""

import http.client
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.hammer import calls_per_second
from tests.benchmarks.meter import cpu_seconds
from tests.support.programs import Program, wait_until

_STARTS_WITHIN = 30.0
_HAMMERED = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What the API can do: calls a second, and calls per second of its CPU."""

    rate: float
    per_cpu_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A running API."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def cpu(self) -> float:
        """Return the seconds of the CPU that it has taken."""
        return cpu_seconds(self.pid)

    def late(self) -> float:
        """Return by how many seconds 99 % of its answers since the last look were late at most."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/lateness")
            return float(json.load(connection.getresponse())["late_p99"])
        finally:
            connection.close()


@contextmanager
def serving(latency: float, folder: Path, env: Mapping[str, str]) -> Iterator[Api]:
    """Run an API that answers after so many seconds."""
    log = folder / "responder.log"
    log.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.benchmarks.responder", f"--latency={latency}"]
    root = Path(__file__).parents[2]
    with Program(command, log=log, env=env, folder=root) as program:
        wait_until(
            lambda: not program.is_running or program.log_text().endswith("\n"),
            within=_STARTS_WITHIN,
            what="the API listens",
        )
        yield Api(port=int(program.log_text()), pid=program.pid)


def measure_limit(
    folder: Path, env: Mapping[str, str], connections: int, seconds: float = _HAMMERED
) -> Limit:
    """Return what the API reaches in so many seconds when nothing else works."""
    with serving(0.0, folder, env) as api:
        before = api.cpu()
        rate = calls_per_second(api.port, connections=connections, seconds=seconds)
        return Limit(rate=rate, per_cpu_second=rate * seconds / (api.cpu() - before))
