from math import inf

import pytest

from processor.core.rate import Rate


def spent(rate: Rate, at: float) -> int:
    """Spend all there is at a moment; return how many calls that was."""
    calls = 0
    while rate.allows(at) and calls < 10_000:
        rate.spend(at)
        calls += 1
    return calls


def test_without_a_limit_every_call_may_go_out() -> None:
    assert spent(Rate(inf), 0.0) == 10_000


def test_calls_follow_the_rate_and_bursts_are_a_second_at_most() -> None:
    rate = Rate(10)
    assert [spent(rate, at) for at in (1000.0, 1000.1, 1000.6, 1060.0)] == [10, 1, 5, 10]


def test_a_rate_below_one_call_a_second_waits_for_the_whole_call() -> None:
    rate = Rate(0.5)
    assert [spent(rate, at) for at in (1000.0, 1001.0, 1002.0, 1100.0)] == [1, 0, 1, 1]


def steady_calls(rate: Rate, since: float, per_second: int, seconds: int) -> None:
    for step in range(per_second * seconds):
        at = since + step / per_second
        if rate.allows(at):
            rate.spend(at)


def test_a_reply_that_asks_for_less_halves_what_went_out_and_it_comes_back() -> None:
    rate = Rate()
    steady_calls(rate, 1000.0, 100, 3)
    rate.halve(sent_at=1002.9, at=1003.0)
    halved = rate.per_second
    assert 45 <= halved <= 55
    assert [rate.allows(at) for at in (1003.0, 1018.0)] == [True, True]
    assert rate.per_second == pytest.approx(halved * 1.5)
    rate.allows(1600.0)
    assert rate.per_second == inf


@pytest.mark.parametrize("into_the_second", [0.02, 0.5, 0.98])
def test_what_went_out_is_told_wherever_in_its_second_the_reply_comes(
    into_the_second: float,
) -> None:
    rate = Rate()
    for step in range(300 + round(100 * into_the_second)):
        rate.spend(1000.0 + step / 100)
    rate.halve(sent_at=1002.9, at=1003.0 + into_the_second)
    assert rate.per_second == pytest.approx(50, abs=1)


def test_what_went_out_long_ago_does_not_count() -> None:
    rate = Rate()
    steady_calls(rate, 1000.0, 100, 3)
    steady_calls(rate, 1010.0, 4, 1)
    rate.halve(sent_at=1010.9, at=1011.0)
    assert rate.per_second == 2


def test_what_was_saved_up_before_it_was_halved_is_lost() -> None:
    rate = Rate(100)
    assert rate.allows(1000.0)  # by now a whole second's worth may go out
    for _ in range(40):
        rate.spend(1000.0)
    rate.halve(sent_at=1000.0, at=1000.0)
    assert rate.per_second == 20
    assert spent(rate, 1000.0) == 1


def test_what_was_sent_before_it_was_halved_halves_nothing_again() -> None:
    rate = Rate(100)
    steady_calls(rate, 1000.0, 100, 3)
    for _ in range(5):
        rate.halve(sent_at=1002.9, at=1003.0)
    assert rate.per_second == pytest.approx(50, rel=0.1)
    rate.halve(sent_at=1003.5, at=1003.6)
    assert rate.per_second == pytest.approx(50, rel=0.1)
    steady_calls(rate, 1003.6, 50, 3)
    rate.halve(sent_at=1006.5, at=1006.6)
    assert rate.per_second < 40


def test_a_halved_rate_comes_back_to_its_limit_and_no_further() -> None:
    rate = Rate(100)
    steady_calls(rate, 1000.0, 100, 3)
    rate.halve(sent_at=1002.9, at=1003.0)
    rate.allows(1603.0)
    assert rate.per_second == 100


def test_what_several_replies_took_comes_back_within_half_a_minute_of_the_last() -> None:
    rate = Rate()
    steady_calls(rate, 1000.0, 100, 3)
    for step in range(100):
        at = 1003.0 + step / 10
        steady_calls(rate, at, 100, 1)
        rate.halve(sent_at=at, at=at)
    assert 1 <= rate.per_second < 20
    rate.allows(1013.0 + 30.0)
    assert rate.per_second == pytest.approx(100, rel=0.2)
