"""The real parts themselves: what every other end-to-end test stands on."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from tests.support import brokers, ladder
from tests.support.brokers import KafkaProcess, RealKafka
from tests.support.java_parts import PartsMissingError
from tests.support.ladder import KafkaMissingError, real_kafka
from tests.support.programs import Program, wait_until
from tests.support.registries import RealRegistry

pytestmark = pytest.mark.e2e

PROTOCOLS: Mapping[str, dict[str, str | int]] = {
    "classic": {
        "group.protocol": "classic",
        "partition.assignment.strategy": "range",
        "session.timeout.ms": 6000,
    },
    "consumer": {"group.protocol": "consumer", "group.remote.assignor": "range"},
}


def produce(kafka: RealKafka, topic: str, values: list[bytes]) -> None:
    producer = Producer(
        {"bootstrap.servers": kafka.bootstrap_servers, "enable.idempotence": True, "linger.ms": 0}
    )
    for value in values:
        producer.produce(topic, value, key=b"cart", partition=0)
    assert producer.flush(30) == 0


@contextmanager
def member(kafka: RealKafka, topic: str, group: str, protocol: str) -> Iterator[Consumer]:
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            **PROTOCOLS[protocol],
        }
    )
    consumer.subscribe([topic])
    with closing(consumer):
        yield consumer


def consume(consumer: Consumer, count: int) -> list[bytes | None]:
    values: list[bytes | None] = []

    def has_enough() -> bool:
        for message in consumer.consume(count, 0.1):
            assert message.error() is None
            values.append(message.value())
        return len(values) >= count

    wait_until(has_enough, within=30, what=f"{count} records")
    return values


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_group_goes_on_from_its_committed_offset_and_metadata(
    kafka: RealKafka, protocol: str
) -> None:
    topic = kafka.create_topics({"orders": 1})["orders"]
    group = f"group-{uuid4().hex[:8]}"
    produce(kafka, topic, [b"first", b"second", b"third"])
    with member(kafka, topic, group, protocol) as consumer:
        assert consume(consumer, 3) == [b"first", b"second", b"third"]
        consumer.commit(
            offsets=[TopicPartition(topic, 0, 1, metadata="up to seven")], asynchronous=False
        )
    with member(kafka, topic, group, protocol) as consumer:
        assert consume(consumer, 2) == [b"second", b"third"]
        (committed,) = consumer.committed([TopicPartition(topic, 0)], timeout=10)
    assert (committed.offset, committed.metadata) == (1, "up to seven")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_two_members_share_the_partitions_within_seconds(kafka: RealKafka, protocol: str) -> None:
    topic = kafka.create_topics({"orders": 4})["orders"]
    group = f"group-{uuid4().hex[:8]}"
    with (
        member(kafka, topic, group, protocol) as one,
        member(kafka, topic, group, protocol) as other,
    ):

        def have_two_each() -> bool:
            for consumer in (one, other):
                consumer.poll(0.05)
            return [len(consumer.assignment()) for consumer in (one, other)] == [2, 2]

        wait_until(have_two_each, within=20, what="two partitions for each of two members")


def test_topics_of_the_same_name_do_not_meet(kafka: RealKafka) -> None:
    first, second = (kafka.create_topics({"orders": 1})["orders"] for _ in range(2))
    assert first != second


def test_a_killed_broker_comes_back_with_what_it_had_acknowledged(own_kafka: KafkaProcess) -> None:
    topic = own_kafka.create_topics({"orders": 1})["orders"]
    produce(own_kafka, topic, [b"first"])
    own_kafka.kill()
    own_kafka.start()
    produce(own_kafka, topic, [b"second"])
    with member(own_kafka, topic, "group", "classic") as consumer:
        assert consume(consumer, 2) == [b"first", b"second"]


def test_a_paused_broker_answers_nobody_until_it_is_resumed(own_kafka: KafkaProcess) -> None:
    own_kafka.pause()
    with pytest.raises(TimeoutError, match="Kafka answers"):
        own_kafka.wait_until_it_answers(within=1)
    own_kafka.resume()
    own_kafka.wait_until_it_answers()


@pytest.mark.parametrize(
    ("given", "parts", "remedy"),
    [
        ("127.0.0.1:1", None, "start it, or unset the variable"),
        (None, PartsMissingError("nothing cached"), "set KAFKA_BOOTSTRAP_SERVERS"),
    ],
)
def test_a_kafka_that_cannot_be_had_fails_with_the_remedy(
    given: str | None,
    parts: Exception | None,
    remedy: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def no_parts() -> Path:
        raise parts or AssertionError

    monkeypatch.setattr(brokers, "kafka_jars", no_parts)
    monkeypatch.setattr(ladder, "_ANSWER_SECONDS", 0.1)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    if given:
        monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", given)
    with pytest.raises(KafkaMissingError, match=remedy), real_kafka(tmp_path):
        pass


def avro(*fields: str, default: bool) -> Schema:
    declared = [
        {"name": field, "type": "string"} | ({"default": ""} if default else {}) for field in fields
    ]
    return Schema(json.dumps({"type": "record", "name": "Order", "fields": declared}), "AVRO")


def test_the_registry_keeps_schemas_and_refuses_an_incompatible_one(registry: RealRegistry) -> None:
    subject = f"orders-{uuid4().hex[:8]}-value"
    with SchemaRegistryClient({"url": registry.url}) as client:
        first = client.register_schema(subject, avro("id", default=False))
        second = client.register_schema(subject, avro("id", "note", default=True))
        assert json.loads(client.get_schema(first).schema_str or "")["name"] == "Order"
        assert first != second
        with pytest.raises(SchemaRegistryError) as refused:
            client.register_schema(subject, avro("id", "reason", default=False))
    assert refused.value.http_status_code == 409


def test_the_registry_answers_404_for_an_id_it_does_not_know(registry: RealRegistry) -> None:
    with (
        SchemaRegistryClient({"url": registry.url}) as client,
        pytest.raises(SchemaRegistryError) as unknown,
    ):
        client.get_schema(999_999)
    assert unknown.value.http_status_code == 404


def test_a_killed_registry_comes_back_with_its_schemas(own_registry: RealRegistry) -> None:
    schema = avro("id", default=False)
    with SchemaRegistryClient({"url": own_registry.url}) as client:
        known = client.register_schema("orders-value", schema)
    own_registry.kill()
    own_registry.start()
    with SchemaRegistryClient({"url": own_registry.url}) as client:
        assert client.get_latest_version("orders-value").schema_id == known
        assert client.get_compatibility() == "BACKWARD"


STARTS_A_SLEEPER = """
import signal
import sys
from pathlib import Path
from tests.support.programs import Program
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
sleeper = Program(["sleep", "600"], log=Path(sys.argv[1]))
sleeper.start()
print(sleeper.pid, flush=True)
input()
"""


def ends_by_sigkill(runner: subprocess.Popen[str]) -> None:
    runner.kill()
    runner.wait(10)


def ends_by_interrupt(runner: subprocess.Popen[str]) -> None:
    os.killpg(runner.pid, signal.SIGINT)
    runner.wait(10)


@pytest.mark.parametrize("end", [ends_by_sigkill, ends_by_interrupt])
def test_no_program_outlives_the_test_run_however_it_ends(
    end: Callable[[subprocess.Popen[str]], None], tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_A_SLEEPER, tmp_path / "log"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as runner:
        assert runner.stdout is not None
        sleeper = int(runner.stdout.readline())
        assert exists(sleeper)
        end(runner)
    wait_until(lambda: not exists(sleeper), within=10, what="the sleeper's end")


def exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_program_tells_how_it_ended_and_can_be_started_again(tmp_path: Path) -> None:
    program = Program([sys.executable, "-c", "print('here'); exit(3)"], log=tmp_path / "log")
    for _ in range(2):
        program.start()
        assert program.wait() == 3
    assert program.log_text() == "here\nhere\n"


ENDS_IN_ORDER = """
import signal
signal.signal(signal.SIGTERM, lambda *_: exit(7))
print("ready", flush=True)
while True:
    signal.pause()
"""


def test_a_paused_program_that_is_stopped_ends_in_order(tmp_path: Path) -> None:
    with Program([sys.executable, "-c", ENDS_IN_ORDER], log=tmp_path / "log") as program:
        wait_until(program.log_text, within=10, what="the program is ready")
        program.pause()
        assert program.stop(within=10) == 7
        assert not program.is_running
