"""The stage: a real Kafka and registry; for each case topics of its own and an API."""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.benchmarks.api import Api, serving
from tests.benchmarks.case import Case
from tests.benchmarks.orders import Orders
from tests.support.brokers import RealKafka
from tests.support.events import Topics
from tests.support.ladder import real_kafka
from tests.support.programs import Program
from tests.support.registries import RealRegistry

ROOT = Path(__file__).parents[2]

_TOPICS = ("order-paid", "cart-abandoned", "results", "dead-letters", "replay")
# Both logs tell when they took a record, so the times of an event and its outcome compare.
_BY_THE_BROKER: Mapping[str, str] = {"message.timestamp.type": "LogAppendTime"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where everything is. `folder` takes the logs."""

    kafka: RealKafka
    admin: AdminClient
    registry_url: str
    folder: Path

    @contextmanager
    def scene(self, case: Case) -> Iterator["Scene"]:
        """Set up what a case needs; its topics are deleted afterwards."""
        created = self.kafka.create_topics(
            dict.fromkeys(_TOPICS, case.partitions), config=_BY_THE_BROKER
        )
        topics = Topics(*(created[name] for name in _TOPICS))
        orders = Orders(self.kafka.bootstrap_servers, self.registry_url, topics, case.items)
        try:
            with serving(case.latency, self.folder, surroundings()) as api:
                yield Scene(stage=self, case=case, topics=topics, api=api, orders=orders)
        finally:
            for deleted in self.admin.delete_topics(list(created.values())).values():
                deleted.result(30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What one case runs on."""

    stage: Stage
    case: Case
    topics: Topics
    api: Api
    orders: Orders
    _names: Iterator[int] = field(default_factory=lambda: iter(range(1_000)))

    @property
    def group(self) -> str:
        """The consumer group of all members: the topics have names of their own."""
        return self.topics.results

    def owners(self) -> int:
        """Return how many members of the group own partitions."""
        with suppress(KafkaException):  # the coordinator may still be loading
            described = self.stage.admin.describe_consumer_groups([self.group])
            members = described[self.group].result(10).members
            return sum(bool(member.assignment.topic_partitions) for member in members)
        return 0

    def processor(
        self, source: Path = ROOT, *, more: Mapping[str, str] = MappingProxyType({})
    ) -> Program:
        """Return a processor as a program of its own, from that checkout, with `more` settings."""
        settings = {
            "KAFKA__BOOTSTRAP_SERVERS": self.stage.kafka.bootstrap_servers,
            "KAFKA__GROUP_ID": self.group,
            "KAFKA__START": "earliest",
            "SCHEMA_REGISTRY__URL": self.stage.registry_url,
            "SCHEMA_REGISTRY__AUTO_REGISTER": "true",
            "ROKT__BASE_URL": self.api.url,
            "ROKT__API_KEY": "skeletonkey",
            "ROKT__TAG_ID": "tag",
            "CALLS__MAX_IN_FLIGHT": str(self.case.in_flight),
            "SERVER__PORT": "0",
            **more,
        }
        own = {f"PROCESSOR_{setting}": value for setting, value in settings.items()}
        environment = {**surroundings(), **self.topics.environment, **own}
        return self._program([sys.executable, "-m", "processor", "run"], source, environment)

    def yardstick(self, module: str) -> Program:
        """Return one of the yardsticks, a module beside this one, as a program of its own."""
        arguments = {
            "bootstrap-servers": self.stage.kafka.bootstrap_servers,
            "registry-url": self.stage.registry_url,
            "rokt-url": self.api.url,
            "orders-topic": self.topics.order_paid,
            "results-topic": self.topics.results,
            "in-flight": self.case.in_flight,
        }
        command = [sys.executable, "-m", f"tests.benchmarks.{module}"]
        command += [f"--{name}={value}" for name, value in arguments.items()]
        return self._program(command, ROOT, surroundings())

    def _program(self, command: list[str], source: Path, env: Mapping[str, str]) -> Program:
        log = self.stage.folder / f"{self.topics.results}-{next(self._names)}.log"
        return Program(command, log=log, env=env, folder=source)


def surroundings() -> dict[str, str]:
    """Return the environment without what would set the processor, and with what the image sets."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROCESSOR_")}
    return kept | {"MALLOC_ARENA_MAX": "2"}


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
        ):
            # It outlives the broker for a moment, and would complain.
            quiet = AdminClient({"bootstrap.servers": kafka.bootstrap_servers, "log_level": 0})
            yield Stage(kafka=kafka, admin=quiet, registry_url=registry.url, folder=folder)
