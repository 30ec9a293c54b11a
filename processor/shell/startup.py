"""Start-up: what has to be there before the group is joined."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Final, TypeVar

import structlog
from confluent_kafka import Consumer, KafkaException

from processor.core.blueprints import is_endless
from processor.errors import ConfigurationError, RuntimeFailure
from processor.shell import schemas
from processor.shell.clock import steady
from processor.shell.first_offsets import commit_start
from processor.shell.inputs import inputs
from processor.shell.kafka import clients
from processor.shell.kafka.broker import Broker
from processor.shell.registry import Registry
from processor.shell.settings import Settings

_LOG: Final = structlog.get_logger(__name__)
_ANSWER_WITHIN: Final = 5.0
_FIRST_ANSWER_WITHIN: Final = 1.0
"""So that what is wrong with names and addresses is said at once."""
_AGAIN_AFTER: Final = 0.5
# Short, because a broker that does not know the question (the demo's) never answers it.
_CONFIG_WITHIN: Final = 2.0
_ASK_FOR_ID: Final = 3

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What start-up found: partitions of each topic, and the ids of the outputs' schemas.

    `replay` is the topic of the replay lane, None when it is off; `results_id` says which topic
    bears the name of the results, None where the brokers do not tell.
    """

    partitions: int
    replay: str | None
    results_id: str | None
    outcome_schema_id: int
    dead_letter_schema_id: int


@dataclass(frozen=True, slots=True)
class _Deadline:
    """Until when to be patient: a moment on the clock, or the wish to stop."""

    at: float
    is_stopping: Callable[[], bool]

    def is_over(self) -> bool:
        """Whether patience is at its end."""
        return steady() >= self.at or self.is_stopping()


def prepare(
    settings: Settings, broker: Broker, registry: Registry, is_stopping: Callable[[], bool]
) -> Prepared:
    """Check everything that `run` stands on, and give a new group its offsets. Blocks.

    ConfigurationError says what is set up wrong, RuntimeFailure what stayed away.
    """
    deadline = _Deadline(steady() + settings.start_timeout, is_stopping)
    partitions, replay = _topics(settings, broker, deadline)
    outcome_id, dead_letter_id = _schema_ids(settings, registry, deadline)
    prepared = Prepared(
        partitions=partitions,
        replay=replay,
        results_id=_first_topic_id(settings.topics.results, broker),
        outcome_schema_id=outcome_id,
        dead_letter_schema_id=dead_letter_id,
    )
    _offsets(settings, broker, prepared, deadline)
    return prepared


def _first_topic_id(topic: str, broker: Broker) -> str | None:
    """Ask some times: a slow answer would cost the ledger's copy."""
    asked = (broker.topic_id(topic, _CONFIG_WITHIN) for _ in range(_ASK_FOR_ID))
    return next((topic_id for topic_id in asked if topic_id is not None), None)


def _patiently(ask: Callable[[], Answer], deadline: _Deadline, what: str) -> Answer:
    """Ask until there is an answer; RuntimeFailure when there is none in time."""
    said = None
    while True:
        try:
            return ask()
        except (KafkaException, RuntimeFailure, TimeoutError) as away:
            why = away.args[0].str() if isinstance(away, KafkaException) else str(away)
            if deadline.is_over():
                heard = why.removesuffix(".") or "nothing"
                raise RuntimeFailure(
                    f"{what} (PROCESSOR_START_TIMEOUT is over). The last thing heard: {heard}. "
                    "`processor check` finds out why."
                ) from None
            if why != said:
                _LOG.warning("no answer yet, it is asked again", why=why)
                said = why
        time.sleep(_AGAIN_AFTER)


def _topics(settings: Settings, broker: Broker, deadline: _Deadline) -> tuple[int, str | None]:
    """Return the partition count that all topics share, and the replay lane if there is one."""
    topics = settings.topics
    names = (*inputs(topics), topics.results, topics.dead_letters)
    patience = chain([_FIRST_ANSWER_WITHIN], repeat(_ANSWER_WITHIN))
    counts = _patiently(
        lambda: broker.partitions((*names, topics.replay), next(patience)),
        deadline,
        "Kafka stayed away: no broker of PROCESSOR_KAFKA__BOOTSTRAP_SERVERS "
        f"({settings.kafka.bootstrap_servers}) answered",
    )
    missing = [name for name in names if counts[name] is None]
    if missing:
        raise ConfigurationError(
            f"Missing topics: {', '.join(missing)}. `run` creates none: `processor topics create` "
            "does, or name the right ones in PROCESSOR_TOPICS__…. To a user without rights on them "
            "they look missing, too: `processor topics acls` lists the rights."
        )
    different = {counts[name] for name in names}
    if len(different) > 1:
        listed = ", ".join(f"{name} has {counts[name]}" for name in names)
        raise ConfigurationError(
            f"The topics differ in their number of partitions: {listed}. An outcome goes to the "
            "partition number of its input, and a cart has the same one in both inputs: give all "
            "topics the same number."
        )
    _check_retention(topics.results, broker)
    partitions = int(different.pop() or 0)
    return partitions, _lane(topics.replay, counts[topics.replay], partitions)


def _lane(topic: str, count: int | None, partitions: int) -> str | None:
    """Return the topic of the replay lane, None when it cannot be worked: payments go on."""
    if count == partitions:
        return topic
    what = "is missing" if count is None else f"has {count} partitions, the inputs {partitions}"
    _LOG.warning(
        "the replay lane is off",
        why=f"{topic} {what}",
        do=f"create it with {partitions} partitions and restart, if you want to replay",
    )
    return None


def _check_retention(results: str, broker: Broker) -> None:
    """Refuse what makes the ledger forget at once, and name what will in time."""
    config = broker.config(results, _CONFIG_WITHIN)
    policy, retention = config.get("cleanup.policy") or "", config.get("retention.ms")
    if "compact" in policy:
        raise ConfigurationError(
            f"The results topic {results} is compacted (cleanup.policy={policy}). Its key is the "
            "cart, so compaction would make the ledger forget orders, which would be called "
            "again: set cleanup.policy=delete, with retention.ms=-1."
        )
    if retention is not None and not is_endless(retention):
        _LOG.warning(
            "the ledger forgets orders whose outcomes are deleted: set retention.ms=-1",
            topic=results,
            retention_ms=retention,
        )


def _schema_ids(settings: Settings, registry: Registry, deadline: _Deadline) -> tuple[int, int]:
    """Return the ids of the outputs' schemas."""
    wanted = {
        schemas.subject(settings.topics.results): schemas.OUTCOME,
        schemas.subject(settings.topics.dead_letters): schemas.DEAD_LETTER,
    }
    ask = registry.register if settings.schema_registry.auto_register else registry.lookup
    found = [
        _patiently(
            lambda subject=subject, name=name: ask(subject, schemas.text(name)),  # type: ignore[misc]
            deadline,
            "The schema registry stayed away: PROCESSOR_SCHEMA_REGISTRY__URL "
            f"({settings.schema_registry.url}) did not answer",
        )
        for subject, name in wanted.items()
    ]
    missing = [subject for subject, known in zip(wanted, found, strict=True) if known is None]
    if missing:
        raise ConfigurationError(
            f"The registry does not have our schema under {' and '.join(missing)}. Run `processor "
            "schemas register`, or set PROCESSOR_SCHEMA_REGISTRY__AUTO_REGISTER=true."
        )
    outcome_id, dead_letter_id = (int(known or 0) for known in found)
    return outcome_id, dead_letter_id


def _offsets(settings: Settings, broker: Broker, prepared: Prepared, deadline: _Deadline) -> None:
    """See that every partition has a committed offset, as START says where it has none."""
    consumer = Consumer(clients.offsets_only(settings.kafka))
    try:
        _patiently(
            lambda: commit_start(
                settings, broker, consumer, lane=prepared.replay, partitions=prepared.partitions
            ),
            deadline,
            "Kafka did not take the first offsets of the group",
        )
    finally:
        consumer.close()
