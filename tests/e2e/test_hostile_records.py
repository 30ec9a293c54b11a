"""Whatever a producer writes: it ends as a dead letter with its bytes, and the others go on."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from processor.shell.framing import prefix
from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.codec import schema_of
from tests.support.events import cart_abandoned, order_paid, paid_item
from tests.support.registries import RealRegistry
from tests.support.world import World, open_world

pytestmark = pytest.mark.e2e

CANARY_KEY = "canary-key-4711"
CANARY_MAIL = "canary@example.com"


@pytest.fixture
def world(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world of two partitions."""
    with open_world(kafka, registry, tmp_path, partitions=2) as opened:
        yield opened


def test_rubbish_becomes_dead_letters_with_bytes_key_and_headers_intact(world: World) -> None:
    paid, topic = order_paid("o-1", "c-1"), world.topics.order_paid
    good = world.shop.value(topic, paid)
    other = world.shop.value(world.topics.cart_abandoned, cart_abandoned("e", "c-1"))
    rubbish = {
        b"empty": b"",
        b"magic": b"\x07" + good[1:],
        b"short": good[:-3],
        b"long": good + b"\0",
        b"other": other,
        b"large": good + b"x" * 500_000,
        b"\xff\xfe": b"the key is no text",
        None: b"no key at all",
        b"tombstone": None,
    }
    for key, value in rubbish.items():
        world.shop.raw(topic, key, value, headers=[("a", b"\x00\xff"), ("a", None), ("b", b"")])
    world.shop.paid(paid)
    world.shop.flush()
    with world.processor():
        world.wait_until_drained()
    letters = {each.value["originalKey"]: each.value for each in oracle.dead_letters(world)}
    assert {key: letter["originalValue"] for key, letter in letters.items()} == rubbish
    assert {letter["reason"] for letter in letters.values()} == {"UNDECODABLE"}
    assert letters[b"short"]["originalHeaders"] == [
        {"key": "a", "value": b"\x00\xff"},
        {"key": "a", "value": None},
        {"key": "b", "value": b""},
    ]
    assert oracle.check(world) == {"REJECTED": len(rubbish), "SUCCEEDED": 1}


def test_schemas_that_mean_harm_are_refused_with_their_records(world: World) -> None:
    nulls = {"type": "array", "items": "null"}
    tree = {"type": "record", "name": "Tree", "fields": [{"name": "f", "type": ["null", "Tree"]}]}
    with SchemaRegistryClient({"url": world.registry.url}) as client:
        for number, harm in enumerate((nulls, tree)):
            schema = schema_of("OrderPaid")
            schema["fields"].append({"name": "extra", "type": harm})
            # Where none of ours is there to be compared with; what a record names is an id.
            id_ = client.register_schema(f"{world.group}-{number}", Schema(json.dumps(schema)))
            value = prefix(id_) + b"\xfe\xff\xff\xff\xff\x0f" * 1000
            world.shop.raw(world.topics.order_paid, f"c-{number}", value)
    world.shop.paid(order_paid("o-1", "c-1"))
    world.shop.flush()
    with world.processor():
        world.wait_until_drained()
    letters = [each.value for each in oracle.dead_letters(world)]
    assert sorted((each["reason"], each["message"]) for each in letters) == [
        ("SCHEMA_REFUSED", "The schema has an array of empty values."),
        ("SCHEMA_REFUSED", "The schema is recursive: Tree contains itself."),
    ]
    assert oracle.check(world) == {"REJECTED": 2, "SUCCEEDED": 1}


def test_a_dead_letter_too_large_for_its_topic_sheds_and_says_what(
    world: World, kafka: RealKafka
) -> None:
    small = kafka.create_topics({"dead": 2}, config={"max.message.bytes": "20000"})["dead"]
    world.shop.raw(world.topics.order_paid, "c-1", random.Random(1).randbytes(100_000))
    world.shop.paid(order_paid("o-2", "c-2"))
    world.shop.flush()
    with world.processor(topics__dead_letters=small):
        world.wait_until_drained()
    (letter,) = oracle.written(world, small, "DeadLetter")
    assert letter.value["originalValue"] is None
    assert "originalValue" in letter.value["omitted"]
    assert len(letter.value["originalValueSha256"]) == 64


def test_key_and_mail_appear_in_no_log_metric_status_or_header(world: World) -> None:
    world.rokt.api_key = None  # refuses everybody: the key takes every way to go wrong
    world.shop.paid(order_paid("o-1", "c-1", attributes={"email": CANARY_MAIL}))
    world.shop.paid(order_paid("o-2", "c-2", paid_item(quantity=0), attributes={"m": CANARY_MAIL}))
    world.shop.flush()
    with world.processor(rokt__api_key=CANARY_KEY) as processor:
        processor.wait_until_ready()
        oracle.wait_for_outcomes(world, 1)
        seen = f"{processor.metrics()} {processor.status()}"
        assert processor.program.stop(20) == 0
    headers = [each.headers for each in (*oracle.outcomes(world), *oracle.dead_letters(world))]
    everything = f"{seen} {headers} {world.logs()}"
    assert CANARY_KEY not in everything
    assert CANARY_MAIL not in everything
    assert "hold began" in everything
