"""Windows: which offsets of which partitions a plan reads, and what is missing there."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from processor.core.moments import show_moment
from processor.core.records import Partition
from processor.core.replays import Slice
from processor.core.selection import Selection
from processor.errors import ConfigurationError
from processor.shell.history.cluster import Log, logs
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    slice: Slice
    waiting: int
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
        told = logs(self._kafka, places)
        self._check_group(told)
        is_exact = {topic: self._is_exact(topic) for topic in counts}
        cuts = [
            self._by_time(place, told[place], selection, is_exact=is_exact[place.topic])
            for place in places
        ]
        notes = [*self._policies(counts)]
        if selection.until is not None:
            notes += [
                f"{topic} keeps the times of its producers, which need not be in order: "
                "everything from the beginning of the window on is read, and each record looked at."
                for topic, exact in is_exact.items()
                if not exact
            ]
        return _drawn(cuts, notes)

    def draw_offsets(self, wanted: Sequence[Slice]) -> Drawn:
        """Cut slices that were asked for by offsets."""
        told = logs(self._kafka, [each.place for each in wanted])
        self._check_group(told)
        cuts = [self._by_offsets(each, told[each.place]) for each in wanted]
        return _drawn(cuts, [*self._policies({each.place.topic for each in wanted})])

    def _by_time(self, place: Partition, log: Log, selection: Selection, *, is_exact: bool) -> _Cut:
        begin, missing = log.begin, None
        if selection.since is None:
            missing = f"from offset {log.begin} on" if log.begin > 0 else None
        else:
            found = self._reader.at(place, selection.since)
            begin = log.end if found is None else max(log.begin, found)
            if 0 < log.begin == begin < log.end:
                missing = self._missing_since(place, log, selection.since)
        edge = None
        if selection.until is not None:
            edge = self._reader.at(place, selection.until)
        asked = log.end if edge is None else max(begin, edge)
        # An index tells the first record that is not older; out of order, older ones may follow.
        end = min(asked if is_exact else log.end, self._limit(place, log))
        waiting = max(0, asked - max(begin, self._limit(place, log)))
        return _Cut(
            slice=Slice(place=place, begin=begin, end=max(begin, end)),
            waiting=waiting,
            missing=missing,
        )

    def _by_offsets(self, wanted: Slice, log: Log) -> _Cut:
        begin, asked = max(wanted.begin, log.begin), min(wanted.end, log.end)
        limit = self._limit(wanted.place, log)
        missing = f"from offset {log.begin} on" if wanted.begin < log.begin else None
        return _Cut(
            slice=Slice(place=wanted.place, begin=begin, end=max(begin, min(asked, limit))),
            waiting=max(0, asked - max(begin, limit)),
            missing=missing,
        )

    def _limit(self, place: Partition, log: Log) -> int:
        """Return where the live fleet's own work begins."""
        if place.topic in self._inputs and log.committed is not None:
            return min(log.end, log.committed)
        return log.end

    def _missing_since(self, place: Partition, log: Log, since: int) -> str | None:
        first = self._reader.first(place, log.begin, log.end)
        if first is None or first.source.timestamp is None or first.source.timestamp <= since:
            return None
        return f"from {show_moment(first.source.timestamp)} on"

    def _check_group(self, told: Mapping[Partition, Log]) -> None:
        without = [
            place
            for place, log in told.items()
            if place.topic in self._inputs and log.committed is None
        ]
        if without:
            raise ConfigurationError(
                f"Group {self._kafka.group_id} has no offset for {without[0].topic} "
                f"[{without[0].number}], so it cannot be told what lies behind the live fleet and "
                "what before it: start `processor run` first (PROCESSOR_KAFKA__START says where "
                "it begins), or check PROCESSOR_KAFKA__GROUP_ID."
            )

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


def _drawn(cuts: Sequence[_Cut], notes: list[str]) -> Drawn:
    missing: dict[str, list[str]] = defaultdict(list)
    for cut in cuts:
        if cut.missing is not None:
            missing[cut.slice.place.topic].append(f"[{cut.slice.place.number}] {cut.missing}")
    for topic, told in missing.items():
        more = f" and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
        notes.append(
            f"{topic} does not go back as far as was asked; what is older was deleted. It holds "
            f"{', '.join(told[:_MOST_TOLD])}{more}."
        )
    return Drawn(
        slices=tuple(cut.slice for cut in cuts if cut.slice.size),
        waiting=sum(cut.waiting for cut in cuts),
        notes=tuple(notes),
    )
