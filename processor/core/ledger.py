"""The ledger of one partition: what each order and item unit came to.

It is rebuilt from outcomes alone, read in any order, any number of times. It answers every
meeting of events: may this order be called, which of these items may still be released?

An item is known by two ids, its cartItemId and its itemReservationId; a match by either counts.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Final, Protocol

from processor.core.copies import Copy
from processor.core.done import Done
from processor.core.events import CartAbandoned, OrderPaid
from processor.core.meetings import Answer, Conflict, Duplicate, Proceed, Releasable, refuse_release
from processor.core.outcomes import Outcome, OutcomeView
from processor.core.records import Source
from processor.core.shelves import Order, Shelves, Unit
from processor.core.vocabulary import Effect, ItemResult, Operation, Status, strongest


class _Item(Protocol):
    @property
    def cart_item_id(self) -> str: ...
    @property
    def item_reservation_id(self) -> str | None: ...


# What is known of an item unit, as bits: enum.Flag costs ten times as much, for each item.
_NOTHING: Final = 0
_PAID: Final = 1
_RELEASED: Final = 2
_MAYBE_RELEASED: Final = 4


_MOST_UNREADABLE: Final = 100
_MOST_UNITS: Final = 50_000
"""What is kept of one cart. Beyond it the cart is given up: no call of it goes out any more."""

_FOR_GOOD: Final = Source("", -1, -1, None)  # stands for records too many to be kept
_GIVEN_UP: Final = "*"  # a unit that every item of such a cart is taken for
_TOO_MANY: Final = f"the cart has had more than {_MOST_UNITS // 2:,} items"
_NO_UNIT: Final = Unit(_NOTHING, ())
_NO_UNITS: Final[Mapping[str, Unit]] = {}
_SETTLED: Final = frozenset({Effect.APPLIED, Effect.PARTIALLY_APPLIED, Effect.MAYBE_APPLIED})
_CHANGES_NO_ORDER: Final = frozenset({Status.DUPLICATE, Status.CONFLICT, Status.SKIPPED})


def _units(item: _Item) -> Iterator[str]:
    if item.cart_item_id:
        yield "i" + item.cart_item_id
    if item.item_reservation_id:
        yield "r" + item.item_reservation_id


class Ledger:
    """What is known of the orders and items whose carts live in one partition."""

    __slots__ = ("_carts", "_open", "_orders", "_release_topic", "_shelves", "done")

    def __init__(
        self, release_topic: str, shelves: Shelves | None = None, done: Done | None = None
    ) -> None:
        """Begin with what lies on the shelves, empty ones if none are given.

        An undecodable record counts as a payment unless it is from `release_topic`.
        """
        self._release_topic = release_topic
        self._shelves = shelves or Shelves()
        self._orders, self._carts = self._shelves.orders, self._shelves.carts
        self._open: dict[str, OrderPaid] = {}
        self.done = done or Done()
        """Which records at or above the committed offsets have their outcomes."""

    # What was learnt

    def learn(self, outcome: Outcome | OutcomeView, at: int = 0) -> None:
        """Take in an outcome; the order in which they come, and how often, does not matter.

        `at` is the offset where it lies in the results.
        """
        self.done.note(outcome.source, outcome.outcome_id, at)
        if outcome.replay_id is not None and outcome.origin is not None:
            self._shelves.replayed[outcome.replay_id, *outcome.origin[:3]] = True
        if outcome.cart_id is None:
            return
        match outcome.operation:
            case Operation.CONFIRM:
                self._learn_confirm(outcome, outcome.cart_id)
            case Operation.RELEASE:
                self._learn_release(outcome, outcome.cart_id)
            case Operation.UNKNOWN:
                origin = outcome.origin or outcome.source
                if origin.topic != self._release_topic:
                    known = self._shelves.unreadable.get(outcome.cart_id) or ()
                    if origin not in known and _FOR_GOOD not in known:
                        more = origin if len(known) < _MOST_UNREADABLE else _FOR_GOOD
                        self._shelves.unreadable[outcome.cart_id] = (*known, more)

    def learn_payment(self, event: OrderPaid) -> None:
        """Note that the items of a decoded OrderPaid are paid, whatever comes of its call."""
        self._mark(event.cart_id, event.items, _PAID)

    def learn_readable(self, origin: Source) -> None:
        """Note that the record once consumed at `origin` has been read after all."""
        self._shelves.readable[origin] = True

    def _learn_confirm(self, outcome: Outcome | OutcomeView, cart_id: str) -> None:
        if outcome.origin is not None:
            self.learn_readable(outcome.origin)
        owner = self._learn_order(outcome, cart_id)
        if owner is None:
            self._mark(cart_id, outcome.items, _PAID)
            return
        items, rejected = outcome.items, ItemResult.REJECTED
        self._mark(cart_id, [item for item in items if item.result is not rejected], _PAID, owner)
        self._mark(cart_id, [item for item in items if item.result is rejected], _PAID)

    def _learn_order(self, outcome: Outcome | OutcomeView, cart_id: str) -> str | None:
        """Note what an order has come to; return its id if items belong to it by that."""
        order_id = outcome.order_id
        if not order_id or not outcome.request_fingerprint:
            return None  # an invalid event has no fingerprint: it says nothing of a call
        if outcome.status in _CHANGES_NO_ORDER and outcome.effect is not Effect.MAYBE_APPLIED:
            return None  # nothing was called; before a crash the same record may have been
        known = self._orders.get(order_id)
        entry = Order(outcome.request_fingerprint, outcome.effect, cart_id)
        if known is not None and known != entry:
            if not _outweighs(entry, known):
                return None
            self._drop_claims(known.cart_id, order_id)
        self._orders[order_id] = entry
        return order_id if entry.effect in _SETTLED else None

    def _learn_release(self, outcome: Outcome | OutcomeView, cart_id: str) -> None:
        for item in outcome.items:
            match item.result:
                case ItemResult.SUCCEEDED:
                    self._mark(cart_id, (item,), _RELEASED)
                case ItemResult.INDETERMINATE | ItemResult.MISSING_FROM_RESPONSE:
                    self._mark(cart_id, (item,), _MAYBE_RELEASED)
                case ItemResult.REJECTED | ItemResult.UNKNOWN:
                    pass

    def _mark(
        self, cart_id: str, items: Collection[_Item], known: int, owner: str | None = None
    ) -> None:
        """Note what is known of items, and, if given, which order they belong to."""
        cart = (self._carts.get(cart_id) or _NO_UNITS) if items else _NO_UNITS
        if not items or _GIVEN_UP in cart:
            return
        own = () if owner is None else (owner,)  # one tuple for all units: there are millions
        news = {}
        for item in items:
            for unit in _units(item):
                before, claims = cart.get(unit, _NO_UNIT)
                owners = claims
                if owner is not None and owner not in claims:
                    owners = tuple(sorted(claims + own)) if claims else own
                if owners is not claims or known & ~before:
                    news[unit] = Unit(before | known, owners)
        may_be_too_many = len(cart) + len(news) > _MOST_UNITS  # what is new may be known in part
        if may_be_too_many and len(cart.keys() | news.keys()) > _MOST_UNITS:
            news = {_GIVEN_UP: Unit(_PAID, ())}
        if news:
            self._carts[cart_id] = {**cart, **news}

    def _drop_claims(self, cart_id: str, order_id: str) -> None:
        cart = self._carts.get(cart_id) or _NO_UNITS
        self._carts[cart_id] = {
            unit: Unit(known, tuple(claim for claim in claims if claim != order_id))
            for unit, (known, claims) in cart.items()
        }

    # Redelivery

    def has_replayed(self, copy: Copy) -> bool:
        """Whether a copy of the same original has its outcome already, in the same replay."""
        return self._shelves.replayed.get((copy.replay_id, *copy.origin[:3])) is not None

    def is_unreadable(self, cart_id: str, origin: Source) -> bool:
        """Whether releases of a cart wait for the record at `origin` to be read."""
        return origin in self._unread(cart_id)

    def _unread(self, cart_id: str) -> list[Source]:
        readable = self._shelves.readable
        unreadable = self._shelves.unreadable.get(cart_id) or ()
        return [origin for origin in unreadable if readable.get(origin) is None]

    # What is asked

    def open(self, event: OrderPaid) -> None:
        """Note that the call of an order is planned, or may be in the air since a takeover."""
        self._open.setdefault(event.order_id, event)

    def close(self, event: OrderPaid) -> None:
        """Note that an order has come to its outcome; one that another record has open stays."""
        if self._open.get(event.order_id) is event:
            del self._open[event.order_id]

    def close_all(self) -> None:
        """Note that no call is planned any more: the partition is given up."""
        self._open.clear()

    def ask_confirm(
        self, event: OrderPaid, fingerprint: str, *, is_authorised: bool = False
    ) -> Answer:
        """Tell whether an order may be called.

        `is_authorised`: a person has asked to call it again although it may have been applied.
        """
        order_id = event.order_id
        other = self._open.get(order_id, event)
        if other.cart_id != event.cart_id:
            return Conflict(
                detail=f"order {order_id} is being confirmed under cart {other.cart_id}"
            )
        known = self._orders.get(order_id)
        is_settled = known is not None and known.effect in _SETTLED
        if known is not None and is_settled:
            if known.fingerprint != fingerprint:
                detail = f"order {order_id} is settled with other content ({known.effect})"
                return Conflict(detail=detail)
            if not (is_authorised and known.effect is Effect.MAYBE_APPLIED):
                return Duplicate(detail=f"order {order_id} is settled ({known.effect})")
        return self._ask_units(event, may_be_applied=is_settled)

    def _ask_units(self, event: OrderPaid, *, may_be_applied: bool) -> Answer:
        cart = self._carts.get(event.cart_id) or _NO_UNITS
        if _GIVEN_UP in cart:
            return Conflict(detail=_TOO_MANY)
        released = []
        for item in event.items:
            for unit in _units(item):
                known, claims = cart.get(unit, _NO_UNIT)
                for other in claims:
                    if other != event.order_id:
                        return Conflict(
                            detail=f"item {item.cart_item_id} belongs to order {other} already"
                        )
                if known & (_RELEASED | _MAYBE_RELEASED):
                    released.append(item.cart_item_id)
        return Proceed(
            released_before_paid=tuple(dict.fromkeys(released)), may_be_applied=may_be_applied
        )

    def ask_release(
        self, event: CartAbandoned, wall_ms: int, *, repeats_doubtful: bool = True
    ) -> Releasable:
        """Tell which items of a release are neither paid, released nor expired.

        `wall_ms` is now, epoch milliseconds. While a payment of the cart could not be read,
        none is. `repeats_doubtful`: what may have been released counts as not released.
        """
        if self._unread(event.cart_id):
            return refuse_release("an OrderPaid of this cart could not be read")
        cart = self._carts.get(event.cart_id) or _NO_UNITS
        if _GIVEN_UP in cart:
            return refuse_release(_TOO_MANY)
        items, dropped, is_doubtful = [], [], False
        for item in event.items:
            known = _NOTHING
            for unit in _units(item):
                known |= cart.get(unit, _NO_UNIT).known
            expires_at = item.reservation_expires_at
            if known & _PAID:
                dropped.append(f"{item.cart_item_id} is paid")
            elif known & _RELEASED:
                dropped.append(f"{item.cart_item_id} is released already")
            elif known & _MAYBE_RELEASED and not repeats_doubtful:
                dropped.append(f"{item.cart_item_id} may have been released")
            elif expires_at is not None and expires_at <= wall_ms:
                dropped.append(f"{item.cart_item_id} has expired")
            else:
                items.append(item)
                is_doubtful |= bool(known & _MAYBE_RELEASED)
        return Releasable(items=tuple(items), dropped=tuple(dropped), may_be_released=is_doubtful)


def _outweighs(new: Order, known: Order) -> bool:
    """Whether a new entry of an order replaces the known one; total, so that order is no matter."""
    if new.effect is known.effect:
        return new > known
    return strongest(new.effect, known.effect) is new.effect
