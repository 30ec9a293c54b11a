"""Tellings: what a record of any of our topics tells, decoded."""

from dataclasses import dataclass, field
from typing import NamedTuple

from processor.core.copies import Copy, NoCopy, copy_of
from processor.core.events import CartAbandoned, Content, OrderPaid, Pending, Undecodable
from processor.core.outcomes import Outcome
from processor.core.records import Partition, Record, Source
from processor.core.windows import Log
from processor.shell.decoding import Decoder, Schemas
from processor.shell.history.dead_letters import DeadLetterReader, DeadLetterView
from processor.shell.history.outcomes import WholeOutcomeReader
from processor.shell.outputs import Foreign
from processor.shell.schemas import CART_ABANDONED, ORDER_PAID
from processor.shell.settings import Topics

Coordinates = tuple[str, int, int]


class Ids(NamedTuple):
    """Whom something tells of."""

    cart_id: str | None
    order_id: str | None
    event_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A record of an input or, then `copy` is not None, of the replay lane."""

    record: Record
    content: Content
    copy: Copy | NoCopy | None

    @property
    def ids(self) -> Ids:
        """Whom it tells of."""
        match self.content:
            case OrderPaid(cart_id=cart_id, order_id=order_id, event_id=event_id):
                return Ids(cart_id, order_id, event_id)
            case CartAbandoned(cart_id=cart_id, event_id=event_id):
                return Ids(cart_id, None, event_id)
            case Undecodable() | Pending():
                return Ids(None, None, None)

    @property
    def origin(self) -> Source:
        """The input that it is, or stands for."""
        return self.copy.origin if isinstance(self.copy, Copy) else self.record.source


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An outcome, and where in the results it lies."""

    place: Source
    outcome: Outcome

    @property
    def ids(self) -> Ids:
        """Whom it tells of."""
        outcome = self.outcome
        return Ids(outcome.cart_id, outcome.order_id, outcome.source_event_id)

    @property
    def origin(self) -> Source:
        """The input that it is about."""
        return self.outcome.origin or self.outcome.source


@dataclass(frozen=True, slots=True, kw_only=True)
class Lettered:
    """A dead letter, and where it lies."""

    place: Source
    letter: DeadLetterView

    @property
    def ids(self) -> Ids:
        """Whom it tells of."""
        letter = self.letter
        return Ids(letter.cart_id, letter.order_id, letter.source_event_id)

    @property
    def origin(self) -> Source:
        """The input that it is about."""
        return self.letter.first_seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A record of the results or dead letters that cannot be read; None: it is no one of ours."""

    why: str | None


Telling = Seen | Ended | Lettered


class Teller:
    """Decodes records of the inputs, the replay lane, the results and the dead letters."""

    def __init__(self, topics: Topics, schemas: Schemas) -> None:
        """`schemas` has to know those of the history's readers."""
        self._topics = topics
        self._decoder = Decoder(schemas)
        self._outcomes = WholeOutcomeReader(schemas)
        self._letters = DeadLetterReader(schemas)

    def tell(self, record: Record) -> Telling | Unread:
        """Return what a record tells."""
        topics, topic = self._topics, record.source.topic
        if topic == topics.results:
            outcome = self._outcomes.read(record.value or b"")
            if isinstance(outcome, Outcome):
                return Ended(place=record.source, outcome=outcome)
            return _unread(outcome)
        if topic == topics.dead_letters:
            letter = self._letters.read(record.value or b"")
            if isinstance(letter, DeadLetterView):
                return Lettered(place=record.source, letter=letter)
            return _unread(letter)
        if topic == topics.replay:
            content = self._decoder.decode(record, None)
            return Seen(record=record, content=content, copy=copy_of(record.headers))
        expected = ORDER_PAID if topic == topics.order_paid else CART_ABANDONED
        return Seen(record=record, content=self._decoder.decode(record, expected), copy=None)

    def content(self, record: Record) -> Content:
        """Return what a record says that may be of either input."""
        return self._decoder.decode(record, None)


def _unread(told: Foreign | Pending | Undecodable) -> Unread:
    match told:
        case Foreign():
            return Unread(why=None)
        case Pending(schema=schema):
            return Unread(why=f"the registry does not tell schema {schema}")
        case Undecodable(detail=detail):
            return Unread(why=detail)


@dataclass(slots=True)
class Found:
    """What was found, each topic in the order of its offsets.

    `logs` has the partitions that were read. Where outcomes were deleted, `forgets_before` (epoch
    milliseconds) is when the oldest one left was written. `notes` say what could not be told.
    """

    seen: list[Seen] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    lettered: list[Lettered] = field(default_factory=list)
    logs: dict[Partition, Log] = field(default_factory=dict)
    forgets_before: int | None = None
    notes: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.seen or self.ended or self.lettered)

    def add(self, telling: Telling) -> None:
        """Take in what a record tells."""
        match telling:
            case Seen():
                self.seen.append(telling)
            case Ended():
                self.ended.append(telling)
            case Lettered():
                self.lettered.append(telling)
