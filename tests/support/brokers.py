"""A real Apache Kafka for the tests: one that is given, one in Docker, or one of our own."""

import gc
import os
import shutil
import socket
import subprocess
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Self
from uuid import uuid4

import docker
import docker.errors
import requests
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from testcontainers.core.container import DockerContainer

from tests.support.java_parts import KAFKA_VERSION, PartsMissingError, java, kafka_jars
from tests.support.programs import Program, free_port, wait_until

_CLUSTER_ID = "cmVhbC1rYWZrYS10ZXN0cw"
_LISTENER = "127.0.0.1"
_START_SECONDS = 60.0
_ANSWER_SECONDS = 15.0
_PORT_TRIES = 5

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "BROKER",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "auto.create.topics.enable": "false",
        # Events of last year stay readable.
        "log.retention.ms": "-1",
        # Groups settle in fractions of a second, and a dead member is missed after nine.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "group.consumer.min.session.timeout.ms": "1000",
        "group.consumer.session.timeout.ms": "9000",
        "group.consumer.min.heartbeat.interval.ms": "300",
        "group.consumer.heartbeat.interval.ms": "300",
        # A killed broker may come back once the old one's session has ended.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # One node, little memory.
        "offsets.topic.num.partitions": "1",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "log.cleaner.dedupe.buffer.size": "4194304",
    }
)


class KafkaMissingError(RuntimeError):
    """No real Kafka can be had; the message says what to do about it."""


class RealKafka:
    """A real Apache Kafka that answers at `bootstrap_servers`."""

    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers

    def admin(self) -> AdminClient:
        """Return a new admin client; keep it in a variable while its answers are awaited."""
        return AdminClient(
            {"bootstrap.servers": self.bootstrap_servers, "reconnect.backoff.max.ms": 250}
        )

    def create_topics(
        self, partitions: Mapping[str, int], *, config: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Create a topic for each name, under a name of its own; return asked name → real name."""
        suffix = uuid4().hex[:8]
        names = {name: f"{name}-{suffix}" for name in partitions}
        topics = [
            NewTopic(names[name], num_partitions=count, config=dict(config or {}))
            for name, count in partitions.items()
        ]
        admin = self.admin()
        for created in admin.create_topics(topics, operation_timeout=30).values():
            created.result(30)
        wait_until(
            lambda: all(_has_leaders(admin, names[name], partitions[name]) for name in names),
            within=30,
            what=f"every partition of {', '.join(names.values())} has a leader",
        )
        return names

    def wait_until_it_answers(self, within: float = _START_SECONDS) -> None:
        """Return once a broker gives metadata; raise TimeoutError after `within` seconds."""
        admin = self.admin()
        wait_until(
            lambda: _broker_count(admin),
            within=within,
            what=f"Kafka answers at {self.bootstrap_servers}",
        )


def _broker_count(admin: AdminClient) -> int:
    with suppress(KafkaException):
        return len(admin.list_topics(timeout=1).brokers)
    return 0


def _has_leaders(admin: AdminClient, topic: str, partitions: int) -> bool:
    known = admin.list_topics(topic, timeout=10).topics[topic].partitions.values()
    return sum(partition.leader >= 0 for partition in known) == partitions


class KafkaProcess(RealKafka):
    """A broker of our own, as a plain process: it can be killed, paused and started again.

    All it keeps lies in `folder`; what it logs in `folder`/kafka.log. `settings` go over
    SETTINGS. As a context manager it starts on entry; on exit it is killed and its data deleted.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._settings = dict(settings or {})
        self._data = folder / "data"
        self._properties = folder / "server.properties"
        main = java("-cp", f"{kafka_jars()}/*", "kafka.Kafka", self._properties)
        self.program = Program(main, log=folder / "kafka.log", folder=folder)
        super().__init__(self._take_ports())

    def __enter__(self) -> Self:
        try:
            self._format()
            self._start_on_free_ports()
        except BaseException:
            self.program.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.program.kill()
        shutil.rmtree(self._data, ignore_errors=True)

    def start(self) -> None:
        """Start it on its old data and address, and wait until it answers."""
        self.program.start()
        host, port = self.bootstrap_servers.split(":")
        wait_until(
            lambda: not self.program.is_running or _accepts(host, int(port)),
            within=_START_SECONDS,
            what=f"the broker listens (its log: {self.program.log})",
        )
        if not self.program.is_running:
            message = f"the broker ended while starting:\n{self.program.log_text()[-3000:]}"
            raise RuntimeError(message)
        self.wait_until_it_answers()

    def kill(self) -> None:
        """Let it die at once, as in a power cut of the process (SIGKILL)."""
        self.program.kill()

    def stop(self) -> None:
        """Shut it down in order (SIGTERM)."""
        self.program.stop()

    def pause(self) -> None:
        """Suspend it: connections stay open and nothing answers (SIGSTOP)."""
        self.program.pause()

    def resume(self) -> None:
        """Let it go on after a pause (SIGCONT)."""
        self.program.resume()

    def _start_on_free_ports(self) -> None:
        for _ in range(_PORT_TRIES - 1):
            try:
                return self.start()
            except RuntimeError:
                if "Address already in use" not in self.program.log_text():
                    raise
                self.bootstrap_servers = self._take_ports()
        return self.start()

    def _take_ports(self) -> str:
        broker, controller = (f"{_LISTENER}:{free_port()}" for _ in range(2))
        properties = {
            **SETTINGS,
            "listeners": f"BROKER://{broker},CONTROLLER://{controller}",
            "advertised.listeners": f"BROKER://{broker}",
            "controller.quorum.voters": f"1@{controller}",
            "log.dirs": str(self._data),
            **self._settings,
        }
        lines = (f"{name}={value}\n" for name, value in properties.items())
        self._properties.write_text("".join(lines))
        return broker

    def _format(self) -> None:
        tool = ("kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", self._properties)
        command = java("-cp", f"{kafka_jars()}/*", *tool)
        subprocess.run(command, check=True, capture_output=True, timeout=_START_SECONDS)


def _accepts(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


@contextmanager
def real_kafka(folder: Path) -> Iterator[RealKafka]:
    """Give a real Kafka, by the first way that works; raise KafkaMissingError if none does.

    The broker that KAFKA_BOOTSTRAP_SERVERS names; one in Docker; a plain process in `folder`.
    """
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield _given(given)
        return
    container = _container()
    if container is not None:
        try:
            kafka = RealKafka(container.env["KAFKA_ADVERTISED_LISTENERS"].removeprefix("BROKER://"))
            kafka.wait_until_it_answers()
            yield kafka
        finally:
            container.stop()
        return
    try:
        process = KafkaProcess(folder)
    except PartsMissingError as error:
        message = (
            "no real Kafka can be had: set KAFKA_BOOTSTRAP_SERVERS to a running one, "
            f"or start Docker, or else: {error}"
        )
        raise KafkaMissingError(message) from None
    with process:
        yield process


def _given(bootstrap_servers: str) -> RealKafka:
    kafka = RealKafka(bootstrap_servers)
    try:
        kafka.wait_until_it_answers(within=_ANSWER_SECONDS)
    except TimeoutError as error:
        message = (
            f"KAFKA_BOOTSTRAP_SERVERS names {bootstrap_servers}, which does not answer: "
            "start it, or unset the variable to have one started"
        )
        raise KafkaMissingError(message) from error
    return kafka


def _container() -> DockerContainer | None:
    """Return a started broker in Docker, or None where Docker or its image cannot be had."""
    if not _docker_answers():
        return None
    port = free_port()
    container = DockerContainer(f"apache/kafka:{KAFKA_VERSION}").with_bind_ports(9092, port)
    properties = {
        **SETTINGS,
        "listeners": "BROKER://:9092,CONTROLLER://:9093",
        "advertised.listeners": f"BROKER://{container.get_docker_client().host()}:{port}",
        "controller.quorum.voters": "1@localhost:9093",
    }
    for name, value in properties.items():
        container.with_env(f"KAFKA_{name.replace('.', '_').upper()}", value)
    try:
        return container.start()
    except (docker.errors.DockerException, requests.RequestException):
        # A daemon that can pull nothing is no daemon to us.
        container.stop()
        return None


def _docker_answers() -> bool:
    with warnings.catch_warnings():
        # Docker's client leaves its socket open when nobody answers.
        warnings.simplefilter("ignore", ResourceWarning)
        answers = _docker_pings()
        gc.collect()
    return answers


def _docker_pings() -> bool:
    with suppress(docker.errors.DockerException, requests.RequestException):
        client = docker.from_env(timeout=5)
        try:
            return bool(client.ping())
        finally:
            client.close()
    return False
