"""The forecast: what would come of records of one partition if they were brought back.

It asks the ledger as the live fleet does, and remembers what the records before have said. What
it says of a record may only go from "called" to "repeat" by what was named before, so that a
replay that goes on in the middle copies the very same records.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Protocol

from processor.core.calls import CallShape, confirm_call
from processor.core.events import CartAbandoned, Content, OrderPaid, Pending, Undecodable, problems
from processor.core.ledger import Ledger
from processor.core.meetings import Conflict, Duplicate, Proceed
from processor.core.records import Record
from processor.core.replays import COPIED, Guards, Prospect
from processor.core.vocabulary import Effect, Operation
from processor.core.wording import often

# Fingerprints follow from events alone; the rest of the call is not looked at here.
_SHAPE: Final = CallShape(tag_id="-")
_LETTER_BEFORE_OUTCOME: Final = 60_000
"""How much earlier (milliseconds) a dead letter may be than its outcome, which comes after it."""


class _Item(Protocol):
    @property
    def cart_item_id(self) -> str: ...
    @property
    def item_reservation_id(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What would come of one record. `cart_id` is that of the key when it cannot be decoded."""

    prospect: Prospect
    operation: Operation
    cart_id: str | None
    order_id: str | None = None
    detail: str | None = None
    is_authorised: bool = False


def redriven(found: Forecast, effect: Effect, times: int, guards: Guards) -> Forecast:
    """Return what would come of a dead letter's record, of which the ledger says `found`.

    Kept back is what may have been applied, by the letter's `effect`, unless somebody asked for
    it, and what was brought back `times` times already and failed each time.
    """
    if found.prospect in COPIED and effect is Effect.MAYBE_APPLIED:
        if guards.includes_maybe_applied:
            is_first = found.prospect is not Prospect.REPEAT
            found = replace(found, is_authorised=is_first or found.is_authorised)
        else:
            detail = "its dead letter says that it may have been applied"
            found = replace(found, prospect=Prospect.DOUBTFUL, detail=detail)
    if found.prospect in COPIED and times >= guards.most_redrives:
        detail = f"it was brought back {often(times)}, by redrives or replays, and failed each time"
        found = replace(found, prospect=Prospect.QUARANTINED, detail=detail)
    return found


class Forecaster:
    """Says what would come of the records of one partition, in the order in which they come."""

    __slots__ = (
        "_aside",
        "_began_at",
        "_forgets_before",
        "_guards",
        "_ledger",
        "_named",
        "_orders",
    )

    def __init__(
        self, ledger: Ledger, guards: Guards, began_at: int, forgets_before: int | None
    ) -> None:
        """`began_at` is when the command began; times are epoch milliseconds.

        `forgets_before`: outcomes of older events may have been deleted from the ledger.
        """
        self._ledger = ledger
        self._guards = guards
        self._began_at = began_at
        self._forgets_before = forgets_before
        # Hashes instead of texts, because there are millions of them.
        self._orders: set[int] = set()
        self._named: set[int] = set()
        self._aside: set[int] = set()

    def look(
        self, record: Record, content: Content, wall_ms: int, worked_at: int | None = None
    ) -> Forecast:
        """Say what would come of a record; nothing is remembered. `wall_ms` is now.

        `worked_at` is when it was worked last, as far as that is known.
        """
        match content:
            case Pending():
                raise AssertionError("a record whose schema is not known has no prospect yet")
            case Undecodable(detail=detail):
                return Forecast(
                    prospect=Prospect.UNDECODABLE,
                    operation=Operation.UNKNOWN,
                    cart_id=_cart_of(record),
                    detail=detail,
                )
            case OrderPaid():
                found = self._payment(record, content)
            case CartAbandoned():
                found = self._abandonment(record, content, wall_ms)
        why = self._is_stale(content.occurred_at, record.source.timestamp, worked_at)
        if why is not None and found.prospect in COPIED:
            return replace(found, prospect=Prospect.STALE, detail=why)
        return found

    def copied(self, content: Content) -> None:
        """Remember that a record is brought back."""
        match content:
            case OrderPaid():
                self._orders.add(hash(content.order_id))
                self._named.update(_units(content.cart_id, content.items))
            case CartAbandoned():
                self._named.update(_units(content.cart_id, content.items))
            case Undecodable() | Pending():
                pass

    def left_out(self, record: Record, content: Content) -> None:
        """Remember a payment that is not brought back: its items are paid all the same."""
        match content:
            case OrderPaid():
                self._aside.update(_units(content.cart_id, content.items))
            case Undecodable():
                self._aside.add(hash(_cart_of(record)))
            case CartAbandoned() | Pending():
                pass

    def _payment(self, record: Record, event: OrderPaid) -> Forecast:
        found = Forecast(
            prospect=Prospect.CONFIRM,
            operation=Operation.CONFIRM,
            cart_id=event.cart_id,
            order_id=event.order_id,
        )
        wrong = problems(event, record.key)
        if wrong:
            return replace(found, prospect=Prospect.INVALID, detail="; ".join(wrong))
        fingerprint = confirm_call(event, _SHAPE).fingerprint
        answer = self._ledger.ask_confirm(event, fingerprint)
        if isinstance(answer, Duplicate):
            detail = answer.detail
            # Only what may have been applied is let through when somebody asks for it.
            answer = self._ledger.ask_confirm(event, fingerprint, is_authorised=True)
            if isinstance(answer, Duplicate):
                return replace(found, prospect=Prospect.SETTLED, detail=detail)
            if not self._guards.includes_maybe_applied:
                return replace(found, prospect=Prospect.DOUBTFUL, detail=detail)
            found = replace(found, is_authorised=True, detail=detail)
        match answer:
            case Conflict(detail=detail):
                return replace(found, prospect=Prospect.CONFLICT, detail=detail)
            case Proceed() if hash(event.order_id) in self._orders:
                # What somebody asked for is one more call, which the earlier record makes.
                return replace(found, prospect=Prospect.REPEAT, is_authorised=False)
            case Proceed() if not self._named.isdisjoint(_units(event.cart_id, event.items)):
                return replace(found, prospect=Prospect.REPEAT)
            case Proceed():
                return found

    def _abandonment(self, record: Record, event: CartAbandoned, wall_ms: int) -> Forecast:
        found = Forecast(
            prospect=Prospect.RELEASE, operation=Operation.RELEASE, cart_id=event.cart_id
        )
        wrong = problems(event, record.key)
        if wrong:
            return replace(found, prospect=Prospect.INVALID, detail="; ".join(wrong))
        releasable = self._ledger.ask_release(
            event, wall_ms, repeats_doubtful=self._guards.includes_maybe_applied
        )
        if releasable.may_be_released:
            found = replace(found, is_authorised=True)
        left = releasable.items
        if not left:
            why = ", ".join(releasable.dropped) or "it names no items"
            return replace(found, prospect=Prospect.NOTHING_LEFT, detail=why)
        units = set(_units(event.cart_id, left))
        # The live fleet would not know of these payments: the whole release stays away.
        if hash(event.cart_id) in self._aside:
            why = "an OrderPaid of this cart could not be read"
            return replace(found, prospect=Prospect.NOTHING_LEFT, detail=why)
        if not self._aside.isdisjoint(units):
            why = "an order that is left out, or comes later, has paid items of it"
            return replace(found, prospect=Prospect.NOTHING_LEFT, detail=why)
        if not self._named.isdisjoint(units):
            return replace(found, prospect=Prospect.REPEAT, is_authorised=False)
        return found

    def _is_stale(
        self, occurred_at: int, timestamp: int | None, worked_at: int | None
    ) -> str | None:
        """Tell why an event is too old; None when it is not."""
        if self._guards.max_age is None:
            return None
        oldest = occurred_at if timestamp is None else min(occurred_at, timestamp)
        known = oldest if worked_at is None else worked_at + _LETTER_BEFORE_OUTCOME
        if self._forgets_before is not None and known < self._forgets_before:
            return "it is older than the oldest outcome that is kept: it may have been called"
        days = (self._began_at - oldest) / 86_400_000
        if days * 86_400 > self._guards.max_age:
            return f"it happened {days:.0f} days ago"
        return None


def _cart_of(record: Record) -> str | None:
    """Return the cart that a key names; None when it is no text."""
    try:
        return None if record.key is None else record.key.decode()
    except UnicodeDecodeError:
        return None


def _units(cart_id: str, items: Iterable[_Item]) -> Iterator[int]:
    for item in items:
        yield hash((cart_id, "i", item.cart_item_id))
        if item.item_reservation_id:
            yield hash((cart_id, "r", item.item_reservation_id))
