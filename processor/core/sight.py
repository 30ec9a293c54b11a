"""Sight: what the engine is doing, for health, status and metrics."""

from collections.abc import Mapping
from dataclasses import dataclass

from processor.core.assignments import Assignments
from processor.core.partitions import Phase
from processor.core.records import Partition
from processor.core.vocabulary import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A look at the engine.

    `is_restored`: all partition numbers are complete and their ledgers read. `oldest` has the
    timestamp of the oldest unfinished record by operation, epoch milliseconds.
    `releases_stopped` says why no release is sent, None when they are.
    """

    in_flight: int
    is_restored: bool
    unfinished: Mapping[str, int]
    oldest: Mapping[Operation, int]
    next_offsets: Mapping[Partition, int]
    releases_stopped: str | None


def look(assignments: Assignments, in_flight: int, releases_stopped: str | None) -> Sight:
    """Return what is being done now. Goes over all unfinished records."""
    unfinished: dict[str, int] = {}
    oldest: dict[Operation, int] = {}
    next_offsets: dict[Partition, int] = {}
    for state in assignments.states.values():
        for topic, owned in state.inputs.items():
            unfinished[topic] = unfinished.get(topic, 0) + owned.offsets.unfinished
            next_offsets[Partition(topic, state.number)] = owned.offsets.next_offset
        for _, work in state.works():
            timestamp, operation = work.record.source.timestamp, work.operation
            if timestamp is not None:
                oldest[operation] = min(oldest.get(operation, timestamp), timestamp)
    return Sight(
        in_flight=in_flight,
        is_restored=all(
            state.phase not in (Phase.INCOMPLETE, Phase.RESTORING)
            for state in assignments.states.values()
        ),
        unfinished=unfinished,
        oldest=oldest,
        next_offsets=next_offsets,
        releases_stopped=releases_stopped,
    )
