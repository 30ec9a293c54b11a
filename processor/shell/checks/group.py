"""The consumer group: its offsets, its protocol, and what the brokers say of sessions."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from processor.core import horizon
from processor.core.records import Partition
from processor.shell import startup
from processor.shell.checks.findings import Area, Finding, Voice
from processor.shell.checks.kafka import quiet
from processor.shell.checks.scene import Scene
from processor.shell.kafka import clients
from processor.shell.kafka.broker import Broker, Ends
from processor.shell.settings import Kafka, Settings
from processor.shell.settings_values import show_seconds

_VOICE: Final = Voice(area=Area.GROUP)
_SUBJECT: Final = "protocol"
_SESSION: Final = "session"
_PROTOCOLS: Final = "group.coordinator.rebalance.protocols"
_MOST: Final = 12  # brokers that are asked one by one
_START: Final = (
    "Set PROCESSOR_KAFKA__START for the first start: `earliest` confirms all orders that the "
    "topics hold, `latest` only those from now on, an ISO time those since then"
)


def offsets(scene: Scene) -> Iterator[Finding]:
    """Look at what the group has committed; needs to know how many partitions there are."""
    settings, group = scene.settings, scene.settings.kafka.group_id
    partitions = scene.partitions
    if partitions is None:
        yield _VOICE.unknown(group, "Its offsets, because the inputs are not as they have to be")
        return
    asked = [
        TopicPartition(topic, number)
        for topic in startup.inputs(settings.topics)
        for number in range(partitions)
    ]
    try:
        committed = _committed(settings.kafka, asked, scene.within)
    except KafkaException as away:
        yield _VOICE.error(
            group,
            f"The brokers do not tell its offsets ({away.args[0].str()})",
            "Mend what is said of rights and brokers above",
        )
        return
    yield from judge(settings, committed, partitions)
    there = [each for each in committed if each.offset >= 0]
    yield from _in_the_log(Broker(settings.kafka), there, scene.within)


def _committed(
    kafka: Kafka, asked: list[TopicPartition], within: float
) -> Sequence[TopicPartition]:
    consumer = Consumer(quiet(clients.offsets_only(kafka)))
    try:
        committed = consumer.committed(asked, timeout=within)
    finally:
        consumer.close()
    for each in committed:
        if each.error is not None:  # not told is not the same as not there
            raise KafkaException(each.error)
    return committed


def judge(
    settings: Settings, committed: Sequence[TopicPartition], partitions: int
) -> Iterator[Finding]:
    """Say what a group with these offsets would do at its next start."""
    group, start = settings.kafka.group_id, settings.kafka.start
    counts = {
        known.partitions
        for each in committed
        if each.offset >= 0 and (known := horizon.read(each.metadata)) is not None
    }
    if counts - {partitions}:
        before = ", ".join(map(str, sorted(counts - {partitions})))
        yield _VOICE.error(
            group,
            f"The inputs had {before} partitions when it last committed, and have {partitions}: "
            "carts have moved to ledgers that know nothing of them",
            "Work the old topics off with the old count, then go on with new topics and another "
            "group",
        )
    without = [each for each in committed if each.offset < 0]
    if not without:
        yield _VOICE.ok(group, f"It has offsets on all {len(committed)} partitions of the inputs")
        return
    which = "It has no offsets yet"
    if len(without) < len(committed):
        more = f" and {len(without) - 1} more" if len(without) > 1 else ""
        which = f"It has no offset for {without[0].topic} [{without[0].partition}]{more}"
    if start is None:
        yield _VOICE.error(group, f"{which}, and nothing says where to begin", _START)
    else:
        where = start.isoformat() if isinstance(start, datetime) else start
        yield _VOICE.ok(group, f"{which}; it will begin there at PROCESSOR_KAFKA__START={where}")


def _in_the_log(
    broker: Broker, committed: Sequence[TopicPartition], within: float
) -> Iterator[Finding]:
    at = {Partition(each.topic, each.partition): each.offset for each in committed}
    try:
        begins, ends = broker.begins(at, within), broker.ends(at, within)
    except (KafkaException, TimeoutError):
        yield _VOICE.unknown(
            "records", "The brokers do not tell where the partitions begin and end"
        )
        return
    yield from gaps(at, begins, ends)


def gaps(at: Mapping[Partition, int], begins: Ends, ends: Ends) -> Iterator[Finding]:
    """Say which partitions have lost records that the group has not received."""
    lost = [each for each, offset in at.items() if not begins[each] <= offset <= ends[each]]
    for each in lost:
        yield _VOICE.error(
            f"{each.topic} [{each.number}]",
            f"The group is at {at[each]}, and the partition goes from {begins[each]} to "
            f"{ends[each]}: records are gone, so it would be parked",
            "Find out which orders they were, then `processor topics accept-gap --topic "
            f"{each.topic} --partition {each.number}`",
        )


def protocol(scene: Scene, admin: AdminClient) -> Iterator[Finding]:
    """Look whether the brokers serve the group's protocol and sessions; blocks."""
    told: list[Mapping[str, str]] = []
    for number in scene.brokers[:_MOST]:
        config = _config(admin, number, scene.within)
        if config is None:  # nor will the others tell
            break
        told.append(config)
    yield from judge_protocol(scene, told)
    yield from judge_session(scene.settings, told)


def _config(admin: AdminClient, broker: int, within: float) -> Mapping[str, str] | None:
    resource = ConfigResource(ResourceType.BROKER, str(broker))
    try:
        asked: Any = admin.describe_configs([resource], request_timeout=within)
        entries = asked[resource].result(within)
    except (KafkaException, TimeoutError):
        return None
    return {name: entry.value for name, entry in entries.items() if entry.value is not None}


def judge_protocol(scene: Scene, configs: Collection[Mapping[str, str]]) -> Iterator[Finding]:
    """Say whether the brokers serve the group protocol, with range assignment."""
    if scene.settings.kafka.group_protocol == "classic":
        yield _VOICE.ok(_SUBJECT, "classic, which every broker serves")
        return
    can = scene.abilities
    if can is None:
        yield _VOICE.unknown(_SUBJECT, "Whether the brokers serve `consumer`: none has said so")
        return
    if not can.has_consumer_protocol:
        yield _VOICE.error(
            _SUBJECT,
            "The brokers do not serve the group protocol `consumer` (KIP-848)",
            "Set PROCESSOR_KAFKA__GROUP_PROTOCOL=classic, or have Kafka 4.0 or newer with the "
            "feature group.version=1",
        )
        return
    if any("consumer" not in each.get(_PROTOCOLS, "consumer").lower() for each in configs):
        yield _VOICE.error(
            _SUBJECT,
            f"The brokers are set not to serve the group protocol `consumer` ({_PROTOCOLS})",
            "Add `consumer` to it on the brokers, or set PROCESSOR_KAFKA__GROUP_PROTOCOL=classic",
        )
        return
    without = [
        each
        for each in configs
        if "range" not in (each.get("group.consumer.assignors") or "range").lower()
    ]
    if without:
        yield _VOICE.error(
            _SUBJECT,
            "The brokers have no range assignment for the protocol `consumer`: "
            f"group.consumer.assignors={without[0]['group.consumer.assignors']}",
            "Add `range` to it on the brokers, or set PROCESSOR_KAFKA__GROUP_PROTOCOL=classic",
        )
    elif configs:
        yield _VOICE.ok(_SUBJECT, "consumer (KIP-848), with range assignment")
    else:
        yield _VOICE.unknown(
            _SUBJECT,
            "The brokers serve `consumer` (KIP-848); whether with range assignment this user may "
            "not know",
            "Run this once as somebody with DESCRIBE_CONFIGS on the cluster, or look at "
            "group.consumer.assignors",
        )


def judge_session(settings: Settings, configs: Collection[Mapping[str, str]]) -> Iterator[Finding]:
    """Compare the group's session, and what has to end within it, with the brokers' bounds."""
    kafka, client = settings.kafka, settings.http_client
    if not configs:
        yield _VOICE.unknown(
            _SESSION,
            "Whether the session timeout suits the brokers: their settings may not be read",
            "Run this once as somebody with DESCRIBE_CONFIGS on the cluster",
        )
        return
    config = next(iter(configs))
    timeout = kafka.session_timeout
    if timeout is not None:
        low = float(config.get("group.min.session.timeout.ms", "0")) / 1_000
        high = float(config.get("group.max.session.timeout.ms", "inf")) / 1_000
        if low <= timeout <= high:
            yield _VOICE.ok(_SESSION, f"{show_seconds(timeout)}, as the brokers allow")
            return
        bounds = f"from {show_seconds(low)} to {show_seconds(high)}"
        yield _VOICE.error(
            _SESSION,
            f"The session timeout of {show_seconds(timeout)} is refused: the brokers allow it "
            f"{bounds}",
            "Set `session.timeout.ms` in PROCESSOR_KAFKA__PROPERTIES to what they allow",
        )
        return
    timeout = float(config.get("group.consumer.session.timeout.ms", "45000")) / 1_000
    longest = max(client.confirm_deadline, client.release_deadline)
    if kafka.lease > timeout / 3:
        yield _VOICE.error(
            _SESSION,
            f"PROCESSOR_KAFKA__LEASE={show_seconds(kafka.lease)} is more than a third of the "
            f"brokers' session timeout of {show_seconds(timeout)}: two owners may call at once",
            f"Set it to {show_seconds(timeout / 3)} or less, or raise "
            "group.consumer.session.timeout.ms on the brokers",
        )
    elif longest >= timeout:
        yield _VOICE.error(
            _SESSION,
            f"A call may take {show_seconds(longest)}, as long as the brokers' session timeout of "
            f"{show_seconds(timeout)}",
            "Shorten PROCESSOR_HTTP_CLIENT__…_DEADLINE, or raise group.consumer.session.timeout.ms",
        )
    else:
        yield _VOICE.ok(_SESSION, f"{show_seconds(timeout)} at the brokers, and the lease fits")
