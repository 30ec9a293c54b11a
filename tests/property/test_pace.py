"""The pace of copies: never faster than asked, never far ahead, never beside late events."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from processor.core.pace import AHEAD_SECONDS, LEAST_AHEAD, Cause, Pace, Pacer
from processor.core.records import Partition
from processor.core.standings import Look, Standing

INPUT, LANE = Partition("order-paid", 0), Partition("rokt-replay", 0)


def look(at: float, *, lane: tuple[int, int | None], live: tuple[int, int | None] = (0, 0)) -> Look:
    return Look(
        asked_at=at,
        inputs={INPUT: Standing(*live)},
        lane={LANE: Standing(*lane)},
        has_members=True,
    )


@dataclass
class Run:
    """A pacer beside a fleet of a given speed, in steps of a fiftieth of a second."""

    rate: float
    fleet: float
    steps: int

    def sent_at(self) -> tuple[list[float], list[int]]:
        """Return when copies went, and how many lay before the fleet after each of them."""
        pacer = Pacer(Pace(rate=self.rate), 0.0)
        sent: list[float] = []
        depths: list[int] = []
        worked = 0.0
        for step in range(self.steps):
            now = step / 50
            worked = min(float(len(sent)), worked + self.fleet / 50)
            if step % 50 == 0:
                pacer.look(look(now, lane=(len(sent), int(worked))))
            while pacer.ask(now) is None:
                pacer.sent(now)
                sent.append(now)
                depths.append(len(sent) - int(worked))
        return sent, depths


rates = st.floats(0.5, 2_000, allow_nan=False)


@given(rate=rates, steps=st.integers(1, 600))
def test_no_window_of_time_holds_more_copies_than_the_rate_allows(rate: float, steps: int) -> None:
    sent, _ = Run(rate, fleet=10_000, steps=steps).sent_at()
    burst = max(1.0, 0.25 * rate)
    for first in range(0, len(sent), max(1, len(sent) // 20)):
        for last in range(first, len(sent), max(1, len(sent) // 20)):
            assert last - first + 1 <= burst + rate * (sent[last] - sent[first]) + 1e-6


@given(rate=rates, fleet=st.floats(0, 500), steps=st.integers(1, 900))
def test_it_is_never_more_than_a_few_seconds_of_work_ahead(
    rate: float, fleet: float, steps: int
) -> None:
    _, depths = Run(rate, fleet, steps).sent_at()
    # What is known of the fleet is up to a second old, and its speed is measured between looks.
    assert max(depths, default=0) <= max(LEAST_AHEAD, AHEAD_SECONDS * min(rate, fleet + 1.5)) + 1


@given(rate=st.floats(5, 100), fleet=st.floats(200, 500))
def test_a_fleet_that_is_quick_enough_does_not_slow_it_down(rate: float, fleet: float) -> None:
    sent, _ = Run(rate, fleet, steps=1_500).sent_at()
    assert len(sent) >= 0.9 * rate * 30


@given(
    ends=st.lists(st.integers(0, 5), min_size=2, max_size=30),
    committed=st.lists(st.integers(0, 5), min_size=30, max_size=30),
)
def test_a_copy_goes_only_when_what_was_there_five_seconds_ago_is_finished(
    ends: Sequence[int], committed: Sequence[int]
) -> None:
    pacer = Pacer(Pace(rate=1_000), 0.0)
    end = done = 0
    seen: list[tuple[int, int]] = []
    for at, (more, finished) in enumerate(zip(ends, committed, strict=False)):
        end += more
        done = min(end, done + finished)
        seen.append((end, done))
        pacer.look(look(float(at), lane=(0, 0), live=(end, done)))
        before = seen[max(0, at - 5)][0]
        wait = pacer.ask(float(at))
        assert (wait is not None and wait.cause is Cause.LATE) == (done < before)
