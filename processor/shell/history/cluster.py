"""The cluster, as a plan remembers it: its id, and which topics bear which names."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from processor.core.records import Partition
from processor.core.windows import Log
from processor.errors import RuntimeFailure
from processor.shell.kafka import clients
from processor.shell.kafka.absence import SETTINGS, absent
from processor.shell.kafka.broker import Broker
from processor.shell.settings import Kafka

_ANSWER_WITHIN: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What a cluster says of some topics. Names of topics that it does not have are left out.

    Ids are empty where the brokers tell none.
    """

    cluster_id: str
    topic_ids: Mapping[str, str]
    counts: Mapping[str, int]


def look(kafka: Kafka, topics: Collection[str]) -> Cluster:
    """Ask the cluster about topics. Blocks; RuntimeFailure when it does not answer."""
    complaints: list[KafkaError] = []
    admin = AdminClient(clients.common(kafka) | {"error_cb": complaints.append})
    try:
        told = admin.list_topics(timeout=_ANSWER_WITHIN)
        counts = Broker(kafka).partitions(topics, _ANSWER_WITHIN)
    except KafkaException as away:
        admin.poll(0)  # what it complained of meanwhile
        raise absent(kafka, away, complaints) from None
    there = {name: count for name, count in counts.items() if count is not None}
    broker = Broker(kafka)  # answers come only as long as it is there
    inquiry = broker.inquire(there, (), kafka.group_id, _ANSWER_WITHIN)
    inquiry.wait(_ANSWER_WITHIN)
    return Cluster(
        cluster_id=str(getattr(told, "cluster_id", None) or ""),  # old brokers tell none
        topic_ids={name: inquiry.topic_id(name) or "" for name in there},
        counts=there,
    )


def logs(kafka: Kafka, partitions: Collection[Partition]) -> Mapping[Partition, Log]:
    """Ask where partitions begin and end, and how far the live group is. Blocks."""
    broker = Broker(kafka)  # answers come only as long as it is there
    inquiry = broker.inquire((), partitions, kafka.group_id, _ANSWER_WITHIN)
    inquiry.wait(_ANSWER_WITHIN)
    found = {}
    for partition in partitions:
        log, committed = inquiry.log(partition), inquiry.offset(partition)
        if log is None or committed is None:
            raise RuntimeFailure(
                f"Kafka does not tell where {partition.topic} [{partition.number}] begins and "
                f"ends, and how far group {kafka.group_id} is: check {SETTINGS}."
            )
        offset = committed.offset if committed.offset >= 0 else None
        found[partition] = Log(begin=log[0], end=log[1], committed=offset)
    return found
