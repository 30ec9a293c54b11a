"""Answers: how a 200 accounts for the items of a call. It is believed only where it matches."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Final

from processor.core.bodies import cleaned, excerpt, json_object, text_of
from processor.core.calls import Call, RequestedItem
from processor.core.headers import trace_id
from processor.core.replies import BodyState, Concern, ItemVerdict, Kind, Response, Verdict
from processor.core.vocabulary import Effect, ItemResult, Reason, Status

_LONGEST_CONFIRMATION: Final = 4_096
_LONGEST_OTHER: Final = 64  # JSON that is written anew may take four times what came
_LONGEST_SHOWN_ID: Final = 80
_ACTIVE: Final = re.compile(
    r"\s*(about|blob|data|file|filesystem|intent|javascript|vbscript|view-source):", re.IGNORECASE
)

_Entry = Mapping[str, object]

_SUCCEEDED: Final = Verdict(
    kind=Kind.SUCCEEDED,
    effect=Effect.APPLIED,
    concern=Concern.MESSAGE,
    is_final=True,
    status=Status.SUCCEEDED,
    reason=None,
    is_documented=True,
)
_PARTIALLY_SUCCEEDED: Final = _SUCCEEDED._replace(
    kind=Kind.PARTIALLY_SUCCEEDED,
    effect=Effect.PARTIALLY_APPLIED,
    status=Status.PARTIALLY_SUCCEEDED,
    reason=Reason.ITEMS_REJECTED,
)
_REJECTED: Final = _PARTIALLY_SUCCEEDED._replace(
    kind=Kind.REJECTED,
    effect=Effect.NOT_APPLIED,
    status=Status.REJECTED,
)
_INCOMPLETE: Final = _SUCCEEDED._replace(
    kind=Kind.INDETERMINATE,
    effect=Effect.MAYBE_APPLIED,
    status=Status.INDETERMINATE,
    reason=Reason.RESPONSE_MISMATCH,
    is_documented=False,
)
_MISMATCH: Final = _INCOMPLETE._replace(kind=Kind.MISMATCH)
_GARBLED: Final = _INCOMPLETE._replace(
    kind=Kind.SYSTEMIC,
    concern=Concern.SYSTEMIC,
    is_final=False,
    reason=Reason.RETRIES_EXHAUSTED,
)


def judge(response: Response, call: Call) -> Verdict:
    """Return what a 200 or 201 means for `call`."""
    answer = json_object(response.body)
    if answer is None:
        return _complete(_GARBLED, response, (), _garbled(response))
    items, mismatch = _account(answer, call)
    row, detail = _summary(items, mismatch)
    return _complete(row, response, items, detail)


def _complete(
    row: Verdict, response: Response, items: tuple[ItemVerdict, ...], detail: str | None
) -> Verdict:
    if response.status != HTTPStatus.OK:
        unexpected = f"HTTP {response.status} where 200 is documented"
        detail = f"{unexpected}; {detail}" if detail else unexpected
    return row._replace(
        detail=detail,
        http_status=response.status,
        items=items,
        trace_id=trace_id(response.headers),
        response_body=None if row is _SUCCEEDED else excerpt(response.body),
    )


def _garbled(response: Response) -> str:
    match response.body_state:
        case BodyState.TOO_LARGE:
            return "the reply is larger than allowed"
        case BodyState.UNREADABLE:
            return "the reply's encoding is broken or unknown"
        case BodyState.COMPLETE:
            return "the reply is not a JSON object" if response.body else "the reply is empty"


def _summary(items: tuple[ItemVerdict, ...], mismatch: str | None) -> tuple[Verdict, str | None]:
    """Return the row of the table for what was said of all items, and a sentence on it."""
    if mismatch is not None:
        return _MISMATCH, f"the reply does not match the call: {mismatch}"
    results = [item.result for item in items]
    if missing := results.count(ItemResult.MISSING_FROM_RESPONSE):
        return _INCOMPLETE, f"{missing} of {len(items)} items are missing from the reply"
    rejected = results.count(ItemResult.REJECTED)
    if not rejected:
        return _SUCCEEDED, None
    row = _REJECTED if rejected == len(items) else _PARTIALLY_SUCCEEDED
    return row, f"{rejected} of {len(items)} items were answered with success: false"


def _account(answer: _Entry, call: Call) -> tuple[tuple[ItemVerdict, ...], str | None]:
    """Return what is said of each requested item, and the first thing that cannot be true.

    Ids must be null or those of the call. Every listed item must be one that was asked for, once,
    and say `success` as a JSON boolean. Fields that we do not know are no concern of ours.
    """
    listed = answer.get("items")
    mismatch = _other_call(answer, call)
    if mismatch is not None or not isinstance(listed, list | None):
        nothing = tuple([_verdict(item, ItemResult.INDETERMINATE) for item in call.items])
        return nothing, mismatch or "its items are not an array"
    entries, mismatch = _by_cart_item_id(listed or ())
    verdicts = []
    for item in call.items:
        verdict, doubt = _said(item, entries.pop(item.cart_item_id, ()))
        verdicts.append(verdict)
        mismatch = mismatch or doubt
    if entries and mismatch is None:
        mismatch = f"it lists an item that was not asked for: {_shown(next(iter(entries)))}"
    return tuple(verdicts), mismatch


def _other_call(answer: _Entry, call: Call) -> str | None:
    if answer.get("cartId") not in (None, call.cart_id):
        return "it names another cartId"
    if call.order_id is not None and answer.get("orderId") not in (None, call.order_id):
        return "it names another orderId"
    return None


def _by_cart_item_id(listed: Iterable[object]) -> tuple[dict[str, list[_Entry]], str | None]:
    entries: dict[str, list[_Entry]] = {}
    mismatch = None
    for entry in listed:
        cart_item_id = entry.get("cartItemId") if isinstance(entry, dict) else None
        if isinstance(entry, dict) and isinstance(cart_item_id, str):
            entries.setdefault(cart_item_id, []).append(entry)
        else:
            mismatch = "it lists an item without a cartItemId"
    return entries, mismatch


def _said(item: RequestedItem, entries: list[_Entry] | tuple[()]) -> tuple[ItemVerdict, str | None]:
    """Return what its entries say of one item, and what about them cannot be true, if anything."""
    if not entries:
        return _verdict(item, ItemResult.MISSING_FROM_RESPONSE), None
    if len(entries) > 1:
        return _doubtful(item, "it lists an item more than once")
    entry = entries[0]
    # An item bought without a reservation has none that the reply could contradict.
    expected = item.item_reservation_id
    if expected is not None and entry.get("itemReservationId") not in (None, expected):
        return _doubtful(item, "it names another itemReservationId")
    match entry.get("success"):
        case True:
            return _verdict(item, ItemResult.SUCCEEDED, entry), None
        case False:
            return _verdict(item, ItemResult.REJECTED, entry), None
        case _:
            return _doubtful(item, "its success is neither true nor false")


def _doubtful(item: RequestedItem, why: str) -> tuple[ItemVerdict, str]:
    return _verdict(item, ItemResult.INDETERMINATE), f"{why}: {_shown(item.cart_item_id)}"


_NOTHING: Final[_Entry] = {}


def _verdict(item: RequestedItem, result: ItemResult, entry: _Entry = _NOTHING) -> ItemVerdict:
    return ItemVerdict(
        cart_item_id=item.cart_item_id,
        item_reservation_id=item.item_reservation_id,
        result=result,
        item_confirmation_id=_confirmation(entry.get("itemConfirmationId")),
        item_confirmation_url=_link(entry.get("itemConfirmationUrl")),
    )


def _confirmation(value: object) -> str | None:
    return text_of(value, _LONGEST_CONFIRMATION if isinstance(value, str) else _LONGEST_OTHER)


def _link(value: object) -> str | None:
    """Return the address of a confirmation, unless whoever opened it would run what it says."""
    text = _confirmation(value)
    return None if text is None or _ACTIVE.match(text) else text


def _shown(cart_item_id: str) -> str:
    return cleaned(cart_item_id, _LONGEST_SHOWN_ID)
