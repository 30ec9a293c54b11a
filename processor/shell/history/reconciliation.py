"""Reconciling: the books of one partition number after the other, read from the topics.

Results and dead letters are read from their beginning, because what a payment of the window came
to may have been written at any time; payments only where the window lies.
"""

from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from processor.core.books import Books, Letter
from processor.core.encounters import Encounters, Written
from processor.core.events import Pending, Undecodable, problems
from processor.core.outcomes import OutcomeView
from processor.core.reconciliation import (
    Finding,
    NotWorkedYet,
    Trouble,
    Window,
    compare_payment,
    findings,
)
from processor.core.records import Partition, Record
from processor.core.vocabulary import Effect, Reason
from processor.core.windows import Log
from processor.errors import ConfigurationError, RuntimeFailure
from processor.shell.decoding import Decoder, Schemas
from processor.shell.encoding import OutcomeReader
from processor.shell.history.cluster import logs, look
from processor.shell.history.dead_letters import DeadLetterReader, DeadLetterView
from processor.shell.history.reader import Reader
from processor.shell.outputs import Foreign
from processor.shell.schemas import ORDER_PAID
from processor.shell.settings import Connections

_OF_BYTES: Final = (Reason.UNDECODABLE, Reason.INVALID_EVENT)
_LETTERS: Final = (Trouble.NEVER_REDRIVEN, Trouble.FAILED_AGAIN)


@dataclass(slots=True)
class Report:
    """What a reconciliation found: all of it counted, of each trouble the first `most` listed.

    `waiting` are the oldest `most` payments that are not worked yet, `waiting_orders` the orders of
    all of them. `lost` are all orders that are paid and not answered. `standing` counts the dead
    letters that still stand, by reason and effect, and `redrivable` those of them that a redrive
    may bring back. `notes` say what could not be looked at.
    """

    window: Window
    most: int
    payments: int = 0
    not_worked_yet: int = 0
    waiting: list[NotWorkedYet] = field(default_factory=list)
    waiting_orders: dict[str, None] = field(default_factory=dict)
    counts: Counter[Trouble] = field(default_factory=Counter)
    listed: dict[Trouble, list[Finding]] = field(default_factory=dict)
    lost: dict[str, None] = field(default_factory=dict)
    standing: Counter[tuple[Reason, Effect]] = field(default_factory=Counter)
    redrivable: Counter[tuple[Reason, Effect]] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def has_findings(self) -> bool:
        """Whether anything does not agree."""
        return bool(self.counts)

    def add(self, finding: Finding) -> None:
        """Take in a finding."""
        self.counts[finding.trouble] += 1
        listed = self.listed.setdefault(finding.trouble, [])
        if len(listed) < self.most:
            listed.append(finding)
        if finding.trouble in _LETTERS and finding.reason and finding.effect:
            self.standing[finding.reason, finding.effect] += 1
            if finding.is_redrivable:
                self.redrivable[finding.reason, finding.effect] += 1
        if finding.trouble is Trouble.LOST and finding.order_id:
            self.lost[finding.order_id] = None

    def wait(self, payment: NotWorkedYet) -> None:
        """Take in a payment that is not worked yet."""
        self.not_worked_yet += 1
        if payment.order_id:
            self.waiting_orders[payment.order_id] = None
        insort(self.waiting, payment, key=lambda each: each.at or 0)
        del self.waiting[self.most :]


class Reconciler:
    """Reads the topics for a reconciliation."""

    def __init__(self, settings: Connections, reader: Reader, schemas: Schemas) -> None:
        """`schemas` has to know those of the history's readers."""
        self._kafka = settings.kafka
        self._topics = settings.topics
        self._reader = reader
        self._outcomes = OutcomeReader(schemas)
        self._letters = DeadLetterReader(schemas)
        self._decoder = Decoder(schemas)
        self._most_redrives = settings.replay.most_redrives

    def reconcile(
        self, window: Window, most: int, on_progress: Callable[[int, int], None]
    ) -> Report:
        """Return what does not agree. `on_progress` is told of each partition number, and how many.

        Blocks; RuntimeFailure when something cannot be read.
        """
        topics = (self._topics.order_paid, self._topics.results, self._topics.dead_letters)
        count = self._count(topics)
        report = Report(window=window, most=most)
        for topic in topics:  # a client that has asked of a topic finds it at once
            self._reader.bounds(Partition(topic, 0))
        for number in range(count):
            on_progress(number, count)
            places = [Partition(topic, number) for topic in topics]
            # First what is worked, then where the results end: so they hold what came of it.
            committed = logs(self._kafka, places[:1])[places[0]].committed
            known = {**logs(self._kafka, places)}
            known[places[0]] = replace(known[places[0]], committed=committed)
            self._partition(report, places, known)
        return report

    def _count(self, topics: tuple[str, ...]) -> int:
        """Return how many partitions the topics have, all of them."""
        counts = look(self._kafka, topics).counts
        missing = [topic for topic in topics if topic not in counts]
        if missing:
            raise ConfigurationError(
                f"Missing topics: {', '.join(missing)}. Name the right ones in "
                "PROCESSOR_TOPICS__…, and check that the user may see them."
            )
        if len(set(counts.values())) > 1:
            told = ", ".join(f"{topic} has {counts[topic]}" for topic in topics)
            raise ConfigurationError(
                f"The topics differ in their number of partitions: {told}. A payment and its "
                "outcome have the same one, so they cannot be compared."
            )
        return counts[topics[0]]

    def _partition(
        self, report: Report, places: list[Partition], known: Mapping[Partition, Log]
    ) -> None:
        payments, results, letters = places
        books = Books()
        for record, outcome in self._read_outcomes(results, known[results]):
            books.learn_outcome(outcome, record.source.timestamp)
        for letter in self._read_letters(report, letters, known[letters]):
            books.learn_letter(_letter(letter, is_hopeless=self._is_hopeless(letter)))
        encounters = self._look_closer(books, results, known)
        for finding in findings(books, encounters, report.window, self._most_redrives):
            report.add(finding)
        self._compare(report, books, payments, known[payments])
        if known[results].begin > 0:
            report.notes.append(
                f"{results.topic} [{results.number}] begins at offset {known[results].begin}: "
                "older outcomes are deleted, so an order may look lost that was confirmed."
            )

    def _is_hopeless(self, letter: DeadLetterView) -> bool:
        """Whether a dead letter's record cannot be read or called by today's schemas either."""
        if letter.reason not in _OF_BYTES or not letter.is_whole:
            return False
        record = Record(
            letter.first_seen, letter.original_key, letter.original_value, letter.original_headers
        )
        content = self._decoder.decode(record, None)
        return isinstance(content, Undecodable | Pending) or bool(problems(content, record.key))

    def _look_closer(
        self, books: Books, results: Partition, known: Mapping[Partition, Log]
    ) -> Encounters:
        """Read the results once more for what is suspected, if anything is."""
        encounters = Encounters(books.suspects())
        if encounters.suspects:
            for record, outcome in self._read_outcomes(results, known[results]):
                written = Written(record.source.offset, record.source.timestamp)
                encounters.learn(outcome, written)
        return encounters

    def _compare(self, report: Report, books: Books, place: Partition, log: Log) -> None:
        if log.committed is None:
            raise ConfigurationError(
                f"Group {self._kafka.group_id} has no offset for {place.topic} [{place.number}], "
                "so it cannot be told what has been worked: check PROCESSOR_KAFKA__GROUP_ID."
            )
        window = report.window
        begin = self._reader.at(place, window.since)
        if begin is not None and 0 < log.begin >= begin:
            report.notes.append(
                f"{place.topic} [{place.number}] begins at offset {log.begin}: payments of the "
                "window may have been deleted from it."
            )
        first = log.end if begin is None else begin
        if log.committed < first:
            report.notes.append(
                f"{place.topic} [{place.number}] is worked up to offset {log.committed}, which is "
                "before the window: what waits there is not looked at; take an earlier --from."
            )
        for record in self._records(place, first, log.end):
            if not window.covers(record.source.timestamp):
                continue
            report.payments += 1
            content = self._decoder.decode(record, ORDER_PAID)
            match compare_payment(books, record.source, _cart(record), content, log.committed):
                case Finding() as finding:
                    report.add(finding)
                case NotWorkedYet() as waiting:
                    report.wait(waiting)
                case None:
                    pass

    def _read_outcomes(self, place: Partition, log: Log) -> Iterator[tuple[Record, OutcomeView]]:
        for record in self._records(place, log.begin, log.end):
            if record.value is None:
                continue
            view = self._outcomes.read(record.value)
            match view:
                case OutcomeView():
                    yield record, view
                case Foreign():
                    pass
                case Undecodable() | Pending():
                    raise RuntimeFailure(
                        f"The outcome at {_where(record)} cannot be read: {_why(view)} Without it "
                        "nothing can be compared. Check which schema the registry has for it."
                    )

    def _read_letters(self, report: Report, place: Partition, log: Log) -> Iterator[DeadLetterView]:
        for record in self._records(place, log.begin, log.end):
            if record.value is None:
                continue
            view = self._letters.read(record.value)
            match view:
                case DeadLetterView():
                    yield view
                case Foreign():
                    pass
                case Undecodable() | Pending():
                    why = _why(view)
                    report.notes.append(
                        f"The dead letter at {_where(record)} cannot be read: {why}"
                    )

    def _records(self, place: Partition, begin: int, end: int) -> Iterator[Record]:
        for batch in self._reader.read(place, begin, end):
            yield from batch.records


def _why(view: Undecodable | Pending) -> str:
    match view:
        case Undecodable(detail=detail):
            return detail
        case Pending(schema=schema):
            return f"the registry does not tell schema {schema}."


def _where(record: Record) -> str:
    topic, number, offset, _ = record.source
    return f"{topic} [{number}] offset {offset}"


def _letter(view: DeadLetterView, *, is_hopeless: bool) -> Letter:
    return Letter(
        operation=view.operation,
        reason=view.reason,
        effect=view.effect,
        order_id=view.order_id,
        cart_id=view.cart_id,
        origin=view.first_seen,
        replay_id=view.replay_id,
        items=view.items,
        at=view.failed_at,
        is_hopeless=is_hopeless,
    )


def _cart(record: Record) -> str | None:
    return None if record.key is None else record.key.decode(errors="backslashreplace")
