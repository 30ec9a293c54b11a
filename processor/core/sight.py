"""Sight: what the engine is doing, for health, status and metrics."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from processor.core.assignments import Assignments
from processor.core.partitions import Phase
from processor.core.permits import Permits
from processor.core.records import Partition
from processor.core.scopes import Scope, scope_of
from processor.core.vocabulary import Operation, Reason
from processor.core.work import Work

_SHORT: Final = 60.0
"""How long, in seconds, an order may wait before anybody has to know of its reservation."""


class Reserved(NamedTuple):
    """A live order that waits, and when the first reservation ends that it asks to confirm.

    `since` is the moment of its admission (seconds, see `Now.at`); `until` is epoch milliseconds.
    """

    since: float
    until: int


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
class RetrySight:
    """A look at the records that are tried again while nothing is held.

    `since` is when the first of them was called first, in seconds since the epoch; `last` is the
    last reply of them all, in words.
    """

    records: int
    since: float
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A look at the engine.

    `is_restored`: all partition numbers are complete and their ledgers read. `oldest` has the
    timestamp of the oldest unfinished live record by operation, `timestamps` those of all of them
    (epoch milliseconds), `reserved` those of them that have a reservation to confirm.
    `holds` has the scopes that are held, `paused_until` those that Rokt has asked to wait, with
    the time (seconds since the epoch). `retrying` is None when nothing is tried again beside a
    hold. `releases_stopped` says why no release is sent, None when
    they are.
    """

    in_flight: int
    is_restored: bool
    unfinished: Mapping[str, int]
    oldest: Mapping[Operation, int]
    timestamps: Mapping[Operation, Sequence[int]]
    reserved: Sequence[Reserved]
    next_offsets: Mapping[Partition, int]
    holds: Mapping[Scope, HoldSight]
    paused_until: Mapping[Scope, float]
    retrying: RetrySight | None
    releases_stopped: str | None

    def first_expiry(self, at: float) -> int | None:
        """Return when the first reservation ends whose order has waited for a minute, or None.

        In a busy shop some order that has just been paid is always near that end. The moment `at`
        is as in `Now.at`, the answer epoch milliseconds.
        """
        late = (each.until for each in self.reserved if at - each.since > _SHORT)
        return min(late, default=None)


def look(assignments: Assignments, permits: Permits, releases_stopped: str | None) -> Sight:
    """Return what is being done now. Goes over all unfinished records."""
    unfinished: dict[str, int] = {}
    timestamps: dict[Operation, list[int]] = {}
    next_offsets: dict[Partition, int] = {}
    works: list[Work] = []
    holds = permits.holds.by_scope
    for state in assignments.states.values():
        for topic, owned in state.inputs.items():
            unfinished[topic] = unfinished.get(topic, 0) + owned.offsets.unfinished
            next_offsets[Partition(topic, state.number)] = owned.offsets.next_offset
        for lane in state.lanes.values():
            works += lane
    # Thousands of them, once a second: hence plain lists, and nothing that is not asked for.
    waiting = Counter(map(scope_of, works)) if holds else Counter[Scope]()
    failing = [work for work in works if work.failures]
    live = [work for work in works if not work.is_replayed]
    reserved = [
        Reserved(work.received_at, work.expires_at) for work in live if work.expires_at is not None
    ]
    for work in live:
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
        reserved=reserved,
        next_offsets=next_offsets,
        holds={
            scope: HoldSight(
                since=hold.since.wall,
                reason=hold.reason,
                why=hold.why,
                waiting=waiting[scope],
                next_probe=(None if permits.holds.is_stopped(scope) else hold.next_probe.wall),
            )
            for scope, hold in holds.items()
        },
        paused_until=permits.pauses(),
        retrying=_retrying([each for each in failing if scope_of(each) not in holds]),
        releases_stopped=releases_stopped,
    )


def _retrying(failing: Sequence[Work]) -> RetrySight | None:
    if not failing:
        return None
    last = max(failing, key=lambda work: work.last_attempt_at or 0)
    since = min(work.first_attempt_at or 0 for work in failing)
    return RetrySight(records=len(failing), since=since / 1_000, last=last.trouble)
