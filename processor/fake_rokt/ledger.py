"""The ledger of effects: every arrival, and what each order and cart came to.

An oracle reads it: what was asked, byte for byte, whether it was applied, whether the caller
was told. Times are seconds of the machine's monotonic clock, which its processes share.
"""

import hashlib
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from time import monotonic

from processor.fake_rokt.contract import Operation


@dataclass(slots=True, kw_only=True)
class Entry:
    """One arrival; the second half is filled in as the call goes on.

    `ended_at`: when the last byte of the answer was about to leave, or the connection ended,
    whichever came first. `effect_at` may lie later: an effect whose caller has left still takes
    place. `is_answered`: a whole answer left. `is_disconnected`: the caller left before that.
    `is_duplicate`: an earlier call had already brought this effect about.
    """

    sequence: int
    operation: Operation | None
    method: str
    path: str
    cart_id: str | None
    order_id: str | None
    attempt: int
    body_sha256: str
    body: bytes | None
    tag_id: str | None
    session_id: str | None
    accept_language: str | None
    user_agent: str | None
    traceparent: str | None
    is_key_right: bool
    peer_port: int | None
    arrived_at: float

    ended_at: float | None = None
    effect_at: float | None = None
    status: int | None = None
    is_refused: bool = False
    is_ruled: bool = False
    is_applied: bool = False
    is_duplicate: bool = False
    is_answered: bool = False
    is_disconnected: bool = False
    items_applied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What an entry begins with, as the server found it."""

    operation: Operation | None
    method: str
    path: str
    cart_id: str | None
    order_id: str | None
    body: bytes
    tag_id: str | None = None
    session_id: str | None = None
    accept_language: str | None = None
    user_agent: str | None = None
    traceparent: str | None = None
    is_key_right: bool = True
    peer_port: int | None = None


@dataclass(slots=True)
class Tally:
    """What is known of one order, or of the releases of one cart.

    `effects` counts the calls whose effect took place, `duplicates` those of them that an
    earlier one had already brought about, `bodies` the distinct SHA-256 of what was asked.
    """

    arrivals: int = 0
    effects: int = 0
    duplicates: int = 0
    bodies: tuple[str, ...] = ()


@dataclass(slots=True)
class Totals:
    """Counts over everything that ever arrived, evicted entries included."""

    arrivals: int = 0
    refused: int = 0
    ruled: int = 0
    effects: int = 0
    duplicates: int = 0
    answered: int = 0
    disconnected: int = 0
    in_progress: int = 0
    statuses: dict[int, int] = field(default_factory=dict)


class Ledger:
    """Keeps the newest `limit` entries, orders and carts; reading it is safe from any thread."""

    def __init__(self, *, limit: int, keeps_bodies: bool) -> None:
        self._limit = limit
        self._keeps_bodies = keeps_bodies
        self._sequence = 0
        self._entries: deque[Entry] = deque(maxlen=limit)
        self._orders: OrderedDict[str, Tally] = OrderedDict()
        self._releases: OrderedDict[str, Tally] = OrderedDict()
        self._in_progress: dict[str, int] = {}
        self._overlaps: dict[str, int] = {}
        self.totals = Totals()

    def clear(self) -> None:
        """Forget all but calls in progress and the numbering: sequence numbers never repeat."""
        self._entries.clear()
        self._orders.clear()
        self._releases.clear()
        self._overlaps.clear()
        self.totals = Totals(in_progress=self.totals.in_progress)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries that are kept, oldest first."""
        return tuple(self._entries)

    @property
    def orders(self) -> dict[str, Tally]:
        """Confirms by orderId."""
        return self._orders.copy()

    @property
    def releases(self) -> dict[str, Tally]:
        """Releases by cartId."""
        return self._releases.copy()

    @property
    def overlaps(self) -> dict[str, int]:
        """The carts that had several calls in progress at once, and how many at most."""
        return self._overlaps.copy()

    def of_order(self, order_id: str) -> tuple[Entry, ...]:
        """Return the kept entries of one order, oldest first."""
        return tuple(entry for entry in self.entries if entry.order_id == order_id)

    def of_cart(self, cart_id: str) -> tuple[Entry, ...]:
        """Return the kept entries of one cart, oldest first."""
        return tuple(entry for entry in self.entries if entry.cart_id == cart_id)

    def arrive(self, arrival: Arrival) -> Entry:
        """Enter an arrival; its call is in progress until `end`."""
        digest = hashlib.sha256(arrival.body).hexdigest()
        tally = self._tally(arrival.operation, arrival.cart_id, arrival.order_id)
        if tally is not None:
            tally.arrivals += 1
            if digest not in tally.bodies:
                tally.bodies += (digest,)
        self._sequence += 1
        entry = Entry(
            sequence=self._sequence,
            operation=arrival.operation,
            method=arrival.method,
            path=arrival.path,
            cart_id=arrival.cart_id,
            order_id=arrival.order_id,
            attempt=1 if tally is None else tally.arrivals,
            body_sha256=digest,
            body=arrival.body if self._keeps_bodies else None,
            tag_id=arrival.tag_id,
            session_id=arrival.session_id,
            accept_language=arrival.accept_language,
            user_agent=arrival.user_agent,
            traceparent=arrival.traceparent,
            is_key_right=arrival.is_key_right,
            peer_port=arrival.peer_port,
            arrived_at=monotonic(),
        )
        self._entries.append(entry)
        self.totals.arrivals += 1
        self.totals.in_progress += 1
        if entry.cart_id is not None:
            self._enter_cart(entry.cart_id)
        return entry

    def refuse(self, entry: Entry) -> None:
        """Note that a call broke the contract."""
        entry.is_refused = True
        self.totals.refused += 1

    def rule(self, entry: Entry) -> None:
        """Note that a rule decides what becomes of a call."""
        entry.is_ruled = True
        self.totals.ruled += 1

    def apply(self, entry: Entry, items: tuple[str, ...], *, is_repeat: bool) -> None:
        """Note that the effect of a call took place for `items`.

        A confirm is a duplicate when its order had an effect before, a release when
        `is_repeat`: all its items had been released before.
        """
        entry.effect_at = monotonic()
        entry.is_applied = True
        entry.items_applied = items
        tally = self._tally(entry.operation, entry.cart_id, entry.order_id) or Tally()
        is_confirm = entry.operation is Operation.CONFIRM
        entry.is_duplicate = tally.effects > 0 if is_confirm else is_repeat
        tally.effects += 1
        tally.duplicates += entry.is_duplicate
        self.totals.effects += 1
        self.totals.duplicates += entry.is_duplicate

    def end(self, entry: Entry, *, is_answered: bool, is_disconnected: bool = False) -> None:
        """Note that a call is over, for its caller at least; only the first word counts."""
        if entry.ended_at is not None:
            return
        entry.ended_at = monotonic()
        entry.is_answered = is_answered
        entry.is_disconnected = is_disconnected
        totals = self.totals
        totals.in_progress -= 1
        totals.answered += is_answered
        totals.disconnected += is_disconnected
        if is_answered and entry.status is not None:
            totals.statuses[entry.status] = totals.statuses.get(entry.status, 0) + 1
        if entry.cart_id is not None:
            self._leave_cart(entry.cart_id)

    def _tally(
        self, operation: Operation | None, cart_id: str | None, order_id: str | None
    ) -> Tally | None:
        if operation is Operation.CONFIRM and order_id is not None:
            return _tally_of(self._orders, order_id, self._limit)
        if operation is Operation.RELEASE and cart_id is not None:
            return _tally_of(self._releases, cart_id, self._limit)
        return None

    def _enter_cart(self, cart_id: str) -> None:
        calls = self._in_progress.get(cart_id, 0) + 1
        self._in_progress[cart_id] = calls
        if calls > 1:
            self._overlaps[cart_id] = max(calls, self._overlaps.get(cart_id, 0))

    def _leave_cart(self, cart_id: str) -> None:
        calls = self._in_progress.pop(cart_id, 0) - 1
        if calls > 0:
            self._in_progress[cart_id] = calls


def _tally_of(kept: OrderedDict[str, Tally], key: str, limit: int) -> Tally:
    tally = kept.get(key)
    if tally is None:
        tally = kept[key] = Tally()
        if len(kept) > limit:
            kept.popitem(last=False)
    return tally
