"""A ledger that lies on a disk answers like one in memory, however often the process dies."""

from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import TypeVar, cast

from hypothesis import given
from hypothesis import strategies as st

from processor.core.ledger import Ledger
from processor.core.ledgers import Kept, ResultsRead
from processor.core.outcomes import OutcomeView
from processor.core.records import Topics
from processor.shell.ledger.disk import Disk
from processor.shell.ledger.lasting import LastingLedgers
from tests.support.ledger_histories import answers, histories
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS

V = TypeVar("V")
NUMBER = 3
TOPICS = Topics(payments=PAYMENTS, abandonments=ABANDONMENTS)


class FakeDisk:
    """What was put together is there together or, while it is full, not at all."""

    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}
        self.is_full = False

    def get(self, key: bytes, read: Callable[[bytes], V]) -> V | None:
        value = self.entries.get(key)
        return None if value is None else read(value)

    def ready(self) -> str | None:
        return "no room" if self.is_full else None

    def put(self, entries: Iterable[tuple[bytes, bytes]]) -> str | None:
        if self.is_full:
            return "no room"
        self.entries.update(entries)
        return None


class Event(Enum):
    """What may happen between two outcomes."""

    NOTHING = auto()
    CHECKPOINT = auto()
    FULL_CHECKPOINT = auto()
    CRASH = auto()
    COMMIT = auto()
    GAP = auto()
    RESET = auto()


class Member:
    """A process that reads results, dies, and reads on."""

    def __init__(self, outcomes: list[OutcomeView]) -> None:
        self.disk = FakeDisk()
        self.outcomes = outcomes
        self.read = 0
        self.committed = 0
        self.begin()

    def begin(self) -> None:
        self.ledgers = LastingLedgers(cast("Disk", self.disk), TOPICS)
        self.ledger, position = self.ledgers.open(NUMBER)
        if self.committed < self.ledger.done.floor(PAYMENTS):
            self.ledger, position = self.ledgers.anew(NUMBER), 0
        self.ledger.done.forget(PAYMENTS, self.committed)
        self.known = ResultsRead(position)
        for at in range(position, self.read):
            self.ledger.learn(self.outcomes[at], at)
        self.known.read(position, max(position, self.read))

    def learn(self, at: int) -> None:
        self.ledger.learn(self.outcomes[at], at)
        self.known.wrote(at)
        self.read = at + 1

    def checkpoint(self) -> None:
        self.ledgers.checkpoint([(NUMBER, Kept(self.ledger, self.known.position))], at=1e9)

    def happens(self, event: Event) -> None:
        match event:
            case Event.NOTHING | Event.GAP:
                pass
            case Event.CHECKPOINT | Event.FULL_CHECKPOINT:
                self.disk.is_full = event is Event.FULL_CHECKPOINT
                self.ledgers._looked_at = self.ledgers._written_at = 0.0  # noqa: SLF001
                self.checkpoint()
                self.disk.is_full = False
            case Event.CRASH:
                self.begin()
            case Event.COMMIT:
                self.committed += 1
                self.ledger.done.forget(PAYMENTS, self.committed)
            case Event.RESET:  # somebody sets the group back while nobody works
                self.committed = 0
                self.begin()


@given(histories(), st.lists(st.sampled_from(Event), max_size=8))
def test_it_answers_like_one_in_memory(outcomes: list[OutcomeView], events: list[Event]) -> None:
    member = Member(outcomes)
    for index in range(max(len(outcomes), len(events))):
        event = events[index] if index < len(events) else Event.NOTHING
        # What somebody else has written is in the results, and not known to us yet.
        if index < len(outcomes) and event is not Event.GAP:
            member.learn(index)
        member.happens(event)
    member.read = len(outcomes)
    member.begin()
    expected = Ledger(ABANDONMENTS)
    expected.done.forget(PAYMENTS, member.committed)
    for at, outcome in enumerate(outcomes):
        expected.learn(outcome, at)
    assert answers(member.ledger) == answers(expected)
    member.happens(Event.CHECKPOINT)
    member.happens(Event.CRASH)
    assert answers(member.ledger) == answers(expected)
