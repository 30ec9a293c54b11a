"""Who may call: limits, pauses, holds, the rate, and the time that counts for nobody."""

from collections.abc import Callable
from typing import Final

import pytest

from processor.core.effects import HoldEnded, Observation, PauseBegan
from processor.core.permits import Permit, Permits
from processor.core.records import Now
from processor.core.replies import Concern, Kind, Verdict
from processor.core.scopes import Scope
from processor.core.vocabulary import Effect, Reason, Status

C, R, P = Scope.CONFIRM, Scope.RELEASE, Scope.REPLAY
ALL: Final = {C, R, P}
FAILED: Final = Verdict(
    kind=Kind.SYSTEMIC,
    effect=Effect.NOT_APPLIED,
    concern=Concern.SYSTEMIC,
    is_final=False,
    status=Status.REJECTED,
    reason=Reason.UNREACHABLE,
)
TOO_MANY: Final = FAILED._replace(is_overload=True, asks_for_less=True)
BUSY: Final = FAILED._replace(is_overload=True)


def moment(at: float) -> Now:
    return Now(at, 1_000_000.0 + at)


def permits(most: int = 8, told: list[Observation] | None = None) -> Permits:
    seen: list[Observation] = [] if told is None else told
    return Permits(most, seen.append)


def hold(some: Permits, scope: Scope, at: float = 0.0) -> None:
    """Begin a hold; it is probed a second later."""
    some.holds.fail(scope, FAILED, at, moment(at))


def free(some: Permits, at: float = 100.0) -> set[Scope]:
    """Return the scopes that may call without being a probe."""
    return {scope for scope in Scope if some.of(scope, at) is Permit.YES}


# Who may call


def full(some: Permits) -> None:
    for _ in range(8):
        some.take(C, 0.0)


def rate_is_spent(some: Permits) -> None:
    some.rate.limit = 1.0
    some.rate.allows(100.0)
    some.rate.spend(100.0)


def pace_of_releases_is_spent(some: Permits) -> None:
    some.paces[R].limit = 1.0
    some.paces[R].allows(100.0)
    some.paces[R].spend(100.0)


def limit_of_confirms_is_reached(some: Permits) -> None:
    some.limits[C].restart()
    some.take(C, 0.0)


@pytest.mark.parametrize(("done", "expected"), [
    (lambda _: None, ALL),
    (full, set()),
    (rate_is_spent, set()),
    (pace_of_releases_is_spent, {C, P}),
    (limit_of_confirms_is_reached, {R, P}),
    (lambda some: some.pause(C, 101.0, "", moment(0.0)), set()),
    (lambda some: some.pause(R, 101.0, "", moment(0.0)), {C, P}),
    (lambda some: some.pause(C, 100.0, "", moment(0.0)), ALL),
    (lambda some: hold(some, C), set()),
    (lambda some: hold(some, R), {C}),
    (lambda some: hold(some, P), {C, R}),
])  # fmt: skip
def test_who_may_call(done: Callable[[Permits], None], expected: set[Scope]) -> None:
    some = permits()
    done(some)
    assert free(some) == expected


def test_a_hold_permits_one_probe_when_it_is_due_and_none_beside_it() -> None:
    some = permits()
    hold(some, C)
    assert (some.of(C, 0.9), some.of(C, 1.0)) == (Permit.NO, Permit.PROBE)
    some.take(C, 1.0)
    assert some.of(C, 1.0) is Permit.NO
    some.give_back(C)
    assert some.of(C, 1.0) is Permit.PROBE


# Time that counts for nobody


@pytest.mark.parametrize(("done", "moved"), [
    (lambda _: None, [10, 10, 10]),
    (lambda some: hold(some, C), [0, 0, 0]),
    (lambda some: hold(some, R), [10, 0, 0]),
    (lambda some: hold(some, P), [10, 10, 0]),
    (lambda some: some.pause(C, 4.0, "", moment(0.0)), [6, 6, 6]),
    (lambda some: some.pause(R, 4.0, "", moment(0.0)), [10, 6, 10]),
    (lambda some: some.pause(R, 40.0, "", moment(0.0)), [10, 0, 10]),
])  # fmt: skip
def test_the_clock_of_patience_stands_still_while_a_scope_is_stopped(
    done: Callable[[Permits], None], moved: list[float]
) -> None:
    some = permits()
    some.pass_time(moment(0.0), may_work=True)
    done(some)
    some.pass_time(moment(10.0), may_work=True)
    assert [some.patience_clock(scope, 10.0) for scope in Scope] == moved


@pytest.mark.parametrize(("seconds", "may_work", "moved"), [
    (10.0, True, 10.0), (10.0, False, 0.0), (60.0, True, 60.0), (60.1, True, 0.0),
])  # fmt: skip
def test_nor_does_it_move_while_nothing_may_work_or_the_process_stands_still(
    seconds: float, moved: float, *, may_work: bool
) -> None:
    some = permits()
    some.pass_time(moment(0.0), may_work=True)
    some.pass_time(moment(seconds), may_work=may_work)
    assert [some.patience_clock(scope, seconds) for scope in Scope] == [moved] * 3


# Pauses


def test_a_shorter_pause_shortens_no_longer_one() -> None:
    told: list[Observation] = []
    some = permits(told=told)
    some.pass_time(moment(0.0), may_work=True)
    some.pause(R, 30.0, "long", moment(0.0))
    some.pause(R, 1.0, "short", moment(1.0))
    assert some.pauses() == {R: 1_000_030.0}
    assert (free(some, 29.9), free(some, 30.0)) == ({C, P}, ALL)
    assert told == [PauseBegan(R, 30.0, "long")]


def test_a_longer_pause_prolongs_a_shorter_one() -> None:
    some = permits()
    some.pause(R, 1.0, "short", moment(0.0))
    some.pause(R, 30.0, "long", moment(0.5))
    assert (free(some, 30.4), free(some, 30.5)) == ({C, P}, ALL)


# Less, of whom


@pytest.mark.parametrize(("scope", "slower"), [(C, ALL), (R, {R, P}), (P, {P})])
def test_who_is_asked_for_less_calls_less_and_so_do_those_that_its_hold_would_stop(
    scope: Scope, slower: set[Scope]
) -> None:
    some = permits()
    some.slow_down(scope, TOO_MANY, 0.0, 100.0)
    paces = some.paces.items()
    assert {each for each, pace in paces if pace.per_second < float("inf")} == slower
    assert some.rate.per_second == float("inf")


def test_an_overload_cuts_the_limit_of_its_own_scope_and_no_pace() -> None:
    some = permits()
    some.slow_down(R, BUSY, 0.0, 100.0)
    assert [some.limits[scope].allowed for scope in Scope] == [8, 1, 2]
    assert {pace.per_second for pace in some.paces.values()} == {float("inf")}


def test_a_failure_that_shows_no_overload_slows_nobody_down() -> None:
    some = permits()
    some.slow_down(C, FAILED, 0.0, 100.0)
    assert [some.limits[scope].allowed for scope in Scope] == [8, 8, 2]
    assert {pace.per_second for pace in some.paces.values()} == {float("inf")}


# The end of a hold


@pytest.mark.parametrize(("scope", "expected"), [(C, [1, 1, 1]), (R, [8, 1, 1]), (P, [8, 8, 1])])
def test_the_end_of_a_hold_restarts_the_limits_of_those_it_stopped(
    scope: Scope, expected: list[float]
) -> None:
    some = permits()
    hold(some, scope)
    some.end_hold(scope, moment(5.0), is_proven=True)
    assert [some.limits[each].allowed for each in Scope] == expected


def test_where_there_was_no_hold_nothing_restarts() -> None:
    some = permits()
    some.end_hold(C, moment(5.0), is_proven=True)
    assert [some.limits[each].allowed for each in Scope] == [8, 8, 2]


def test_a_hold_that_nobody_probes_ends_a_minute_after_its_probe_was_due() -> None:
    told: list[Observation] = []
    some = permits(told=told)
    hold(some, C)
    some.end_unprobed_holds(moment(60.9))
    assert some.holds.by_scope.keys() == {C}
    some.end_unprobed_holds(moment(61.0))
    assert told[1:] == [HoldEnded(C, 61.0, 1, is_proven=False)]
    assert [some.limits[each].allowed for each in Scope] == [1, 1, 1]


def test_the_replay_leaves_live_calls_a_part_of_the_rate() -> None:
    some = permits(most=64)
    some.rate.limit = 8.0
    some.rate.allows(0.0)
    assert free(some) == ALL
    for _ in range(6):
        some.take(C, 100.0)
    assert free(some) == {C, R}


def test_a_rate_that_is_too_low_to_be_shared_is_left_to_whoever_comes() -> None:
    some = permits()
    some.rate.limit = 0.5
    some.rate.allows(0.0)
    assert free(some) == ALL
