"""What stays away while the processor runs: it waits, says so, and loses nothing."""

import time
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest
from confluent_kafka import Producer

from processor.fake_rokt.rules import Rule, Send, Then, When
from tests.support import oracle
from tests.support.brokers import KafkaProcess, RealKafka
from tests.support.events import abandoned_item, cart_abandoned, order_paid
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.world import World, open_world

pytestmark = pytest.mark.e2e


@pytest.fixture
def world(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world of two partitions."""
    with open_world(kafka, registry, tmp_path, partitions=2) as opened:
        yield opened


def test_a_registry_that_goes_away_delays_events_of_schemas_not_seen_yet(
    kafka: RealKafka, own_registry: RealRegistry, tmp_path: Path
) -> None:
    with open_world(kafka, own_registry, tmp_path, partitions=2) as world:
        with world.processor() as processor:
            processor.wait_until_ready()
            own_registry.kill()
            world.shop.paid(order_paid("o-1", "c-1"))
            world.shop.flush()
            wait_until(
                lambda: any("schema_registry" in each for each in processor.status()["away"]),
                within=20,
                what="/status says that the registry is away",
            )
            assert not world.rokt.ledger.entries
            own_registry.start()
            world.wait_until_drained()
        assert oracle.check(world) == {"SUCCEEDED": 1}


def test_an_unknown_schema_id_waits_and_holds_back_the_releases_of_its_cart(world: World) -> None:
    paid = world.shop.value(world.topics.order_paid, order_paid("o-1", "c-1"))
    unknown = b"\0\x7f\xff\xff\x00" + paid[5:]
    with world.processor() as processor:
        processor.wait_until_ready()
        world.shop.raw(world.topics.order_paid, "c-1", unknown)
        world.shop.flush()
        world.shop.abandoned(cart_abandoned("gone", "c-1", abandoned_item("c-1-1")))
        world.shop.paid(order_paid("o-2", "c-2"))
        world.shop.abandoned(cart_abandoned("other", "c-2"))
        world.shop.flush()
        wait_until(lambda: len(world.rokt.ledger.of_cart("c-2")) == 2, within=20, what="c-2 ends")
        assert not world.rokt.ledger.of_cart("c-1")
        assert processor.status()["unfinished"][world.topics.order_paid] >= 1
    assert world.lag() > 0


@pytest.mark.timeout(180)
def test_a_broker_that_dies_and_comes_back_costs_nothing(
    own_kafka: KafkaProcess, registry: RealRegistry, tmp_path: Path
) -> None:
    rules = (Rule(when=When(), then=Then(latency=0.05)),)
    with open_world(own_kafka, registry, tmp_path, partitions=2, rules=rules) as world:
        for number in range(600):
            world.shop.paid(order_paid(f"o-{number}", f"c-{number}"))
        world.shop.flush()
        with world.processor(calls__max_in_flight="16", kafka__lease="2") as processor:
            wait_until(lambda: len(world.rokt.ledger.orders) > 50, within=30, what="calls begin")
            own_kafka.kill()
            wait_until(
                lambda: any("kafka" in each for each in processor.status()["away"]),
                within=30,
                what="/status says that Kafka is away",
            )
            made = len(world.rokt.ledger.entries)
            assert made < 600
            own_kafka.start()
            world.wait_until_drained(90)
            assert processor.program.is_running
        oracle.check(world, may_repeat=True)


def test_rokt_that_is_unreachable_dead_letters_nothing(world: World) -> None:
    world.shop.paid(order_paid("o-1", "c-1"))
    world.shop.flush()
    with world.processor(rokt__base_url="http://127.0.0.1:9") as processor:
        wait_until(
            lambda: "hold began" in processor.program.log_text(),
            within=20,
            what="it says so",
        )
    assert not oracle.outcomes(world)
    with world.processor():
        world.wait_until_drained()
    assert oracle.check(world) == {"SUCCEEDED": 1}


def test_a_release_waits_for_a_payment_that_lies_in_the_log(world: World) -> None:
    """The payments' topic lags: the release is read long before the payment of its item."""
    world.rokt.rules.add((Rule(when=When(), then=Then(latency=0.2)),))
    for number in range(60):
        world.shop.paid(order_paid(f"o-{number}", f"c-{number}"))
    world.shop.paid(order_paid("o-last", "c-last"))
    world.shop.flush()
    world.shop.abandoned(cart_abandoned("gone", "c-last", abandoned_item("c-last-1")))
    world.shop.flush()
    with world.processor(calls__max_in_flight="2", calls__max_unfinished="2"):
        world.wait_until_drained()
    assert oracle.status_of(world, "gone") == ("SKIPPED", "NOT_SENT", None)
    assert oracle.check(world)["SUCCEEDED"] == 61


def test_a_poison_order_is_dead_lettered_and_the_others_go_on(world: World) -> None:
    world.rokt.rules.add(
        (Rule(when=When(order_id="o-1"), then=Then(send=Send.RESET, apply=False)),)
    )
    for number in range(1, 30):
        world.shop.paid(order_paid(f"o-{number}", f"c-{number}"))
    world.shop.flush()
    with world.processor() as processor:
        wait_until(lambda: len(world.rokt.ledger.of_order("o-1")) > 1, within=20, what="retries")
        world.shop.paid(order_paid("o-late", "c-late"))
        world.shop.flush()
        world.wait_until_drained()
        assert processor.program.is_running
    assert oracle.status_of(world, "event-o-1") == (
        "INDETERMINATE",
        "MAYBE_APPLIED",
        "RETRIES_EXHAUSTED",
    )
    assert oracle.check(world)["SUCCEEDED"] == 29


def test_producers_that_place_carts_differently_stop_the_releases(world: World) -> None:
    for number in range(40):
        world.shop.paid(order_paid(f"o-{number}", f"c-{number}"))
    world.shop.flush()
    with world.processor() as processor:
        world.wait_until_drained()
        other = Producer({"bootstrap.servers": world.kafka.bootstrap_servers})
        topic = world.topics.cart_abandoned
        for number in range(40):
            event = cart_abandoned(f"gone-{number}", f"c-{number}", abandoned_item("x"))
            other.produce(
                topic,
                world.shop.value(topic, event),
                f"c-{number}",
                crc32(f"c-{number}".encode()) % 2,
            )
        assert other.flush(20) == 0
        world.wait_until_drained()
        wait_until(
            lambda: processor.status()["releases_stopped_because"],
            within=10,
            what="/status says why",
        )
        assert processor.metrics()["processor_partitioners_disagree"] == 1
    assert oracle.check(world)["SKIPPED"] > 20


def test_a_stop_while_kafka_is_away_takes_seconds_and_says_so(
    own_kafka: KafkaProcess, registry: RealRegistry, tmp_path: Path
) -> None:
    with open_world(own_kafka, registry, tmp_path, partitions=2) as world:
        world.shop.paid(order_paid("o-1", "c-1"))
        world.shop.flush()
        with world.processor() as processor:
            world.wait_until_drained()
            own_kafka.kill()
            began = time.monotonic()
            assert processor.program.stop(20) == 1
            assert time.monotonic() - began < 12
            assert "Stopped without handing over" in processor.program.log_text()
            assert "Traceback" not in processor.program.log_text()


def test_an_outcome_that_cannot_be_read_ends_the_start_rather_than_be_forgotten(
    world: World,
) -> None:
    world.shop.paid(order_paid("o-1", "c-1"))
    world.shop.flush()
    with world.processor():
        world.wait_until_drained()
    (outcome,) = oracle.read_topic(world, world.topics.results)
    value = outcome.value()
    assert value is not None
    producer = Producer({"bootstrap.servers": world.kafka.bootstrap_servers})
    producer.produce(world.topics.results, value[:-40], b"c-1", outcome.partition() or 0)
    assert producer.flush(20) == 0
    with world.processor() as processor:
        assert processor.program.wait(30) == 1
        assert "cannot be read" in processor.program.log_text()
    assert world.rokt.ledger.orders["o-1"].arrivals == 1


def test_one_slow_cart_delays_no_other_of_its_partition(
    kafka: RealKafka, registry: RealRegistry, tmp_path: Path
) -> None:
    rules = (Rule(when=When(cart_id="slow"), then=Then(latency=2.0)),)
    with open_world(kafka, registry, tmp_path, partitions=1, rules=rules) as world:
        world.shop.paid(order_paid("slow", "slow"))
        for number in range(100):
            world.shop.paid(order_paid(f"o-{number}", f"c-{number}"))
        world.shop.flush()
        with world.processor(calls__max_in_flight="4"):
            world.wait_until_drained()
        ended = sorted(world.rokt.ledger.entries, key=lambda entry: entry.ended_at or 0.0)
        assert (len(ended), ended[-1].order_id) == (101, "slow")
        assert oracle.check(world) == {"SUCCEEDED": 101}
