"""The oracle finds what is wrong with calls, and only that."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from processor.fake_rokt.contract import Operation
from processor.fake_rokt.ledger import Arrival, Entry, Ledger
from tests.support import oracle_calls

_LATER = 5.0
_NOW = time.time()


@dataclass(frozen=True)
class Said:
    """An outcome, as the oracle takes it."""

    value: dict[str, Any]
    timestamp: float


def said(status: str, effect: str, *, offset: int = 1, at: float = _LATER, **changes: Any) -> Said:  # noqa: ANN401
    """An outcome of an order, written `at` seconds from now."""
    value = {
        "outcomeId": f"outcome-{changes.get('operation', 'CONFIRM')}-{offset}",
        "operation": "CONFIRM",
        "status": status,
        "effect": effect,
        "reason": None,
        "orderId": "o-1",
        "cartId": "c-1",
        "attempts": 1,
        "source": {
            "topic": "order-paid",
            "partition": 0,
            "offset": offset,
            "timestamp": int(_NOW * 1000),
        },
        "items": [{"cartItemId": "i-1", "itemReservationId": "r-1"}],
    }
    return Said(value | changes, _NOW + at)


def released(status: str, effect: str, **changes: Any) -> Said:  # noqa: ANN401
    """An outcome of a release."""
    return said(status, effect, **({"operation": "RELEASE", "orderId": None} | changes))


def call(ledger: Ledger, order: str | None = "o-1", *, content: str = "i-1") -> Entry:
    """Let a call arrive: a confirm, or a release where no order is given."""
    body = {"items": [{"cartItemId": content, "itemReservationId": "r-1"}]}
    return ledger.arrive(
        Arrival(
            operation=Operation.RELEASE if order is None else Operation.CONFIRM,
            method="POST",
            path="/",
            cart_id="c-1",
            order_id=order,
            body=json.dumps(body).encode(),
        )
    )


def answer(ledger: Ledger, entry: Entry, status: int = 200) -> None:
    """Answer a call; a 200 is applied."""
    if status == 200:
        ledger.apply(entry, ("i-1",), is_repeat=False)
    entry.status = status
    ledger.end(entry, is_answered=True)


def called(*statuses: int | None, contents: Sequence[str] = ()) -> Ledger:
    """A ledger with calls of one order, each answered with a status or, for None, not at all."""
    ledger = Ledger(limit=100, keeps_bodies=True)
    for status, content in zip(statuses, contents or ["i-1"] * len(statuses), strict=True):
        entry = call(ledger, content=content)
        if status is None:
            ledger.end(entry, is_answered=False)
        else:
            answer(ledger, entry, status)
    return ledger


def in_reverse() -> Ledger:
    """The second order of a cart is called first."""
    ledger = Ledger(limit=100, keeps_bodies=True)
    for order in ("o-2", "o-1"):
        answer(ledger, call(ledger, order))
    return ledger


def overlapping() -> Ledger:
    """Two calls of a cart at once."""
    ledger = Ledger(limit=100, keeps_bodies=True)
    for entry in [call(ledger), call(ledger, "o-2")]:
        answer(ledger, entry)
    return ledger


def with_release(*, confirmed: bool) -> Ledger:
    """A release of the unit that an order has paid."""
    ledger = called(200) if confirmed else Ledger(limit=100, keeps_bodies=True)
    answer(ledger, call(ledger, None))
    return ledger


SUCCEEDED = said("SUCCEEDED", "APPLIED")
OF_SECOND = said("SUCCEEDED", "APPLIED", offset=2, orderId="o-2")
RELEASED = released("SUCCEEDED", "APPLIED")
OF_LATER = {"partition": 0, "offset": 1, "timestamp": int(_NOW * 1000) + 9_000}


@pytest.mark.parametrize(
    ("ledger", "told"),
    [
        (called(200), [SUCCEEDED]),
        (called(422), [said("REJECTED", "NOT_APPLIED")]),
        (called(None, 422), [said("INDETERMINATE", "MAYBE_APPLIED")]),
        (called(422, 200, contents="ab"), [said("REJECTED", "NOT_APPLIED", at=-9), SUCCEEDED]),
        (called(200), [SUCCEEDED, said("DUPLICATE", "NOT_SENT", offset=2)]),
        (called(200), [SUCCEEDED, said("REJECTED", "NOT_APPLIED")]),
        (with_release(confirmed=False), [RELEASED]),
    ],
)
def test_what_is_right_passes(ledger: Ledger, told: list[Said]) -> None:
    oracle_calls.check_calls(ledger, told, may_repeat=True)


@pytest.mark.parametrize(
    ("ledger", "told", "complaint"),
    [
        (called(422), [SUCCEEDED], "I2: o-1 has no effect"),
        (called(), [SUCCEEDED], "I2: o-1 was never called"),
        (called(), [RELEASED], "I2: c-1 was never called"),
        (called(200), [said("REJECTED", "NOT_APPLIED")], "I2: o-1 has an effect"),
        (
            called(200),
            [said("REJECTED", "NOT_APPLIED"), said("INDETERMINATE", "MAYBE_APPLIED", offset=2)],
            "I2: o-1 is denied its effect",
        ),
        (
            with_release(confirmed=False),
            [released("SKIPPED", "NOT_SENT")],
            "I2: c-1 is denied its effect",
        ),
        (called(None, 200, contents="ab"), [SUCCEEDED], "I3: o-1 changed in doubt"),
        (called(200), [said("SUCCEEDED", "APPLIED", at=-9)], "I3: o-1 was called 9"),
        (overlapping(), [SUCCEEDED, OF_SECOND], "I5: calls of one cart overlapped"),
        (in_reverse(), [SUCCEEDED, OF_SECOND], "I5: o-2 was called before o-1"),
        (with_release(confirmed=True), [SUCCEEDED, RELEASED], "was paid, then released"),
        (
            with_release(confirmed=False),
            [said("REJECTED", "NOT_SENT"), released("SUCCEEDED", "APPLIED", source=OF_LATER)],
            "before its release",
        ),
    ],
)
def test_what_is_wrong_is_found(ledger: Ledger, told: list[Said], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        oracle_calls.check_calls(ledger, told, may_repeat=True)


@pytest.mark.parametrize(
    ("ledger", "attempts", "complaint"),
    [
        (called(422, 422), 2, "I6: o-1 was called again after its answer"),
        (called(None, 422), 1, "I6: 2 calls of o-1, 1 are told"),
        (called(None, 200, 200), 3, "I6: o-1 has 2 effects"),
    ],
)
def test_a_call_too_many_of_a_lone_worker_is_found(
    ledger: Ledger, attempts: int, complaint: str
) -> None:
    told = [said("INDETERMINATE", "MAYBE_APPLIED", attempts=attempts)]
    oracle_calls.check_calls(ledger, told, may_repeat=True)
    with pytest.raises(AssertionError, match=complaint):
        oracle_calls.check_calls(ledger, told, may_repeat=False)
