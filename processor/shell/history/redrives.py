"""Redrives: candidates from the dead letters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from processor.core.copies import Copy, copy_of
from processor.core.events import Pending, Undecodable
from processor.core.forecast import redriven
from processor.core.records import Partition, Record, Source
from processor.core.replays import COPIED, Candidate, Passed, Prospect, Slice
from processor.core.vocabulary import Operation
from processor.shell.clock import now
from processor.shell.history.dead_letters import DeadLetterView
from processor.shell.history.means import Means
from processor.shell.kafka.broker import Broker
from processor.shell.outputs import Foreign

_ANSWER_WITHIN: Final = 10.0


@dataclass(frozen=True, slots=True)
class _Past:
    """The replays that have brought a record back in vain, and its last dead letter's offset."""

    replays: frozenset[str]
    last: int


class Redrives:
    """Reads the slices of a redrive.

    A record that was brought back and failed again has several dead letters: only the last one
    speaks for it.
    """

    def __init__(self, means: Means, broker: Broker) -> None:
        self._means = means
        self._broker = broker
        self._past: tuple[Partition, dict[Source, _Past]] | None = None
        self._counts: dict[str, int | None] = {}

    def candidates(self, part: Slice, position: int) -> Iterator[Candidate | Passed]:
        """Yield the candidates of a slice from a position on."""
        means, odometer = self._means, self._means.odometer
        means.forecasters.forget()
        past = self._read_past(part)
        # Which record of a doubtful order was the first to be asked for, those before it tell.
        begin = part.begin if means.plan.guards.includes_maybe_applied else position
        for batch in means.reader.read(part.place, begin, part.end):
            for record in batch.records:
                candidate = self._weigh(part.place, record, past)
                if record.source.offset < position:
                    continue
                odometer.read += 1
                if candidate is not None:
                    yield candidate
            if batch.position > position:
                gone = min(batch.gone, batch.position - position)
                yield Passed(position=batch.position, deleted=gone)

    def _read_past(self, part: Slice) -> dict[Source, _Past]:
        """Return what was brought back before, and has a dead letter again, of a partition."""
        if self._past is not None and self._past[0] == part.place:
            return self._past[1]
        found: dict[Source, _Past] = {}
        low, _ = self._means.side.bounds(part.place)
        for batch in self._means.side.read(part.place, low, part.end):
            for record in batch.records:
                copy = copy_of(record.headers)
                if isinstance(copy, Copy):
                    # After a takeover one replay may have left two dead letters of a record.
                    before = found.get(copy.origin)
                    replays = frozenset() if before is None else before.replays
                    replays |= {copy.replay_id}
                    found[copy.origin] = _Past(replays, record.source.offset)
        self._past = part.place, found
        return found

    def _weigh(
        self, place: Partition, record: Record, past: dict[Source, _Past]
    ) -> Candidate | None:
        """Say what would come of a dead letter's record; None when it is not wanted."""
        selection, after = self._means.plan.selection, record.source.offset + 1
        letter = self._means.letters.read(record.value or b"")
        match letter:
            case DeadLetterView():
                pass
            case Foreign() | Pending():
                return None
            case Undecodable(detail=detail):
                return _unreadable(record, place, detail)
        origin = letter.first_seen
        before = past.get(origin)
        if before is not None and record.source.offset < before.last:
            return None
        if not (
            selection.covers(letter.failed_at)
            and selection.names(letter.subject)
            and selection.wants(letter.failure)
        ):
            return None
        found = self._forecast(place, letter, 0 if before is None else len(before.replays))
        return replace(found, position_after=after, failure=letter.failure)

    def _forecast(self, place: Partition, letter: DeadLetterView, times: int) -> Candidate:
        plan = self._means.plan
        original = _record_of(letter) if letter.is_whole else self._fetch(letter)
        key = letter.original_key if original is None else original.key
        number = plan.number_of(place, key)
        candidate = Candidate(
            position_after=0,
            prospect=Prospect.MISSING,
            origin=letter.first_seen,
            partition=number,
            record=original,
            operation=letter.operation,
            cart_id=letter.cart_id,
            order_id=letter.order_id,
            detail="its value was too large for its dead letter, and is not where it came from",
        )
        if original is None:
            return candidate
        content = self._means.decoder.decode(original, None)
        forecaster = self._means.forecasters.of(number)
        found = forecaster.look(original, content, now().wall_ms, letter.failed_at)
        found = redriven(found, letter.effect, times, plan.guards)
        if found.prospect in COPIED:
            forecaster.copied(content)
        is_read = found.operation is not Operation.UNKNOWN
        return replace(
            candidate,
            prospect=found.prospect,
            operation=found.operation if is_read else letter.operation,
            cart_id=found.cart_id or letter.cart_id,
            order_id=found.order_id or letter.order_id,
            detail=found.detail,
            is_authorised=found.is_authorised,
        )

    def _fetch(self, letter: DeadLetterView) -> Record | None:
        """Return the original of a dead letter that does not hold it; None if it is gone."""
        places: Sequence[Source] = [letter.source]
        if letter.origin is not None:
            places = [letter.origin, letter.source]
        for source in places:
            record = self._look_up(source)
            digest = None if record is None or record.value is None else sha256(record.value)
            if record is not None and digest is not None:
                said = letter.original_value_sha256
                if digest.hexdigest() == (said or sha256(letter.original_value or b"").hexdigest()):
                    return replace(record, source=letter.first_seen)
        return None

    def _look_up(self, source: Source) -> Record | None:
        if source.topic not in self._counts:
            self._counts |= self._broker.partitions([source.topic], _ANSWER_WITHIN)
        count = self._counts[source.topic]
        if count is None or source.partition >= count:
            return None
        place, side = Partition(source.topic, source.partition), self._means.side
        low, high = side.bounds(place)
        if not low <= source.offset < high:
            return None
        return side.first(place, source.offset, source.offset + 1)


def _record_of(letter: DeadLetterView) -> Record:
    return Record(
        letter.first_seen, letter.original_key, letter.original_value, letter.original_headers
    )


def _unreadable(record: Record, place: Partition, detail: str) -> Candidate:
    """Return what can be said of a dead letter that cannot be read itself."""
    copy = copy_of(record.headers)
    return Candidate(
        position_after=record.source.offset + 1,
        prospect=Prospect.MISSING,
        origin=copy.origin if isinstance(copy, Copy) else record.source,
        partition=place.number,
        record=None,
        operation=Operation.UNKNOWN,
        cart_id=None,
        order_id=None,
        detail=f"its dead letter at offset {record.source.offset} cannot be read: {detail}",
    )
