"""The oracle's view of calls: what the fake Rokt's ledger says beside the outcomes.

Units are the items of a cart, each known by its cartItemId and its itemReservationId.
"""

import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import dropwhile, pairwise
from typing import Any, Protocol

from processor.fake_rokt.contract import Operation
from processor.fake_rokt.ledger import Entry, Ledger

_APPLIED = frozenset({"APPLIED", "PARTIALLY_APPLIED"})
_SETTLED = _APPLIED | {"MAYBE_APPLIED"}
_DENIALS = frozenset({"NOT_SENT", "NOT_APPLIED"})
_OF_ANOTHER = frozenset({"DUPLICATE", "CONFLICT"})
_NEVER_CALLED = frozenset({"INVALID_EVENT", "UNDECODABLE", "SCHEMA_REFUSED"})
_CLOCK = 0.01
_PRODUCING = 1.0
_CONFLICT = 409

Unit = tuple[str, str]
Asked = tuple[Operation, str]
"""What is called: an order to confirm, or a cart to release."""


class Told(Protocol):
    """An outcome, and when it was written (seconds of the wall clock)."""

    @property
    def value(self) -> dict[str, Any]:
        """The outcome's fields."""

    @property
    def timestamp(self) -> float:
        """When it was written."""


def check_calls(ledger: Ledger, told: Sequence[Told], *, may_repeat: bool) -> None:
    """Check I2, I3, I5 and, unless a call may have been repeated, I6."""
    assert told or not ledger.orders, "the oracle has nothing to go by"
    check_claims(ledger, told)
    check_denials(ledger, told)
    check_bytes(ledger, told)
    check_settled(ledger, told)
    check_turns(ledger, told)
    check_releases(ledger, told)
    if not may_repeat:
        check_lone(ledger, told)


def check_claims(ledger: Ledger, told: Sequence[Told]) -> None:
    """I2: what is told to be applied was."""
    orders, releases = ledger.orders, ledger.releases  # each a copy
    for each in told:
        value = each.value
        if value["effect"] not in _APPLIED or value["status"] in _OF_ANOTHER:
            continue
        is_confirm = value["operation"] == "CONFIRM"
        name = value["orderId"] if is_confirm else value["cartId"]
        tally = (orders if is_confirm else releases).get(name)
        assert tally is not None, f"I2: {name} was never called"
        assert tally.effects > 0, f"I2: {name} has no effect"


def check_denials(ledger: Ledger, told: Sequence[Told]) -> None:
    """I2: no effect is denied, neither by all outcomes of its order nor by one written later.

    Of several outcomes of one record the stronger counts.
    """
    wall_of = _wall_of_monotonic()
    effects: dict[str, set[str]] = defaultdict(set)
    for each in told:
        effects[each.value["orderId"] or ""].add(each.value["effect"])
    records = _records(told)
    for asked, calls in _calls(ledger, told).items():
        done = [each for each in calls if each.is_applied and not _is_refused(each)]
        if not done:
            continue
        operation, name = asked
        if operation is Operation.CONFIRM:
            assert effects[name] - _DENIALS, f"I2: {name} has an effect that its outcomes deny"
        for record in records.get(asked, ()):
            is_denied = all(_denies(each.value) for each in record)
            at = min(each.timestamp for each in record) - wall_of
            assert not is_denied or at < done[0].arrived_at, f"I2: {name} is denied its effect"


def _denies(value: Mapping[str, Any]) -> bool:
    is_of_the_call = value["status"] not in _OF_ANOTHER and value["reason"] not in _NEVER_CALLED
    return is_of_the_call and value["effect"] in _DENIALS


def check_bytes(ledger: Ledger, told: Sequence[Told]) -> None:
    """I3: since the first attempt that is in doubt, all carry the same bytes."""
    for calls in _calls(ledger, told).values():
        since = list(dropwhile(lambda each: not _is_doubtful(each), calls))
        name = calls[0].order_id or calls[0].cart_id
        assert len({each.body_sha256 for each in since}) <= 1, f"I3: {name} changed in doubt"


def _is_doubtful(entry: Entry) -> bool:
    """Whether a call may have been applied, as far as its caller can know."""
    return entry.is_applied or not _is_final(entry)


def _is_final(entry: Entry) -> bool:
    status = entry.status
    return entry.is_answered and status is not None and status < 500 and status != _CONFLICT


def _is_refused(entry: Entry) -> bool:
    return _is_final(entry) and (entry.status or 0) >= 300


def check_settled(ledger: Ledger, told: Sequence[Told]) -> None:
    """I3: no order is called after the outcome that settled it was written."""
    wall_of = _wall_of_monotonic()
    settled: dict[str, float] = {}
    for each in told:
        value = each.value
        is_about_the_order = value["status"] not in _OF_ANOTHER
        if value["orderId"] and value["effect"] in _SETTLED and is_about_the_order:
            first = settled.get(value["orderId"], each.timestamp)
            settled[value["orderId"]] = min(first, each.timestamp)
    for entry in ledger.entries:
        at = settled.get(entry.order_id or "")
        if at is not None and entry.operation is Operation.CONFIRM:
            late = entry.arrived_at + wall_of - at
            assert late < _CLOCK, f"I3: {entry.order_id} was called {late:.3f} s after it settled"


def check_turns(ledger: Ledger, told: Sequence[Told]) -> None:
    """I5: the calls of a cart never overlap, and its orders are called as they lie in the log."""
    assert not ledger.overlaps, f"I5: calls of one cart overlapped: {ledger.overlaps}"
    first_calls: dict[str, float] = {}
    for entry in ledger.entries:
        if entry.operation is Operation.CONFIRM and entry.order_id is not None:
            first_calls.setdefault(entry.order_id, entry.arrived_at)
    orders: dict[str, set[tuple[str, int, int]]] = defaultdict(set)
    carts: dict[str, str] = {}
    for each in told:
        if (order := each.value["orderId"]) in first_calls:
            source = each.value["source"]
            orders[order].add((source["topic"], source["partition"], source["offset"]))
            carts[order] = each.value["cartId"]
    lanes: dict[tuple[str, str, int], list[tuple[int, float, str]]] = defaultdict(list)
    for order, places in orders.items():
        if len(places) == 1:  # of several records it is not known which one was called first
            ((topic, partition, offset),) = places
            lanes[carts[order], topic, partition].append((offset, first_calls[order], order))
    for lane in lanes.values():
        for (_, earlier, one), (_, later, other) in pairwise(sorted(lane)):
            assert earlier < later, f"I5: {other} was called before {one}, which lies before it"


def check_releases(ledger: Ledger, told: Sequence[Told]) -> None:
    """I5: no unit is released after its payment was called, or lay in the log.

    A release was read after it was produced; a payment produced well before that lay there, in
    the same partition unless producers place the cart differently.
    """
    places: dict[str, set[int]] = defaultdict(set)
    for each in told:
        places[each.value["cartId"]].add(each.value["source"]["partition"])
    paid = {unit: max(times) for unit, times in _produced(told, "CONFIRM").items()}
    abandoned = {unit: min(times) for unit, times in _produced(told, "RELEASE").items()}
    called: set[tuple[str, Unit]] = set()
    for entry in ledger.entries:
        cart = entry.cart_id or ""
        named = {(cart, unit) for unit in _units(json.loads(entry.body or b"{}"))}
        if entry.operation is Operation.CONFIRM:
            called |= named
            continue
        assert not (named & called), f"I5: {named & called} was paid, then released"
        if len(places[cart]) > 1:
            continue
        for unit in named & paid.keys() & abandoned.keys():
            lead = abandoned[unit] - paid[unit]
            assert lead < _PRODUCING, f"I5: {unit} was paid {lead:.3f} s before its release"


def _produced(told: Sequence[Told], operation: str) -> dict[tuple[str, Unit], list[float]]:
    """Return when valid records of an operation that name a unit were produced, in seconds."""
    times: dict[tuple[str, Unit], list[float]] = defaultdict(list)
    for each in told:
        value, at = each.value, each.value["source"]["timestamp"]
        if value["operation"] == operation and at and value["reason"] not in _NEVER_CALLED:
            for unit in _units(value):
                times[value["cartId"], unit].append(_seconds(at))
    return times


def _seconds(at: Any) -> float:  # noqa: ANN401  a number of milliseconds, or a time
    return at / 1000 if isinstance(at, int) else float(at.timestamp())


def check_lone(ledger: Ledger, told: Sequence[Told]) -> None:
    """I6: a lone worker that never crashed makes one call where the first reply is final.

    A reply is final for sure if no rule shaped it.
    """
    for name, tally in ledger.orders.items():
        assert tally.effects <= 1, f"I6: {name} has {tally.effects} effects"
    records = _records(told)
    for asked, calls in _calls(ledger, told).items():
        if len(records.get(asked, ())) != 1:
            continue
        title, attempts = asked[1], records[asked][0][0].value["attempts"]
        assert len(calls) <= attempts, f"I6: {len(calls)} calls of {title}, {attempts} are told"
        is_plain = calls[0].is_answered and not calls[0].is_ruled
        assert not is_plain or len(calls) == 1, f"I6: {title} was called again after its answer"


def _calls(ledger: Ledger, told: Sequence[Told]) -> dict[Asked, list[Entry]]:
    """Return the calls of each order, and of each cart that one record released, oldest first."""
    releases: dict[str, set[str]] = defaultdict(set)
    for each in told:
        if each.value["operation"] == "RELEASE":
            releases[each.value["cartId"]].add(each.value["outcomeId"])
    calls: dict[Asked, list[Entry]] = defaultdict(list)
    for entry in ledger.entries:
        if entry.operation is Operation.CONFIRM and entry.order_id is not None:
            calls[entry.operation, entry.order_id].append(entry)
        elif entry.operation is Operation.RELEASE and len(releases[entry.cart_id or ""]) == 1:
            calls[entry.operation, entry.cart_id or ""].append(entry)
    return calls


def _records(told: Sequence[Told]) -> dict[Asked, list[list[Told]]]:
    """Return for each call the records that asked for it, each as the outcomes that it had."""
    outcomes: dict[Asked, dict[str, list[Told]]] = defaultdict(lambda: defaultdict(list))
    for each in told:
        value = each.value
        is_confirm = value["operation"] == "CONFIRM"
        operation = Operation.CONFIRM if is_confirm else Operation.RELEASE
        asked = operation, value["orderId" if is_confirm else "cartId"] or ""
        outcomes[asked][value["outcomeId"]].append(each)
    return {asked: list(records.values()) for asked, records in outcomes.items()}


def _units(holder: Mapping[str, Any]) -> set[Unit]:
    names = ("cartItemId", "itemReservationId")
    items = holder.get("items") or ()
    return {(name, item[name]) for item in items for name in names if item.get(name)}


def _wall_of_monotonic() -> float:
    return time.time() - time.monotonic()
