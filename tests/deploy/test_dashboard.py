"""Each query of the dashboard finds something in a real Prometheus that has seen real trouble."""

import json
import math
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from processor.fake_rokt.rules import Lie, Rule, Then, When
from tests.support import dashboard
from tests.support.brokers import RealKafka
from tests.support.events import abandoned_item, cart_abandoned, order_paid, paid_item
from tests.support.panels import Panel, chosen
from tests.support.programs import wait_until
from tests.support.prometheus import JOB, Prometheus, open_prometheus
from tests.support.registries import RealRegistry
from tests.support.world import Processor, World, open_world

pytestmark = [pytest.mark.alerts, pytest.mark.timeout(300)]

PANELS = [panel for row in dashboard.ROWS for panel in row.panels]
PACED = Then(status=429, headers={"Retry-After": "3"})
REFUSED = Then(status=422)
OUTAGE = (Rule(when=When(), then=Then(status=503, latency=1.5)),)
RULES = (
    Rule(when=When(order_id="refused"), then=REFUSED),
    Rule(when=When(order_id="doubtful"), then=Then(lies=(Lie.WRONG_RESERVATION_ID,))),
    Rule(when=When(order_id="partly"), then=Then(reject=("item-sold-out",))),
    Rule(when=When(order_id="mended", last_attempt=1), then=REFUSED),
)
# What the day does not bring: these show that all is well.
QUIET = {
    "Parked partitions",
    "Producers of both inputs",
    "Kafka and the registry",
    "Outcomes to read back",
    "Records that kill",
}


@pytest.fixture(scope="module")
def world(
    kafka: RealKafka, registry: RealRegistry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A world whose Rokt refuses two orders, one of them once."""
    folder = tmp_path_factory.mktemp("world")
    with open_world(kafka, registry, folder, partitions=2, rules=RULES) as opened:
        yield opened


@pytest.fixture(scope="module")
def prometheus(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has seen a day of two processors, made short."""
    with world.processor() as first, world.processor() as second:
        first.wait_until_ready()
        second.wait_until_ready()
        addresses = [each.url.removeprefix("http://") for each in (first, second)]
        with open_prometheus(addresses, tmp_path_factory.mktemp("prometheus")) as opened:
            work(world)
            assert second.program.stop(within=20) == 0
            live_through_an_outage(world, first)
            replay(world, first)
            yield opened


def work(world: World) -> None:
    """Work well, meet whatever needs a person, and be told to wait."""
    pay(world, *(order(f"well-{number}") for number in range(40)))
    pay(world, *map(order, ("refused", "mended", "doubtful")))
    pay(world, order("partly", "cart-partly", "kept", "sold-out"))
    for number in range(10):
        given_up = cart_abandoned(f"given-up-{number}", f"cart-{number}", abandoned_item(number))
        world.shop.abandoned(given_up)
    world.wait_until_drained()
    pay(world, order("well-0", "cart-well-0", "another"))  # a conflict
    pay(world, order("given-up", "cart-0", "0"))  # its item is released already
    paced = [f"paced-{number}" for number in range(8)]
    rules = (Rule(when=When(order_id=each, last_attempt=1), then=PACED) for each in paced)
    world.rokt.rules.add(tuple(rules))
    pay(world, *map(order, paced))
    world.wait_until_drained()


def live_through_an_outage(world: World, processor: Processor) -> None:
    """Hold orders, one of which was paid two hours ago, until they are late; then confirm them."""
    world.rokt.rules.clear()
    world.rokt.rules.add(OUTAGE)
    late = order("late")
    value = world.shop.value(world.topics.order_paid, late)
    world.shop.producer.produce(
        world.topics.order_paid, value, late["cartId"], timestamp=now() - 7_200_000
    )
    pay(world, *(order(f"held-{number}") for number in range(10)))
    wait_for_a_hold(processor, "confirm")
    expiry = 'processor_first_reservation_expiry_timestamp_seconds{operation="CONFIRM"}'
    wait_until(lambda: expiry in processor.metrics(), within=90, what="orders are late")
    time.sleep(3)
    world.rokt.rules.clear()
    world.rokt.rules.add(RULES)
    world.wait_until_drained(120)


def replay(world: World, processor: Processor) -> None:
    """Copy settled orders and some that failed, of which one will again; with an outage."""
    world.rokt.rules.clear()
    world.rokt.rules.add(OUTAGE)
    copied = ["refused", "mended", *(f"well-{number}" for number in range(1, 20))]
    copied += [f"never-called-{number}" for number in range(4)]
    for number, name in enumerate(copied):
        origin = ("a-file", 0, number)
        world.shop.copied(world.topics.order_paid, order(name), origin, "by-hand")
    world.shop.flush()
    wait_for_a_hold(processor, "replay")
    world.rokt.rules.clear()
    world.rokt.rules.add(RULES[:1])
    wait_until(lambda: world.lane_lag() == 0, within=90, what="the lane is worked off")
    time.sleep(3)


def wait_for_a_hold(processor: Processor, scope: str) -> None:
    """Return once Prometheus has seen a hold, and the lag behind it."""
    held = f'processor_hold{{scope="{scope}"}}'
    wait_until(lambda: processor.metrics()[held] == 1, within=60, what=f"{scope}s are held")
    time.sleep(8)


def order(name: str, cart: str | None = None, *items: str) -> dict[str, Any]:
    """Return an order whose reservations end in four minutes."""
    ends = now() + 240_000
    reserved = [paid_item(each, reservationExpiresAt=ends) for each in items or (name,)]
    return order_paid(name, cart or f"cart-{name}", *reserved)


def pay(world: World, *orders: Mapping[str, Any]) -> None:
    """Produce orders, in their order."""
    for each in orders:
        world.shop.paid(each)
    world.shop.flush()


def now() -> int:
    """Return the time in milliseconds since the epoch."""
    return int(time.time() * 1000)


def asked(world: World, expression: str) -> str:
    """Return an expression as Grafana would ask, of everybody, with short intervals."""
    return dashboard.asked(
        expression,
        {
            "__rate_interval": "5s",
            "__interval": "5s",
            "__range": "30s",
            "replay_topic": world.topics.replay,
        },
    )


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_a_panel_shows_something_and_no_two_series_by_one_name(
    world: World, prometheus: Prometheus, panel: Panel
) -> None:
    names: list[str] = []
    for query in panel.queries:
        found = prometheus.found(asked(world, chosen(query.expression)))
        values = {value for each in found.values() for value in each if math.isfinite(value)}
        assert values, query.expression
        assert (values == {0.0}) is (panel.title in QUIET), (query.expression, values)
        names += [named(query.legend, dict(labels)) for labels in found]
    assert sorted(set(names)) == sorted(names)


def named(legend: str, labels: Mapping[str, str]) -> str:
    """Return the name by which Grafana shows a series."""
    return re.sub(r"{{(\w+)}}", lambda name: labels[name[1]], legend)


def test_the_variables_offer_what_there_is(prometheus: Prometheus) -> None:
    written: dict[str, Any] = json.loads(dashboard.text())
    offered: dict[str, int] = {}
    for each in written["templating"]["list"]:
        if each["type"] == "query":
            series = each["query"].removeprefix("label_values(").rpartition(",")[0]
            label = each["name"]
            found = prometheus.found(f"group by ({label}) ({dashboard.asked(series)})")
            offered[label] = sum(label in dict(labels) for labels in found)
    assert offered == {"namespace": 0, "job": 1, "instance": 2}


def test_one_member_can_be_chosen_and_one_group(prometheus: Prometheus) -> None:
    expression = chosen("count(processor_build_info)")
    members = [dict(each)["instance"] for each in prometheus.found("processor_build_info")]
    assert seen(prometheus, dashboard.asked(expression, {"job": JOB})) == {1, 2}
    assert seen(prometheus, dashboard.asked(expression, {"instance": members[0]})) == {1}
    assert seen(prometheus, dashboard.asked(expression, {"job": "another"})) == set()


def test_alerts_are_marked_in_the_graphs(prometheus: Prometheus) -> None:
    (marks,) = json.loads(dashboard.text())["annotations"]["list"]
    assert marks["target"]["expr"] == marks["expr"]
    found = prometheus.found(dashboard.asked(marks["expr"]))
    assert {"DeadLetters", "ReservationExpiring"} <= {dict(each)["alertname"] for each in found}


def seen(prometheus: Prometheus, expression: str) -> set[float]:
    """Return all values that an expression has had."""
    return {value for values in prometheus.found(expression).values() for value in values}
