"""The Python of schemas/README.md, run as it stands against the real parts."""

import os
import re
import sys
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import pytest

from processor.cli.schemas import register_all
from processor.core.partitioners import murmur2
from processor.shell.registry import Registry
from processor.shell.settings import Topics
from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.programs import Program, wait_until
from tests.support.registries import RealRegistry
from tests.support.world import World, open_world

pytestmark = pytest.mark.e2e

README: Final = Path(__file__).parents[2].joinpath("schemas", "README.md").read_text("utf-8")
PRODUCER, CONSUMER, DECODER = re.findall(r"^```python\n(.*?)```$", README, re.MULTILINE | re.DOTALL)
CART: Final = "1580265846172"


def placed(example: str, world: World) -> str:
    """Return an example with this world's addresses and topics in it."""
    for shown, real in (
        ("http://localhost:8081", world.registry.url),
        ("localhost:9092", world.kafka.bootstrap_servers),
        ('"order-paid"', f'"{world.topics.order_paid}"'),
        ('"rokt-results"', f'"{world.topics.results}"'),
    ):
        example = example.replace(shown, real)
    return example


def program(example: str, log: Path) -> Program:
    return Program([sys.executable, "-u", "-c", example], log=log)


def test_the_producer_and_the_consumer_shown_work(
    kafka: RealKafka, registry: RealRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_world(kafka, registry, tmp_path, partitions=3) as world:
        topics = world.topics
        names = Topics(
            order_paid=topics.order_paid,
            cart_abandoned=topics.cart_abandoned,
            results=topics.results,
            dead_letters=topics.dead_letters,
        )
        ours = Registry(registry.url)
        assert {line.level for line in register_all(ours, names)} == {"ok"}
        ours.close()
        with program(placed(PRODUCER, world), tmp_path / "producer.log") as producer:
            assert producer.wait(30) == 0, producer.log_text()
        with (
            world.processor(),
            program(placed(CONSUMER, world), tmp_path / "consumer.log") as consumer,
        ):
            wait_until(
                lambda: "\n" in consumer.log_text(),
                within=40,
                what=f"the outcome is read (log: {world.logs()[-3000:]})",
            )
            assert consumer.log_text() == "1580265885747 SUCCEEDED None\n"
        (message,) = oracle.read_topic(world, topics.results)
    assert murmur2(CART.encode()) % world.partitions == message.partition()
    assert crc32(CART.encode()) % world.partitions != message.partition()
    assert dict(message.headers() or ())["processor.status"] == b"SUCCEEDED"
    # `processor` is found by its name, as in the example.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    shown: dict[str, Any] = {}
    exec(DECODER, shown)  # noqa: S102  (our own README)
    assert shown["decode"](message.value())["cartId"] == CART
