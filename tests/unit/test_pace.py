"""What holds a copy back, and what is said of it."""

import pytest

from processor.core.pace import LEAST_AHEAD, Cause, Pace, Pacer, Wait
from processor.core.records import Partition
from processor.core.standings import Look, Standing

PAID, ABANDONED = Partition("order-paid", 0), Partition("cart-abandoned", 1)
LANE = Partition("rokt-replay", 0)


def look(
    at: float,
    *,
    paid: tuple[int, int | None] = (0, 0),
    abandoned: tuple[int, int | None] = (0, 0),
    lane: tuple[int, int | None] | tuple[int, int | None, int] = (0, 0),
    has_members: bool | None = True,
) -> Look:
    return Look(
        asked_at=at,
        inputs={PAID: Standing(*paid), ABANDONED: Standing(*abandoned)},
        lane={LANE: Standing(*lane)},
        has_members=has_members,
    )


def pacer(*looks: Look, rate: float = 1_000) -> Pacer:
    made = Pacer(Pace(rate=rate), 0.0)
    for each in looks:
        made.look(each)
    return made


def test_nothing_goes_before_the_fleet_was_seen() -> None:
    assert pacer().ask(0.0) == Wait(cause=Cause.UNTOLD)


def test_brokers_that_tell_nothing_for_long_are_named() -> None:
    wait = pacer(look(0.0)).ask(12.0)
    assert wait is not None
    assert (wait.cause, "has not told for 12 s" in wait.detail) == (Cause.UNTOLD, True)


def test_a_fleet_that_is_seen_and_idle_lets_copies_go() -> None:
    assert pacer(look(0.0)).ask(0.0) is None


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (look(0.0, has_members=False), "no processor runs"),
        (look(0.0, lane=(0, None)), "the group has no offset for rokt-replay [0]"),
    ],
)
def test_a_lane_that_nobody_works_is_named_with_the_remedy(seen: Look, why: str) -> None:
    wait = pacer(seen).ask(0.0)
    assert wait is not None
    assert wait.cause is Cause.NOBODY
    assert why in wait.detail
    assert "Start processors, or restart those that run" in wait.detail


def test_members_that_may_not_be_asked_for_hold_nothing_back() -> None:
    assert pacer(look(0.0, has_members=None)).ask(0.0) is None


def test_late_events_are_counted_and_the_worst_partition_is_named() -> None:
    wait = pacer(
        look(0.0, paid=(10, 10), abandoned=(9, 9)),
        look(1.0, paid=(12, 10), abandoned=(10, 9)),
        look(6.0, paid=(99, 10), abandoned=(99, 9)),
    ).ask(6.0)
    assert wait == Wait(
        cause=Cause.LATE, detail="3 live events are late, 2 of them in order-paid [0]"
    )


def test_what_came_less_than_five_seconds_ago_is_not_late() -> None:
    assert pacer(look(0.0), look(4.0, paid=(5, 0)), look(8.9, paid=(9, 0))).ask(8.9) is None


def test_at_the_beginning_what_is_there_already_has_to_be_finished() -> None:
    fresh = pacer(look(0.0, paid=(7, 5)))
    assert (fresh.ask(0.0) or Wait(cause=Cause.RATE)).cause is Cause.LATE
    fresh.look(look(1.0, paid=(9, 7)))
    assert fresh.ask(1.0) is None


def test_the_lane_may_hold_a_few_copies_of_a_fleet_that_was_not_seen_to_work() -> None:
    full = pacer(look(0.0))
    for _ in range(LEAST_AHEAD):
        assert full.ask(1.0) is None
        full.sent(1.0)
    assert (full.ask(1.0) or Wait(cause=Cause.RATE)).cause is Cause.LANE


def test_copies_are_counted_from_when_they_are_sent_until_they_are_committed() -> None:
    busy = pacer(look(0.0))
    for _ in range(15):
        busy.sent(0.5)
    busy.look(look(1.0, lane=(15, 5)))
    assert busy.ahead == 10
    busy.sent(1.5)
    busy.look(look(1.2, lane=(15, 15)))
    assert busy.ahead == 1


def test_a_lane_that_nothing_leaves_for_long_is_named() -> None:
    stuck = pacer(*(look(float(at), lane=(3, 1)) for at in range(17)))
    wait = stuck.ask(16.0)
    assert wait is not None
    assert (wait.cause, wait.detail[:53]) == (
        Cause.STUCK,
        "2 copies lie in the lane, and for 16 s none was finis",
    )


def test_a_first_commit_is_a_position_and_no_work() -> None:
    begun = pacer(look(0.0, lane=(9_000, None)), look(1.0, lane=(9_000, 9_000)))
    assert begun.worked == 0.0


def test_another_rate_counts_from_when_it_is_changed() -> None:
    slow = pacer(look(0.0), rate=1)
    slow.sent(0.0)
    assert slow.ask(0.5) == Wait(cause=Cause.RATE)
    slow.change(Pace(rate=100), 0.5)
    assert slow.ask(0.51) is None


@pytest.mark.parametrize("torn", [(20, 5, 8), (3, 5, 0)], ids=["deleted", "created anew"])
def test_a_lane_without_what_is_to_be_worked_next_is_lost_after_some_seconds(
    torn: tuple[int, int, int],
) -> None:
    pacer = Pacer(Pace(), 0.0)
    pacer.look(look(0, lane=(20, 5, 5)))
    assert pacer.ask(0) is None
    for at in range(1, 6):
        pacer.look(look(at, lane=torn))
        wait = pacer.ask(at)
        assert (wait and wait.cause, pacer.torn) == (Cause.LOST, {})
    pacer.look(look(6, lane=torn))
    assert "rokt-replay [0], which holds" in pacer.torn[LANE]


def test_a_lane_that_looks_torn_for_a_moment_is_not_lost() -> None:
    pacer = Pacer(Pace(), 0.0)
    for at, end in enumerate([5, 4, 5, 5, 4, 4, 5, 5]):
        pacer.look(look(at, lane=(end, 5)))
        assert not pacer.torn
