"""After a crash what was in flight may have been applied; after a stop nothing is in doubt."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from processor.fake_rokt.rules import Rule, Send, Then, When
from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.events import abandoned_item, cart_abandoned, order_paid
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.world import World, open_world

pytestmark = pytest.mark.e2e

_REFUSED = Then(status=422)
_REJECTED = ("REJECTED", "NOT_APPLIED", "UNPROCESSABLE")
_DOUBTED = ("INDETERMINATE", "MAYBE_APPLIED", "UNPROCESSABLE")
_ALONE = {
    "kafka__properties": (
        '{"session.timeout.ms": 6000, "heartbeat.interval.ms": 500, "group.instance.id": "alone"}'
    )
}


@pytest.fixture
def world(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world of one partition, whose only member takes its predecessor's place at once."""
    with open_world(kafka, registry, tmp_path, partitions=1) as opened:
        yield opened


def wait_for_a_call(world: World, order: str) -> None:
    """Return once an order's call has arrived."""
    wait_until(lambda: world.rokt.ledger.of_order(order), within=30, what=f"{order} is called")


def test_what_was_in_the_air_at_a_kill_is_doubted_and_what_came_later_is_believed(
    world: World,
) -> None:
    """Before the kill `early` is settled, `air` is called, and `behind` waits for its turn."""
    rules = (
        Rule(when=When(order_id="o-early"), then=_REFUSED),
        Rule(when=When(order_id="o-air", last_attempt=1), then=Then(send=Send.NEVER)),
        Rule(when=When(), then=_REFUSED),
    )
    world.rokt.rules.add(rules)
    for name in ("early", "air", "behind"):
        world.shop.paid(order_paid(f"o-{name}", f"c-{name}"))
    world.shop.flush()
    with world.processor(calls__max_in_flight="1", **_ALONE) as processor:
        wait_for_a_call(world, "o-air")
        oracle.wait_for_outcomes(world, 1)
        processor.program.kill()
    oracle.check_commits(world)
    with world.processor(**_ALONE):
        world.wait_until_drained()
        world.shop.paid(order_paid("o-late", "c-late"))
        world.shop.flush()
        world.wait_until_drained()
    assert len(world.rokt.ledger.of_order("o-early")) == 1
    assert len(world.rokt.ledger.of_order("o-air")) == 2
    names = ("early", "air", "behind", "late")
    assert {name: oracle.status_of(world, f"event-o-{name}") for name in names} == {
        "early": _REJECTED,
        "air": _DOUBTED,
        "behind": _DOUBTED,  # nobody wrote down that it had not been called
        "late": _REJECTED,
    }
    oracle.check(world, may_repeat=True)


def test_the_same_refusal_is_believed_without_a_crash(world: World) -> None:
    world.rokt.rules.add((Rule(when=When(), then=_REFUSED),))
    for name in ("early", "air", "behind"):
        world.shop.paid(order_paid(f"o-{name}", f"c-{name}"))
    world.shop.flush()
    with world.processor(calls__max_in_flight="1", **_ALONE):
        world.wait_until_drained()
    assert {oracle.status_of(world, f"event-o-{n}") for n in ("early", "air", "behind")} == {
        _REJECTED
    }
    assert oracle.check(world) == {"REJECTED": 3}


def test_an_effect_whose_answer_died_with_its_caller_is_told_after_all(world: World) -> None:
    """Rokt has applied it: the second call says so, and nothing was denied in between."""
    world.rokt.rules.add(
        (Rule(when=When(order_id="o-1", last_attempt=1), then=Then(answer_latency=3)),)
    )
    world.shop.paid(order_paid("o-1", "c-1"))
    world.shop.flush()
    with world.processor(**_ALONE) as processor:
        wait_until(
            lambda: any(each.is_applied for each in world.rokt.ledger.of_order("o-1")),
            within=30,
            what="the effect takes place",
        )
        processor.program.kill()
    with world.processor(**_ALONE):
        world.wait_until_drained()
    first, second = world.rokt.ledger.of_order("o-1")
    assert first.is_disconnected
    assert first.body == second.body
    assert oracle.check(world, may_repeat=True) == {"SUCCEEDED": 1}


def test_a_release_in_the_air_at_a_kill_is_not_sent_again_once_its_item_is_paid(
    world: World,
) -> None:
    world.rokt.rules.add(
        (Rule(when=When(cart_id="c-1"), then=Then(send=Send.NEVER, apply=False), times=1),)
    )
    world.shop.abandoned(cart_abandoned("gone", "c-1", abandoned_item("c-1-1")))
    world.shop.flush()
    with world.processor(**_ALONE) as processor:
        wait_until(lambda: world.rokt.ledger.of_cart("c-1"), within=30, what="it is released")
        processor.program.kill()
    world.shop.paid(order_paid("o-1", "c-1"))
    world.shop.flush()
    with world.processor(**_ALONE):
        world.wait_until_drained()
    assert world.rokt.ledger.releases["c-1"].arrivals == 1
    assert oracle.status_of(world, "gone")[:2] == ("INDETERMINATE", "MAYBE_APPLIED")
    assert oracle.check(world, may_repeat=True) == {"INDETERMINATE": 1, "SUCCEEDED": 1}


def test_after_a_stop_under_load_refusals_are_believed(world: World) -> None:
    """Of forty orders some were called, some were not; the next process knows which."""
    world.rokt.rules.add((Rule(when=When(), then=Then(status=422, latency=0.3)),))
    for number in range(40):
        world.shop.paid(order_paid(f"o-{number}", f"c-{number}"))
    world.shop.flush()
    with world.processor(calls__max_in_flight="8", **_ALONE) as processor:
        wait_for_a_call(world, "o-10")
        assert processor.program.stop(20) == 0
    made = len(world.rokt.ledger.entries)
    assert 8 <= made < 40
    assert len(oracle.outcomes(world)) == made
    with world.processor(**_ALONE):
        world.wait_until_drained()
    assert oracle.check(world) == {"REJECTED": 40}
