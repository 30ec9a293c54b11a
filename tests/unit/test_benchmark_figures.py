"""What the benchmark computes of its readings."""

import argparse

import pytest

from tests.benchmarks import options
from tests.benchmarks.case import Case
from tests.benchmarks.meter import Figures, Reading
from tests.benchmarks.percentiles import Delays, percentile
from tests.benchmarks.profiler import shares
from tests.benchmarks.ratios import Ratio


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([7.0], 99, 7.0),
        ([3.0, 1.0, 2.0], 50, 2.0),
        ([4.0, 3.0, 2.0, 1.0], 50, 2.0),
        (list(map(float, range(1, 101))), 99, 99.0),
        (list(map(float, range(1, 1001))), 99, 990.0),
        ([1.0, 2.0], 0, 1.0),
        ([1.0, 2.0], 100, 2.0),
    ],
)
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(
    values: list[float], percent: float, expected: float
) -> None:
    assert percentile(values, percent) == expected


def test_delays_are_those_of_the_asked_keys_that_lie_in_both_logs() -> None:
    events = {"a": 1.0, "b": 1.0, "unanswered": 1.0, "not asked": 0.0}
    outcomes = {"a": 1.25, "b": 1.5, "not asked": 9.0, "never produced": 3.0}

    delays = Delays.between(["a", "b", "unanswered", "never produced"], events, outcomes)

    assert delays == Delays(count=2, p50=0.25, p99=0.5)


def test_without_any_key_there_are_no_delays() -> None:
    assert Delays.between(["a"], {"a": 1.0}, {}) is None


def test_figures_are_what_happened_between_two_readings() -> None:
    first = Reading(at=10.0, cpu=2.0, resident=1, peak=1, outcomes=100)
    last = Reading(at=14.0, cpu=4.0, resident=5, peak=7, outcomes=900)

    figures = Figures.between(first, last)

    assert figures == Figures(events=800, seconds=4.0, cpu=2.0, resident=5, peak=7)
    assert (figures.per_cpu_second, figures.rate, figures.cores) == (400.0, 200.0, 0.5)


def test_a_ratio_is_the_geometric_mean_of_its_pairs() -> None:
    ratio = Ratio.of_pairs([100.0, 100.0], [50.0, 200.0])

    assert (ratio.mean, ratio.low, ratio.high, ratio.count) == pytest.approx((1.0, 0.5, 2.0, 2))
    assert not ratio.is_clear


@pytest.mark.parametrize(
    ("other", "is_clear"),
    [
        ([110.0, 111.0, 109.0, 110.0], True),
        ([102.0, 97.0, 104.0, 101.0], False),
        ([110.0, 112.0, 121.0, 101.0], False),
        ([110.0, 112.0, 121.0, 105.0, 114.0, 109.0, 118.0, 107.0], True),
        ([110.0, 114.0], False),
        ([110.0], False),
    ],
)
def test_a_difference_is_clear_beyond_what_chance_does_once_in_twenty_times(
    other: list[float], *, is_clear: bool
) -> None:
    assert Ratio.of_pairs([100.0] * len(other), other).is_clear is is_clear


def test_the_combinations_of_all_axes_are_cases() -> None:
    parser = argparse.ArgumentParser()
    options.add_axes(parser)
    arguments = parser.parse_args(["--items=1,10", "--latency=0,50", "--orders=500"])

    cases = options.cases(arguments, orders=9, most=60.0)

    assert cases == [
        Case(orders=500, items=items, latency=latency)
        for items in (1, 10)
        for latency in (0.0, 0.05)
    ]


def test_there_are_no_more_orders_than_can_be_called_in_time() -> None:
    case = Case(orders=100_000, in_flight=4, latency=0.2)

    assert options.bounded(case, 10.0).orders == 200
    assert options.bounded(Case(orders=100, latency=0.0), 10.0).orders == 100


def test_a_sample_belongs_to_the_innermost_module_of_the_processor() -> None:
    raw = (
        "main (processor/__main__.py:6);run (processor/shell/worker.py:9) 1\n"
        "run (processor/shell/worker.py:9);write (processor/shell/encoding.py:5);"
        "schemaless_writer (fastavro/_write.py:7) 6\n"
        "start (threading.py:1) 3\n"
    )

    assert shares(raw) == [("shell/encoding", 0.6), ("elsewhere", 0.3), ("shell/worker", 0.1)]
