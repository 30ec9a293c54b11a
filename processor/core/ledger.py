"""The ledger of one partition: what each order and item unit came to.

It is rebuilt from outcomes alone, read in any order, any number of times. It answers every
meeting of events: may this order be called, which of these items may still be released?

An item is known by two ids, its cartItemId and its itemReservationId; a match by either counts.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, Protocol

from processor.core.copies import Copy
from processor.core.events import CartAbandoned, OrderPaid
from processor.core.meetings import Answer, Conflict, Duplicate, Proceed, Releasable, refuse_release
from processor.core.outcomes import Outcome, OutcomeView
from processor.core.records import Source
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


class _Unit(NamedTuple):
    known: int
    claims: tuple[str, ...]  # the orders that it belongs to: hardly ever more than one


class _Order(NamedTuple):
    fingerprint: str
    effect: Effect
    cart_id: str


_NO_UNIT: Final = _Unit(_NOTHING, ())
_SETTLED: Final = frozenset({Effect.APPLIED, Effect.PARTIALLY_APPLIED, Effect.MAYBE_APPLIED})
_CHANGES_NO_ORDER: Final = frozenset({Status.DUPLICATE, Status.CONFLICT, Status.SKIPPED})


def _units(item: _Item) -> Iterator[str]:
    if item.cart_item_id:
        yield "i" + item.cart_item_id
    if item.item_reservation_id:
        yield "r" + item.item_reservation_id


class Ledger:
    """What is known of the orders and items whose carts live in one partition."""

    __slots__ = (
        "_carts",
        "_done",
        "_floors",
        "_open",
        "_orders",
        "_readable",
        "_release_topic",
        "_replayed",
        "_unreadable",
    )

    def __init__(self, release_topic: str) -> None:
        """Begin empty. An undecodable record counts as a payment unless from `release_topic`."""
        self._release_topic = release_topic
        self._orders: dict[str, _Order] = {}
        self._open: dict[str, OrderPaid] = {}
        self._carts: dict[str, dict[str, _Unit]] = {}
        # With their timestamps: coordinates alone are no identity, topics are created anew.
        self._unreadable: dict[str, set[Source]] = {}
        self._readable: set[Source] = set()
        self._replayed: dict[str, set[tuple[str, int, int]]] = {}
        self._done: dict[str, dict[int, str]] = {}
        self._floors: dict[str, int] = {}

    # What was learnt

    def learn(self, outcome: Outcome | OutcomeView) -> None:
        """Take in an outcome; the order in which they come, and how often, does not matter."""
        source = outcome.source
        if source.offset >= self._floors.get(source.topic, 0):
            self._done.setdefault(source.topic, {})[source.offset] = outcome.outcome_id
        if outcome.replay_id is not None and outcome.origin is not None:
            self._replayed.setdefault(outcome.replay_id, set()).add(outcome.origin[:3])
        if outcome.cart_id is None:
            return
        match outcome.operation:
            case Operation.CONFIRM:
                self._learn_confirm(outcome, outcome.cart_id)
            case Operation.RELEASE:
                self._learn_release(outcome, outcome.cart_id)
            case Operation.UNKNOWN:
                origin = outcome.origin or source
                if origin.topic != self._release_topic:
                    self._unreadable.setdefault(outcome.cart_id, set()).add(origin)

    def learn_payment(self, event: OrderPaid) -> None:
        """Note that the items of a decoded OrderPaid are paid, whatever comes of its call."""
        self._mark(event.cart_id, event.items, _PAID)

    def learn_readable(self, origin: Source) -> None:
        """Note that the record once consumed at `origin` has been read after all."""
        self._readable.add(origin)

    def _learn_confirm(self, outcome: Outcome | OutcomeView, cart_id: str) -> None:
        self._mark(cart_id, outcome.items, _PAID)
        if outcome.origin is not None:
            self.learn_readable(outcome.origin)
        order_id = outcome.order_id
        if not order_id or not outcome.request_fingerprint:
            return  # an invalid event has no fingerprint: it says nothing of a call
        if outcome.status in _CHANGES_NO_ORDER and outcome.effect is not Effect.MAYBE_APPLIED:
            return  # nothing was called; before a crash the same record may have been
        known = self._orders.get(order_id)
        entry = _Order(outcome.request_fingerprint, outcome.effect, cart_id)
        if known is not None and known != entry:
            if not _outweighs(entry, known):
                return
            self._drop_claims(known.cart_id, order_id)
        self._orders[order_id] = entry
        if entry.effect in _SETTLED:
            self._claim(cart_id, order_id, outcome)

    def _learn_release(self, outcome: Outcome | OutcomeView, cart_id: str) -> None:
        for item in outcome.items:
            match item.result:
                case ItemResult.SUCCEEDED:
                    self._mark(cart_id, (item,), _RELEASED)
                case ItemResult.INDETERMINATE | ItemResult.MISSING_FROM_RESPONSE:
                    self._mark(cart_id, (item,), _MAYBE_RELEASED)
                case ItemResult.REJECTED | ItemResult.UNKNOWN:
                    pass

    def _mark(self, cart_id: str, items: Iterable[_Item], known: int) -> None:
        cart = self._carts.setdefault(cart_id, {})
        for item in items:
            for unit in _units(item):
                before = cart.get(unit, _NO_UNIT)
                if known & ~before.known:
                    cart[unit] = _Unit(before.known | known, before.claims)

    def _claim(self, cart_id: str, order_id: str, outcome: Outcome | OutcomeView) -> None:
        cart = self._carts.setdefault(cart_id, {})
        own = (order_id,)  # one tuple for all units: there are millions
        for item in outcome.items:
            if item.result is ItemResult.REJECTED:
                continue
            for unit in _units(item):
                known, claims = cart.get(unit, _NO_UNIT)
                if order_id not in claims:
                    cart[unit] = _Unit(known, tuple(sorted(claims + own)) if claims else own)

    def _drop_claims(self, cart_id: str, order_id: str) -> None:
        cart = self._carts.get(cart_id, {})
        for unit, (known, claims) in cart.items():
            if order_id in claims:
                cart[unit] = _Unit(known, tuple(claim for claim in claims if claim != order_id))

    # Redelivery

    def has_outcome(self, topic: str, offset: int, outcome_id: str) -> bool:
        """Whether this very record has its outcome already: same coordinates, same event."""
        return self._done.get(topic, {}).get(offset) == outcome_id

    def has_replayed(self, copy: Copy) -> bool:
        """Whether a copy of the same original has its outcome already, in the same replay."""
        return copy.origin[:3] in self._replayed.get(copy.replay_id, ())

    def is_unreadable(self, cart_id: str, origin: Source) -> bool:
        """Whether releases of a cart wait for the record at `origin` to be read."""
        return origin in self._unreadable.get(cart_id, set()) - self._readable

    def floor(self, topic: str) -> int:
        """Return the offset below which it is forgotten which records have outcomes."""
        return self._floors.get(topic, 0)

    def forget_done(self, topic: str, below: int) -> None:
        """Forget which records below a committed offset have outcomes: they never come again."""
        self._floors[topic] = below
        done = self._done.get(topic)
        if done:
            self._done[topic] = {o: outcome_id for o, outcome_id in done.items() if o >= below}

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
        cart = self._carts.get(event.cart_id, {})
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
        if self._unreadable.get(event.cart_id, set()) - self._readable:
            return refuse_release("an OrderPaid of this cart could not be read")
        cart = self._carts.get(event.cart_id, {})
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

    @property
    def orders(self) -> int:
        """How many orders are known."""
        return len(self._orders)


def _outweighs(new: _Order, known: _Order) -> bool:
    """Whether a new entry of an order replaces the known one; total, so that order is no matter."""
    if new.effect is known.effect:
        return new > known
    return strongest(new.effect, known.effect) is new.effect
