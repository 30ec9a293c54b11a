"""Sight: what the engine is doing, for health, status and metrics."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from processor.core.assignments import Assignments
from processor.core.events import OrderPaid
from processor.core.partitions import Phase
from processor.core.permits import Permits
from processor.core.records import Partition
from processor.core.scopes import Scope, scope_of
from processor.core.vocabulary import Operation, Reason
from processor.core.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldSight:
    """A look at a hold. Times are seconds since the epoch; `waiting` counts unfinished records.

    `next_probe` is None while the hold of another scope stops this one: that is probed first.
    """

    since: float
    reason: Reason
    why: str
    waiting: int
    next_probe: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A look at the engine.

    `is_restored`: all partition numbers are complete and their ledgers read. `oldest` has the
    timestamp of the oldest unfinished live record by operation, `timestamps` those of all of them,
    `first_expiry` the end of the first reservation that they ask to confirm, None where there is
    none; all epoch milliseconds.
    `holds` has the scopes that are held, `paused_until` those that Rokt has asked to wait, with
    the time (seconds since the epoch). `releases_stopped` says why no release is sent, None when
    they are.
    """

    in_flight: int
    is_restored: bool
    unfinished: Mapping[str, int]
    oldest: Mapping[Operation, int]
    timestamps: Mapping[Operation, Sequence[int]]
    first_expiry: int | None
    next_offsets: Mapping[Partition, int]
    holds: Mapping[Scope, HoldSight]
    paused_until: Mapping[Scope, float]
    releases_stopped: str | None


def look(assignments: Assignments, permits: Permits, releases_stopped: str | None) -> Sight:
    """Return what is being done now. Goes over all unfinished records."""
    unfinished: dict[str, int] = {}
    timestamps: dict[Operation, list[int]] = {}
    expiries: list[int] = []
    next_offsets: dict[Partition, int] = {}
    waiting = dict.fromkeys(Scope, 0)
    for state in assignments.states.values():
        for topic, owned in state.inputs.items():
            unfinished[topic] = unfinished.get(topic, 0) + owned.offsets.unfinished
            next_offsets[Partition(topic, state.number)] = owned.offsets.next_offset
        for _, work in state.works():
            waiting[scope_of(work)] += 1
            if work.is_replayed:
                continue
            expiries += _expiries(work)
            if (timestamp := work.record.source.timestamp) is not None:
                timestamps.setdefault(work.operation, []).append(timestamp)
    return Sight(
        in_flight=permits.in_flight,
        is_restored=all(
            state.phase not in (Phase.INCOMPLETE, Phase.RESTORING)
            for state in assignments.live_states()
        ),
        unfinished=unfinished,
        oldest={operation: min(times) for operation, times in timestamps.items()},
        timestamps=timestamps,
        first_expiry=min(expiries, default=None),
        next_offsets=next_offsets,
        holds={
            scope: HoldSight(
                since=hold.since.wall,
                reason=hold.reason,
                why=hold.why,
                waiting=waiting[scope],
                next_probe=(None if permits.holds.is_stopped(scope) else hold.next_probe.wall),
            )
            for scope, hold in permits.holds.by_scope.items()
        },
        paused_until=permits.pauses(),
        releases_stopped=releases_stopped,
    )


def _expiries(work: Work) -> Iterator[int]:
    """Go over the ends of the reservations that a record asks to confirm."""
    if isinstance(event := work.content, OrderPaid):
        for item in event.items:
            if item.reservation_expires_at is not None:
                yield item.reservation_expires_at
