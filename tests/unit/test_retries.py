"""Retries: full jitter, and what uses attempts up."""

import pytest

from processor.core.retries import (
    CONFIRM_PATIENCE,
    RELEASE_PATIENCE,
    Backoff,
    Patience,
    delay,
    is_exhausted,
    systemic_delay,
)


@pytest.mark.parametrize(
    ("attempt", "ceiling"),
    [(1, 0.5), (2, 1.0), (3, 2.0), (7, 32.0), (8, 60.0), (9, 60.0), (10**9, 60.0)],
)
def test_jitter_is_spread_over_the_whole_of_a_doubling_pause(attempt: int, ceiling: float) -> None:
    assert [delay(attempt, jitter) for jitter in (0.0, 0.25, 0.5)] == [
        0.0,
        ceiling / 4,
        ceiling / 2,
    ]


def test_jitter_comes_on_top_of_the_least_pause() -> None:
    assert [delay(2, jitter, floor=5.0) for jitter in (0.0, 0.5)] == [5.0, 5.5]


def test_the_backoff_can_be_set() -> None:
    assert delay(3, 0.5, backoff=Backoff(base=1.0, cap=3.0)) == 1.5


@pytest.mark.parametrize(
    ("heals_slowly", "expected"),
    [
        (False, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]),
        (True, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0]),
    ],
)
def test_systemic_replies_are_asked_about_ever_more_rarely(
    *, heals_slowly: bool, expected: list[float]
) -> None:
    pauses = [systemic_delay(n + 1, heals_slowly=heals_slowly) for n in range(len(expected))]
    assert pauses == expected


def test_a_systemic_pause_never_outgrows_what_a_float_can_hold() -> None:
    assert systemic_delay(10**9, heals_slowly=True) == 300.0


EXHAUSTION = [
    (CONFIRM_PATIENCE, 4, 1e9, False),
    (CONFIRM_PATIENCE, 5, 59.9, False),
    (CONFIRM_PATIENCE, 5, 60.0, True),
    (CONFIRM_PATIENCE, 1000, 59.9, False),
    (RELEASE_PATIENCE, 2, 1e9, False),
    (RELEASE_PATIENCE, 3, 0.0, True),
]


@pytest.mark.parametrize(("patience", "attempts", "elapsed", "expected"), EXHAUSTION)
def test_attempts_are_used_up_when_both_number_and_time_are_behind(
    patience: Patience, attempts: int, elapsed: float, *, expected: bool
) -> None:
    assert is_exhausted(attempts, elapsed, patience) is expected
