"""How the benchmark tells where a line bends, and what is still to be measured."""

import argparse
from pathlib import Path

import pytest

from tests.benchmarks.growth import page
from tests.benchmarks.growth.__main__ import missing
from tests.benchmarks.growth.axes import AXES
from tests.benchmarks.growth.bends import Bend, cost
from tests.benchmarks.growth.points import Point, means, read_points, write_points


def point(place: int, speed: float, line: str = "API 50 ms") -> Point:
    return Point(
        line=line,
        place=place,
        events=1,
        per_cpu_second=speed,
        rate=1.0,
        cores=1.0,
        resident=1,
        peak=1,
        idle_cores=None,
        load=0.0,
        commit="c",
        at="now",
    )


@pytest.mark.parametrize(
    ("measured", "flat", "end"),
    [
        ({1: 100.0, 2: 90.0, 4: 86.0}, (1, 4), 0.86),
        ({1: 100.0, 2: 90.0, 4: 84.0}, (1, 2), 0.84),
        ({1: 10.0, 2: 90.0, 4: 100.0, 8: 50.0, 16: 99.0}, (2, 4), 0.99),
        ({1: 90.0, 2: 100.0}, (1, 2), 1.0),
        ({1: 100.0}, (1, 1), 1.0),
    ],
)
def test_a_line_is_flat_around_its_best_as_far_as_it_is_within_15_percent(
    measured: dict[float, float], flat: tuple[float, float], end: float
) -> None:
    bend = Bend.of(measured)

    assert bend.flat == flat
    assert bend.end == pytest.approx(end)
    assert bend.is_flat_to_the_end is (flat[1] == max(measured))


def test_what_an_event_costs_is_told_from_what_each_place_adds() -> None:
    microseconds = {1: 120.0, 10: 300.0, 100: 2_100.0}

    event, more = cost({place: 1e6 / each for place, each in microseconds.items()})

    assert (event * 1e6, more * 1e6) == pytest.approx((100.0, 20.0))


def test_points_come_back_as_they_were_written(tmp_path: Path) -> None:
    points = [point(1, 2.5), point(2, 3.5)]
    path = tmp_path / "axis.json"

    write_points(path, points)

    assert read_points(path) == points
    assert read_points(tmp_path / "none.json") == []


def test_the_mean_of_a_place_is_that_of_its_line() -> None:
    points = [point(1, 2.0), point(1, 4.0), point(1, 99.0, line="other"), point(8, 5.0)]

    assert means(points, "API 50 ms", lambda each: each.per_cpu_second) == {1: 3.0, 8: 5.0}


def test_an_interrupted_run_goes_on_sweep_after_sweep() -> None:
    arguments = argparse.Namespace(runs=2, more=False)
    points = [point(1, 1.0), point(1, 1.0), point(2, 1.0)]

    left = list(missing(AXES["replicas"], points, arguments))

    assert [place for _, place in left] == [4, 2, 4]


def test_the_page_keeps_what_stands_around_the_figures() -> None:
    old = f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n"

    new = page.renew(old, {"items": [point(1, 100.0), point(10, 50.0)]})

    assert new.startswith(f"before\n{page.BEGIN}\n")
    assert new.endswith(f"\n{page.END}\nafter\n")
    assert "old" not in new
    assert "items of an order (API 50 ms, at 10) 0.50" in new
    assert "![items of an order](items.png)" in new
    assert page.renew(new, {"items": [point(1, 100.0), point(10, 50.0)]}) == new
