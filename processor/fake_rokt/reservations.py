"""Reservations: what each reserved unit is, and what a confirm or release makes of it."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from processor.fake_rokt.contract import Call, Item, Operation, Problem


class State(StrEnum):
    """The life of a reservation."""

    RESERVED = "reserved"
    CONFIRMED = "confirmed"
    RELEASED = "released"
    EXPIRED = "expired"


class Reservation(BaseModel):
    """A reserved unit. Where `cart_id` or `cart_item_id` is None, any of them will do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reservation_id: str
    cart_id: str | None = None
    cart_item_id: str | None = None
    state: State = State.RESERVED
    order_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a call came to for one item; `is_repeat` when an earlier call had done it already."""

    item: Item
    is_success: bool
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class _Unit:
    state: State
    order_id: str | None = None


_UNTOUCHED = _Unit(State.RESERVED)


class Reservations:
    """All units: the seeded ones by reservation id, others as they turn up in calls.

    A unit that was not seeded counts as reserved until a call has touched it, unless
    `is_strict`; of those only the newest `limit` are remembered.
    """

    def __init__(self, *, is_strict: bool, limit: int) -> None:
        self.is_strict = is_strict
        self._limit = limit
        self._seeded: dict[str, Reservation] = {}
        self._met: OrderedDict[tuple[str, str, str | None], _Unit] = OrderedDict()

    def seed(self, reservations: Iterable[Reservation]) -> None:
        """Add reservations, or replace those of the same id."""
        self._seeded |= {each.reservation_id: each for each in reservations}

    @property
    def seeded(self) -> tuple[Reservation, ...]:
        """All seeded reservations as they are now."""
        return tuple(self._seeded.values())

    def problems(self, call: Call) -> tuple[Problem, ...]:
        """Return what makes a call senseless: unknown reservations, or those of another item."""
        found = (self._problem(call, item) for item in call.items)
        return tuple(problem for problem in found if problem is not None)

    def settle(self, call: Call, *, rejected: frozenset[str], is_applied: bool) -> list[Settled]:
        """Return what a call comes to for each item, and bring it about when `is_applied`.

        Items named in `rejected` (by cartItemId or reservation id) fail and stay as they are.
        """
        settled = []
        for item in call.items:
            if item.cart_item_id in rejected or item.reservation_id in rejected:
                settled.append(Settled(item=item, is_success=False))
                continue
            result = _judge(call, item, self._unit(call, item))
            if result.is_success and is_applied:
                self._keep(call, item)
            settled.append(result)
        return settled

    def _problem(self, call: Call, item: Item) -> Problem | None:
        known = self._seeded.get(item.reservation_id or "")
        if known is None:
            if not self.is_strict:
                return None
            code, message = "UNKNOWN_RESERVATION", "there is no such reservation"
        elif known.cart_id not in {None, call.cart_id}:
            code, message = "WRONG_CART", "the reservation belongs to another cart"
        elif known.cart_item_id not in {None, item.cart_item_id}:
            code, message = "WRONG_ITEM", "the reservation belongs to another cartItemId"
        else:
            return None
        return Problem(
            code=code, message=message, where="itemReservationId", given=item.reservation_id
        )

    def _unit(self, call: Call, item: Item) -> _Unit:
        known = self._seeded.get(item.reservation_id or "")
        if known is not None:
            return _Unit(known.state, known.order_id)
        return self._met.get((call.cart_id, item.cart_item_id, item.reservation_id), _UNTOUCHED)

    def _keep(self, call: Call, item: Item) -> None:
        is_confirm = call.operation is Operation.CONFIRM
        state = State.CONFIRMED if is_confirm else State.RELEASED
        known = self._seeded.get(item.reservation_id or "")
        if known is not None:
            update = {"state": state, "order_id": call.order_id}
            self._seeded[known.reservation_id] = known.model_copy(update=update)
            return
        key = (call.cart_id, item.cart_item_id, item.reservation_id)
        self._met[key] = _Unit(state, call.order_id)
        if len(self._met) > self._limit:
            self._met.popitem(last=False)


def _judge(call: Call, item: Item, unit: _Unit) -> Settled:
    if unit.state is State.RESERVED:
        return Settled(item=item, is_success=True)
    if call.operation is Operation.CONFIRM:
        is_repeat = unit.state is State.CONFIRMED and unit.order_id == call.order_id
    else:
        is_repeat = unit.state is State.RELEASED
    return Settled(item=item, is_success=is_repeat, is_repeat=is_repeat)
