"""Rounds: what has to be looked after all the time while a replay runs, whatever it waits for."""

from dataclasses import dataclass
from typing import Final

from processor.core.headway import Eta, Headway
from processor.core.pace import Cause, Pacer, Wait
from processor.core.standings import Look
from processor.shell.history.bookkeeping import Bookkeeping
from processor.shell.history.control import Control
from processor.shell.history.fleet import Fleet
from processor.shell.history.lane import Lane
from processor.shell.history.neighbours import Neighbours
from processor.shell.history.report import Observer, Phase, Sight
from processor.shell.history.tail import Tail

TURN: Final = 0.02
_TELL_EVERY: Final = 0.25
_NOTICE_AFTER: Final = 2.0
_WORTH_TELLING: Final = frozenset({Cause.LATE, Cause.STUCK, Cause.NOBODY, Cause.LOST, Cause.UNTOLD})
_HOLDS_UP_WORK: Final = frozenset({Cause.STUCK, Cause.NOBODY, Cause.LOST, Cause.UNTOLD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What is looked after."""

    lane: Lane
    books: Bookkeeping
    fleet: Fleet
    tail: Tail
    neighbours: Neighbours


class Rounds:
    """Serves everything in turn, and tells the observer. Belongs to one thread."""

    def __init__(self, parts: Parts, control: Control, observer: Observer, now: float) -> None:
        """Begin at `now` with nothing known of the fleet."""
        self.parts = parts
        self._control = control
        self._observer = observer
        self.phase = Phase.COPYING
        self.pacer = Pacer(control.pace(now), now)
        self.look: Look | None = None
        self.wait: Wait | None = None
        self._waits_since = now
        self._noticed: Cause | None = None
        self._trouble: str | None = None
        self._events = Headway(now, parts.books.done)
        self._copies = Headway(now, parts.books.copied)
        self._calls = Headway(now, 0)
        self._turn_at = self._tell_at = now

    def serve(self, now: float) -> None:
        """Do what is due: acknowledgements, progress, looks, outcomes, the observer."""
        if now < self._turn_at:
            return
        self._turn_at = now + TURN
        self.parts.lane.serve()
        self.parts.books.serve(now)
        self.parts.tail.serve()
        look = self.parts.fleet.serve()
        if look is not None:
            self.look = look
            self.pacer.look(look)
        pace = self._control.pace(now)
        if pace != self.pacer.pace:
            self._observer.noticed(f"the rate is {pace.rate:g} copies a second from now on")
            self.pacer.change(pace, now)
            self.parts.books.pace = pace
        if now >= self._tell_at:
            self._tell_at = now + _TELL_EVERY
            self.tell(now)

    def ask(self, now: float) -> Wait | None:
        """Return what holds the next copy back, and remember since when.

        When all is copied: what holds up the work in the lane.
        """
        wait = self.pacer.ask(now)
        if self.phase is Phase.WORKING_OFF and wait and wait.cause not in _HOLDS_UP_WORK:
            wait = None
        if (wait and wait.cause) != (self.wait and self.wait.cause):
            self._waits_since = now
        self.wait = wait
        return wait

    def tell(self, now: float) -> None:
        """Tell the observer how far it is, and what it has not been told yet."""
        tallied = self.parts.tail.tallied
        self._events.note(now, self.parts.books.done)
        self._copies.note(now, self.parts.books.copied)
        self._calls.note(now, tallied.new_calls)
        self._notice(now)
        self._observer.progressed(
            Sight(
                phase=self.phase,
                done=self.parts.books.done,
                total=self.parts.books.total,
                counts=self.parts.books.counts,
                tallied=tallied,
                ahead=self.pacer.ahead,
                rate=self.pacer.pace.rate,
                events_per_second=self._events.lately,
                calls_per_second=self._calls.lately,
                wait=self.wait,
                eta=self._eta(),
            )
        )

    def _eta(self) -> Eta | None:
        """Return when it may be done: copies take the time, offsets only where they are none."""
        books = self.parts.books
        if books.expected is not None and books.copied < books.expected:
            return self._copies.eta(books.expected)
        return self._events.eta(books.total)

    def notice(self, notice: str) -> None:
        """Tell the observer something."""
        self._observer.noticed(notice)

    def _notice(self, now: float) -> None:
        for notice in self.parts.neighbours.news():
            self._observer.noticed(notice)
        trouble = self._control.trouble or self.parts.books.trouble
        if trouble is not None and trouble != self._trouble:
            self._observer.noticed(trouble)
        self._trouble = trouble
        wait = self.wait
        if wait is None or wait.cause not in _WORTH_TELLING:
            if self._noticed is not None:
                self._noticed = None
                self._observer.noticed("going on")
        elif wait.cause != self._noticed and wait.detail and self._has_lasted(now):
            self._noticed = wait.cause
            self._observer.noticed(f"waiting: {wait.detail}")

    def _has_lasted(self, now: float) -> bool:
        return now - self._waits_since >= _NOTICE_AFTER
