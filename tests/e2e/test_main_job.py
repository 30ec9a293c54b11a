"""The main job on a real Kafka and a real registry, the processor as a process of its own."""

import random
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event

import pytest

from processor.fake_rokt.contract import Operation
from processor.fake_rokt.rules import Rule, Send, Then, When
from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.events import abandoned_item, cart_abandoned, order_paid, paid_item
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.world import Processor, World, open_world

pytestmark = pytest.mark.e2e


@pytest.fixture
def world(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world of four partitions, to be played with by one test."""
    with open_world(kafka, registry, tmp_path) as opened:
        yield opened


SEED_RULES = (
    Rule(when=When(order_id="o-422"), then=Then(status=422)),
    Rule(when=When(order_id="o-400"), then=Then(status=400)),
    Rule(when=When(order_id="o-refused"), then=Then(reject="all")),
    Rule(when=When(order_id="o-partly"), then=Then(reject=("item-partly-1",))),
    Rule(when=When(order_id="o-again", last_attempt=1), then=Then(status=503)),
    Rule(when=When(order_id="o-dropped", last_attempt=1), then=Then(send=Send.RESET)),
    Rule(when=When(order_id="o-doubt", last_attempt=1), then=Then(send=Send.CLOSE, apply=False)),
    Rule(when=When(order_id="o-doubt"), then=Then(status=422)),
    Rule(
        when=When(order_id="o-paced", last_attempt=1),
        then=Then(status=429, headers={"Retry-After": "1"}),
    ),
)

SEED_OUTCOMES = {
    "event-o-plain": ("SUCCEEDED", "APPLIED", None),
    "event-o-empty": ("SUCCEEDED", "APPLIED", None),
    "event-o-422": ("REJECTED", "NOT_APPLIED", "UNPROCESSABLE"),
    "event-o-400": ("REJECTED", "NOT_APPLIED", "BAD_REQUEST"),
    "event-o-refused": ("REJECTED", "NOT_APPLIED", "ITEMS_REJECTED"),
    "event-o-partly": ("PARTIALLY_SUCCEEDED", "PARTIALLY_APPLIED", "ITEMS_REJECTED"),
    "event-o-again": ("SUCCEEDED", "APPLIED", None),
    "event-o-dropped": ("SUCCEEDED", "APPLIED", None),
    "event-o-doubt": ("INDETERMINATE", "MAYBE_APPLIED", "UNPROCESSABLE"),
    "event-o-paced": ("SUCCEEDED", "APPLIED", None),
    "twice": ("DUPLICATE", "NOT_SENT", None),
    "changed": ("CONFLICT", "NOT_SENT", "CONFLICTING_DUPLICATE"),
    "overlapping": ("CONFLICT", "NOT_SENT", "CONFLICTING_DUPLICATE"),
    "event-o-invalid": ("REJECTED", "NOT_SENT", "INVALID_EVENT"),
    "after-payment": ("SKIPPED", "NOT_SENT", None),
    "release": ("SUCCEEDED", "APPLIED", None),
    "of-nothing": ("SKIPPED", "NOT_SENT", None),
}


def produce_seed(world: World) -> None:
    """Produce one event of each kind."""
    shop = world.shop
    for name in ("plain", "422", "400", "refused", "again", "dropped", "doubt", "paced"):
        shop.paid(order_paid(f"o-{name}", f"c-{name}"))
    shop.paid(order_paid("o-empty", "c-empty", items=[], roktSessionId=None))
    items = (paid_item("partly-1"), paid_item("partly-2"))
    shop.paid(order_paid("o-partly", "c-partly", *items))
    shop.paid(order_paid("o-plain", "c-plain", eventId="twice"))
    shop.paid(order_paid("o-plain", "c-plain", paid_item("other"), eventId="changed"))
    shop.paid(order_paid("o-other", "c-plain", eventId="overlapping"))
    shop.paid(order_paid("o-invalid", "c-invalid", paid_item(quantity=0)))
    shop.abandoned(cart_abandoned("after-payment", "c-plain", abandoned_item("c-plain-1")))
    shop.abandoned(cart_abandoned("release", "c-release"))
    shop.abandoned(cart_abandoned("of-nothing", "c-nothing", items=[]))
    shop.raw(world.topics.order_paid, "c-garbage", b"garbage", headers=[("trace", b"\x00\xff")])
    shop.raw(world.topics.cart_abandoned, "c-tombstone", None)
    shop.flush()


def test_every_kind_of_event_ends_as_promised(world: World) -> None:
    world.rokt.rules.add(SEED_RULES)
    produce_seed(world)
    with world.processor() as processor:
        world.wait_until_drained()
        processor.program.signal(signal.SIGTERM)
        assert processor.program.wait(20) == 0
    assert {event: oracle.status_of(world, event) for event in SEED_OUTCOMES} == SEED_OUTCOMES
    undecodable = [o.value for o in oracle.outcomes(world) if o.value["reason"] == "UNDECODABLE"]
    assert sorted(o["cartId"] for o in undecodable) == ["c-garbage", "c-tombstone"]
    oracle.check(world, may_repeat=True)


def produce_mixture(world: World, events: int, seed: int) -> None:
    """Produce a mixture: plain orders, duplicates, conflicts, abandoned and paid carts, rubbish."""
    rng, shop = random.Random(seed), world.shop
    for number in range(events):
        cart, order = f"cart-{seed}-{rng.randrange(events // 2)}", f"order-{seed}-{number}"
        kind = rng.random()
        if kind < 0.55:
            shop.paid(order_paid(order, cart, paid_item(f"{cart}-{order}")))
        elif kind < 0.65:
            event = order_paid(order, cart, paid_item(f"{cart}-{order}"))
            shop.paid(event)
            shop.paid(event | {"eventId": f"again-{order}"})
        elif kind < 0.70:
            shop.paid(order_paid(order, cart, paid_item(f"{cart}-{order}")))
            shop.paid(order_paid(order, cart, paid_item("x"), eventId=f"changed-{order}"))
        elif kind < 0.90:
            shop.abandoned(cart_abandoned(f"gone-{order}", cart, abandoned_item(f"{cart}-{order}")))
        elif kind < 0.97:
            item = f"{cart}-{order}"
            shop.paid(order_paid(order, cart, paid_item(item)))
            shop.abandoned(cart_abandoned(f"paid-{order}", cart, abandoned_item(item)))
        else:
            shop.raw(world.topics.order_paid, cart, rng.randbytes(rng.randrange(40)))
    shop.flush()


def seen_through(processor: Processor) -> float:
    """Return how many outcomes a processor has written."""
    series = processor.metrics() if processor.answers("/livez") else {}
    name = "processor_outcomes_total{"
    return sum(value for text, value in series.items() if text.startswith(name))


def wait_until_it_works(processor: Processor) -> None:
    """Return once a processor has written fifty outcomes more than now."""
    before = seen_through(processor)
    wait_until(lambda: seen_through(processor) > before + 50, within=60, what="fifty outcomes more")


MIXTURE_RULES = (
    Rule(when=When(probability=0.02), then=Then(status=503)),
    Rule(when=When(probability=0.02), then=Then(send=Send.RESET)),
    Rule(when=When(probability=0.02, operation=Operation.CONFIRM), then=Then(status=422)),
    Rule(when=When(probability=0.02), then=Then(reject="all")),
    Rule(when=When(), then=Then(latency=(0.005, 0.05))),
)


@contextmanager
def feeding(world: World, at_least: int) -> Iterator[None]:
    """Produce a steady mixture until left, and go on to that many events."""
    is_over = Event()

    def feed() -> None:
        for batch in count(1):
            produce_mixture(world, 75, seed=batch)
            if is_over.wait(0.25) and batch * 75 >= at_least:
                return

    with ThreadPoolExecutor(1) as pool:
        fed = pool.submit(feed)
        try:
            yield
        finally:
            is_over.set()
            fed.result(120)


def repeat_orders(world: World, most: int) -> None:
    """Produce the newest orders again that were called, whoever did that."""
    for order_id in tuple(world.rokt.ledger.orders)[-most:]:
        cart = world.rokt.ledger.of_order(order_id)[0].cart_id or ""
        item = paid_item(f"{cart}-{order_id}")
        world.shop.paid(order_paid(order_id, cart, item, eventId=f"once-more-{order_id}"))
    world.shop.flush()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_members_that_join_leave_and_die_lose_nothing_and_settle_nothing_twice(
    kafka: RealKafka, registry: RealRegistry, tmp_path: Path, protocol: str
) -> None:
    settings = {"kafka__group_protocol": protocol}
    if protocol == "consumer":  # the session timeout is the broker's there
        settings |= {"kafka__properties": "{}", "kafka__lease": "3"}
    with open_world(kafka, registry, tmp_path, partitions=8, rules=MIXTURE_RULES) as world:
        with world.processor(**settings) as first, world.processor(**settings) as second:
            with feeding(world, at_least=5_000 if protocol == "classic" else 2_000):
                wait_until_it_works(second)
                with world.processor(**settings) as third:
                    wait_until_it_works(third)
                    assert third.program.stop(30) == 0
                wait_until_it_works(second)
                second.program.kill()
                repeat_orders(world, 400)
            world.wait_until_drained(150)
            assert first.program.stop(30) == 0
        counts = oracle.check(world, may_repeat=True)
    assert counts.keys() >= {"SUCCEEDED", "DUPLICATE", "CONFLICT", "SKIPPED", "REJECTED"}


def test_a_lone_processor_makes_one_call_an_order(world: World) -> None:
    produce_mixture(world, 500, seed=2)
    with world.processor() as processor:
        world.wait_until_drained()
        series = processor.metrics()
    counts = oracle.check(world)
    made = sum(tally.arrivals for tally in world.rokt.ledger.orders.values())
    assert made == len(world.rokt.ledger.orders)
    assert counts == {
        status: sum(
            v
            for name, v in series.items()
            if name.startswith("processor_outcomes_total{") and f'status="{status}"' in name
        )
        for status in counts
    }


def test_an_order_settled_before_a_restart_is_not_called_again(world: World) -> None:
    event = order_paid("o-1", "c-1")
    world.shop.paid(event)
    world.shop.flush()
    with world.processor() as processor:
        world.wait_until_drained()
        processor.program.kill()
    world.shop.paid(event | {"eventId": "again"})
    world.shop.abandoned(cart_abandoned("late", "c-1", abandoned_item("c-1-1")))
    world.shop.flush()
    with world.processor():
        world.wait_until_drained()
    assert world.rokt.ledger.orders["o-1"].arrivals == 1
    # Its effect may be MAYBE_APPLIED: so soon after a crash it could have been called.
    assert oracle.status_of(world, "again")[0] == "DUPLICATE"
    assert oracle.status_of(world, "late") == ("SKIPPED", "NOT_SENT", None)


def test_an_order_killed_in_flight_is_sent_again_with_the_same_bytes_and_a_refusal_is_doubted(
    world: World,
) -> None:
    world.rokt.rules.add(
        (
            Rule(when=When(order_id="o-1", last_attempt=1), then=Then(send=Send.NEVER)),
            Rule(when=When(order_id="o-1"), then=Then(status=422)),
        )
    )
    world.shop.paid(order_paid("o-1", "c-1"))
    world.shop.flush()
    with world.processor() as processor:
        wait_until(lambda: world.rokt.ledger.of_order("o-1"), within=30, what="the call arrives")
        processor.program.kill()
    with world.processor():
        world.wait_until_drained()
    assert len(world.rokt.ledger.orders["o-1"].bodies) == 1
    assert oracle.status_of(world, "event-o-1") == (
        "INDETERMINATE",
        "MAYBE_APPLIED",
        "UNPROCESSABLE",
    )


def test_after_a_clean_stop_a_refusal_is_believed(world: World) -> None:
    world.rokt.rules.add((Rule(when=When(order_id="o-2"), then=Then(status=422)),))
    world.shop.paid(order_paid("o-1", "c-1"))
    world.shop.flush()
    with world.processor() as processor:
        world.wait_until_drained()
        assert processor.program.stop(20) == 0
    world.shop.paid(order_paid("o-2", "c-1", paid_item("2")))
    world.shop.flush()
    with world.processor():
        world.wait_until_drained()
    assert oracle.status_of(world, "event-o-2") == ("REJECTED", "NOT_APPLIED", "UNPROCESSABLE")


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_member_without_partitions_is_ready(
    kafka: RealKafka, registry: RealRegistry, tmp_path: Path, protocol: str
) -> None:
    settings = {"kafka__group_protocol": protocol}
    if protocol == "consumer":
        settings |= {"kafka__properties": "{}", "kafka__lease": "3"}
    with (
        open_world(kafka, registry, tmp_path, partitions=1) as world,
        world.processor(**settings) as first,
        world.processor(**settings) as second,
    ):
        first.wait_until_ready()
        second.wait_until_ready(15)
        owned = [each.status()["assignment"] for each in (first, second)]
        wait_until(
            lambda: sorted(len(each.status()["assignment"]) for each in (first, second)) == [0, 3],
            within=20,
            what=f"one has all, the other nothing: {owned}",
        )
        assert first.answers("/readyz") == second.answers("/readyz") == 200
