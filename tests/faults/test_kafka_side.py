"""Outputs that Kafka does not take, and a ledger that cannot be read: it waits, and says so."""

import random
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)
from pydantic import JsonValue

from processor.fake_rokt.rules import Rule, Then, When
from tests.support import oracle
from tests.support.brokers import KafkaProcess, RealKafka
from tests.support.events import order_paid
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.world import Processor, World, open_world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

_LONGEST = 900


@pytest.fixture
def world(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world of two partitions."""
    with open_world(kafka, registry, tmp_path, partitions=2) as opened:
        yield opened


def pay(world: World, name: str, count: int) -> None:
    for number in range(count):
        world.shop.paid(order_paid(f"{name}-{number}", f"c-{name}-{number}"))
    world.shop.flush()


def delete(world: World, topic: str) -> None:
    admin = world.kafka.admin()
    admin.delete_topics([topic])[topic].result(20)


def create(world: World, topic: str) -> None:
    admin = world.kafka.admin()

    def is_created() -> bool:
        return admin.create_topics([NewTopic(topic, 2, 1)])[topic].exception(20) is None

    wait_until(is_created, within=20, what=f"{topic} is created")


def limit(world: World, topic: str, size: int) -> None:
    """Let a topic take records of at most so many bytes."""
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = world.kafka.admin()
    admin.incremental_alter_configs([resource])[resource].result(20)


def wait_until_said(processor: Processor, words: str, within: float = 40.0) -> None:
    """Return once /status says what does not answer."""
    wait_until(
        lambda: any(words in each for each in processor.status()["away"]),
        within=within,
        what=f"/status says {words!r} ({processor.program.log_text()[-1500:]})",
    )
    wait_until(
        lambda: processor.metrics()['processor_away{dependency="kafka"}'] == 1,
        within=10,
        what="the metric says so too",
    )


@pytest.mark.parametrize(
    "output", ["results", pytest.param("dead_letters", marks=pytest.mark.faults)]
)
def test_an_output_topic_that_is_deleted_is_waited_for_and_nothing_is_committed_past(
    world: World, output: str
) -> None:
    refuse = Rule(when=When(cart_id="c-late-0"), then=Then(status=422))
    world.rokt.rules.add((refuse,))
    topic: str = getattr(world.topics, output)
    pay(world, "early", 4)
    with world.processor() as processor:
        world.wait_until_drained()
        delete(world, topic)
        pay(world, "late", 3)
        wait_until_said(processor, f"{topic} has not answered")
        assert world.lag() >= 1
        assert processor.program.is_running
        create(world, topic)
        world.wait_until_drained()
        wait_until(lambda: not processor.status()["away"], within=20, what="all is well again")
        if output == "results":
            assert "output topic replaced" in processor.program.log_text()
        assert processor.program.stop() == 0
    assert all(tally.arrivals == 1 for tally in world.rokt.ledger.orders.values())
    late = {
        each.value["orderId"]: each.value["status"]
        for each in oracle.outcomes(world)
        if each.value["orderId"].startswith("late")
    }
    assert late == {"late-0": "REJECTED", "late-1": "SUCCEEDED", "late-2": "SUCCEEDED"}
    assert [each.value["orderId"] for each in oracle.dead_letters(world)] == ["late-0"]


def test_outputs_that_their_topics_find_too_large_are_cut_and_say_so(
    world: World, seeded: random.Random
) -> None:
    told: dict[str, JsonValue] = {
        "code": "BAD",
        "message": "".join(seeded.choices(string.ascii_letters, k=3_000)),
    }
    refuse = Rule(when=When(), then=Then(status=422, body={"description": "d", "errors": [told]}))
    world.rokt.rules.add((refuse,))
    for topic in (world.topics.results, world.topics.dead_letters):
        limit(world, topic, _LONGEST)
    pay(world, "large", 2)
    with world.processor() as processor:
        world.wait_until_drained()
        assert processor.program.stop() == 0
    outcomes = [each.value for each in oracle.outcomes(world)]
    assert [(each["status"], "errors" in each["omitted"]) for each in outcomes] == [
        ("REJECTED", True)
    ] * 2
    letters = [each.value for each in oracle.dead_letters(world)]
    assert len(letters) == 2
    assert all("responseBody" in each["omitted"] for each in letters)
    assert all(len(each["items"]) == 1 for each in outcomes)


@pytest.mark.faults
def test_partitions_added_while_running_end_it_with_one_clear_line(world: World) -> None:
    pay(world, "early", 4)
    with world.processor() as processor:
        world.wait_until_drained()
        admin, topic = world.kafka.admin(), world.topics.order_paid
        admin.create_partitions([NewPartitions(topic, 3)])[topic].result(20)
        assert processor.program.wait(90) == 1
        said = processor.program.log_text()
        # Whichever is sooner: the watch, or the group that assigns the new partition.
        by_watch = f"{topic} has 3 partitions now, and had 2 at the start"
        by_group = f"no offset for {topic} [2]. If partitions were added, carts have moved"
        assert by_watch in said or by_group in said
        assert "Traceback" not in said
    assert oracle.check(world) == {"SUCCEEDED": 4}


@pytest.mark.faults
def test_a_restore_that_comes_to_a_standstill_is_said_and_goes_on(
    own_kafka: KafkaProcess, registry: RealRegistry, tmp_path: Path
) -> None:
    """The broker stops in the middle of a long restore: connections stay, and nothing answers."""
    with open_world(own_kafka, registry, tmp_path, partitions=2) as world:
        pay(world, "early", 1)
        with world.processor() as processor:
            processor.wait_until_ready()
            world.wait_until_drained()
            assert processor.program.stop() == 0
        lengthen(world, 150_000)
        with world.processor() as processor:
            wait_until(
                lambda: processor.answers("/status") and processor.status()["restore_remaining"],
                within=30,
                what="the restore is under way",
            )
            own_kafka.pause()
            wait_until_said(processor, "results topic")
            assert processor.status()["restore_remaining"] > 0
            assert processor.answers("/readyz") == 503
            own_kafka.resume()
            processor.wait_until_ready(60)
            pay(world, "late", 3)
            world.wait_until_drained()
            wait_until(lambda: not processor.status()["away"], within=20, what="all is well again")
        assert all(tally.arrivals == 1 for tally in world.rokt.ledger.orders.values())


def lengthen(world: World, count: int) -> None:
    """Write the one outcome that there is so many times more."""
    (outcome,) = oracle.read_topic(world, world.topics.results)
    producer = Producer({"bootstrap.servers": world.kafka.bootstrap_servers, "linger.ms": 50})
    for number in range(count):
        while True:
            try:
                producer.produce(
                    world.topics.results, outcome.value(), outcome.key(), outcome.partition() or 0
                )
            except BufferError:
                producer.poll(0.1)
            else:
                break
        if number % 1_000 == 0:
            producer.poll(0)
    assert producer.flush(60) == 0
