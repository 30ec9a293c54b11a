"""Our clock beside those of others: Rokt's, the registry's, and the newest records'."""

from collections.abc import Collection, Iterator
from typing import Final

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from processor.core.records import Partition
from processor.shell.checks.findings import Area, Finding, Voice
from processor.shell.checks.scene import Clock, Scene
from processor.shell.clock import now

_VOICE: Final = Voice(area=Area.CLOCKS)
_OURS: Final = "this machine's"
_NOTICEABLE: Final = 5.0
_TOO_MUCH: Final = 60.0
_MEND: Final = "Have this machine's clock synchronised (NTP, chrony), or theirs"


def newest(admin: AdminClient, partitions: Collection[Partition], within: float) -> Iterator[Clock]:
    """Return how far the newest record of each topic lies in the future, where one does.

    Brokers tell no time; a record of the future proves that somebody's clock is wrong, and none
    of the future proves nothing.
    """
    spec = OffsetSpec.max_timestamp()
    futures = admin.list_offsets(
        {TopicPartition(*each): spec for each in partitions}, request_timeout=within
    )
    latest: dict[str, int] = {}
    for place, future in futures.items():
        try:
            at = future.result(within).timestamp
        except (KafkaException, TimeoutError):
            continue
        latest[place.topic] = max(at or 0, latest.get(place.topic, 0))
    for topic, at in latest.items():
        ahead = at / 1_000 - now().wall
        if ahead > _NOTICEABLE:
            yield Clock(of=f"that which stamped the newest record of {topic}", ahead=ahead)


def judge(clocks: Collection[Clock]) -> Iterator[Finding]:
    """Say whose clock differs from ours."""
    for clock in clocks:
        apart = abs(clock.ahead)
        if apart <= _NOTICEABLE:
            yield _VOICE.ok(_OURS, f"It agrees with {clock.of}")
            continue
        side = "behind" if clock.ahead > 0 else "ahead of"
        voice = _VOICE.error if apart > _TOO_MUCH else _VOICE.warning
        yield voice(
            _OURS,
            f"It is {apart:.0f} s {side} {clock.of}: reservations seem to end too "
            f"{'late' if clock.ahead > 0 else 'early'}, and ages and alerts are wrong",
            _MEND,
        )
    if not clocks:
        yield _VOICE.unknown(_OURS, "No server sent a Date header, so the clock was not compared")


def look(scene: Scene, records: Collection[Clock]) -> Iterator[Finding]:
    """Compare all clocks that were heard of."""
    yield from judge([*scene.clocks, *records])
