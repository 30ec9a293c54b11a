"""The stage: a real Kafka and registry, a fake Rokt in its own process, and orders to work on."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.brokers import RealKafka
from tests.support.events import Shop, Topics, order_paid
from tests.support.ladder import real_kafka
from tests.support.programs import Program, wait_until
from tests.support.registries import RealRegistry

PARTITIONS = 8
IN_FLIGHT = 256
LATENCY = 0.05

_BATCH = 50_000
_NUMBER = "1234567"


def order_id(digits: str) -> str:
    """Return the id of an order by its number of seven digits, as long as ids usually are."""
    return f"7f3c2a51-90de-4b1c-a2f0-00005{digits}"


def cart_id(digits: str) -> str:
    """Return the id of the cart of that order."""
    return f"2b8e4d17-3c6a-4f9b-b5d1-00008{digits}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where everything is. `folder` takes the logs."""

    kafka: RealKafka
    registry_url: str
    rokt_url: str
    topics: Topics
    folder: Path

    def produce(self, orders: int) -> int:
        """Produce orders of one item, each with a cart of its own; return the size of one."""
        topic = self.topics.order_paid
        shop = Shop(self.kafka.bootstrap_servers, self.registry_url, self.topics)
        value = shop.value(topic, order_paid(order_id(_NUMBER), cart_id(_NUMBER)))
        for number in range(orders):
            # All numbers have the same width, so that the lengths in the value stay right.
            digits = f"{number:07}"
            shop.raw(topic, cart_id(digits), value.replace(_NUMBER.encode(), digits.encode()))
            if number % _BATCH == 0:
                shop.flush()
        shop.flush()
        return len(value)

    def processor(self, name: str, command: list[str] | None = None) -> Program:
        """Return the processor as a program of its own, in a group of its own."""
        settings = {
            "KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "KAFKA__GROUP_ID": name,
            "KAFKA__START": "earliest",
            "SCHEMA_REGISTRY__URL": self.registry_url,
            "SCHEMA_REGISTRY__AUTO_REGISTER": "true",
            "ROKT__BASE_URL": self.rokt_url,
            "ROKT__API_KEY": "skeletonkey",
            "ROKT__TAG_ID": "tag",
            "CALLS__MAX_IN_FLIGHT": str(IN_FLIGHT),
            "SERVER__PORT": "0",
        }
        own = {f"PROCESSOR_{setting}": value for setting, value in settings.items()}
        return Program(
            command or [sys.executable, "-m", "processor", "run"],
            log=self.folder / f"{name}.log",
            env={**_surroundings(), **self.topics.environment, **own},
        )

    def yardstick(self, orders: int, results: str) -> Program:
        """Return the yardstick as a program of its own."""
        arguments = {
            "bootstrap-servers": self.kafka.bootstrap_servers,
            "registry-url": self.registry_url,
            "rokt-url": self.rokt_url,
            "orders-topic": self.topics.order_paid,
            "results-topic": results,
            "in-flight": IN_FLIGHT,
            "orders": orders,
        }
        command = [sys.executable, "-m", "tests.benchmarks.yardstick"]
        command += [f"--{name}={value}" for name, value in arguments.items()]
        return Program(command, log=self.folder / "yardstick.log", env=_surroundings())


def _surroundings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PROCESSOR_")}


@contextmanager
def stage() -> Iterator[Stage]:
    """Set everything up, and take it down again."""
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary)
        for part in ("kafka", "registry"):
            (folder / part).mkdir()
        with (
            real_kafka(folder / "kafka") as kafka,
            RealRegistry(folder / "registry") as registry,
            _fake_rokt(folder) as rokt_url,
        ):
            yield Stage(
                kafka=kafka,
                registry_url=registry.url,
                rokt_url=rokt_url,
                topics=_topics(kafka),
                folder=folder,
            )


@contextmanager
def _fake_rokt(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "processor", "fake-rokt", "--fast", "--json"]
    log = folder / "fake-rokt.log"
    with Program([*command, "--latency", str(LATENCY)], log=log, env=_surroundings()) as program:
        wait_until(
            lambda: not program.is_running or program.log_text().endswith("\n"),
            within=30,
            what="the fake Rokt listens",
        )
        yield json.loads(program.log_text())["base_url"]


def _topics(kafka: RealKafka) -> Topics:
    names = ("order-paid", "cart-abandoned", "results", "dead-letters")
    created = kafka.create_topics(dict.fromkeys(names, PARTITIONS))
    return Topics(*(created[name] for name in names))
