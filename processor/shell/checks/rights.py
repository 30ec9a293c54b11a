"""The rights of the user that is signed in, against those that `run` needs. Nothing is tried.

The brokers tell which operations they would allow; those without an authorizer allow all.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from processor.core.blueprints import Names, Purpose
from processor.core.rights import Groups, Kind, Operation, Right, Role, rights
from processor.shell.checks.coordinator import committed
from processor.shell.checks.findings import Area, Finding, Voice
from processor.shell.checks.scene import Scene
from processor.shell.checks.topics import Told

_VOICE: Final = Voice(area=Area.RIGHTS)
_KAFKAS_NAMES: Final = {
    Operation.READ: "READ",
    Operation.WRITE: "WRITE",
    Operation.CREATE: "CREATE",
    Operation.DESCRIBE: "DESCRIBE",
    Operation.DESCRIBE_CONFIGS: "DESCRIBE_CONFIGS",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What may be done with a thing; None where nobody knows."""

    operations: frozenset[str] | None


NOTHING: Final = Allowed(operations=frozenset())
UNTOLD: Final = Allowed(operations=None)


def of_groups(scene: Scene, admin: AdminClient, topic: str) -> Mapping[str, Allowed]:
    """Ask what may be done with the groups of `run`. Blocks."""
    return {
        name: _of_group(scene, admin, TopicPartition(topic, 0), name)
        for name in (scene.groups.own, scene.groups.accepted_gaps)
    }


def _of_group(scene: Scene, admin: AdminClient, place: TopicPartition, name: str) -> Allowed:
    """Ask a coordinator that has just answered a consumer.

    The admin client ends the whole process when it loses the coordinator while it asks
    (librdkafka issue 4605), and a consumer also waits for a cluster that has no groups yet.
    """
    try:
        committed(scene.settings.kafka, name, [place], scene.within)
        asked = admin.describe_consumer_groups(
            [name], include_authorized_operations=True, request_timeout=scene.within
        )
        told = asked[name].result(scene.within).authorized_operations
    except KafkaException as error:
        is_refused = error.args[0].code() == KafkaError.GROUP_AUTHORIZATION_FAILED
        return NOTHING if is_refused else UNTOLD
    except TimeoutError:
        return UNTOLD
    return UNTOLD if told is None else allowing(each.name for each in told)


def allowing(operations: Iterable[str]) -> Allowed:
    """Return that these operations, by Kafka's names, may be done."""
    return Allowed(operations=frozenset(operations))


def of_topics(told: Mapping[Purpose, Told], names: Names) -> Mapping[str, Allowed]:
    """Return what may be done with the topics, as they were told."""
    return {
        names[purpose]: NOTHING if each.is_hidden else Allowed(operations=each.allowed)
        for purpose, each in told.items()
    }


def judge(
    names: Names, groups: Groups, topics: Mapping[str, Allowed], own: Mapping[str, Allowed]
) -> Iterator[Finding]:
    """Compare what may be done with what `run` does."""
    lesser = (names[Purpose.REPLAY], groups.accepted_gaps)
    needed = rights(Role.RUN, names, groups)
    missing, unknown = 0, []
    for right in needed:
        allowed = (topics if right.kind is Kind.TOPIC else own)[right.name].operations
        if allowed is None:
            unknown.append(f"{right.kind} {right.name}")
        elif _KAFKAS_NAMES[right.operation] not in allowed:
            missing += 1
            is_lesser = right.name in lesser or right.operation is Operation.DESCRIBE_CONFIGS
            yield _missing(right, _VOICE.warning if is_lesser else _VOICE.error)
    if unknown:
        listed = ", ".join(dict.fromkeys(unknown))
        yield _VOICE.unknown("run", f"The brokers do not tell what may be done with: {listed}")
    elif not missing:
        yield _VOICE.ok("run", f"All {len(needed)} rights that `run` needs")


def _missing(right: Right, voice: Callable[[str, str, str], Finding]) -> Finding:
    return voice(
        f"{right.kind} {right.name}",
        f"The right {_KAFKAS_NAMES[right.operation]} is missing: without it {right.without}",
        "Give it: `processor topics acls --role run` lists all that are needed, also as commands",
    )
