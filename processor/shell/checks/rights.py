"""The rights of who is signed in, against those that `run` and `check` need. Nothing is tried.

The brokers tell which operations they would allow; those without an authorizer allow all.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

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


def of_cluster(scene: Scene, admin: AdminClient) -> Allowed:
    """Ask a broker for its settings: what may be done, brokers tell only those with DESCRIBE."""
    if not scene.brokers:
        return UNTOLD
    resource = ConfigResource(ResourceType.BROKER, str(scene.brokers[0]))
    try:
        asked = admin.describe_configs([resource], request_timeout=scene.within)
        asked[resource].result(scene.within)
    except KafkaException as error:
        is_refused = error.args[0].code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED
        return NOTHING if is_refused else UNTOLD
    except TimeoutError:
        return UNTOLD
    return allowing([_KAFKAS_NAMES[Operation.DESCRIBE_CONFIGS]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    """What may be done with the topics and the groups, by their names, and with the cluster."""

    topics: Mapping[str, Allowed]
    groups: Mapping[str, Allowed]
    cluster: Allowed

    def on(self, right: Right) -> Allowed:
        """Return what may be done with the thing that a right is on."""
        match right.kind:
            case Kind.TOPIC:
                return self.topics[right.name]
            case Kind.GROUP:
                return self.groups[right.name]
            case Kind.CLUSTER:
                return self.cluster

    def lacks(self, right: Right) -> bool:
        """Whether a right is missing for certain."""
        operations = self.on(right).operations
        return operations is not None and _KAFKAS_NAMES[right.operation] not in operations


def judge(names: Names, groups: Groups, everything: Everything) -> Iterator[Finding]:
    """Compare what may be done with what `run` does, and with what is looked at here."""
    needed = rights(Role.RUN, names, groups)
    looking = rights(Role.CHECK, names, groups)
    unseen = [right for right in looking if everything.lacks(right)]
    doing = [right for right in needed if right.operation in (Operation.READ, Operation.WRITE)]
    if len(unseen) < len(looking) and all(map(everything.lacks, doing)):
        yield from _onlooker(looking, unseen)
        return
    lesser = (names[Purpose.REPLAY], groups.accepted_gaps)
    missing = [right for right in needed if everything.lacks(right)]
    for right in missing:
        is_lesser = right.name in lesser or right.operation is Operation.DESCRIBE_CONFIGS
        yield _missing(right, _VOICE.warning if is_lesser else _VOICE.error)
    unknown = [right for right in needed if everything.on(right).operations is None]
    if unknown:
        listed = ", ".join(dict.fromkeys(f"{right.kind} {right.name}" for right in unknown))
        yield _VOICE.unknown("run", f"The brokers do not tell what may be done with: {listed}")
    elif not missing:
        yield _VOICE.ok("run", f"All {len(needed)} rights that `run` needs")
    told = {(right.kind, right.name) for right in missing}
    yield from _looking([right for right in unseen if (right.kind, right.name) not in told])


def _missing(right: Right, voice: Callable[[str, str, str], Finding]) -> Finding:
    return voice(
        f"{right.kind} {right.name}",
        f"The right {_KAFKAS_NAMES[right.operation]} is missing: without it {right.without}",
        "Give it: `processor topics acls --role run` lists all that are needed, also as commands",
    )


def _onlooker(looking: Sequence[Right], unseen: Sequence[Right]) -> Iterator[Finding]:
    """Say that whoever is signed in looks, and cannot be the one that runs."""
    yield _VOICE.unknown(
        "run",
        "This user may look, and neither read nor write: what `run` may do, it cannot know",
        "Run this once as the user of the processors",
    )
    if not unseen:
        yield _VOICE.ok("check", f"All {len(looking)} rights that `check` needs")
    yield from _looking(unseen)


def _looking(unseen: Sequence[Right]) -> Iterator[Finding]:
    """Say what is not looked at, and for want of which rights."""
    hidden = {right.name for right in unseen if right.operation is Operation.DESCRIBE}
    by_reason: dict[tuple[Operation, str], list[str]] = {}
    for right in unseen:
        if right.operation is Operation.DESCRIBE or right.name not in hidden:
            on = f"{right.kind} {right.name}"
            by_reason.setdefault((right.operation, right.without), []).append(on)
    for (operation, without), things in by_reason.items():
        yield _VOICE.unknown(
            "check",
            f"Without the right {_KAFKAS_NAMES[operation]} on {', '.join(things)} {without}",
            "Give it, to see more: `processor topics acls --role check`",
        )
