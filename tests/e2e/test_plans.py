"""Plans of replays and redrives on a real Kafka: what would happen, before anything does."""

import io
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import fastavro
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewTopic

from processor.fake_rokt.rules import Rule, Then, When
from tests.support.brokers import RealKafka
from tests.support.command_line import run
from tests.support.events import (
    abandoned_item,
    cart_abandoned,
    order_paid,
    paid_item,
    schema_text,
)
from tests.support.registries import RealRegistry
from tests.support.world import World, open_world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

_DAY = 86_400_000
RULES = (
    Rule(when=When(order_id="o-refused"), then=Then(status=422)),
    Rule(when=When(order_id="o-unclear"), then=Then(status=200, body="{}")),
)


@pytest.fixture
def world(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world whose Rokt refuses an order, and answers another as it should not."""
    with open_world(kafka, registry, tmp_path, rules=RULES) as opened:
        yield opened


def now_ms() -> int:
    return int(time.time() * 1000)


def paid(order: str, cart: str, *items: Mapping[str, Any], **changes: object) -> dict[str, Any]:
    return order_paid(order, cart, *items, **({"occurredAt": now_ms()} | changes))


def abandoned(
    event: str, cart: str, *items: Mapping[str, Any], **changes: object
) -> dict[str, Any]:
    return cart_abandoned(event, cart, *items, **({"occurredAt": now_ms()} | changes))


def test_history_before_the_group_is_planned_by_what_would_come_of_it(world: World) -> None:
    shop = world.shop
    history = [paid(f"o-{n}", f"c-{n}") for n in range(6)]
    for event in history:
        shop.paid(event)
    shop.paid(history[1])
    shop.paid(paid("o-old", "c-old", occurredAt=now_ms() - 40 * _DAY))
    shop.paid(paid("o-bad", "c-bad", roktSessionId=None))
    shop.raw(world.topics.order_paid, "c-garbage", b"garbage")
    shop.raw(world.topics.order_paid, "c-tomb", None)
    shop.abandoned(abandoned("a-0", "c-0"))
    shop.abandoned(abandoned("a-paid", "c-1", abandoned_item("c-1-1")))
    shop.abandoned(abandoned("a-stale", "c-old", abandoned_item("c-old-1")))
    shop.abandoned(
        abandoned("a-late", "c-2", abandoned_item("x", reservationExpiresAt=now_ms() - 1000))
    )
    shop.flush()
    with world.processor(kafka__start="latest") as processor:
        processor.wait_until_ready()
        shop.paid(history[4])
        shop.paid(paid("o-5", "c-5", paid_item("other")))
        shop.paid(paid("o-refused", "c-refused"))
        shop.flush()
        world.wait_until_drained()
        shown = run(world, "replay", "--from", "1h", "--json")
    assert shown.code == 3, shown.err
    assert shown.counts == {
        "confirm": 5,
        "release": 1,
        "repeat": 2,
        "settled": 3,
        "conflict": 1,
        "nothing-left": 2,
        "stale": 1,
        "undecodable": 2,
        "invalid": 1,
    }
    assert (shown.report["copies"], shown.report["calls"], shown.report["seconds"]) == (8, 6, 0.4)
    (stale,) = shown.report["samples"]["stale"]
    assert (stale["orderId"], stale["operation"]) == ("o-old", "CONFIRM")


def test_a_redrive_is_planned_by_filters_and_ends_in_quarantine(world: World) -> None:
    shop = world.shop
    for name in ("fine", "refused", "unclear"):
        shop.paid(paid(f"o-{name}", f"c-{name}"))
    shop.raw(world.topics.order_paid, "c-garbage", b"garbage")
    shop.flush()
    with world.processor(retries__give_up_after="2") as processor:
        processor.wait_until_ready()
        world.wait_until_drained()
        everything = run(world, "redrive", "--json")
        assert everything.counts == {"confirm": 1, "doubtful": 1, "undecodable": 1}, everything.err
        allowed = run(world, "redrive", "--include-maybe-applied", "--json")
        assert allowed.counts == {"confirm": 2, "undecodable": 1}
        for filters, counts in (
            (("--reason", "unprocessable"), {"confirm": 1}),
            (("--effect", "MAYBE_APPLIED"), {"doubtful": 1}),
            (("--http-status", "422"), {"confirm": 1}),
            (("--operation", "unknown"), {"undecodable": 1}),
            (("--order", "o-unclear"), {"doubtful": 1}),
            (("--cart", "c-garbage"), {"undecodable": 1}),
            (("--to", "1h"), {}),
        ):
            assert run(world, "redrive", "--json", *filters).counts == counts, filters
        assert run(world, "redrive", "--order", "o-unclear").code == 0
        for time_ in range(3):
            done = run(world, "redrive", "--order", "o-refused", "--execute", "--rate", "100")
            assert done.code == 0, (time_, done)
        shown = run(world, "redrive", "--order", "o-refused")
    assert shown.code == 0
    assert "Quarantined: order o-refused" in shown.out
    assert "brought back 3 times" in shown.out
