"""The status: what `/status` shows, for programs and for people who read JSON."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TypedDict

from processor import __version__
from processor.core.scopes import Scope
from processor.core.sight import HoldSight, Sight
from processor.shell.seen import Seen


class HoldStatus(TypedDict):
    """What `/status` shows of a hold; `waiting` counts the unfinished records that it stops."""

    since: str
    reason: str
    why: str
    waiting: int
    next_probe_at: str | None


class RetryStatus(TypedDict):
    """What `/status` shows of records that are tried again; `last` is the last reply to them."""

    records: int
    since: str
    last: str


class Status(TypedDict):
    """What `/status` shows. Times are ISO 8601 in UTC; None stands for not yet, or not now."""

    version: str
    group_id: str
    is_live: bool
    is_ready: bool
    assignment: dict[str, list[int]]
    restore_remaining: int
    in_flight: int
    unfinished: dict[str, int]
    lag: dict[str, dict[str, int]]
    parked: dict[str, dict[str, str]]
    holds: dict[str, HoldStatus]
    paused_until: dict[str, str]
    retrying: RetryStatus | None
    away: list[str]
    releases_stopped_because: str | None
    last_outcome_at: str | None
    last_commit_at: str | None


def status_of(seen: Seen) -> Status:
    """Return what `/status` shows."""
    sight = seen.sight
    parked: dict[str, dict[str, str]] = {}
    for gap in seen.gaps:
        where = parked.setdefault(gap.partition.topic, {})
        where[str(gap.partition.number)] = f"{gap.missing}; to go on: {gap.remedy}"
    lag: dict[str, dict[str, int]] = {}
    for (topic, number), behind in sorted(seen.lag.items()):
        lag.setdefault(topic, {})[str(number)] = behind
    assignment: dict[str, list[int]] = {}
    for topic, number in sorted(sight.next_offsets if sight is not None else ()):
        assignment.setdefault(topic, []).append(number)
    return Status(
        version=__version__,
        group_id=seen.group_id,
        is_live=seen.is_live,
        is_ready=seen.is_ready,
        assignment=assignment,
        restore_remaining=sum(seen.left.values()),
        in_flight=sight.in_flight if sight is not None else 0,
        unfinished=dict(sight.unfinished) if sight is not None else {},
        lag=lag,
        parked=parked,
        holds={
            name_of(scope): _hold(hold)
            for scope, hold in (sight.holds.items() if sight is not None else ())
        },
        paused_until={
            name_of(scope): iso(until)
            for scope, until in (sight.paused_until.items() if sight is not None else ())
        },
        retrying=_retrying(sight),
        away=list(_complaints(seen)),
        releases_stopped_because=_releases_stopped(sight) if sight is not None else None,
        last_outcome_at=iso_or_none(seen.last_outcome_at),
        last_commit_at=iso_or_none(seen.last_commit_at),
    )


def _hold(hold: HoldSight) -> HoldStatus:
    return HoldStatus(
        since=iso(hold.since),
        reason=hold.reason,
        why=hold.why,
        waiting=hold.waiting,
        next_probe_at=iso_or_none(hold.next_probe),
    )


def _retrying(sight: Sight | None) -> RetryStatus | None:
    retrying = sight.retrying if sight is not None else None
    if retrying is None:
        return None
    return RetryStatus(records=retrying.records, since=iso(retrying.since), last=retrying.last)


def _complaints(seen: Seen) -> Iterator[str]:
    """Go over what does not answer as it should, Rokt and the key's file included."""
    yield from seen.away
    for scope, hold in (seen.sight.holds if seen.sight is not None else {}).items():
        yield f"rokt {name_of(scope)}: {hold.why}"
    if seen.key_problem is not None:
        yield f"PROCESSOR_ROKT__API_KEY_FILE {seen.key_problem}"


def _releases_stopped(sight: Sight) -> str | None:
    """Return what stops the releases beside a hold or a pause of their own."""
    if sight.releases_stopped is not None:
        return sight.releases_stopped
    if Scope.CONFIRM in sight.holds:
        return "the confirms are held"
    return "the confirms are paused" if Scope.CONFIRM in sight.paused_until else None


def name_of(scope: Scope) -> str:
    """Return a scope's name as metrics have it."""
    return scope.name.lower()


def iso(wall: float) -> str:
    """Return seconds since the epoch as an ISO 8601 time in UTC."""
    return datetime.fromtimestamp(wall, UTC).isoformat()


def iso_or_none(wall: float | None) -> str | None:
    """Return the same, or None where there is no time."""
    return None if wall is None else iso(wall)
