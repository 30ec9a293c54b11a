"""Strangers at the server's port: slow, many, malformed, greedy. Work goes on beside them."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric

from processor.shell import server_door
from tests.support.watched_server import LOOPS, STRANGER, Watched, on, watched

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
both_loops = pytest.mark.parametrize("loop", LOOPS)


@asynccontextmanager
async def standing(
    seen: Watched, number: int, said: bytes = b"", come_from: str = "127.0.0.1"
) -> AsyncIterator[list[Stream]]:
    """Open connections that say so much and then stand there."""
    async with contextlib.AsyncExitStack() as stack:
        opened = []
        for _ in range(number):
            stream = await asyncio.open_connection(
                "127.0.0.1", seen.port, local_addr=(come_from, 0)
            )
            stack.callback(stream[1].close)
            stream[1].write(said)
            opened.append(stream)
        yield opened


async def is_closed(stream: Stream, within: float = 0.01) -> bool:
    """Whether the other end has closed a connection on which it had nothing to say."""
    try:
        async with asyncio.timeout(within):
            while await stream[0].read(65_536):
                pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize(
    ("loop", "said"), [("asyncio", b""), ("uvloop", b"GET /status HTTP/1.1\r\nHost: x")]
)
def test_a_thousand_connections_at_once_stop_neither_the_work_nor_the_probes(
    loop: str, said: bytes
) -> None:
    async def scenario() -> None:
        async with watched() as seen, standing(seen, 1_000, said, STRANGER) as opened:
            async with asyncio.timeout(20):
                assert (await seen.ask("/livez"))[0] == 200
            left = [each for each in opened if not await is_closed(each, 0.002)]
            assert len(left) <= server_door.MOST
        assert seen.longest_stop < 2.0
        assert seen.complaints == []

    on(loop, scenario)


def test_whoever_has_been_silent_for_longest_makes_room_for_a_new_one() -> None:
    async def scenario() -> None:
        async with watched() as seen, standing(seen, server_door.MOST) as opened:
            await asyncio.sleep(0.3)
            asking = opened[0]
            asking[1].write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await asking[0].read(100)).startswith(b"HTTP/1.1 200")
            assert (await seen.ask("/livez"))[0] == 200
            closed = [number for number, each in enumerate(opened) if await is_closed(each)]
            assert closed == [1]

    on("asyncio", scenario)


@both_loops
def test_a_request_that_drips_is_given_up(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_door, "_ARRIVE_WITHIN", 0.3)
    monkeypatch.setattr(server_door, "_LOOK_EVERY", 0.05)

    async def scenario() -> None:
        async with watched() as seen, standing(seen, 1) as ((reader, writer),):
            # On a closed connection uvloop raises a RuntimeError.
            with contextlib.suppress(ConnectionError, RuntimeError):
                for letter in b"GET /livez HTTP/1.1\r\nX: " + b"x" * 1_000:
                    writer.write(bytes([letter]))
                    await writer.drain()
                    await asyncio.sleep(0.01)
                pytest.fail("it waits for ever")
            assert await is_closed((reader, writer), 5)
        assert seen.complaints == []

    on(loop, scenario)


class Large:
    """Metrics of some megabytes, which take a while to collect."""

    def __init__(self, rows: int, seconds: float = 0.0) -> None:
        self.collected = 0
        self._rows, self._seconds = rows, seconds

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        self.collected += 1
        time.sleep(self._seconds)
        family = GaugeMetricFamily("large", "Large.", labels=["row"])
        for row in range(self._rows):
            family.add_metric([f"{row:0>500}"], row)
        yield family


def registry_of(collector: Large) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(collector)
    return registry


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What was to be kept for slow readers, in bytes, each time that there was too much."""
    kept: list[int] = []
    inherited = server_door.Visit.pause_writing

    def pause_writing(visit: server_door.Visit) -> None:
        assert visit._transport is not None  # noqa: SLF001  the only place that knows it
        kept.append(visit._transport.get_write_buffer_size())  # noqa: SLF001  same
        inherited(visit)

    monkeypatch.setattr(server_door.Visit, "pause_writing", pause_writing)
    return kept


def test_whoever_does_not_read_the_answer_costs_little_and_is_cut_off(
    kept: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_door, "_STAY", 2.0)
    monkeypatch.setattr(server_door, "_LOOK_EVERY", 0.05)

    async def scenario() -> None:
        async with watched(registry=registry_of(Large(6_000))) as seen:
            with socket.socket() as slow:
                slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
                slow.setblocking(False)  # noqa: FBT003  its signature
                running = asyncio.get_running_loop()
                await running.sock_connect(slow, ("127.0.0.1", seen.port))
                await running.sock_sendall(slow, b"GET /metrics HTTP/1.1\r\nHost: [::1]\r\n\r\n")
                while not kept:  # noqa: ASYNC110  there is nothing to wait for
                    await asyncio.sleep(0.05)
                await asyncio.sleep(2.2)
                assert await all_of(slow) < 3_000_000
            status, said = await seen.ask("/metrics")
        assert (status, len(said) > 3_000_000) == (200, True)
        assert 0 < max(kept) < 300_000
        assert seen.complaints == []

    on("uvloop", scenario)


async def all_of(connection: socket.socket) -> int:
    """Return how many bytes still come until the other end is gone."""
    count = 0
    with contextlib.suppress(ConnectionError):
        while found := await asyncio.get_running_loop().sock_recv(connection, 1 << 20):
            count += len(found)
    return count


def test_metrics_are_made_at_most_a_tenth_of_the_time() -> None:
    async def scenario() -> None:
        large = Large(1, seconds=0.05)
        async with watched(registry=registry_of(large)) as seen:
            asked = await asyncio.gather(*(seen.ask("/metrics") for _ in range(50)))
            assert {status for status, _ in asked} == {200}
        assert large.collected <= 3

    on("asyncio", scenario)


@pytest.mark.parametrize("path", ["/status", "/status/away", "/page.json"])
def test_what_is_looked_at_often_is_made_seldom(path: str) -> None:
    looks: list[float] = []

    def look() -> dict[str, str]:
        looks.append(time.monotonic())
        time.sleep(0.03)
        return {"away": "nothing"}

    async def scenario() -> None:
        async with watched(look=look) as seen:
            asked = [await seen.ask(path) for _ in range(40)]
            assert {status for status, _ in asked} == {200}

    on("asyncio", scenario)
    gaps = [after - before for before, after in pairwise(looks)]
    assert all(gap >= 0.27 for gap in gaps)


@both_loops
def test_who_asks_again_and_again_takes_turns_with_the_others(loop: str) -> None:
    async def scenario() -> None:
        async with watched() as seen:
            ask = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" * 400
            async with standing(seen, 40, ask):
                async with asyncio.timeout(20):
                    assert (await seen.ask("/livez"))[0] == 200
        assert seen.longest_stop < 2.0
        assert seen.complaints == []

    on(loop, scenario)


def test_so_many_requests_a_second_are_answered() -> None:
    async def scenario() -> None:
        running = asyncio.get_running_loop()
        async with watched() as seen:
            began, answered = running.time(), 0
            async with standing(seen, 1, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" * 300) as (
                (reader, _),
            ):
                while answered < 300:
                    answered += (await reader.readuntil(b"yes\n")).count(b"HTTP/1.1 200")
            assert running.time() - began >= 0.9

    on("asyncio", scenario)


def test_who_comes_too_often_is_hung_up_on_and_the_others_are_not() -> None:
    async def scenario() -> None:
        async with watched() as seen:
            for _ in range(13):
                async with standing(seen, 100, come_from=STRANGER):
                    pass
            asked = [(await seen.ask("/livez", come_from=STRANGER))[0] for _ in range(20)]
            assert 0 in asked
            assert [(await seen.ask("/livez"))[0] for _ in range(20)] == [200] * 20
        assert seen.complaints == []

    on("uvloop", scenario)


def test_one_address_takes_no_place_of_others() -> None:
    async def scenario() -> None:
        ask = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
        async with (
            watched() as seen,
            standing(seen, 1, ask) as (ours,),
            standing(seen, server_door.MOST - 1, ask, come_from=STRANGER) as theirs,
        ):
            for reader, _ in (ours, *theirs):
                assert (await reader.readuntil(b"yes\n")).startswith(b"HTTP/1.1 200")
            assert (await seen.ask("/livez", come_from=STRANGER))[0] == 0
            for _ in range(5):
                assert (await seen.ask("/livez"))[0] == 200
            assert [await is_closed(each) for each in (ours, *theirs[:2])] == [False, True, False]

    on("asyncio", scenario)


def test_whoever_has_left_takes_no_turn() -> None:
    async def scenario() -> None:
        async with watched() as seen:
            for _ in range(15):
                async with standing(seen, 60, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"):
                    await asyncio.sleep(0.02)
            async with asyncio.timeout(4):
                assert (await seen.ask("/livez"))[0] == 200

    on("uvloop", scenario)
