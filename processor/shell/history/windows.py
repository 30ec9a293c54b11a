"""Windows: which offsets of which partitions a plan reads, and what is missing there."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from processor.core.moments import show_moment
from processor.core.records import Partition
from processor.core.replays import Slice
from processor.core.selection import Selection
from processor.core.windows import Cut, Log, cut
from processor.errors import ConfigurationError
from processor.shell.history.cluster import logs
from processor.shell.history.reader import Reader
from processor.shell.kafka.broker import Broker
from processor.shell.settings import Kafka

_CONFIG_WITHIN: Final = 5.0
_MOST_TOLD: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The slices of a plan, frozen.

    `waiting` counts the offsets that were asked for and are left to the live fleet.
    """

    slices: tuple[Slice, ...]
    waiting: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    place: Partition
    cut: Cut
    missing: str | None


class Windows:
    """Cuts slices out of topics. Blocks on Kafka."""

    def __init__(self, kafka: Kafka, reader: Reader, inputs: Sequence[str]) -> None:
        """Ask `kafka`. `inputs` are the topics that the live fleet works by itself."""
        self._kafka = kafka
        self._reader = reader
        self._inputs = inputs
        self._broker = Broker(kafka)

    def draw(self, counts: Mapping[str, int], selection: Selection) -> Drawn:
        """Cut the window of a selection out of topics, which `counts` names in their order."""
        places = [
            Partition(topic, number)
            for number in range(max(counts.values(), default=0))
            for topic, count in counts.items()
            if number < count and (not selection.partitions or number in selection.partitions)
        ]
        if selection.partitions and not places:
            listed = ", ".join(f"{topic} has {count}" for topic, count in counts.items())
            raise ConfigurationError(f"No topic has the partitions that were asked for: {listed}.")
        told = self._logs(places)
        is_exact = {topic: self._is_exact(topic) for topic in counts}
        parts = [
            self._by_time(place, told[place], selection, is_exact=is_exact[place.topic])
            for place in places
        ]
        notes = [*self._policies(counts)]
        if selection.until is not None:
            loose = [topic for topic, exact in is_exact.items() if not exact]
            if loose:
                notes.append(
                    f"The times in {' and '.join(loose)} are those of producers, and need not be "
                    "in order: everything from the beginning of the window on is read, and each "
                    "record looked at."
                )
        return _drawn(parts, notes)

    def draw_offsets(self, wanted: Sequence[Slice]) -> Drawn:
        """Cut slices that were asked for by offsets."""
        told = self._logs([each.place for each in wanted])
        parts = [self._by_offsets(each, told[each.place]) for each in wanted]
        return _drawn(parts, [*self._policies({each.place.topic for each in wanted})])

    def _by_time(
        self, place: Partition, log: Log, selection: Selection, *, is_exact: bool
    ) -> _Part:
        begin, edge, missing = log.begin, log.end, None
        if selection.since is None:
            missing = f"from offset {log.begin} on" if log.begin > 0 else None
        else:
            found = self._reader.at(place, selection.since)
            begin = log.end if found is None else max(log.begin, found)
            if 0 < log.begin == begin < log.end:
                missing = self._missing_since(place, log, selection.since)
        if selection.until is not None:
            found = self._reader.at(place, selection.until)
            edge = log.end if found is None else found
        return _Part(place, cut(log, begin, edge, is_exact=is_exact), missing)

    def _by_offsets(self, wanted: Slice, log: Log) -> _Part:
        missing = f"from offset {log.begin} on" if wanted.begin < log.begin else None
        return _Part(wanted.place, cut(log, wanted.begin, wanted.end), missing)

    def _logs(self, places: Sequence[Partition]) -> Mapping[Partition, Log]:
        """Return where partitions begin and end; only the inputs have a live fleet before them."""
        told = logs(self._kafka, places)
        inputs = [place for place in places if place.topic in self._inputs]
        without = [place for place in inputs if told[place].committed is None]
        if without:
            raise ConfigurationError(
                f"Group {self._kafka.group_id} has no offset for {without[0].topic} "
                f"[{without[0].number}], so it cannot be told what lies behind the live fleet and "
                "what before it: start `processor run` first (PROCESSOR_KAFKA__START says where "
                "it begins), or check PROCESSOR_KAFKA__GROUP_ID."
            )
        return {
            place: log if place in inputs else replace(log, committed=None)
            for place, log in told.items()
        }

    def _missing_since(self, place: Partition, log: Log, since: int) -> str | None:
        first = self._reader.first(place, log.begin, log.end)
        if first is None or first.source.timestamp is None or first.source.timestamp <= since:
            return None
        return f"from {show_moment(first.source.timestamp)} on"

    def _is_exact(self, topic: str) -> bool:
        config = self._broker.config(topic, _CONFIG_WITHIN)
        return config.get("message.timestamp.type") == "LogAppendTime"

    def _policies(self, topics: Iterable[str]) -> Iterable[str]:
        for topic in topics:
            policy = self._broker.config(topic, _CONFIG_WITHIN).get("cleanup.policy") or ""
            if "compact" in policy:
                yield (
                    f"{topic} is compacted (cleanup.policy={policy}): of each cart only its last "
                    "events are sure to be there; earlier ones are missing."
                )


def _drawn(parts: Sequence[_Part], notes: list[str]) -> Drawn:
    missing: dict[str, list[str]] = defaultdict(list)
    for part in parts:
        if part.missing is not None:
            missing[part.place.topic].append(f"[{part.place.number}] {part.missing}")
    for topic, told in missing.items():
        more = f" and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
        notes.append(
            f"{topic} does not go back as far as was asked; what is older was deleted. It holds "
            f"{', '.join(told[:_MOST_TOLD])}{more}."
        )
    slices = [Slice(place=each.place, begin=each.cut.begin, end=each.cut.end) for each in parts]
    return Drawn(
        slices=tuple(each for each in slices if each.size),
        waiting=sum(each.cut.waiting for each in parts),
        notes=tuple(notes),
    )
