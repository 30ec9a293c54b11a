"""SIGTERM in the middle of everything: in time, with 0, and without a call too many."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from processor.fake_rokt.rules import Rule, Send, Then, When
from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.events import order_paid
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.world import World, open_world

pytestmark = pytest.mark.e2e

_GRACE = 30.0  # what an orchestrator gives by default


@pytest.fixture
def world(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world of two partitions."""
    with open_world(kafka, registry, tmp_path, partitions=2) as opened:
        yield opened


def produce(world: World, orders: int) -> None:
    """Produce orders, each of a cart of its own."""
    for number in range(orders):
        world.shop.paid(order_paid(f"o-{number}", f"c-{number}"))
    world.shop.flush()


def in_the_air(world: World) -> int:
    """Return how many calls Rokt has not answered."""
    return sum(each.ended_at is None for each in world.rokt.ledger.entries)


def test_what_was_finished_before_a_stop_is_committed_and_not_called_again(world: World) -> None:
    world.rokt.rules.add((Rule(when=When(), then=Then(latency=0.5)),))
    produce(world, 60)
    with world.processor(calls__max_in_flight="16") as processor:
        wait_until(lambda: in_the_air(world) == 16, within=30, what="all permits are in use")
        assert processor.program.stop(_GRACE) == 0
    made = len(world.rokt.ledger.entries)
    assert 16 <= made < 60
    assert len(oracle.outcomes(world)) == made
    oracle.check_commits(world)
    assert world.lag() < 60
    with world.processor():
        world.wait_until_drained()
    # A lone worker that never crashed, twice in a row.
    assert oracle.check(world) == {"SUCCEEDED": 60}


def test_a_call_that_outlasts_the_stop_is_left_in_doubt_and_the_others_are_not(
    world: World,
) -> None:
    rules = (
        Rule(when=When(order_id="o-3", last_attempt=1), then=Then(send=Send.NEVER)),
        Rule(when=When(order_id="o-3"), then=Then(status=422)),
        Rule(when=When(order_id="o-7"), then=Then(status=422, latency=0.2)),
        Rule(when=When(), then=Then(latency=0.2)),
    )
    world.rokt.rules.add(rules)
    produce(world, 10)
    with world.processor(calls__max_in_flight="4") as processor:
        wait_until(lambda: world.rokt.ledger.of_order("o-3"), within=30, what="o-3 is called")
        began = time.monotonic()
        assert processor.program.stop(_GRACE) == 0
        assert time.monotonic() - began < _GRACE
    assert not [each for each in oracle.outcomes(world) if each.value["orderId"] == "o-3"]
    assert world.lag() > 0
    with world.processor():
        world.wait_until_drained()
    assert oracle.status_of(world, "event-o-3")[:2] == ("INDETERMINATE", "MAYBE_APPLIED")
    assert oracle.status_of(world, "event-o-7")[:2] == ("REJECTED", "NOT_APPLIED")
    assert oracle.check(world, may_repeat=True) == {
        "SUCCEEDED": 8,
        "REJECTED": 1,
        "INDETERMINATE": 1,
    }


def test_a_stop_before_the_first_call_leaves_everything_as_it_was(world: World) -> None:
    produce(world, 20)
    with world.processor() as processor:
        wait_until(lambda: processor.answers("/livez"), within=30, what="it serves")
        assert processor.program.stop(_GRACE) == 0
    with world.processor():
        world.wait_until_drained()
    assert oracle.check(world) == {"SUCCEEDED": 20}


@pytest.mark.timeout(180)
def test_members_that_stop_one_after_another_hand_over_without_a_second_call(
    world: World,
) -> None:
    """What `kubectl rollout restart` does."""
    world.rokt.rules.add((Rule(when=When(), then=Then(latency=0.1)),))
    produce(world, 50)
    with world.processor() as first:
        first.wait_until_ready()
        with world.processor() as second:
            second.wait_until_ready()
            produce_more(world, 50, 400)
            first.program.signal(signal.SIGTERM)
            assert first.program.wait(_GRACE) == 0
            with world.processor() as third:
                third.wait_until_ready()
                produce_more(world, 400, 600)
                assert second.program.stop(_GRACE) == 0
                world.wait_until_drained()
                assert third.program.stop(_GRACE) == 0
    assert oracle.check(world) == {"SUCCEEDED": 600}


def produce_more(world: World, begin: int, end: int) -> None:
    """Produce further orders."""
    for number in range(begin, end):
        world.shop.paid(order_paid(f"o-{number}", f"c-{number}"))
    world.shop.flush()
