"""Records that are gone before they were received: their partition is parked, the others go on."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import NewTopic

from processor.fake_rokt.rules import Rule, Then, When
from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.events import order_paid
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.world import Processor, World, open_world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

PROTOCOLS = ("classic", pytest.param("consumer", marks=pytest.mark.faults))


@pytest.fixture
def world(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world of two partitions, whose group has begun."""
    with open_world(kafka, registry, tmp_path, partitions=2) as opened:
        yield opened


def begin(world: World) -> None:
    """Give the group its first offsets, at the beginning of both inputs."""
    with world.processor() as processor:
        processor.wait_until_ready()
        assert processor.program.stop() == 0


def pay(world: World, number: int, *orders: str) -> None:
    """Let a shop pay orders in one partition number."""
    topic = world.topics.order_paid
    producer = Producer({"bootstrap.servers": world.kafka.bootstrap_servers, "acks": "all"})
    for order in orders:
        value = world.shop.value(topic, order_paid(order, f"c-{order}"))
        producer.produce(topic, value, f"c-{order}", number)
    assert producer.flush(30) == 0


def delete_below(world: World, number: int, offset: int) -> None:
    """Delete the payments of a partition below an offset, as retention does."""
    admin = world.kafka.admin()
    place = TopicPartition(world.topics.order_paid, number, offset)
    assert admin.delete_records([place])[place].result(20).low_watermark == offset


def accept(world: World, number: int) -> str:
    """Run the command that accepts the gap, and return what it prints."""
    command = [sys.executable, "-m", "processor", "topics", "accept-gap", "--yes"]
    chosen = ["--topic", world.topics.order_paid, "--partition", str(number)]
    done = subprocess.run(
        [*command, *chosen],
        env=world.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def wait_until_parked(processor: Processor) -> None:
    processor.wait_until_ready()
    wait_until(
        lambda: processor.status()["parked"],
        within=30,
        what=f"/status says that it is parked ({processor.program.log_text()[-2000:]})",
    )


def outcomes_of(world: World, number: int) -> list[str]:
    return [each.value["orderId"] for each in oracle.outcomes(world) if each.partition == number]


def test_records_deleted_before_a_start_park_their_partition_until_that_is_accepted(
    world: World,
) -> None:
    begin(world)
    pay(world, 0, *(f"gone-{n}" for n in range(5)), *(f"kept-{n}" for n in range(5)))
    pay(world, 1, *(f"other-{n}" for n in range(10)))
    delete_below(world, 0, 5)
    with world.processor() as processor:
        wait_until_parked(processor)
        oracle.wait_for_outcomes(world, 10)
        assert processor.answers("/readyz") == 200
        parked = f'processor_parked{{partition="0",topic="{world.topics.order_paid}"}}'
        assert processor.metrics()[parked] == 1
        assert processor.program.log_text().count("partition parked") == 1
        assert "5 offsets, from 0 to 4" in processor.program.log_text()
        assert not outcomes_of(world, 0)
        assert processor.program.stop() == 0
    with world.processor() as processor:
        wait_until_parked(processor)
        assert "5 offsets, from 0 to 4" in accept(world, 0)
        world.wait_until_drained()
        assert not processor.status()["parked"]
    assert sorted(outcomes_of(world, 0)) == [f"kept-{n}" for n in range(5)]
    assert oracle.check(world) == {"SUCCEEDED": 15}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_records_deleted_while_running_park_their_partition_and_what_was_received_is_worked(
    world: World, protocol: str
) -> None:
    world.rokt.rules.add((Rule(when=When(), then=Then(latency=0.5)),))
    pay(world, 0, *(f"first-{n}" for n in range(5)))
    settings = {"kafka__group_protocol": protocol}
    if protocol == "consumer":
        settings["kafka__properties"] = "{}"
    with world.processor(
        calls__max_unfinished="2", calls__max_in_flight="1", **settings
    ) as running:
        wait_until(lambda: world.rokt.ledger.orders, within=30, what="the first call")
        # Backpressure has stopped the fetching, so these are not received before they are deleted.
        pay(world, 0, *(f"second-{n}" for n in range(5, 20)))
        delete_below(world, 0, 15)
        wait_until_parked(running)
        pay(world, 1, "other")
        wait_until(lambda: outcomes_of(world, 1) == ["other"], within=20, what="the other one")
        assert sorted(outcomes_of(world, 0)) == [f"first-{n}" for n in range(5)]
        assert "10 offsets, from 5 to 14" in accept(world, 0)
        world.wait_until_drained()
        assert sorted(outcomes_of(world, 0)[5:]) == [f"second-{n}" for n in range(15, 20)]
        assert running.program.stop() == 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_topic_created_anew_while_running_is_worked_from_its_beginning_once_accepted(
    world: World, protocol: str
) -> None:
    """Its records lie at the very offsets that were worked, and beyond."""
    settings = {"kafka__group_protocol": protocol}
    if protocol == "consumer":
        settings["kafka__properties"] = "{}"
    pay(world, 0, *(f"old-{n}" for n in range(5)))
    with world.processor(**settings) as processor:
        world.wait_until_drained()
        admin, topic = world.kafka.admin(), world.topics.order_paid
        admin.delete_topics([topic])[topic].result(20)

        def is_created() -> bool:
            return admin.create_topics([NewTopic(topic, 2, 1)])[topic].exception(20) is None

        wait_until(is_created, within=20, what="the topic is created anew")
        pay(world, 0, *(f"new-{n}" for n in range(12)))
        wait_until_parked(processor)
        assert not any(order.startswith("new") for order in world.rokt.ledger.orders)
        for number in range(2):
            assert "created anew" in accept(world, number)
        wait_until(
            lambda: sum(order.startswith("new") for order in world.rokt.ledger.orders) == 12,
            within=30,
            what=f"all are confirmed ({processor.program.log_text()[-3000:]})",
        )
        world.wait_until_drained()
        assert processor.program.stop() == 0
