"""Strangers at the server's port who send what is no request: it costs their connection alone."""

import asyncio
import contextlib
import gc
import random
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from processor.shell.server_door import Door
from tests.support.malformed import FATAL, MANY, UNREADABLE_NAME, UPGRADE, malformed
from tests.support.watched_server import LOOPS, Watched, on, watched

both_loops = pytest.mark.parametrize("loop", LOOPS)
SCRAPS = (
    b"GET / HTTP/1.1\r\n",
    b"Host: x\r\n",
    b"\r\n",
    b"\n",
    b"GET\0/\r\n",
    b"POST /status HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"GET /status HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\n",
    b"GET /metrics HTTP/9.9\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
    b"GET /page.json HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET http://[::1/ HTTP/1.1\r\nHost: [\r\n\r\n",
    b"GET /%ff%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /status HTTP/1.1\r\nAuthorization: Basic \xff\xfe\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text; version=none\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nAccept: text/plain; version=1.0.0<script>\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET " + b"/" * 10_000 + b" HTTP/1.1\r\n\r\n",
    b"X: " + b"y" * 10_000 + b"\r\n",
    b"X: y\r\n" * 1_000,
)


async def send(seen: Watched, message: bytes, within: float = 0.15) -> bytes:
    """Send something on a connection of its own; return what is answered meanwhile."""
    said = b""
    reader, writer = await asyncio.open_connection("127.0.0.1", seen.port)
    with contextlib.suppress(ConnectionError, TimeoutError):
        writer.write(message)
        async with asyncio.timeout(within):
            while found := await reader.read(65_536):
                said += found
    writer.close()
    return said


async def send_all(seen: Watched, messages: Sequence[bytes]) -> None:
    """Send many, some at a time."""
    for begin in range(0, len(messages), 40):
        await asyncio.gather(*(send(seen, each) for each in messages[begin : begin + 40]))


@both_loops
def test_whatever_is_sent_is_answered_or_hung_up_and_worth_no_line(
    loop: str, caplog: pytest.LogCaptureFixture
) -> None:
    drawn = random.Random(7)
    messages = [
        *SCRAPS,
        *(b"".join(drawn.choices(SCRAPS, k=drawn.randint(2, 6))) for _ in range(150)),
        *(drawn.randbytes(drawn.randint(1, 3_000)) for _ in range(30)),
        *(malformed(drawn) for _ in range(500)),
        *(before + FATAL for before in (b"", UPGRADE, MANY)),
    ]

    async def scenario() -> None:
        async with watched() as seen:
            await send_all(seen, messages)
            assert (await seen.ask("/status"))[0] == 200
        gc.collect()  # tasks complain of errors that nobody has looked at when they are forgotten
        assert seen.complaints == []

    on(loop, scenario)
    assert caplog.messages == []


@both_loops
@pytest.mark.parametrize(
    ("message", "error"),
    [(FATAL, "IndexError"), (MANY + FATAL, "IndexError"), (UNREADABLE_NAME, "UnicodeError")],
    ids=["a line", "a line behind others", "a name"],
)
def test_what_its_reader_trips_over_costs_the_connection_and_a_line_without_its_words(
    message: bytes, error: str, loop: str
) -> None:
    async def scenario() -> None:
        async with watched() as seen:
            with capture_logs() as lines:
                async with asyncio.timeout(5):
                    await send(seen, message, within=60)
            assert (await seen.ask("/livez"))[0] == 200
        gc.collect()
        assert seen.complaints == []
        assert lines == [{"event": "a connection was ended", "error": error, "log_level": "debug"}]

    on(loop, scenario)


class Stumbling(asyncio.Protocol):
    """Answers with so much that writing pauses, and raises in one of its callbacks."""

    def __init__(self, at: str, told: list[str]) -> None:
        self._at, self._told = at, told

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._come_to("connection_made")

    def data_received(self, data: bytes) -> None:
        del data
        self._transport.write(bytes(8_000_000))
        self._come_to("data_received")

    def pause_writing(self) -> None:
        self._come_to("pause_writing")

    def resume_writing(self) -> None:
        self._come_to("resume_writing")

    def eof_received(self) -> None:
        self._come_to("eof_received")

    def connection_lost(self, _: Exception | None) -> None:
        self._come_to("connection_lost")

    def _come_to(self, callback: str) -> None:
        if callback == self._at:
            self._told.append(callback)
            raise IndexError(callback)


@both_loops
@pytest.mark.parametrize(
    "callback",
    [
        *("connection_made", "data_received", "pause_writing"),
        *("resume_writing", "eof_received", "connection_lost"),
    ],
)
def test_whatever_is_raised_on_a_connection_ends_it_and_no_more(callback: str, loop: str) -> None:
    told: list[str] = []
    complaints: list[Mapping[str, Any]] = []

    async def scenario() -> None:
        running = asyncio.get_running_loop()
        running.set_exception_handler(lambda _, context: complaints.append(context))
        door = Door(lambda: Stumbling(callback, told), lambda: None)
        await door.open("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*door.address)
        with contextlib.suppress(ConnectionError, EOFError):
            writer.write(b"x")
            await reader.readexactly(8_000_000)
            writer.write_eof()
            while await reader.read(65_536):
                pass
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        await door.close()

    on(loop, scenario, within=10)
    assert (told, complaints) == ([callback], [])


@pytest.mark.parametrize("expected", [b"\xe2", b"x"])
def test_what_is_answered_before_its_turn_costs_the_connection_and_no_line(
    expected: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    ask = b"GET /status HTTP/1.1\r\nHost: localhost\r\nExpect: " + expected + b"\r\n\r\n"

    async def scenario() -> None:
        async with watched() as seen:
            assert (await send(seen, ask * 20, within=5)).count(b"HTTP/1.1") == 1

    on("uvloop", scenario)
    assert caplog.messages == []
