"""A real Apache Kafka of several nodes, each of which can fail alone."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException

from tests.support.brokers import START_SECONDS, Node, RealKafka
from tests.support.programs import start_on_free_ports, wait_until

_SETTINGS: Mapping[str, str] = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
    # A dead follower is left behind in seconds.
    "replica.lag.time.max.ms": "5000",
}


class Cluster(RealKafka):
    """Three brokers of our own, controllers as well; every record lies on all, two must have it.

    As a context manager they start on entry; on exit they are killed and their data deleted.
    """

    def __init__(self, folder: Path) -> None:
        self.nodes: dict[int, Node] = {}
        for number in (1, 2, 3):
            own = folder / f"node-{number}"
            own.mkdir()
            self.nodes[number] = Node(own, number)
        super().__init__("")
        self._configure()

    def __enter__(self) -> Self:
        try:
            for node in self.nodes.values():
                node.format()
            start_on_free_ports(self._start, self._take_ports, self._log_text)
        except BaseException:
            self._each(Node.kill)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._each(Node.discard)

    def leader_of(self, topic: str, partition: int = 0) -> Node:
        """Return the node that leads a partition."""
        known = self.admin().list_topics(topic, timeout=10).topics[topic]
        return self.nodes[known.partitions[partition].leader]

    def coordinator_of(self, group: str) -> Node:
        """Return the node that coordinates a group, as soon as there is one."""
        found: list[int] = []

        def is_told() -> bool:
            admin = self.admin()
            try:
                asked = admin.describe_consumer_groups([group], request_timeout=5)
                found.append(asked[group].result(6).coordinator.id)
            except (KafkaException, TimeoutError):
                return False
            return True

        wait_until(is_told, within=START_SECONDS, what=f"{group} has a coordinator")
        return self.nodes[found[-1]]

    def wait_until_in_sync(self, within: float = START_SECONDS) -> None:
        """Return once every partition is led, and held by all three nodes."""
        wait_until(self._is_in_sync, within=within, what="all replicas are in sync")

    def _is_in_sync(self) -> bool:
        try:
            topics = self.admin().list_topics(timeout=2).topics.values()
        except KafkaException:
            return False
        return all(
            partition.leader >= 0 and len(partition.isrs) == len(self.nodes)
            for topic in topics
            for partition in topic.partitions.values()
        )

    def _start(self) -> None:
        # Together: one alone is no quorum, and answers nobody.
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            started = [pool.submit(node.start) for node in self.nodes.values()]
        try:
            for each in started:
                each.result()
        except RuntimeError:
            self._each(Node.kill)
            raise
        wait_until(self._has_all, within=START_SECONDS, what="all nodes are known to each other")

    def _has_all(self) -> bool:
        try:
            return len(self.admin().list_topics(timeout=2).brokers) == len(self.nodes)
        except KafkaException:
            return False

    def _take_ports(self) -> None:
        self._each(Node.take_ports)
        self._configure()

    def _configure(self) -> None:
        nodes = self.nodes.values()
        self.bootstrap_servers = ",".join(node.address for node in nodes)
        voters = ",".join(f"{node.number}@{node.controller}" for node in nodes)
        for node in nodes:
            node.configure(voters, _SETTINGS)

    def _log_text(self) -> str:
        return "".join(node.program.log_text() for node in self.nodes.values())

    def _each(self, do: Callable[[Node], None]) -> None:
        for node in self.nodes.values():
            do(node)
