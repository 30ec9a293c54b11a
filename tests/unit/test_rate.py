from math import inf

from processor.core.rate import Rate


def spent(rate: Rate, at: float) -> int:
    """Spend all there is at a moment; return how many calls that was."""
    calls = 0
    while rate.allows(at) and calls < 10_000:
        rate.spend()
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
