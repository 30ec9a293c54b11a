"""A real Prometheus and Alertmanager, and somebody who takes the alerts, beside a test."""

import json
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from tests.support.alert_rules import RULES
from tests.support.programs import Program, free_port, wait_until
from tests.support.prometheus_parts import program

SCALE: Final = 60
JOB: Final = "rokt-cart-processor"
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RANGE: Final = re.compile(r"\[(\d+)([smhd])\]|(offset |for: )(\d+)([smhd])")


def scaled(rules: str) -> str:
    """Return rules whose ranges, offsets and patience are a sixtieth; all else stays."""

    def shorten(found: re.Match[str]) -> str:
        number, unit = found[1] or found[4], found[2] or found[5]
        seconds = f"{max(1, int(number) * _UNITS[unit] // SCALE)}s"
        return f"{found[3]}{seconds}" if found[3] else f"[{seconds}]"

    return _RANGE.sub(shorten, rules)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Somebody who is told of alerts; `told` has what came, in its order."""

    url: str
    told: list[dict[str, Any]] = field(default_factory=list)

    def alerts(self, name: str) -> list[dict[str, Any]]:
        """Return all that was told of one alert."""
        return [each for each in tuple(self.told) if each["labels"]["alertname"] == name]

    def states(self, name: str) -> list[str]:
        """Return how one alert changed, such as `firing`, `resolved`; repetitions are left out."""
        return [state for state, _ in groupby(each["status"] for each in self.alerts(name))]


@contextmanager
def open_webhook() -> Iterator[Webhook]:
    """Listen for alerts."""
    told: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.extend(body["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="webhook")
        thread.start()
        try:
            yield Webhook(f"http://127.0.0.1:{server.server_port}/", told)
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus at work; `address` is host:port."""

    address: str
    started: float = field(default_factory=time.time)

    def found(self, expression: str) -> dict[frozenset[tuple[str, str]], list[float]]:
        """Return what an expression has come to since the start, a second a value, by labels.

        ValueError, with its words, where Prometheus refuses the expression.
        """
        span = {"start": self.started, "end": time.time(), "step": "1s"}
        asked = urllib.parse.urlencode({"query": expression, **span})
        try:
            with urllib.request.urlopen(
                f"http://{self.address}/api/v1/query_range?{asked}", timeout=20
            ) as answer:
                series = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as refusal:
            raise ValueError(json.load(refusal)["error"]) from refusal
        return {
            frozenset(each["metric"].items()): [float(value) for _, value in each["values"]]
            for each in series
        }


@contextmanager
def open_prometheus(scraped: Sequence[str], folder: Path) -> Iterator[Prometheus]:
    """Have these addresses (host:port) scraped every second; the rules are in scaled time."""
    with _prometheus(scraped, None, folder) as address:
        yield Prometheus(address)


@contextmanager
def open_alerting(scraped: Sequence[str], folder: Path) -> Iterator[Webhook]:
    """Have these addresses (host:port) scraped, and their alerts told, in scaled time."""
    with ExitStack() as stack:
        webhook = stack.enter_context(open_webhook())
        alertmanager = stack.enter_context(_alertmanager(webhook.url, folder))
        stack.enter_context(_prometheus(scraped, alertmanager, folder))
        yield webhook


@contextmanager
def _alertmanager(webhook: str, folder: Path) -> Iterator[str]:
    route = {"receiver": "webhook", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
    receiver = {"name": "webhook", "webhook_configs": [{"url": webhook, "send_resolved": True}]}
    config = folder / "alertmanager.yml"
    config.write_text(json.dumps({"route": route, "receivers": [receiver]}))
    address = f"127.0.0.1:{free_port()}"
    command: list[str | Path] = [
        program("alertmanager"),
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with _running(command, folder / "alertmanager.log", address):
        yield address


@contextmanager
def _prometheus(scraped: Sequence[str], alertmanager: str | None, folder: Path) -> Iterator[str]:
    told = [] if alertmanager is None else [{"static_configs": [{"targets": [alertmanager]}]}]
    for path in RULES:
        (folder / path.name).write_text(scaled(path.read_text()))
    config = folder / "prometheus.yml"
    config.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": [str(folder / path.name) for path in RULES],
                "alerting": {"alertmanagers": told},
                "scrape_configs": [
                    {"job_name": JOB, "static_configs": [{"targets": list(scraped)}]}
                ],
            }
        )
    )
    address = f"127.0.0.1:{free_port()}"
    command: list[str | Path] = [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={address}",
    ]
    with _running(command, folder / "prometheus.log", address):
        wait_until(
            lambda: _targets_up(address) == len(scraped), within=30, what="Prometheus scrapes"
        )
        yield address


@contextmanager
def _running(command: Sequence[str | Path], log: Path, address: str) -> Iterator[None]:
    started = Program(command, log=log, folder=Path(command[0]).parents[2])
    try:
        started.start_until(lambda: _is_ready(address), within=30)
        yield
    finally:
        started.kill()


def _targets_up(address: str) -> int:
    with urllib.request.urlopen(f"http://{address}/api/v1/query?query=up==1", timeout=5) as answer:
        return len(json.load(answer)["data"]["result"])


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
