"""A copier that is killed, and a broker that goes away: nothing is skipped, nothing miscounted."""

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from processor.core.pace import Pace
from processor.shell.history import plans
from processor.shell.history.progress import Known
from processor.shell.history.shelf import Shelf
from tests.support.brokers import KafkaProcess, RealKafka
from tests.support.copying import (
    NO_REGISTRY,
    LiveFleet,
    Place,
    Running,
    found,
    origins,
    prospect_at,
    wanted,
)
from tests.support.copying_program import STEPS
from tests.support.programs import Program, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

Points = list[dict[str, str]]


def _points() -> Points:
    """Return where a copier is to be killed, each as variables of its environment."""
    draw = random.Random(5)
    steps = {"send": 60, "acknowledged": 60, "write": 3, "serve": 90}
    assert set(steps) <= set(STEPS)
    points = [
        {"DIE_AT": step, "DIE_ON": str(draw.randint(1, most))} | after
        for step, most in steps.items()
        for after in ({}, {"AFTER": "yes"})
        for _ in range(2)
    ]
    draw.shuffle(points)
    begun = [{"DIE_AT": "write", "DIE_ON": "2"}]  # between the marks of the slices and the cover
    return begun + points


def _few() -> Points:
    """Return a point between marks and cover, and one of each step."""
    begun, *points = _points()
    return [begun, *{point["DIE_AT"]: point for point in points}.values()]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "points",
    [pytest.param(_few(), id="few"), pytest.param(_points(), id="all", marks=pytest.mark.faults)],
)
def test_killed_at_many_points_it_skips_nothing_and_counts_exactly(
    kafka: RealKafka, tmp_path: Path, points: Points
) -> None:
    place = Place(kafka, NO_REGISTRY)
    plan, saved = place.plan(260), tmp_path / "plan.json"
    plans.save(plan, saved)
    command = [sys.executable, "-m", "tests.support.copying_program", str(saved), "150"]
    environment = {**os.environ, **place.environment}
    ends, positions = [], [0]
    with LiveFleet(place):
        for number, point in enumerate(points):
            log = tmp_path / f"{number}.log"
            with Program(command, log=log, env=environment | point) as run:
                ends.append(run.wait(60))
            known = Shelf(place.settings).find(plan.replay_id)
            if isinstance(known, Known):
                positions.append(known.done)
                _counts_match(known)
        with Program(command, log=tmp_path / "last.log", env=environment) as last:
            assert last.wait(60) == 0, last.log_text()
    assert ends.count(-signal.SIGKILL) >= len(ends) * 2 // 3
    assert positions == sorted(positions)
    assert set(origins(place)) == wanted(plan)
    end = json.loads(last.log_text().splitlines()[-1])
    assert end["event"] == "finished"
    assert {name: n for name, n in end["report"]["found"].items() if n} == found(plan)
    assert sum(each["count"] for each in end["report"]["outcomes"]) == len(wanted(plan))


def _counts_match(known: Known) -> None:
    """Check that what was counted is what lies below the position, no more and no less."""
    for part in known.parts:
        below = replace(part.slice, end=part.position)
        plan = [prospect_at(offset) for offset in range(below.begin, below.end)]
        assert part.counts == Counter(each for each in plan if each is not None)


@pytest.mark.faults
def test_it_outlives_a_broker_that_goes_away_for_a_while(own_kafka: KafkaProcess) -> None:
    place = Place(own_kafka, NO_REGISTRY)
    plan = place.plan(150)
    with LiveFleet(place), Running(place, plan, Pace(rate=40)) as running:
        wait_until(lambda: running.copied >= 20, within=30, what="some are copied")
        own_kafka.kill()
        time.sleep(3)
        own_kafka.start()
        assert running.wait(90).is_finished
    assert set(origins(place)) == wanted(plan)
