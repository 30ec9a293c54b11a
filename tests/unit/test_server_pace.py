"""The pace: what costs something is done so often and no more, whoever asks."""

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from processor.shell import server_pace
from processor.shell.server_pace import Kept, KeptAside, Pace, Shares


class Work:
    """Something that takes a second by a clock of its own, and counts how often it is done."""

    def __init__(self) -> None:
        self.now = 100.0
        self.done = 0
        self.is_well = True

    def __call__(self) -> int:
        self.now += 1.0
        self.done += 1
        if not self.is_well:
            raise ZeroDivisionError
        return self.done

    def clock(self) -> float:
        return self.now


def get_all(kept: Kept[int] | KeptAside[int], work: Work, seconds: int) -> Iterator[int]:
    """Ask ten times a second of the work's clock."""
    for _ in range(10 * seconds):
        found = kept.get()
        yield found if isinstance(found, int) else asyncio.run(found)
        work.now += 0.1


@pytest.mark.parametrize("kind", [Kept, KeptAside])
def test_what_takes_a_second_is_made_in_a_tenth_of_the_time(
    kind: Callable[[Work, Callable[[], float]], Kept[int] | KeptAside[int]],
) -> None:
    work = Work()
    told = list(get_all(kind(work, work.clock), work, 40))
    assert work.done == 5
    assert (told[0], told[-1]) == (1, 5)


@pytest.mark.parametrize("kind", [Kept, KeptAside])
def test_what_could_not_be_made_is_tried_again(
    kind: Callable[[Work, Callable[[], float]], Kept[int] | KeptAside[int]],
) -> None:
    work = Work()
    kept = kind(work, work.clock)
    work.is_well = False
    with pytest.raises(ZeroDivisionError):
        list(get_all(kept, work, 1))
    work.is_well = True
    assert next(get_all(kept, work, 1)) == 2


def test_many_who_wait_wait_for_the_same() -> None:
    made = []

    def slow() -> int:
        time.sleep(0.05)
        made.append(1)
        return len(made)

    async def scenario() -> None:
        kept = KeptAside(slow)
        asking = [asyncio.create_task(kept.get()) for _ in range(20)]
        await asyncio.sleep(0.01)
        for each in asking[:10]:
            each.cancel()
        assert await asyncio.gather(*asking[10:]) == [1] * 10

    asyncio.run(scenario())
    assert made == [1]


def test_so_many_go_on_at_once_and_the_others_one_after_the_other() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        pace, began = Pace(a_second=100, at_once=20), loop.time()
        for _ in range(20):
            await pace.turn()
        assert loop.time() - began < 0.1
        for _ in range(30):
            await pace.turn()
        assert loop.time() - began >= 0.28

    asyncio.run(scenario())


def test_each_has_a_share_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(server_pace, "steady", lambda: now[0])
    shares = Shares(a_second=10, at_once=5)
    assert [shares.takes("a") for _ in range(7)] == [True] * 5 + [False] * 2
    assert shares.takes("b")
    now[0] += 0.1
    assert [shares.takes("a") for _ in range(2)] == [True, False]
    now[0] += 100.0
    assert [shares.takes("a") for _ in range(6)] == [True] * 5 + [False]


def test_many_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(server_pace, "steady", lambda: now[0])
    monkeypatch.setattr(server_pace, "_MOST_KNOWN", 10)
    shares = Shares(a_second=1, at_once=1)
    assert shares.takes("a")
    for number in range(8):
        now[0] += 0.1
        assert shares.takes(str(number))
    now[0] += 0.45
    assert all(shares.takes(name) for name in ("x", "y"))
    assert not shares.takes("7")
    assert all(shares.takes(f"z{number}") for number in range(100))


def test_whoever_gives_up_takes_no_turn() -> None:
    async def scenario() -> None:
        pace = Pace(a_second=2, at_once=1)
        await pace.turn()
        leaving = [asyncio.create_task(pace.turn()) for _ in range(1_000)]
        await asyncio.sleep(0)
        for each in leaving:
            each.cancel()
        async with asyncio.timeout(10):
            await pace.turn()

    asyncio.run(scenario())
