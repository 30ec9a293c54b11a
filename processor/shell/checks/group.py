"""The consumer group: where it goes on, or begins."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from processor.core import horizon
from processor.core.records import Partition
from processor.shell.checks.coordinator import committed
from processor.shell.checks.findings import Area, Finding, Voice
from processor.shell.checks.scene import Scene
from processor.shell.inputs import inputs
from processor.shell.kafka.broker import Broker, Ends
from processor.shell.settings import Settings

_VOICE: Final = Voice(area=Area.GROUP)
_START: Final = (
    "Set PROCESSOR_KAFKA__START for the first start: `earliest` confirms all orders that the "
    "topics hold, `latest` only those from now on, an ISO time those since then"
)


def look(scene: Scene) -> Iterator[Finding]:
    """Look at what the group has committed; needs to know how many partitions there are."""
    settings, group = scene.settings, scene.settings.kafka.group_id
    partitions = scene.partitions
    if partitions is None:
        yield _VOICE.unknown(group, "Its offsets, because the inputs are not as they have to be")
        return
    asked = [
        TopicPartition(topic, number)
        for topic in inputs(settings.topics)
        for number in range(partitions)
    ]
    try:
        offsets = committed(settings.kafka, group, asked, scene.within)
        for each in offsets:
            _raise(each.error)  # not told is not the same as not there
    except KafkaException as away:
        yield _VOICE.error(
            group,
            f"The brokers do not tell its offsets ({away.args[0].str()})",
            "Mend what is said of rights and brokers above",
        )
        return
    yield from judge(settings, offsets, partitions)
    there = [each for each in offsets if each.offset >= 0]
    yield from _in_the_log(Broker(settings.kafka), there, scene.within)


def _raise(error: KafkaError | None) -> None:
    if error is not None:
        raise KafkaException(error)


def judge(
    settings: Settings, offsets: Sequence[TopicPartition], partitions: int
) -> Iterator[Finding]:
    """Say what a group with these offsets would do at its next start."""
    group, start = settings.kafka.group_id, settings.kafka.start
    counts = {
        known.partitions
        for each in offsets
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
    without = [each for each in offsets if each.offset < 0]
    if not without:
        yield _VOICE.ok(group, f"It has offsets on all {len(offsets)} partitions of the inputs")
        return
    which = "It has no offsets yet"
    if len(without) < len(offsets):
        more = f" and {len(without) - 1} more" if len(without) > 1 else ""
        which = f"It has no offset for {without[0].topic} [{without[0].partition}]{more}"
    if start is None:
        yield _VOICE.error(group, f"{which}, and nothing says where to begin", _START)
    else:
        where = start.isoformat() if isinstance(start, datetime) else start
        yield _VOICE.ok(group, f"{which}; it will begin at PROCESSOR_KAFKA__START={where}")


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
