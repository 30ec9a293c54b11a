"""Ledgers: whoever keeps those of all partitions, and how far each has read its results."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, Protocol

from processor.core.ledger import Ledger

KEEP_LEDGER_FOR: Final = 600.0


class Kept(NamedTuple):
    """A ledger, and the offset up to which it has read its results partition."""

    ledger: Ledger
    position: int


class Ledgers(Protocol):
    """Opens ledgers, and may keep them for longer than the process lives."""

    def open(self, number: int) -> Kept:
        """Return what is kept of a partition's ledger; an empty one at 0 if nothing is."""

    def anew(self, number: int) -> Ledger:
        """Return an empty ledger in place of what is kept of a partition."""

    def let_go(self, number: int, kept: Kept) -> None:
        """Take back a ledger that is not worked with any more."""


class ForgottenLedgers:
    """Keeps nothing: a ledger lives in memory as long as it is worked with."""

    def __init__(self, release_topic: str) -> None:
        """See `Ledger` for `release_topic`."""
        self._release_topic = release_topic

    def open(self, number: int) -> Kept:
        """Return an empty ledger."""
        return Kept(self.anew(number), 0)

    def anew(self, _: int) -> Ledger:
        """Return an empty ledger."""
        return Ledger(self._release_topic)

    def let_go(self, number: int, kept: Kept) -> None:
        """Forget it."""


class Retained:
    """Ledgers of partitions that went: one that returns soon has little to read."""

    __slots__ = ("_ledgers", "_retained")

    def __init__(self, ledgers: Ledgers) -> None:
        """Begin with none; `ledgers` has those of the partitions that come."""
        self._ledgers = ledgers
        self._retained: dict[int, tuple[float, Kept]] = {}

    def take(self, number: int) -> Kept:
        """Return what is known of a partition that comes."""
        retained = self._retained.pop(number, None)
        return self._ledgers.open(number) if retained is None else retained[1]

    def retain(self, number: int, kept: Kept, at: float) -> None:
        """Keep the ledger of a partition that goes, for a while."""
        self._retained[number] = (at, kept)

    def let_go(self, at: float, is_alone: Callable[[int], bool]) -> None:
        """Let go of ledgers whose partitions have been away for long.

        `is_alone` tells that nothing of a partition is on its way any more, which would be learnt.
        """
        for number, (since, kept) in list(self._retained.items()):
            if at - since > KEEP_LEDGER_FOR and is_alone(number):
                del self._retained[number]
                self._ledgers.let_go(number, kept)

    def __iter__(self) -> Iterator[tuple[int, Kept]]:
        """Go over what is kept, by the number of its partition."""
        for number, (_, kept) in self._retained.items():
            yield number, kept


class ResultsRead:
    """How far a ledger knows a results partition: all below `position`, and what it wrote itself.

    What somebody else wrote in between, such as an earlier owner whose outcome landed late, is a
    gap: `position` stands still there until it is read.
    """

    __slots__ = ("_beyond", "position")

    def __init__(self, position: int) -> None:
        """Begin with all below `position` known."""
        self.position = position
        self._beyond: set[int] = set()

    def wrote(self, offset: int) -> None:
        """Note an outcome of our own at `offset`."""
        if offset >= self.position:
            self._beyond.add(offset)
            self._close_up()

    def read(self, begin: int, position: int) -> None:
        """Note that everything from `begin` up to `position` was read."""
        if begin > self.position:
            raise AssertionError(f"the results from {self.position} to {begin} were not read")
        if position > self.position:
            self.position = position
            self._beyond = {offset for offset in self._beyond if offset >= position}
            self._close_up()

    def begin_anew(self) -> None:
        """Know nothing: the topic is another one."""
        self.position = 0
        self._beyond.clear()

    @property
    def has_gap(self) -> bool:
        """Whether something lies between `position` and what we wrote."""
        return bool(self._beyond)

    def _close_up(self) -> None:
        while self.position in self._beyond:
            self._beyond.remove(self.position)
            self.position += 1
