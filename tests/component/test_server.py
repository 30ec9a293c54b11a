"""The server on a loopback socket: what each path answers, and what it refuses."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from processor.core.records import Partition
from processor.errors import ConfigurationError
from processor.shell import settings
from processor.shell.metrics import Metrics
from processor.shell.server import Server
from processor.shell.status import Status

STATUS = Status(
    version="0.1.0",
    group_id="rokt-cart-processor",
    is_live=True,
    is_ready=True,
    assignment={"order-paid": [0, 1]},
    restore_remaining=0,
    in_flight=2,
    unfinished={"order-paid": 3},
    lag={"order-paid": {"0": 5}},
    parked={},
    holds={},
    paused_until={},
    retrying=None,
    away=[],
    releases_stopped_because=None,
    last_outcome_at="2025-01-31T08:00:00Z",
    last_commit_at=None,
)


@dataclass
class Process:
    """What the server is asked to show."""

    is_live: bool = True
    is_ready: bool = True
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    status: Callable[[], Any] = lambda: STATUS
    view: Callable[[], Any] = lambda: {"word": "Working"}

    def server(self, port: int = 0) -> Server:
        return Server(
            settings.Server(port=port),
            self.registry,
            is_live=lambda: self.is_live,
            is_ready=lambda: self.is_ready,
            status=lambda: self.status(),  # noqa: PLW0108  looked up at each request
            view=lambda: self.view(),  # noqa: PLW0108  same
        )


@asynccontextmanager
async def served(process: Process) -> AsyncIterator[aiohttp.ClientSession]:
    async with process.server() as server, aiohttp.ClientSession(server.url) as session:
        yield session


def run(scenario: Callable[[Process, aiohttp.ClientSession], object]) -> None:
    """Run a scenario against a server of its own."""

    async def main() -> None:
        process = Process()
        async with served(process) as session, asyncio.timeout(20):
            await scenario(process, session)  # type: ignore[misc]

    asyncio.run(main())


def test_health_follows_what_the_process_says() -> None:
    async def scenario(process: Process, session: aiohttp.ClientSession) -> None:
        seen = []
        for process.is_live, process.is_ready in ((True, False), (False, True)):
            for path in ("/livez", "/readyz"):
                async with session.get(path) as response:
                    seen.append((path, response.status, await response.text()))
        assert seen == [
            ("/livez", 200, "yes\n"),
            ("/readyz", 503, "no\n"),
            ("/livez", 503, "no\n"),
            ("/readyz", 200, "yes\n"),
        ]

    run(scenario)


def test_metrics_are_in_the_text_format_of_prometheus() -> None:
    async def scenario(process: Process, session: aiohttp.ClientSession) -> None:
        metrics = Metrics(process.registry)
        metrics.set_lag({Partition("order-paid", number): number for number in range(1_000)})
        async with session.get("/metrics") as response:
            text = await response.text()
            assert response.status == 200
            assert response.headers["Content-Type"].startswith("text/plain; version=")
        assert 'processor_consumer_lag{partition="999",topic="order-paid"} 999.0' in text

    run(scenario)


def test_metrics_come_as_openmetrics_for_those_who_ask() -> None:
    async def scenario(process: Process, session: aiohttp.ClientSession) -> None:
        Metrics(process.registry)
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        async with session.get("/metrics", headers=accept) as response:
            assert response.content_type == "application/openmetrics-text"
            assert (await response.text()).endswith("# EOF\n")

    run(scenario)


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text; version=none",
        "application/openmetrics-text; version=1.0.0x<script>, */*",
        "text/plain; version=x",
        "text/plain; version=1.0.0; escaping=<script>",
        ";;=,q=0",
    ],
)
def test_whatever_a_scraper_asks_for_it_gets_one_of_two_forms(
    accept: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(_: Process, session: aiohttp.ClientSession) -> None:
        async with session.get("/metrics", headers={"Accept": accept}) as response:
            assert response.status == 200
            assert response.content_type in ("text/plain", "application/openmetrics-text")
            assert "script" not in response.headers["Content-Type"]

    run(scenario)
    assert caplog.messages == []


def test_the_status_is_json() -> None:
    async def scenario(_: Process, session: aiohttp.ClientSession) -> None:
        async with session.get("/status") as response:
            assert response.content_type == "application/json"
            assert await response.json() == STATUS

    run(scenario)


def test_what_the_page_asks_for_is_json_that_nobody_keeps() -> None:
    async def scenario(_: Process, session: aiohttp.ClientSession) -> None:
        async with session.get("/page.json") as response:
            assert response.content_type == "application/json"
            assert response.headers["Cache-Control"] == "no-store"
            assert await response.json() == {"word": "Working"}

    run(scenario)


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/status/away", 200, "[]\n"),
        ("/status/last_commit_at", 200, "null\n"),
        ("/status/lag", 200, '{\n  "order-paid": {\n    "0": 5\n  }\n}\n'),
        ("/status/awry", 404, f"/status has {', '.join(STATUS)}\n"),
    ],
)
def test_one_part_of_the_status_can_be_had_alone(path: str, status: int, text: str) -> None:
    async def scenario(_: Process, session: aiohttp.ClientSession) -> None:
        async with session.get(path) as response:
            assert (response.status, await response.text()) == (status, text)

    run(scenario)


@pytest.mark.parametrize("path", ["/", "/page.json", "/metrics", "/livez", "/status", "/unknown"])
def test_browsers_are_told_what_they_must_not_do_with_any_answer(path: str) -> None:
    async def scenario(_: Process, session: aiohttp.ClientSession) -> None:
        async with session.get(path) as response:
            headers = response.headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"

    run(scenario)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_but_reading_is_allowed(method: str) -> None:
    async def scenario(_: Process, session: aiohttp.ClientSession) -> None:
        for path in ("/", "/metrics", "/page.json", "/status"):
            async with session.request(method, path, data=b"x") as response:
                assert (path, response.status) == (path, 405)

    run(scenario)


def test_a_head_request_is_answered_without_a_body() -> None:
    async def scenario(_: Process, session: aiohttp.ClientSession) -> None:
        for path in ("/", "/metrics", "/page.json", "/status"):
            async with session.head(path) as response:
                assert (path, response.status, await response.read()) == (path, 200, b"")

    run(scenario)


def test_an_over_long_request_is_refused_and_not_worth_a_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario(_: Process, session: aiohttp.ClientSession) -> None:
        async with session.get("/status?" + "x" * 5_000) as response:
            assert response.status == 400
        async with session.get("/status", headers={"X-Long": "x" * 5_000}) as response:
            assert response.status == 400

    run(scenario)
    assert caplog.messages == []


def test_a_mistake_of_ours_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(process: Process, session: aiohttp.ClientSession) -> None:
        process.status = lambda: 1 / 0
        async with session.get("/status") as response:
            assert response.status == 500

    run(scenario)
    assert [line.exc_info[0] for line in caplog.records if line.exc_info] == [ZeroDivisionError]


def test_a_scraper_that_hangs_does_not_keep_the_server_from_stopping() -> None:
    async def main() -> None:
        process = Process()
        async with asyncio.timeout(20):
            async with process.server() as server:
                port = int(server.url.rpartition(":")[2])
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
                await writer.drain()
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()

    asyncio.run(main())


def test_a_port_that_is_taken_is_a_mistake_in_the_settings() -> None:
    async def main(port: int) -> None:
        async with Process().server(port):
            pytest.fail("it listens on a port that is taken")

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match="PROCESSOR_SERVER__PORT") as caught:
            asyncio.run(main(port))
    assert str(caught.value).startswith(
        f"The server cannot listen on 127.0.0.1, port {port}: address already in use. Set "
    )
    assert caught.value.exit_code == 2
