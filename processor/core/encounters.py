"""Encounters: the items that were paid and released, or refused, and in which order that was."""

from dataclasses import dataclass, field
from typing import NamedTuple

from processor.core.books import RELEASED, units
from processor.core.outcomes import OutcomeView
from processor.core.records import Source
from processor.core.replies import ItemVerdict
from processor.core.vocabulary import ItemResult, Operation


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


@dataclass(slots=True)
class Encounters:
    """What became of suspected units. Fed with outcomes in the order of their offsets."""

    suspects: frozenset[int]
    released: list[Released] = field(default_factory=list)
    _paid: dict[int, Paid] = field(default_factory=dict)

    def learn(self, outcome: OutcomeView, written: Written) -> None:
        """Take in an outcome; what it says of other items is passed over."""
        cart_id = outcome.cart_id
        if cart_id is None:
            return
        for item in outcome.items:
            if self.suspects.isdisjoint(units(cart_id, item)):
                continue
            if outcome.operation is Operation.CONFIRM:
                self._learn_paid(outcome, cart_id, item, written)
            elif (is_certain := RELEASED.get(item.result)) is not None:
                self.released.append(Released(cart_id, item, is_certain, written))

    def paid(self, cart_id: str, item: ItemVerdict) -> Paid | None:
        """Return what is known of the payment of an item; a match by either of its ids counts."""
        found = [self._paid[unit] for unit in units(cart_id, item) if unit in self._paid]
        confirmed = (paid for paid in found if paid.confirmed is not None)
        return next(confirmed, found[0] if found else None)

    def _learn_paid(
        self, outcome: OutcomeView, cart_id: str, item: ItemVerdict, written: Written
    ) -> None:
        confirmed = written if item.result is ItemResult.SUCCEEDED else None
        paid = Paid(outcome.order_id, outcome.origin or outcome.source, written, confirmed)
        for unit in units(cart_id, item):
            known = self._paid.setdefault(unit, paid)
            if known.confirmed is None and confirmed is not None:
                self._paid[unit] = paid._replace(first=known.first)
