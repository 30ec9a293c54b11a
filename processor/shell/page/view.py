"""The view: makes what the page shows of what the watch has seen."""

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Final

from processor import __version__
from processor.core.escapes import escaped
from processor.core.partitions import Phase
from processor.core.records import Partition
from processor.core.scopes import Scope
from processor.core.sight import HoldSight, Sight
from processor.shell.kafka.gaps import Gap
from processor.shell.observers import remedy
from processor.shell.page.headline import Level, Situation, headline
from processor.shell.page.recent import EVERY, Point, Recent, RecentLetter
from processor.shell.page.shape import (
    HoldView,
    LetterView,
    ParkedView,
    ReplayView,
    RowView,
    View,
)
from processor.shell.page.words import shortened
from processor.shell.seen import Seen
from processor.shell.status import iso_or_none, name_of

MOST_ROWS: Final = 200
_PHASES: Final = {
    Phase.INCOMPLETE: "waits for its other input",
    Phase.RESTORING: "reads its ledger",
    Phase.WORKING: "works",
    Phase.DRAINING: "is handed over",
    Phase.CLOSED: "is handed over",
}
_FULL: Final = "is full: it takes in no more until there is room"


def view(seen: Seen) -> View:
    """Return what the page shows."""
    sight = seen.sight
    top = headline(_situation(seen))
    topics = _topics(seen)
    rows = list(_rows(seen, topics))
    shown = _most_wanted(rows)
    oldest = sight.oldest if sight is not None else {}
    lane = seen.topics[-1]
    return View(
        now=iso_or_none(seen.wall),
        version=__version__,
        group_id=escaped(seen.group_id),
        is_ready=seen.is_ready,
        level=top.level,
        word=top.word,
        text=escaped(top.text),
        notices=[escaped(notice) for notice in _notices(seen)],
        holds=[_hold(scope, hold) for scope, hold in _holds(sight).items()],
        parked=[_parked(gap) for gap in seen.gaps],
        paused_until=_pauses(sight),
        in_flight=sight.in_flight if sight is not None else 0,
        most_in_flight=seen.most_in_flight,
        unfinished=_unfinished(sight),
        lag=_lag(seen, seen.topics[:-1]),
        oldest={operation.value: iso_or_none(wall / 1000) for operation, wall in oldest.items()},
        last_outcome_at=iso_or_none(seen.last_outcome_at),
        last_commit_at=iso_or_none(seen.last_commit_at),
        topics=list(topics),
        rows=shown,
        rows_left_out=len(rows) - len(shown),
        points_every=EVERY,
        points=_points(seen.recent),
        letters=[_letter(letter) for letter in reversed(seen.recent.letters)],
        replay=_replay(seen, lane),
    )


def live_lag(lag: Mapping[Partition, int], lane: str) -> int:
    """Return how far the live inputs are behind, all partitions together."""
    return sum(behind for (topic, _), behind in lag.items() if topic != lane)


def _situation(seen: Seen) -> Situation:
    sight = seen.sight
    retrying = sight.retrying if sight is not None else None
    return Situation(
        has_begun=sight is not None,
        is_live=seen.is_live,
        is_ready=seen.is_ready,
        away=seen.away,
        held=[name_of(scope) for scope in _holds(sight)],
        parked=len(seen.gaps),
        is_release_stopped=sight is not None and sight.releases_stopped is not None,
        has_key_problem=seen.key_problem is not None,
        paused=tuple(_pauses(sight)),
        retrying=retrying.records if retrying is not None else 0,
        last_reply=shortened(retrying.last if retrying is not None else None) or "",
        phases=seen.phases,
        restore_remaining=sum(seen.left.values()),
        in_flight=sight.in_flight if sight is not None else 0,
        unfinished=_unfinished(sight),
        quiet_for=inf if seen.last_outcome_at is None else seen.wall - seen.last_outcome_at,
    )


def _notices(seen: Seen) -> Iterator[str]:
    """Go over what else a person should know, in sentences of those who complain."""
    yield from seen.away
    if seen.sight is not None and seen.sight.releases_stopped is not None:
        yield seen.sight.releases_stopped
    if seen.key_problem is not None:
        yield f"PROCESSOR_ROKT__API_KEY_FILE {seen.key_problem}"


def _holds(sight: Sight | None) -> Mapping[Scope, HoldSight]:
    return sight.holds if sight is not None else {}


def _pauses(sight: Sight | None) -> dict[str, str | None]:
    paused = sight.paused_until if sight is not None else {}
    return {name_of(scope): iso_or_none(until) for scope, until in paused.items()}


def _unfinished(sight: Sight | None) -> int:
    return sum(sight.unfinished.values()) if sight is not None else 0


def _lag(seen: Seen, topics: Sequence[str]) -> int | None:
    """Return how far topics are behind; None while the end of none of them is known."""
    known = [behind for (topic, _), behind in seen.lag.items() if topic in topics]
    return sum(known) if known else None


def _hold(scope: Scope, hold: HoldSight) -> HoldView:
    return HoldView(
        scope=name_of(scope),
        since=iso_or_none(hold.since),
        reason=hold.reason,
        why=escaped(hold.why),
        do=remedy(hold.reason),
        waiting=hold.waiting,
        next_probe_at=iso_or_none(hold.next_probe),
    )


def _parked(gap: Gap) -> ParkedView:
    topic, number = gap.partition
    return ParkedView(
        partition=f"{topic} [{number}]", missing=escaped(gap.missing), command=gap.remedy
    )


def _topics(seen: Seen) -> Sequence[str]:
    """Return the topics that have a column: the replay lane only where some of it is owned."""
    owned = seen.sight.next_offsets if seen.sight is not None else {}
    has_lane = any(topic == seen.topics[-1] for topic, _ in owned)
    return seen.topics if has_lane else seen.topics[:-1]


def _rows(seen: Seen, topics: Sequence[str]) -> Iterator[RowView]:
    parked = {gap.partition for gap in seen.gaps}
    owned = seen.sight.next_offsets if seen.sight is not None else {}
    for number, phase in sorted(seen.phases.items()):
        partitions = [Partition(topic, number) for topic in topics]
        stuck = [each.topic for each in partitions if each in parked]
        state = _PHASES[phase]
        level = Level.WELL if phase is Phase.WORKING else Level.BUSY
        if stuck:
            state, level = f"{stuck[0]} is parked", Level.TROUBLE
        elif phase is Phase.WORKING and number in seen.full:
            state, level = _FULL, Level.BUSY
        yield RowView(
            number=number,
            state=state,
            level=level,
            lag=[seen.lag.get(each) if each in owned else None for each in partitions],
            left=seen.left.get(number, 0),
        )


def _most_wanted(rows: Sequence[RowView]) -> list[RowView]:
    """Return as many rows as a person can read: who is not well first, then who is behind."""
    if len(rows) <= MOST_ROWS:
        return list(rows)

    def urgency(row: RowView) -> tuple[bool, int]:
        return row["level"] == Level.WELL, -sum(behind or 0 for behind in row["lag"])

    return sorted(sorted(rows, key=urgency)[:MOST_ROWS], key=lambda row: row["number"])


def _points(recent: Recent) -> dict[str, list[float | None]]:
    """Return the points field by field."""
    columns = zip(*recent.points, strict=True) if recent.points else ((),) * len(Point._fields)
    return dict(zip(Point._fields, map(list, columns), strict=True))


def _letter(letter: RecentLetter) -> LetterView:
    topic, partition, offset, _ = letter.source
    return LetterView(
        at=iso_or_none(letter.wall),
        id=letter.letter_id,
        operation=letter.operation,
        reason=letter.reason,
        effect=letter.effect,
        cart_id=shortened(letter.cart_id),
        order_id=shortened(letter.order_id),
        source=f"{topic}:{partition}:{offset}",
        http_status=letter.http_status,
        attempts=letter.attempts,
        is_replayed=letter.is_replayed,
    )


def _replay(seen: Seen, lane: str) -> ReplayView:
    replayed, sight = seen.recent.replayed, seen.sight
    owned = sight.next_offsets if sight is not None else {}
    return ReplayView(
        partitions=sum(topic == lane for topic, _ in owned),
        lag=_lag(seen, [lane]),
        unfinished=sight.unfinished.get(lane, 0) if sight is not None else 0,
        worked=replayed.worked,
        settled=replayed.settled,
        dead_letters=replayed.dead_letters,
        replay_id=shortened(replayed.replay_id),
        last_at=iso_or_none(replayed.wall),
    )
