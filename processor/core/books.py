"""Books: what the results and dead letters of one partition number tell of its orders and items.

Unlike the ledger they are not asked what may be called, but what does not agree afterwards. They
keep some hundred bytes of an order, and hashes of its items: for millions of orders that is a
matter of memory. What the hashes show to have been both paid and released is read once more, and
looked at closely, by `Encounters`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from processor.core.outcomes import OutcomeView
from processor.core.records import Source
from processor.core.replies import ItemVerdict
from processor.core.vocabulary import Effect, ItemResult, Operation, Reason, Status, strongest

_CHANGES_NO_ORDER: Final = frozenset({Status.DUPLICATE, Status.CONFLICT, Status.SKIPPED})
RELEASED: Final = {
    ItemResult.SUCCEEDED: True,
    ItemResult.INDETERMINATE: False,
    ItemResult.MISSING_FROM_RESPONSE: False,
}
"""Whether an item of a release that ended so was released for certain; others were not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What the books need of a dead letter.

    `origin` is the input that it is about. `at` (epoch milliseconds) is when it failed.
    `is_hopeless`: its record cannot be read or called by what is known today either.
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
    is_hopeless: bool = False


class Partial(NamedTuple):
    """An order of which some items were refused."""

    cart_id: str
    origin: Source
    at: int | None
    refused: tuple[ItemVerdict, ...]


class Standing(NamedTuple):
    """The last dead letter of an input, and whether there was one before it.

    `replays` are those that have brought it back in vain.
    """

    letter: Letter
    is_first: bool
    replays: frozenset[str]


@dataclass(slots=True)
class Books:
    """The books of one partition number. Each topic is fed in the order of its offsets."""

    orders: dict[str, Effect] = field(default_factory=dict)
    partials: dict[str, Partial] = field(default_factory=dict)
    failures: dict[Source, Reason] = field(default_factory=dict)
    """How an input failed, by where it lay."""
    mended: set[Source] = field(default_factory=set)
    """The inputs whose last copy ended without a failure."""
    letters: dict[Source, Standing] = field(default_factory=dict)
    lettered: set[str] = field(default_factory=set)
    """The orders that have a dead letter of their own: a conflict is another order's."""
    _paid: set[int] = field(default_factory=set)
    _released: set[int] = field(default_factory=set)
    _maybe_released: set[int] = field(default_factory=set)

    def learn_outcome(self, outcome: OutcomeView, at: int | None) -> None:
        """Take in an outcome of the results, written `at` (epoch milliseconds)."""
        origin = outcome.origin or outcome.source
        if outcome.reason is not None:
            self.failures[origin] = outcome.reason
            self.mended.discard(origin)
        elif outcome.replay_id is not None:
            self.failures.pop(origin, None)
            self.mended.add(origin)
        cart_id = outcome.cart_id
        if cart_id is None:
            return
        match outcome.operation:
            case Operation.CONFIRM:
                for item in outcome.items:
                    self._paid.update(units(cart_id, item))
                self._learn_order(outcome, cart_id, at)
            case Operation.RELEASE:
                for item in outcome.items:
                    is_certain = RELEASED.get(item.result)
                    if is_certain is not None:
                        known = self._released if is_certain else self._maybe_released
                        known.update(units(cart_id, item))
            case Operation.UNKNOWN:
                pass

    def learn_letter(self, letter: Letter) -> None:
        """Take in a dead letter; of one input the last one counts."""
        known = self.letters.get(letter.origin)
        # After a takeover one replay may have left two dead letters of a record.
        replays = frozenset() if known is None else known.replays
        replays |= frozenset() if letter.replay_id is None else {letter.replay_id}
        self.letters[letter.origin] = Standing(letter, known is None, replays)
        if letter.order_id and letter.reason is not Reason.CONFLICTING_DUPLICATE:
            self.lettered.add(letter.order_id)

    def is_paid(self, cart_id: str, item: ItemVerdict) -> bool:
        """Whether an item occurs in a payment; a match by either of its ids counts."""
        return not self._paid.isdisjoint(units(cart_id, item))

    def is_released(self, cart_id: str, item: ItemVerdict) -> bool:
        """Whether an item was released for certain."""
        return not self._released.isdisjoint(units(cart_id, item))

    def suspects(self) -> frozenset[int]:
        """Return the units to be looked at closely: paid and released, or refused."""
        refused = {
            unit
            for partial in self.partials.values()
            for item in partial.refused
            for unit in units(partial.cart_id, item)
        }
        return frozenset(self._paid & (self._released | self._maybe_released) | refused)

    def _learn_order(self, outcome: OutcomeView, cart_id: str, at: int | None) -> None:
        """Keep what an order came to, by the rules of the ledger."""
        order_id, effect = outcome.order_id, outcome.effect
        if not order_id or not outcome.request_fingerprint:
            return
        if outcome.status in _CHANGES_NO_ORDER and effect is not Effect.MAYBE_APPLIED:
            return
        self.orders[order_id] = strongest(effect, self.orders.get(order_id, effect))
        if outcome.status is Status.PARTIALLY_SUCCEEDED:
            refused = tuple(each for each in outcome.items if each.result is ItemResult.REJECTED)
            self.partials[order_id] = Partial(
                cart_id, outcome.origin or outcome.source, at, refused
            )


def units(cart_id: str, item: ItemVerdict) -> Iterator[int]:
    """Yield a hash for each of the ids that an item of a cart is known by."""
    if item.cart_item_id:
        yield hash((cart_id, "i", item.cart_item_id))
    if item.item_reservation_id:
        yield hash((cart_id, "r", item.item_reservation_id))
