"""A world for end-to-end tests: topics of its own, a shop, a fake Rokt, processors as processes."""

import json
import os
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from confluent_kafka import Consumer, KafkaException, TopicPartition

from processor.fake_rokt.rules import Rule
from processor.fake_rokt.server import FakeRokt
from processor.fake_rokt.settings import SAMPLE_API_KEY, Settings
from tests.support.brokers import RealKafka
from tests.support.events import Shop, Topics
from tests.support.programs import Program, free_port, wait_until
from tests.support.registries import RealRegistry

START_SECONDS = 30.0
_ROOT = Path(__file__).parents[2]


class Processor:
    """One `processor run` as a process of its own; `module` is run in its place, if given."""

    def __init__(
        self, environment: Mapping[str, str], log: Path, *, module: str = "processor"
    ) -> None:
        self.url = f"http://127.0.0.1:{environment['PROCESSOR_SERVER__PORT']}"
        self.was_started = False
        command = [sys.executable, "-m", module, "run"]
        self.program = Program(command, log=log, env=environment, folder=_ROOT)

    def __enter__(self) -> Self:
        self.was_started = True
        self.program.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.program.kill()

    @property
    def is_running(self) -> bool:
        """Whether the process goes on."""
        return self.program.is_running

    def status(self) -> dict[str, Any]:
        """Return what `/status` shows."""
        with urllib.request.urlopen(f"{self.url}/status", timeout=5) as answer:  # noqa: S310
            status: dict[str, Any] = json.load(answer)
            return status

    def metrics(self) -> dict[str, float]:
        """Return every series of `/metrics` by its text."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as answer:  # noqa: S310
            lines = answer.read().decode().splitlines()
        series = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in series}

    def outcomes_to_read(self) -> int:
        """Return how many outcomes it had to read, at most, before it worked."""
        lines = map(json.loads, self.program.log_text().splitlines())
        read = (line for line in lines if line["event"] == "reading the results")
        return max(int(line["outcomes"]) for line in read)

    def answers(self, path: str) -> int:
        """Return the HTTP status of a path, 0 when nothing listens."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=5) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def wait_until_ready(self, within: float = START_SECONDS) -> None:
        """Return once it is ready; fail at once when it has ended."""
        wait_until(
            lambda: not self.program.is_running or self.answers("/readyz") == 200,
            within=within,
            what=f"the processor is ready (its log: {self.program.log_text()[-2000:]})",
        )
        assert self.program.is_running, self.program.log_text()[-3000:]


class World:
    """Everything that one end-to-end test plays with."""

    def __init__(
        self,
        kafka: RealKafka,
        registry: RealRegistry,
        rokt: FakeRokt,
        folder: Path,
        partitions: int,
    ) -> None:
        inputs, outputs = ("order-paid", "cart-abandoned"), ("rokt-results", "rokt-dead-letters")
        created = kafka.create_topics(dict.fromkeys((*inputs, "rokt-replay"), partitions))
        # An outcome settles its order when it lies in the log, not when it was written down.
        created |= kafka.create_topics(
            dict.fromkeys(outputs, partitions), config={"message.timestamp.type": "LogAppendTime"}
        )
        self.topics = Topics(*(created[name] for name in (*inputs, *outputs, "rokt-replay")))
        self.kafka, self.registry, self.rokt = kafka, registry, rokt
        self.partitions = partitions
        self.group = f"group-{uuid4().hex[:8]}"
        self.shop = Shop(kafka.bootstrap_servers, registry.url, self.topics)
        self._folder = folder
        self._started = 0
        self._state: dict[Path, Processor] = {}

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the settings of a processor in this world; `calls__max_in_flight="8"` adds one."""
        mine = {
            "KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "KAFKA__GROUP_ID": self.group,
            "KAFKA__START": "earliest",
            "KAFKA__PROPERTIES": '{"session.timeout.ms": 6000, "heartbeat.interval.ms": 500}',
            "SCHEMA_REGISTRY__URL": self.registry.url,
            "SCHEMA_REGISTRY__AUTO_REGISTER": "true",
            "ROKT__BASE_URL": self.rokt.base_url,
            "ROKT__API_KEY": SAMPLE_API_KEY,
            "ROKT__TAG_ID": "253_439d21r21r21321",
            "SERVER__PORT": str(free_port()),
            "LOG__FORMAT": "json",
            "LOG__LEVEL": "debug",
            "HTTP_CLIENT__CONNECT_TIMEOUT": "1",
            "HTTP_CLIENT__CONFIRM_READ_TIMEOUT": "3",
            "HTTP_CLIENT__RELEASE_READ_TIMEOUT": "3",
            "HTTP_CLIENT__CONFIRM_DEADLINE": "4",
            "HTTP_CLIENT__RELEASE_DEADLINE": "4",
            "RETRIES__CONFIRM_MIN_TIME": "1",
            "KAFKA__DRAIN_DEADLINE": "5",
        } | {name.upper(): value for name, value in settings.items()}
        foreign = {k: v for k, v in os.environ.items() if not k.startswith("PROCESSOR_")}
        own = {f"PROCESSOR_{name}": value for name, value in mine.items()}
        return foreign | self.topics.environment | own

    def processor(self, module: str = "processor", **settings: str) -> Processor:
        """Return a processor that is not started yet; use it as a context manager."""
        return self._keeping(self.environment(**settings), module)

    def crashing(self, variables: Mapping[str, str], **settings: str) -> Processor:
        """Return a processor that dies where the variables of `crash_points` say."""
        environment = {**self.environment(**settings), **variables}
        return self._keeping(environment, "tests.support.crash_points")

    def _keeping(self, environment: Mapping[str, str], module: str) -> Processor:
        """Return a processor whose ledger's copy is that of one which has ended, if there is one.

        Other members have worked since, so it may be of long ago.
        """
        ended = (
            each for each, one in self._state.items() if one.was_started and not one.is_running
        )
        folder = next(ended, self._folder / f"state-{len(self._state)}")
        kept = {"PROCESSOR_STATE_DIR": str(folder), **environment}
        self._state[folder] = processor = Processor(kept, self._new_log(), module=module)
        return processor

    def _new_log(self) -> Path:
        self._started += 1
        return self._folder / f"processor-{self._started}.log"

    def logs(self) -> str:
        """Return what all processors have logged."""
        return "".join(path.read_text() for path in sorted(self._folder.glob("processor-*.log")))

    def committed(self) -> dict[tuple[str, int], int]:
        """Return the committed offset of each partition of the inputs, 0 where there is none."""
        with self._member() as consumer:
            answer = self._committed(consumer, self._inputs())
        return {(each.topic, each.partition): max(0, each.offset) for each in answer}

    def lag(self) -> int:
        """Return how many input records lie above the committed offsets."""
        return self._lag(self._inputs())

    def lane_lag(self) -> int:
        """Return how many copies of the replay lane lie above the committed offsets."""
        return self._lag(self._partitions(self.topics.replay))

    def _lag(self, partitions: list[TopicPartition]) -> int:
        lags: list[int] = []

        def is_told() -> bool:
            with suppress(KafkaException):  # a leader may be about to be elected, or to be known
                lags.append(
                    sum(
                        consumer.get_watermark_offsets(each, timeout=10, cached=False)[1]
                        - max(0, each.offset)
                        for each in self._committed(consumer, partitions)
                    )
                )
            return bool(lags)

        with self._member() as consumer:
            wait_until(is_told, within=30, what="the ends of the partitions are told")
        return lags[0]

    def _committed(
        self, consumer: Consumer, partitions: list[TopicPartition]
    ) -> list[TopicPartition]:
        """Ask until there is an answer: the coordinator may be about to begin, or to move."""
        answers: list[list[TopicPartition]] = []

        def has_answered() -> bool:
            with suppress(KafkaException):
                answers.append(consumer.committed(partitions, timeout=10))
            return bool(answers)

        wait_until(has_answered, within=30, what="the committed offsets are told")
        return answers[0]

    @contextmanager
    def _member(self) -> Iterator[Consumer]:
        """A consumer that asks in the name of the group, and never joins it."""
        consumer = Consumer(
            {"bootstrap.servers": self.kafka.bootstrap_servers, "group.id": self.group}
        )
        try:
            yield consumer
        finally:
            consumer.close()

    def _inputs(self) -> list[TopicPartition]:
        topics = self.topics
        return [*self._partitions(topics.order_paid), *self._partitions(topics.cart_abandoned)]

    def _partitions(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in range(self.partitions)]

    def wait_until_drained(self, within: float = 60.0) -> None:
        """Return once every input record is committed."""
        wait_until(
            lambda: self.lag() == 0,
            within=within,
            what=f"lag is 0 (log: {self.logs()[-3000:]})",
        )


@contextmanager
def open_world(
    kafka: RealKafka,
    registry: RealRegistry,
    folder: Path,
    *,
    partitions: int = 4,
    rules: tuple[Rule, ...] = (),
) -> Iterator[World]:
    """Open a world; whatever was started in it has ended when it closes."""
    with ExitStack() as stack:
        rokt = stack.enter_context(FakeRokt.in_thread(Settings(rules=rules)))
        yield World(kafka, registry, rokt, folder, partitions)
