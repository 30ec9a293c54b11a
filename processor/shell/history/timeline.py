"""The timeline of what was found: entries, what the ledger says, what a redrive would do."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from processor.core.forecast import Forecaster, redriven
from processor.core.ledger import Ledger
from processor.core.records import Partition, Record, Source
from processor.core.replays import Guards, Prospect
from processor.core.sayings import Saying, sayings
from processor.core.timeline import (
    Entry,
    Fact,
    Moment,
    Standing,
    coordinates,
    in_order,
    item_facts,
    of_items,
    of_outcome,
    of_record,
)
from processor.core.vocabulary import Effect, Reason
from processor.shell.history.dead_letters import DeadLetterView
from processor.shell.history.tellings import Coordinates, Found, Lettered, Seen, Teller
from processor.shell.settings import Connections

_LEFT_OUT: Final = "its value was too large for its dead letter: a redrive looks where it came from"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redrive:
    """What a redrive would do with the last dead letter of an input.

    `times` says how often it was brought back before, and failed.
    """

    origin: Source
    order_id: str | None
    cart_id: str | None
    reason: Reason
    effect: Effect
    times: int
    prospect: Prospect
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """All that is known, in the order in which it happened."""

    entries: tuple[Entry, ...]
    ledger: tuple[Saying, ...]
    redrives: tuple[Redrive, ...]
    notes: tuple[str, ...]


class Historian:
    """Makes a timeline of what was found."""

    def __init__(self, settings: Connections, teller: Teller, wall_ms: int) -> None:
        """`wall_ms` is now, epoch milliseconds."""
        self._topics = settings.topics
        self._guards = Guards(
            max_age=settings.replay.max_age,
            includes_maybe_applied=False,
            most_redrives=settings.replay.most_redrives,
        )
        self._teller = teller
        self._wall_ms = wall_ms

    def tell(self, found: Found) -> Timeline:
        """Return the timeline of what was found."""
        ledger = Ledger(self._topics.cart_abandoned)
        for ended in found.ended:
            ledger.learn(ended.outcome)
        contents = [seen.content for seen in found.seen]
        outcomes = [ended.outcome for ended in found.ended]
        entries = in_order(_entries(found, self._topics.replay))
        return Timeline(
            entries=entries,
            ledger=tuple(sayings(ledger, contents, outcomes)),
            redrives=tuple(self._redrives(found, ledger)),
            notes=(*found.notes, *_where_to_look(entries)),
        )

    def _redrives(self, found: Found, ledger: Ledger) -> Iterator[Redrive]:
        last: dict[Source, Lettered] = {}
        replays: defaultdict[Source, set[str]] = defaultdict(set)
        for lettered in found.lettered:
            last[lettered.origin] = lettered
            if lettered.letter.replay_id is not None:
                replays[lettered.origin].add(lettered.letter.replay_id)
        for origin, lettered in last.items():
            forecaster = Forecaster(ledger, self._guards, self._wall_ms, found.forgets_before)
            yield self._redrive(lettered.letter, len(replays[origin]), forecaster)

    def _redrive(self, letter: DeadLetterView, times: int, forecaster: Forecaster) -> Redrive:
        """Say what would come of it, as a redrive does that nobody has told more."""
        told = Redrive(
            origin=letter.first_seen,
            order_id=letter.order_id,
            cart_id=letter.cart_id,
            reason=letter.reason,
            effect=letter.effect,
            times=times,
            prospect=Prospect.MISSING,
            detail=_LEFT_OUT,
        )
        if not letter.is_whole:
            return told
        record = Record(
            letter.first_seen, letter.original_key, letter.original_value, letter.original_headers
        )
        content = self._teller.content(record)
        found = forecaster.look(record, content, self._wall_ms, letter.failed_at)
        found = redriven(found, letter.effect, times, self._guards)
        return replace(told, prospect=found.prospect, detail=found.detail)


def _where_to_look(entries: Iterable[Entry]) -> Iterator[str]:
    """Say who knows more of what is not worked yet: attempts are written with the outcome only."""
    numbers = {
        entry.place.partition
        for entry in entries
        if entry.facts.get("standing") is Standing.WAITING
    }
    if numbers:
        named = ", ".join(map(str, sorted(numbers)))
        yield (
            "Attempts without an outcome are known to the processors alone: /status (retrying, "
            f"holds, paused_until, parked) of the one that has partition {named}, and its log."
        )


def _entries(found: Found, lane: str) -> Iterator[Entry]:
    sources = {ended.outcome.source[:3] for ended in found.ended}
    copied = {ended.origin[:3]: ended.outcome.replay_id for ended in found.ended}
    for seen in found.seen:
        worked_by = copied.get(seen.record.source[:3])
        standing = _standing(found, seen, sources, lane)
        if standing is Standing.PASSED_OVER and worked_by is not None:
            standing = Standing.COPY_ANSWERED
        yield of_record(seen.record, seen.content, seen.copy, standing, worked_by)
    for lettered in found.lettered:  # a dead letter is written before its outcome
        yield _of_letter(lettered)
    for ended in found.ended:
        yield from of_outcome(ended.place, ended.outcome)


def _standing(found: Found, seen: Seen, sources: set[Coordinates], lane: str) -> Standing:
    source = seen.record.source
    if source[:3] in sources:
        return Standing.ANSWERED
    log = found.logs.get(Partition(source.topic, source.partition))
    if log is None or source.offset >= (log.committed or 0):
        return Standing.WAITING
    return Standing.SETTLED if source.topic == lane else Standing.PASSED_OVER


def _of_letter(lettered: Lettered) -> Entry:
    letter = lettered.letter
    return Entry(
        at=letter.failed_at,
        moment=Moment.DEAD_LETTER,
        place=lettered.place,
        origin=letter.first_seen,
        operation=letter.operation,
        order_id=letter.order_id,
        cart_id=letter.cart_id,
        replay_id=letter.replay_id,
        told=(f"{letter.reason}, {letter.effect}", letter.message, *of_items(letter.items)),
        facts=_facts(letter),
    )


def _facts(letter: DeadLetterView) -> Mapping[str, Fact]:
    """Return what a dead letter says, without the bytes of the record, the request, the reply."""
    return {
        "deadLetterId": letter.dead_letter_id,
        "reason": letter.reason,
        "effect": letter.effect,
        "message": letter.message,
        "sourceEventId": letter.source_event_id,
        "source": coordinates(letter.source),
        "httpStatus": letter.http_status,
        "errors": [{"code": error.code, "message": error.message} for error in letter.errors],
        "items": item_facts(letter.items),
        "attempts": letter.attempts,
        "ambiguousAttempts": letter.ambiguous_attempts,
        "consumerGroup": letter.consumer_group,
        "processorVersion": letter.processor_version,
        "omitted": letter.omitted,
    }
