"""Books: what the results and dead letters of one partition number tell of its orders and items.

Unlike the ledger they are not asked what may be called, but what does not agree afterwards. They
keep a few words of each order and item, never a payload.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from processor.core.outcomes import OutcomeView
from processor.core.records import Source
from processor.core.replies import ItemVerdict
from processor.core.vocabulary import Effect, ItemResult, Operation, Reason, Status, strongest

Coordinates = tuple[str, int, int]

_CHANGES_NO_ORDER: Final = frozenset({Status.DUPLICATE, Status.CONFLICT, Status.SKIPPED})
_RELEASED: Final = {
    ItemResult.SUCCEEDED: True,
    ItemResult.INDETERMINATE: False,
    ItemResult.MISSING_FROM_RESPONSE: False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What the books need of a dead letter.

    `origin` is the input that it is about. `at` (epoch milliseconds) is when it failed.
    """

    operation: Operation
    reason: Reason
    effect: Effect
    order_id: str | None
    cart_id: str | None
    origin: Source
    replay_id: str | None
    items: tuple[ItemVerdict, ...]
    at: int | None


class Written(NamedTuple):
    """Where in the results something stands, which is the order of a cart's events, and when."""

    offset: int
    at: int | None


class Paid(NamedTuple):
    """An item that was paid, and where that is told first; `confirmed` is None until it is."""

    order_id: str | None
    origin: Source
    first: Written
    confirmed: Written | None


class Released(NamedTuple):
    """An item that was released, or, unless `is_certain`, may have been."""

    cart_id: str
    item: ItemVerdict
    is_certain: bool
    written: Written


class Partial(NamedTuple):
    """An order of which some items were refused."""

    cart_id: str
    origin: Source
    at: int | None
    refused: tuple[ItemVerdict, ...]


class Standing(NamedTuple):
    """The last dead letter of an input, and whether there was one before it."""

    letter: Letter
    is_first: bool


@dataclass(slots=True)
class Books:
    """The books of one partition number. Each topic is fed in the order of its offsets."""

    orders: dict[str, Effect] = field(default_factory=dict)
    released: list[Released] = field(default_factory=list)
    partials: dict[str, Partial] = field(default_factory=dict)
    failures: dict[Coordinates, Reason] = field(default_factory=dict)
    """How an input failed, by where it lay."""
    mended: set[Coordinates] = field(default_factory=set)
    """The inputs whose last copy ended without a failure."""
    letters: dict[Coordinates, Standing] = field(default_factory=dict)
    lettered: set[str] = field(default_factory=set)
    """The orders that have a dead letter of their own: a conflict is another order's."""
    _paid: dict[tuple[str, str], Paid] = field(default_factory=dict)
    _given_back: set[tuple[str, str]] = field(default_factory=set)

    def learn_outcome(self, outcome: OutcomeView, written: Written) -> None:
        """Take in an outcome of the results."""
        origin = outcome.origin or outcome.source
        if outcome.reason is not None:
            self.failures[origin[:3]] = outcome.reason
            self.mended.discard(origin[:3])
        elif outcome.replay_id is not None:
            self.failures.pop(origin[:3], None)
            self.mended.add(origin[:3])
        if outcome.cart_id is None:
            return
        match outcome.operation:
            case Operation.CONFIRM:
                self._learn_items(outcome, outcome.cart_id, written)
                self._learn_order(outcome, outcome.cart_id, written)
            case Operation.RELEASE:
                self._learn_release(outcome, outcome.cart_id, written)
            case Operation.UNKNOWN:
                pass

    def learn_letter(self, letter: Letter) -> None:
        """Take in a dead letter; of one input the last one counts."""
        is_first = letter.origin[:3] not in self.letters
        self.letters[letter.origin[:3]] = Standing(letter, is_first)
        if letter.order_id and letter.reason is not Reason.CONFLICTING_DUPLICATE:
            self.lettered.add(letter.order_id)

    def paid(self, cart_id: str, item: ItemVerdict) -> Paid | None:
        """Return what is known of the payment of an item; a match by either of its ids counts."""
        found = [self._paid[unit] for unit in _units(cart_id, item) if unit in self._paid]
        confirmed = (paid for paid in found if paid.confirmed is not None)
        return next(confirmed, found[0] if found else None)

    def is_given_back(self, cart_id: str, item: ItemVerdict) -> bool:
        """Whether an item was released for certain."""
        return any(unit in self._given_back for unit in _units(cart_id, item))

    def _learn_items(self, outcome: OutcomeView, cart_id: str, written: Written) -> None:
        origin = outcome.origin or outcome.source
        for item in outcome.items:
            confirmed = written if item.result is ItemResult.SUCCEEDED else None
            paid = Paid(outcome.order_id, origin, written, confirmed)
            for unit in _units(cart_id, item):
                known = self._paid.setdefault(unit, paid)
                if known.confirmed is None and confirmed is not None:
                    self._paid[unit] = paid._replace(first=known.first)

    def _learn_order(self, outcome: OutcomeView, cart_id: str, written: Written) -> None:
        """Keep what an order came to, by the rules of the ledger."""
        order_id, effect = outcome.order_id, outcome.effect
        if not order_id or not outcome.request_fingerprint:
            return
        if outcome.status in _CHANGES_NO_ORDER and effect is not Effect.MAYBE_APPLIED:
            return
        self.orders[order_id] = strongest(effect, self.orders.get(order_id, effect))
        if outcome.status is Status.PARTIALLY_SUCCEEDED:
            refused = tuple(each for each in outcome.items if each.result is ItemResult.REJECTED)
            origin = outcome.origin or outcome.source
            self.partials[order_id] = Partial(cart_id, origin, written.at, refused)

    def _learn_release(self, outcome: OutcomeView, cart_id: str, written: Written) -> None:
        for item in outcome.items:
            is_certain = _RELEASED.get(item.result)
            if is_certain is None:
                continue
            self.released.append(Released(cart_id, item, is_certain, written))
            if is_certain:
                self._given_back.update(_units(cart_id, item))


def _units(cart_id: str, item: ItemVerdict) -> Iterator[tuple[str, str]]:
    if item.cart_item_id:
        yield cart_id, "i" + item.cart_item_id
    if item.item_reservation_id:
        yield cart_id, "r" + item.item_reservation_id
