"""The largest records that the inputs take, on topics that `processor topics create` has made."""

import secrets
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.events import Shop, Topics, order_paid, paid_item
from tests.support.planned import Place
from tests.support.registries import RealRegistry
from tests.support.world import open_world

pytestmark = [pytest.mark.e2e, pytest.mark.faults, pytest.mark.timeout(120)]

LIMIT = 1_048_588  # what the inputs take
BESIDE = 150  # what Kafka writes around a record


def test_the_largest_inputs_lose_nothing_on_their_way(
    kafka: RealKafka, registry: RealRegistry, tmp_path: Path
) -> None:
    place = Place(kafka)
    assert place.run("create", "--partitions", "2", "--yes").code == 0
    with open_world(kafka, registry, tmp_path, partitions=2) as world:
        world.topics = Topics(**place.names)
        world.shop = Shop(kafka.bootstrap_servers, registry.url, world.topics)
        garbage = secrets.token_bytes(LIMIT - BESIDE)
        # Not upper case, so it is no valid event: its outcome and dead letter name all its items.
        items = [paid_item(secrets.token_hex(20), currency="cad") for _ in range(7_000)]
        order = world.shop.value(world.topics.order_paid, order_paid("o", "c", *items))
        assert 0.9 * LIMIT < len(order) < LIMIT - BESIDE
        producer = Producer(
            {"bootstrap.servers": kafka.bootstrap_servers, "message.max.bytes": 2 * LIMIT}
        )
        for value in (garbage, order):
            producer.produce(world.topics.order_paid, value, b"c")
        assert producer.flush(30) == 0
        with world.processor() as processor:
            world.wait_until_drained()
            assert processor.program.stop() == 0
        letters = sorted(oracle.dead_letters(world), key=lambda each: each.offset)
        assert [each.value["originalValue"] for each in letters] == [garbage, order]
        assert [each.value["omitted"] for each in letters] == [[], []]
        outcomes = sorted(oracle.outcomes(world), key=lambda each: each.offset)
        assert [len(each.value["items"]) for each in outcomes] == [0, 7_000]
        assert [each.value["omitted"] for each in outcomes] == [[], []]
