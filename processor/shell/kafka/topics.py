"""Topics: what the brokers tell of them, and their creation."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
    TopicDescription,
)

from processor.core.blueprints import Names
from processor.core.topic_plans import Cluster, Found, PlannedTopic
from processor.errors import RuntimeFailure
from processor.shell.clock import steady
from processor.shell.kafka import clients
from processor.shell.kafka.absence import SETTINGS, absent
from processor.shell.settings import Kafka

_ANSWER_WITHIN: Final = 15.0
_KNOWN_WITHIN: Final = 15.0
_AGAIN_AFTER: Final = 0.2
_REFUSED: Final = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)

Answer = TypeVar("Answer")


def look(kafka: Kafka, names: Names) -> Cluster:
    """Ask the brokers for their ids and for the topics. Blocks.

    RuntimeFailure when they do not answer, or do not let us know.
    """
    complaints: list[KafkaError] = []
    admin = AdminClient(clients.common(kafka) | {"error_cb": complaints.append})
    try:
        brokers = admin.list_topics(timeout=_ANSWER_WITHIN).brokers
    except KafkaException as away:
        admin.poll(0)  # what it complained of meanwhile
        raise absent(kafka, away, complaints) from None
    described = _describe(admin, list(names.values()))
    there = [name for name, description in described.items() if description is not None]
    configs = _configs(admin, there)
    return Cluster(
        brokers=tuple(sorted(brokers)),
        topics={
            purpose: None
            if (description := described[name]) is None
            else Found(assignment=_assignment(description), config=configs[name])
            for purpose, name in names.items()
        },
    )


def create(kafka: Kafka, topics: Sequence[PlannedTopic]) -> None:
    """Create topics, all or none as far as the brokers can tell beforehand, and see them. Blocks.

    RuntimeFailure names those that were refused, and why.
    """
    admin = AdminClient(clients.common(kafka))
    for is_trial in (True, False):
        futures = admin.create_topics(
            [_new(topic) for topic in topics],
            operation_timeout=_ANSWER_WITHIN,
            request_timeout=_ANSWER_WITHIN,
            validate_only=is_trial,
        )
        refused = {name: error for name, each in futures.items() if (error := _error(each))}
        if refused:
            raise RuntimeFailure(_refusal(refused, () if is_trial else futures.keys() - refused))
    deadline = steady() + _KNOWN_WITHIN
    names = [topic.name for topic in topics]
    while None in _describe(admin, names).values():
        if steady() >= deadline:
            raise RuntimeFailure(
                f"{', '.join(names)} are created, and the brokers do not show all of them yet: "
                "look again with `processor topics plan`."
            )
        time.sleep(_AGAIN_AFTER)


def _new(topic: PlannedTopic) -> NewTopic:
    return NewTopic(
        topic.name,
        num_partitions=topic.partitions,
        replication_factor=topic.replicas,
        config=dict(topic.config),
    )


def _describe(admin: AdminClient, names: Sequence[str]) -> dict[str, TopicDescription | None]:
    asked = admin.describe_topics(TopicCollection([*names]), request_timeout=_ANSWER_WITHIN)
    return {name: _told(asked[name], name, "DESCRIBE", _description) for name in names}


def _description(future: "Future[TopicDescription]") -> TopicDescription | None:
    try:
        return future.result(_ANSWER_WITHIN)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        raise


def _assignment(description: TopicDescription) -> tuple[tuple[int, ...], ...]:
    partitions = sorted(description.partitions, key=lambda each: each.id)
    return tuple(tuple(node.id for node in each.replicas) for each in partitions)


def _configs(admin: AdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    resources = {name: ConfigResource(ResourceType.TOPIC, name) for name in names}
    if not resources:
        return {}
    asked = admin.describe_configs([*resources.values()], request_timeout=_ANSWER_WITHIN)
    return {
        name: _told(asked[resource], name, "DESCRIBE_CONFIGS", _entries)
        for name, resource in resources.items()
    }


def _entries(future: "Future[dict[str, Any]]") -> dict[str, str]:
    entries = future.result(_ANSWER_WITHIN)
    return {name: entry.value for name, entry in entries.items() if entry.value is not None}


def _told(
    future: "Future[Any]", topic: str, right: str, read: "Callable[[Future[Any]], Answer]"
) -> Answer:
    try:
        return read(future)
    except (KafkaException, TimeoutError) as away:
        is_known = isinstance(away, KafkaException)
        why = away.args[0].str() if is_known else "no answer in time"
        refused = is_known and away.args[0].code() in _REFUSED
        remedy = (
            f"The user needs {right} on it: `processor topics acls --role topics`"
            if refused
            else f"Check {SETTINGS}, and that the brokers run"
        )
        raise RuntimeFailure(f"Kafka does not say what {topic} is like: {why}. {remedy}.") from None


def _error(future: "Future[None]") -> KafkaError | None:
    try:
        future.result(_ANSWER_WITHIN)
    except KafkaException as refused:
        error: KafkaError = refused.args[0]
        return error
    return None


def _refusal(refused: dict[str, KafkaError], created: Iterable[str]) -> str:
    listed = "; ".join(f"{name}: {error.str()}" for name, error in refused.items())
    made = sorted(created)
    what = f"Created: {', '.join(made)}." if made else "Nothing was created."
    if any(error.code() in _REFUSED for error in refused.values()):
        what += " The user needs CREATE on the topics: `processor topics acls --role topics`."
    return f"Kafka refuses to create topics ({listed}). {what}"
