"""A real Apache Kafka for the tests, and one of our own as a plain process."""

import shutil
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Self
from uuid import uuid4

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from tests.support.java_parts import java, kafka_jars
from tests.support.programs import Program, free_port, start_on_free_ports, wait_until

_CLUSTER_ID = "cmVhbC1rYWZrYS10ZXN0cw"
_LISTENER = "127.0.0.1"
START_SECONDS = 60.0

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

    def wait_until_it_answers(self, within: float = START_SECONDS) -> None:
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


class Node:
    """One broker, which is a controller as well: a plain process that keeps all in `folder`.

    What it logs lies in `folder`/kafka.log. Addresses are host:port.
    """

    def __init__(self, folder: Path, number: int = 1) -> None:
        self.number = number
        self._data = folder / "data"
        self._properties = folder / "server.properties"
        main = java("-cp", f"{kafka_jars()}/*", "kafka.Kafka", self._properties)
        self.program = Program(main, log=folder / "kafka.log", folder=folder)
        self.take_ports()

    def take_ports(self) -> None:
        """Choose free ports; `configure` makes them known."""
        self.address, self.controller = (f"{_LISTENER}:{free_port()}" for _ in range(2))

    def configure(self, voters: str, settings: Mapping[str, str]) -> None:
        """Write its properties: `settings` go over SETTINGS."""
        properties = {
            **SETTINGS,
            "node.id": str(self.number),
            "listeners": f"BROKER://{self.address},CONTROLLER://{self.controller}",
            "advertised.listeners": f"BROKER://{self.address}",
            "controller.quorum.voters": voters,
            "log.dirs": str(self._data),
            **settings,
        }
        lines = (f"{name}={value}\n" for name, value in properties.items())
        self._properties.write_text("".join(lines))

    def format(self, features: Mapping[str, int] | None = None) -> None:
        """Prepare its folder for the first start; `features` at other levels than the newest."""
        tool = ("kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", self._properties)
        levels = [
            word
            for each in (features or {}).items()
            for word in ("--feature", "{}={}".format(*each))
        ]
        command = java("-cp", f"{kafka_jars()}/*", *tool, *levels)
        subprocess.run(command, check=True, capture_output=True, timeout=START_SECONDS)

    def start(self) -> None:
        """Start it on its old data and address, and wait until it listens."""
        self.program.start_until(self._listens, within=START_SECONDS)

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

    def discard(self) -> None:
        """Kill it and delete its data."""
        self.kill()
        shutil.rmtree(self._data, ignore_errors=True)

    def _listens(self) -> bool:
        host, port = self.address.split(":")
        with suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return True
        return False


class KafkaProcess(RealKafka):
    """A broker of our own, as a plain process: it can be killed, paused and started again.

    All it keeps lies in `folder`; `settings` go over SETTINGS, `features` are levels of Kafka's
    features. As a context manager it starts on entry; on exit it is killed and its data deleted.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        features: Mapping[str, int] | None = None,
    ) -> None:
        self._settings = dict(settings or {})
        self._features = dict(features or {})
        self._node = Node(folder)
        self.program = self._node.program
        super().__init__(self._node.address)
        self._configure()

    def __enter__(self) -> Self:
        try:
            self._node.format(self._features)
            start_on_free_ports(self.start, self._take_ports, self.program.log_text)
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._node.discard()

    def start(self) -> None:
        """Start it on its old data and address, and wait until it answers."""
        self._node.start()
        self.wait_until_it_answers()

    def kill(self) -> None:
        """Let it die at once, as in a power cut of the process (SIGKILL)."""
        self._node.kill()

    def stop(self) -> None:
        """Shut it down in order (SIGTERM)."""
        self._node.stop()

    def pause(self) -> None:
        """Suspend it: connections stay open and nothing answers (SIGSTOP)."""
        self._node.pause()

    def resume(self) -> None:
        """Let it go on after a pause (SIGCONT)."""
        self._node.resume()

    def _take_ports(self) -> None:
        self._node.take_ports()
        self._configure()

    def _configure(self) -> None:
        self.bootstrap_servers = self._node.address
        voters = f"{self._node.number}@{self._node.controller}"
        self._node.configure(voters, self._settings)
