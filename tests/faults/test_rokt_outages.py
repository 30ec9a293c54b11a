"""Rokt fails for everybody, for one cart, or for a while: what is held, and what is convicted."""

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from processor.fake_rokt.rules import Content, Rule, Send, Then, When
from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.events import abandoned_item, cart_abandoned, order_paid
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.world import Processor, World, open_world

pytestmark = pytest.mark.e2e

POLL_INTERVAL = 6.0
GROUP = (
    '{"session.timeout.ms": 6000, "heartbeat.interval.ms": 500, '
    f'"max.poll.interval.ms": {POLL_INTERVAL * 1000:.0f}}}'
)
EVERYTHING = When()


@pytest.fixture
def world(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world of two partitions."""
    with open_world(kafka, registry, tmp_path, partitions=2) as opened:
        yield opened


def always(when: When = EVERYTHING, **then: Any) -> tuple[Rule, ...]:  # noqa: ANN401  whatever a rule takes
    return (Rule(when=when, then=Then(**then)),)


def hold_of(processor: Processor, scope: str = "confirm") -> dict[str, Any] | None:
    hold: dict[str, Any] | None = processor.status()["holds"].get(scope)
    return hold


def wait_for_hold(processor: Processor, scope: str = "confirm", within: float = 30.0) -> None:
    wait_until(lambda: hold_of(processor, scope), within=within, what=f"a hold of {scope}")


def reading(processor: Processor, name: str) -> float:
    return processor.metrics()[name]


def watch_hold(world: World, processor: Processor, seconds: float) -> None:
    """See for so long that a hold goes on and nothing else happens."""
    lag, before = world.lag(), hold_of(processor)
    wait_until(
        lambda: reading(processor, 'processor_hold{scope="confirm"}') == 1,
        within=10,
        what="the metric says that there is a hold",
    )
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        time.sleep(1)
        assert [processor.answers(path) for path in ("/livez", "/readyz")] == [200, 200]
    after = hold_of(processor)
    assert before is not None
    assert after is not None
    assert (after["since"], world.lag()) == (before["since"], lag)
    assert after["waiting"] > 0
    assert after["next_probe_at"] > after["since"]
    assert not oracle.outcomes(world)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("rules", "seconds"),
    [
        pytest.param(always(status=500, apply=True), 12, id="500 after the effect"),
        pytest.param(always(send=Send.RESET), 15, id="reset", marks=pytest.mark.faults),
        pytest.param(
            always(status=502, content=Content.HTML), 15, id="a proxy", marks=pytest.mark.faults
        ),
        pytest.param(always(status=401), 15, id="401", marks=pytest.mark.faults),
        pytest.param(always(status=500), 180, id="for three minutes", marks=pytest.mark.faults),
    ],
)
def test_an_outage_dead_letters_nothing_and_keeps_the_membership(
    world: World, rules: tuple[Rule, ...], seconds: float
) -> None:
    with world.processor(kafka__properties=GROUP, calls__max_unfinished="20") as processor:
        processor.wait_until_ready()
        world.rokt.rules.add(rules)
        for number in range(100):
            world.shop.paid(order_paid(f"o-{number}", f"c-{number}"))
            world.shop.abandoned(cart_abandoned(f"r-{number}", f"d-{number}"))
        world.shop.flush()
        wait_for_hold(processor)
        watch_hold(world, processor, max(seconds, 2 * POLL_INTERVAL))
        world.rokt.rules.clear()
        world.wait_until_drained(150)
        assert hold_of(processor) is None
        wait_until(
            lambda: reading(processor, 'processor_hold{scope="confirm"}') == 0,
            within=10,
            what="the metric says that the hold is over",
        )
        log = processor.program.log_text()
    assert log.count('"hold began') == log.count('"hold ended') <= 2
    assert "partitions lost" not in log
    assert "partitions handed over" not in log
    assert not oracle.dead_letters(world)
    assert oracle.check(world, may_repeat=True)["SUCCEEDED"] == 200


@pytest.mark.timeout(200)
def test_a_process_that_dies_in_an_outage_dead_letters_nothing_either(world: World) -> None:
    world.rokt.rules.add(always(status=503))
    for number in range(20):
        world.shop.paid(order_paid(f"o-{number}", f"c-{number}"))
    world.shop.flush()
    for _ in range(2):
        with world.processor() as processor:
            processor.wait_until_ready()
            wait_for_hold(processor)
    world.rokt.rules.clear()
    with world.processor():
        world.wait_until_drained()
    assert not oracle.dead_letters(world)
    assert oracle.check(world, may_repeat=True) == {"SUCCEEDED": 20}


@pytest.mark.timeout(200)
def test_a_key_that_is_rotated_ends_the_hold_without_a_restart(
    world: World, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text("the key of yesterday")
    environment = world.environment(rokt__api_key_file=str(file))
    del environment["PROCESSOR_ROKT__API_KEY"]
    with Processor(environment, tmp_path / "processor-key.log") as processor:
        processor.wait_until_ready()
        for number in range(10):
            world.shop.paid(order_paid(f"o-{number}", f"c-{number}"))
        world.shop.flush()
        wait_for_hold(processor)
        time.sleep(8)  # by now the next probe is further away than the end of this test allows
        hold = hold_of(processor)
        assert hold is not None
        assert hold["reason"] == "UNAUTHORIZED"
        assert world.rokt.api_key is not None
        file.write_text(world.rokt.api_key)
        wait_until(lambda: hold_of(processor) is None, within=6, what="the hold is over")
        world.wait_until_drained()
        assert world.rokt.api_key not in processor.program.log_text()
    assert oracle.check(world, may_repeat=True) == {"SUCCEEDED": 10}


def confirmed(world: World, carts: list[str]) -> bool:
    orders = world.rokt.ledger.orders
    return all(
        (tally := orders.get(f"order of {cart}")) is not None and tally.effects for cart in carts
    )


def finish_in(world: World, carts: list[str], *, amid: str | None = None) -> float:
    """Pay for these carts; return how long it took until all were confirmed.

    `amid` is one more cart, paid for in their middle and not waited for.
    """
    paid = list(carts)
    if amid is not None:
        paid.insert(len(paid) // 2, amid)
    began = time.monotonic()
    for cart in paid:
        world.shop.paid(order_paid(f"order of {cart}", cart))
    world.shop.flush()
    wait_until(
        lambda: confirmed(world, carts),
        within=90,
        what="all are confirmed",
    )
    return time.monotonic() - began


@pytest.mark.timeout(300)
@pytest.mark.parametrize("status", [pytest.param(500, marks=pytest.mark.faults), 403])
@pytest.mark.parametrize("patience", ["5", pytest.param("60", marks=pytest.mark.faults)])
def test_one_poison_order_is_dead_lettered_and_the_others_go_on(
    world: World, status: int, patience: str
) -> None:
    poison = When(cart_id="poison")
    world.rokt.rules.add((*always(poison, status=status), *always(EVERYTHING, latency=0.05)))
    settings = {"retries__confirm_min_time": patience, "calls__max_in_flight": "16"}
    with world.processor(**settings) as processor:
        processor.wait_until_ready()
        finish_in(world, ["first"])
        without = finish_in(world, [f"a-{number}" for number in range(1500)])
        began = time.monotonic()
        with_poison = finish_in(world, [f"b-{number}" for number in range(1500)], amid="poison")
        wait_until(lambda: oracle.dead_letters(world), within=100, what="poison is dead-lettered")
        took = time.monotonic() - began
        world.wait_until_drained()
    print(f"throughput of the others beside a poison order: {without / with_poison:.2f}")  # noqa: T201  a figure
    assert without / with_poison >= 0.8
    assert took < 90 + 10  # and the slowness of a busy machine
    (letter,) = oracle.dead_letters(world)
    assert letter.value["orderId"] == "order of poison"
    assert oracle.check(world)["SUCCEEDED"] == 3001


@pytest.mark.timeout(300)
def test_everything_else_finishes_beside_carts_that_fail_for_ever(
    world: World, seeded: Random
) -> None:
    """No livelock: whatever fails for good, in whatever way, the others get through."""
    ways = [
        {"status": 500},
        {"status": 403},
        {"status": 429},
        {"send": Send.RESET},
        {"status": 405},
    ]
    failing = {f"bad-{number}": seeded.choice(ways) for number in range(12)}
    world.rokt.rules.add(
        tuple(
            Rule(when=When(cart_id=cart), then=Then.model_validate(way))
            for cart, way in failing.items()
        )
    )
    good = [f"good-{number}" for number in range(150)]
    mixed = [*good, *failing]
    seeded.shuffle(mixed)
    with world.processor(calls__max_unfinished="20", calls__max_in_flight="8") as processor:
        processor.wait_until_ready()
        for cart in mixed:
            world.shop.paid(order_paid(f"order of {cart}", cart))
        world.shop.flush()
        wait_until(
            lambda: confirmed(world, good),
            within=120,
            what="all good orders are confirmed",
        )
        world.rokt.rules.clear()
        world.wait_until_drained(150)
    assert oracle.check(world, may_repeat=True)["SUCCEEDED"] >= len(good)


@pytest.mark.timeout(120)
def test_without_holds_an_outage_goes_into_the_dead_letters(world: World) -> None:
    paced = When(cart_id="paced")
    world.rokt.rules.add(
        (
            *always(paced, status=429, headers={"Retry-After": "2"}),
            *always(When(cart_id="broken"), status=500),
            *always(EVERYTHING, status=401),
        )
    )
    with world.processor(on_outage="dead-letter") as processor:
        processor.wait_until_ready()
        for cart in ("paced", "broken", "refused-1", "refused-2"):
            world.shop.paid(order_paid(f"order of {cart}", cart))
        world.shop.flush()
        wait_until(lambda: len(oracle.dead_letters(world)) == 3, within=60, what="dead letters")
        assert processor.status()["holds"] == {}
        world.rokt.rules.clear()
        world.wait_until_drained()
    reasons = {each.value["orderId"]: each.value["reason"] for each in oracle.dead_letters(world)}
    assert reasons == {
        "order of broken": "RETRIES_EXHAUSTED",
        "order of refused-1": "UNAUTHORIZED",
        "order of refused-2": "UNAUTHORIZED",
    }
    assert oracle.status_of(world, "event-order of paced")[0] == "SUCCEEDED"


@pytest.mark.timeout(120)
def test_a_pause_that_rokt_asks_for_holds_for_the_whole_client(world: World) -> None:
    world.rokt.rules.add(
        (Rule(when=EVERYTHING, then=Then(status=429, headers={"Retry-After": "5"}), times=1),)
    )
    with world.processor(calls__max_in_flight="1") as processor:
        processor.wait_until_ready()
        for number in range(10):
            world.shop.paid(order_paid(f"o-{number}", f"c-{number}"))
        world.shop.abandoned(cart_abandoned("r", "other", abandoned_item("other-1")))
        world.shop.flush()
        world.wait_until_drained()
    arrivals = sorted(entry.arrived_at for entry in world.rokt.ledger.entries)
    assert arrivals[1] - arrivals[0] >= 5
    assert oracle.check(world)["SUCCEEDED"] == 11
