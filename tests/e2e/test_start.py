"""What `processor run` says when it cannot begin: one message with the remedy, an exit code."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import NewPartitions

from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.events import order_paid
from tests.support.programs import free_port
from tests.support.registries import RealRegistry
from tests.support.world import World, open_world

pytestmark = pytest.mark.e2e

MISSING = "missing-topic"


@pytest.fixture
def world(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world of two partitions."""
    with open_world(kafka, registry, tmp_path, partitions=2) as opened:
        yield opened


def message_and_code(world: World, **settings: str) -> tuple[str, int]:
    """Run a processor until it ends; return what it said last, and its exit code."""
    with world.processor(start_timeout="3", **settings) as processor:
        code = processor.program.wait(30)
        text = processor.program.log_text()
    assert "Traceback" not in text
    lines = [line for line in text.splitlines() if not line.startswith("{")]
    return "\n".join(lines), code


def test_a_missing_topic_is_named(world: World) -> None:
    message, code = message_and_code(world, topics__results=MISSING)
    assert code == 2
    assert f"Missing topics: {MISSING}" in message


def test_unequal_partition_counts_are_refused(world: World) -> None:
    other = world.kafka.create_topics({"wide": 3})["wide"]
    message, code = message_and_code(world, topics__cart_abandoned=other)
    assert code == 2
    assert f"{other} has 3" in message


def test_a_compacted_results_topic_is_refused(world: World) -> None:
    compacted = world.kafka.create_topics({"r": 2}, config={"cleanup.policy": "compact"})["r"]
    message, code = message_and_code(world, topics__results=compacted)
    assert code == 2
    assert "is compacted" in message


def test_a_first_start_without_a_position_says_what_each_would_do(world: World) -> None:
    message, code = message_and_code(world, kafka__start="")
    assert code == 2
    assert "PROCESSOR_KAFKA__START" in message
    assert "`earliest` confirms all orders" in message


def test_schemas_that_nobody_registered_are_named_with_the_command(world: World) -> None:
    message, code = message_and_code(world, schema_registry__auto_register="false")
    assert code == 2
    assert "processor schemas register" in message
    assert f"{world.topics.results}-value" in message


def test_kafka_that_stays_away_ends_the_start(world: World) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    message, code = message_and_code(world, kafka__bootstrap_servers=nobody)
    assert code == 1
    assert "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS" in message
    assert nobody in message


def test_a_registry_that_stays_away_ends_the_start(world: World) -> None:
    message, code = message_and_code(world, schema_registry__url=f"http://127.0.0.1:{free_port()}")
    assert code == 1
    assert "PROCESSOR_SCHEMA_REGISTRY__URL" in message


def test_a_key_file_that_cannot_be_read_is_named(world: World, tmp_path: Path) -> None:
    message, code = message_and_code(
        world, rokt__api_key="", rokt__api_key_file=str(tmp_path / "no-such-file")
    )
    assert code == 2
    assert "PROCESSOR_ROKT__API_KEY_FILE" in message


def test_a_port_that_is_taken_is_named(world: World) -> None:
    message, code = message_and_code(world, server__port=str(world.rokt.port))
    assert code == 2
    assert "PROCESSOR_SERVER__PORT" in message


def test_latest_leaves_history_alone(world: World) -> None:
    world.shop.paid(order_paid("o-old", "c-1"))
    world.shop.flush()
    with world.processor(kafka__start="latest") as processor:
        processor.wait_until_ready()
        world.shop.paid(order_paid("o-new", "c-1", items=[], roktSessionId=None))
        world.shop.flush()
        world.wait_until_drained()
    assert [each.value["orderId"] for each in oracle.outcomes(world)] == ["o-new"]


def test_a_later_difference_in_the_partition_count_is_refused(world: World) -> None:
    with world.processor() as processor:
        processor.wait_until_ready()
        assert processor.program.stop() == 0
    names = dataclasses.asdict(world.topics)
    admin = world.kafka.admin()
    wider = [NewPartitions(topic, 3) for topic in names.values()]
    for grown in admin.create_partitions(wider).values():
        grown.result(10)
    message, code = message_and_code(world)
    assert code == 2
    assert "had 2 partitions" in message
    assert "have 3 now" in message
