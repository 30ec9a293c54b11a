"""Reconciliation: what was paid, compared with what came of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from processor.core.books import Books, Letter, Partial, Standing
from processor.core.encounters import Encounters, Paid, Released
from processor.core.events import Content, OrderPaid
from processor.core.records import Source
from processor.core.replies import ItemVerdict
from processor.core.vocabulary import Effect, Operation, Reason
from processor.core.wording import often

_CLOSED: Final = frozenset({Effect.APPLIED, Effect.PARTIALLY_APPLIED})


class Trouble(StrEnum):
    """What does not agree."""

    LOST = "paid-not-answered"
    """Paid, and neither confirmed nor dead-lettered."""
    CONFIRMED_AND_RELEASED = "confirmed-and-released"
    """Rokt has confirmed the items, and released them, in whichever order."""
    RELEASED_BEFORE_PAID = "released-before-paid"
    """The items were, or may have been, released before their payment was worked."""
    NEVER_REDRIVEN = "never-redriven"
    """Dead letters that nobody has brought back, and that still stand."""
    FAILED_AGAIN = "failed-again"
    """Dead letters that were brought back, and failed again."""
    PARTLY_REJECTED = "partly-rejected"
    """Orders some of whose items Rokt refused, and that nobody has confirmed since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From `since` up to, not including, `until`; epoch milliseconds."""

    since: int
    until: int

    def covers(self, at: int | None) -> bool:
        """Whether a moment lies within; what has no time may."""
        return at is None or self.since <= at < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that does not agree.

    `origin` is the input that it is about. `at` (epoch milliseconds) is when that was written
    by which it lies in the window: the payment, the outcome, the dead letter. `items` are
    cartItemIds. `is_redrivable`: it is a dead letter that a redrive may bring back.
    """

    trouble: Trouble
    operation: Operation
    order_id: str | None
    cart_id: str | None
    origin: Source
    at: int | None
    detail: str
    reason: Reason | None = None
    effect: Effect | None = None
    items: tuple[str, ...] = ()
    is_redrivable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NotWorkedYet:
    """A payment that the live fleet has not come to.

    `at` is when it was written, `expires_at` when the first reservation of its items ends; both are
    epoch milliseconds, None when unknown. `order_id` is None where it cannot be read.
    """

    order_id: str | None
    cart_id: str | None
    origin: Source
    at: int | None
    expires_at: int | None


def compare_payment(
    books: Books, origin: Source, cart_id: str | None, content: Content, committed: int
) -> Finding | NotWorkedYet | None:
    """Return what is wrong with a payment; None when all is well.

    `cart_id` is that of its key, `committed` is where the live fleet goes on in its partition.
    """
    order_id = content.order_id if isinstance(content, OrderPaid) else None
    effect = books.orders.get(order_id) if order_id else None
    if effect in _CLOSED or origin in books.letters or order_id in books.lettered:
        return None
    failure = books.failures.get(origin)
    if failure is None and effect is None and origin.offset >= committed:
        return _waiting(origin, cart_id, content)
    if failure is not None:
        detail = f"it failed ({failure}), and its dead letter is gone"
    elif effect is not None:
        detail = f"its order ended {effect}, and the dead letter is gone"
    else:
        detail = "no outcome was ever written of it"
    return Finding(
        trouble=Trouble.LOST,
        operation=Operation.CONFIRM if order_id else Operation.UNKNOWN,
        order_id=order_id,
        cart_id=content.cart_id if isinstance(content, OrderPaid) else cart_id,
        origin=origin,
        at=origin.timestamp,
        detail=detail,
        reason=failure,
        effect=effect,
    )


def _waiting(origin: Source, cart_id: str | None, content: Content) -> NotWorkedYet:
    order = content if isinstance(content, OrderPaid) else None
    ends = [each.reservation_expires_at for each in order.items] if order else []
    return NotWorkedYet(
        order_id=order.order_id if order else None,
        cart_id=order.cart_id if order else cart_id,
        origin=origin,
        at=origin.timestamp,
        expires_at=min((end for end in ends if end is not None), default=None),
    )


def findings(
    books: Books, encounters: Encounters, window: Window, most_redrives: int
) -> Iterator[Finding]:
    """Yield what the results and dead letters tell by themselves.

    `encounters` are those of the books' suspects. What was brought back `most_redrives` times in
    vain stays away.
    """
    yield from _released(encounters, window)
    for standing in books.letters.values():
        letter = standing.letter
        if window.covers(letter.at) and not _is_settled(books, letter):
            was_redriven = letter.replay_id is not None and not standing.is_first
            trouble = Trouble.FAILED_AGAIN if was_redriven else Trouble.NEVER_REDRIVEN
            yield _letter(standing, trouble, most_redrives)
    for order_id, partial in books.partials.items():
        left = [item for item in partial.refused if not _is_confirmed(encounters, partial, item)]
        if left and window.covers(partial.at):
            yield _partial(order_id, partial, left)


def _released(encounters: Encounters, window: Window) -> Iterator[Finding]:
    met: dict[tuple[Trouble, str, str | None], list[tuple[Released, Paid]]] = {}
    for released in encounters.released:
        paid = encounters.paid(released.cart_id, released.item)
        if paid is None:
            continue
        if released.is_certain and paid.confirmed is not None:
            key = (Trouble.CONFIRMED_AND_RELEASED, released.cart_id, paid.order_id)
            met.setdefault(key, []).append((released, paid))
        if released.written.offset < paid.first.offset:
            key = (Trouble.RELEASED_BEFORE_PAID, released.cart_id, paid.order_id)
            met.setdefault(key, []).append((released, paid))
    for (trouble, cart_id, order_id), pairs in met.items():
        released, paid = pairs[-1]
        later = max(released.written, paid.confirmed or paid.first)
        if window.covers(later.at):
            yield Finding(
                trouble=trouble,
                operation=Operation.CONFIRM,
                order_id=order_id,
                cart_id=cart_id,
                origin=paid.origin,
                at=later.at,
                detail=_course(released, paid),
                items=_names(released.item for released, _ in pairs),
            )


def _course(released: Released, paid: Paid) -> str:
    """Tell in which order an item was released, paid and confirmed."""
    course = [
        (released.written, "released" if released.is_certain else "maybe released"),
        (paid.first, "paid"),
    ]
    if paid.confirmed == paid.first:
        course[1] = (paid.first, "confirmed")
    elif paid.confirmed is not None:
        course.append((paid.confirmed, "confirmed"))
    return ", then ".join(word for _, word in sorted(course))


def _is_settled(books: Books, letter: Letter) -> bool:
    """Whether what a dead letter is about has come to an end in another way.

    The refused items of an order that was confirmed in part are a finding of their own.
    """
    if letter.origin in books.mended:
        return True
    match letter.operation:
        case Operation.CONFIRM:
            is_closed = books.orders.get(letter.order_id or "") in _CLOSED
            return is_closed and letter.reason is not Reason.CONFLICTING_DUPLICATE
        case Operation.RELEASE:
            cart_id = letter.cart_id
            if cart_id is None or not letter.items:
                return False
            return all(
                books.is_released(cart_id, item) or books.is_paid(cart_id, item)
                for item in letter.items
            )
        case Operation.UNKNOWN:
            return False


def _letter(standing: Standing, trouble: Trouble, most_redrives: int) -> Finding:
    letter, is_redrivable = standing.letter, False
    if letter.reason is Reason.CONFLICTING_DUPLICATE:
        detail = "the same bytes will fail again: a person has to look at it"
    elif letter.is_hopeless and letter.reason is Reason.INVALID_EVENT:
        detail = "a redrive does not help: it needs a corrected event from the producer"
    elif letter.is_hopeless:
        detail = (
            "it needs a corrected event from the producer; a redrive helps only once the registry "
            "has a schema that it can be read by"
        )
    elif len(standing.replays) >= most_redrives:
        times = len(standing.replays)
        detail = f"quarantined: it was brought back {often(times)}, and failed each time"
    elif letter.effect is Effect.MAYBE_APPLIED:
        detail = "it may have been applied: look at Rokt before it is called again"
        is_redrivable = True
    elif standing.replays:
        times = len(standing.replays)
        detail = f"it may be redriven; it was brought back {often(times)} already, and failed again"
        is_redrivable = True
    else:
        detail = "a redrive brings it back"
        is_redrivable = True
    return Finding(
        trouble=trouble,
        operation=letter.operation,
        order_id=letter.order_id,
        cart_id=letter.cart_id,
        origin=letter.origin,
        at=letter.at,
        detail=detail,
        reason=letter.reason,
        effect=letter.effect,
        items=_names(letter.items),
        is_redrivable=is_redrivable,
    )


def _is_confirmed(encounters: Encounters, partial: Partial, item: ItemVerdict) -> bool:
    paid = encounters.paid(partial.cart_id, item)
    return paid is not None and paid.confirmed is not None


def _partial(order_id: str, partial: Partial, left: Iterable[ItemVerdict]) -> Finding:
    return Finding(
        trouble=Trouble.PARTLY_REJECTED,
        operation=Operation.CONFIRM,
        order_id=order_id,
        cart_id=partial.cart_id,
        origin=partial.origin,
        at=partial.at,
        detail="a new order can confirm them; a redrive does not",
        reason=Reason.ITEMS_REJECTED,
        effect=Effect.PARTIALLY_APPLIED,
        items=_names(left),
    )


def _names(items: Iterable[ItemVerdict]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item.cart_item_id for item in items))
