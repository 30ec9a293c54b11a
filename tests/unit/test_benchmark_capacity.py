"""The model of sizing: its arithmetic, its fit, and what it tells of measurements."""

from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from tests.benchmarks.capacity import bends, page
from tests.benchmarks.capacity.checks import checks
from tests.benchmarks.capacity.constants import (
    Constants,
    Cost,
    Running,
    Sizes,
    read_constants,
    rounded,
    write_constants,
)
from tests.benchmarks.capacity.fit import fit, least_squares
from tests.benchmarks.capacity.model import Load, cores, memory, most_calls, plan
from tests.benchmarks.growth.axes import AXES
from tests.benchmarks.growth.points import Point

RUNNING = Running(
    event=Cost(once=200e-6, item=100e-6),
    awake=0.1,
    idle=0.02,
    idle_partition=0.001,
    own_time=0.05,
    base=100e6,
    filling=50e6,
    unfinished=Cost(once=1e3, item=2e3),
)
CONSTANTS = Constants(
    running=RUNNING,
    sizes=Sizes(
        paid=Cost(once=100.0, item=50.0),
        outcome=Cost(once=300.0, item=50.0),
        dead_letter=Cost(once=1_000.0, item=500.0),
        copy=Cost(once=150.0, item=25.0),
        restore=Cost(once=10e-6, item=5e-6),
        copy_memory=1e6,
    ),
)
LOAD = Load(orders=1_000.0, items=2.0, latency=0.2, again=0.0, failed=0.001, busy=0.5)
"""Work of 0.4 cores: what one member may do."""


def test_calls_in_flight_follow_littles_law() -> None:
    assert plan(replace(LOAD, again=1.0), CONSTANTS).in_flight == pytest.approx(2_000 * 0.25)


@pytest.mark.parametrize(
    ("orders", "latency", "members", "max_in_flight"),
    [
        (1.0, 0.2, 2, 64),
        (999.0, 0.2, 2, 512),
        (1_001.0, 0.2, 3, 256),
        (10_000.0, 0.2, 11, 512),
        (999.0, 2.0, 5, 1_024),
    ],
)
def test_members_follow_from_cpu_or_from_calls_in_flight_and_one_may_be_missing(
    orders: float, latency: float, members: int, max_in_flight: int
) -> None:
    found = plan(replace(LOAD, orders=orders, latency=latency), CONSTANTS)

    assert (found.members, found.max_in_flight) == (members, max_in_flight)


@pytest.mark.parametrize(
    ("load", "partitions"),
    [
        (replace(LOAD, orders=1.0), 12),
        (replace(LOAD, orders=9_999.0, failed=0.0), 99),  # 11 members; 90 for the span
        (replace(LOAD, orders=999.0, failed=0.02), 18),  # 2 members; 17.98 for who is repeated
        (replace(LOAD, orders=100.0, latency=30.0), 21),  # 7 members, three for each
    ],
)
def test_partitions_are_enough_for_the_span_and_for_who_is_repeated(
    load: Load, partitions: int
) -> None:
    assert plan(load, CONSTANTS).partitions == partitions


def test_what_kafka_and_disks_keep_follows_from_time() -> None:
    found = plan(replace(LOAD, orders=999.0), CONSTANTS)

    day = 999 * 86_400
    assert (found.inputs, found.results, found.dead_letters, found.copy) == pytest.approx(
        (day * 7 * 200 * 3, day * 30 * 400 * 3, day * 90 * 2 * 3, day * 30 * 200)
    )
    assert (found.restore_cold, found.restore_warm, found.takeover, found.restorable) == (
        pytest.approx((day * 30 * 20e-6, 999 * 300 * 20e-6, day * 15 * 20e-6, 600 / day / 20e-6))
    )
    assert (found.written, found.commits) == pytest.approx((999 * 602, 36))


def test_cores_and_memory_add_up() -> None:
    assert cores(1_000, 2, 3, CONSTANTS) == pytest.approx(0.4 + 0.3)
    assert memory(2, 4, CONSTANTS) == pytest.approx(100e6 + 50e6 + 4_000 * 5e3)
    assert memory(2, 4, CONSTANTS, filled=0.5) == pytest.approx(100e6 + 25e6 + 4_000 * 5e3)


def test_calls_are_bounded_by_the_apis_time_or_by_a_core_each() -> None:
    assert most_calls(100, 0.2, 2, 3, CONSTANTS) == pytest.approx(300 / 0.25)
    assert most_calls(10_000, 0.2, 2, 3, CONSTANTS) == pytest.approx(3 * 0.9 / 400e-6)


@pytest.mark.parametrize(
    ("limit", "hours"),
    [
        (inf, 1_000 / 3_096),  # two members of 512 calls in flight do 4,096 a second
        (1_500.0, 2.0),
        (1_000.0, inf),
    ],
)
def test_a_backlog_is_caught_up_with_what_is_left_of_the_limit(limit: float, hours: float) -> None:
    load = replace(LOAD, busy=0.6, rate_limit=limit)

    assert plan(load, CONSTANTS).catch_up == pytest.approx(3_600 * hours)


def test_the_fit_finds_the_costs_that_made_the_points() -> None:
    found = fit(points())

    assert (found.event.once, found.event.item, found.awake) == pytest.approx((200e-6, 1e-4, 0.1))
    assert (found.base, found.filling) == pytest.approx((100e6, 50e6))
    assert (found.unfinished.once, found.unfinished.item) == pytest.approx((1e3, 2e3))
    assert (found.idle, found.idle_partition) == pytest.approx((0.02, 0.001))
    assert found.own_time == pytest.approx(0.05)


def test_points_that_the_model_made_are_checked_with_a_ratio_of_one() -> None:
    found = [*checks(points(), CONSTANTS)]

    assert len(found) == sum(len(axis.places) * len(axis.lines) for axis in AXES.values())
    assert {
        round(ratio, 6) for each in found for ratio in (each.cores.ratio, each.memory.ratio)
    } == {1.0}
    assert {(each.axis, each.cores.is_fitted) for each in found} == {
        (axis, axis in {"in-flight", "items"}) for axis in AXES
    }


def points() -> dict[str, list[Point]]:
    """Return points as the model would have them, at rates that differ."""
    return {
        name: [
            _point(name, line, place, step)
            for line in axis.lines
            for step, place in enumerate(axis.places)
        ]
        for name, axis in AXES.items()
    }


def _point(name: str, line: str, place: int, step: int) -> Point:
    case = AXES[name].case(line, place, 20.0)
    is_alone = case.in_flight == 1 and case.latency > 0
    rate = 10.0 if is_alone else 300.0 + 170.0 * step
    events = min(case.orders, 4_000 * (step + 1))
    unfinished = min(case.orders, case.partitions * 1_000) / 1_000 / case.replicas
    filled = min(1.0, events / case.replicas / 30_000)
    bytes_each = memory(case.items, unfinished, CONSTANTS, filled=filled)
    return Point(
        line=line,
        place=place,
        events=events,
        per_cpu_second=1.0,
        rate=rate,
        cores=cores(rate, case.items, case.replicas, CONSTANTS),
        resident=1,
        peak=round(bytes_each * case.replicas),
        idle_cores=0.02 + 0.001 * case.partitions,
        load=0.0,
        commit="c",
        at="now",
    )


def test_least_squares_are_relative() -> None:
    assert least_squares([(1.0, 0.0), (1.0, 2.0), (1.0, 5.0)], [3.0, 7.0, 13.0]) == pytest.approx(
        [3.0, 2.0]
    )
    assert least_squares([(1.0,), (1.0,)], [1.0, 3.0]) == pytest.approx(
        [1.2]
    )  # nearer to the small


def test_no_factor_is_negative() -> None:
    rows = [(1.0, 1.0), (1.0, 2.0), (1.0, 4.0)]

    assert least_squares(rows, [9.0, 8.0, 6.0])[1] == 0.0
    assert least_squares(rows, [9.0, 8.0, 6.0])[0] == pytest.approx(
        (1 / 9 + 1 / 8 + 1 / 6) / (1 / 81 + 1 / 64 + 1 / 36)
    )


def test_what_bends_first_is_what_is_furthest_past_its_mark() -> None:
    assert bends.first(plan(replace(LOAD, orders=1.0), CONSTANTS)) == []
    passed = bends.first(plan(replace(LOAD, orders=100_000.0), CONSTANTS))
    assert [times for _, times in passed] == sorted((each for _, each in passed), reverse=True)
    assert {mark.part for mark, _ in passed} == {"ledger", "Kafka", "API"}


def test_constants_come_back_as_they_were_written(tmp_path: Path) -> None:
    write_constants(CONSTANTS, tmp_path / "constants.json")

    assert read_constants(tmp_path / "constants.json") == CONSTANTS


def test_numbers_have_three_digits_in_the_file() -> None:
    assert rounded(0.000123456) == 0.000123
    assert rounded(123_456.0) == 123_000.0


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (page.size(12), "12 B"),
        (page.size(1_234), "1.2 KB"),
        (page.size(56e12), "56 TB"),
        (page.time(12e-6), "12 µs"),
        (page.time(0.0123), "12 ms"),
        (page.time(90), "1.5 min"),
        (page.time(inf), "never"),
        (page.number(0.123), "0.12"),
        (page.number(1_234.5), "1,234"),
    ],
)
def test_figures_are_said_as_people_say_them(said: str, expected: str) -> None:
    assert said == expected
