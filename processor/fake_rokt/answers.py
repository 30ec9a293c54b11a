"""Answers: the status, headers and body that a call is given, true or bent by a rule."""

import gzip
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any, Final

from processor.fake_rokt.contract import Call, Operation, Problem, Refusal
from processor.fake_rokt.reservations import Settled
from processor.fake_rokt.rules import Content, Lie, Then

_JSON_TYPE: Final = ("Content-Type", "application/json")
_HTML_TYPE: Final = ("Content-Type", "text/html; charset=utf-8")
_GZIP: Final = ("Content-Encoding", "gzip")
_DOCUMENTED_ERRORS: Final = frozenset({400, 403, 422, 500, 504})
BODILESS: Final = frozenset({204, 304})
_CONFIRMATION_HOST: Final = "https://confirmations.invalid"

Json = dict[str, Any]
_Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP response to be; its length is added when it is sent."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def refusal(refused: Refusal) -> Answer:
    """Return the answer to a request that broke the contract: a bare 401, or what is wrong."""
    if refused.status not in _DOCUMENTED_ERRORS:
        return Answer(status=refused.status, headers=refused.headers)
    body = _encode(_error_body(refused.description, refused.problems))
    return Answer(status=refused.status, headers=(*refused.headers, _JSON_TYPE), body=body)


def success(call: Call, settled: Iterable[Settled]) -> Json:
    """Return Rokt's documented reply; ids that there are none of are left out."""
    reply: Json = {"cartId": call.cart_id}
    if call.operation is Operation.CONFIRM:
        reply["orderId"] = call.order_id
    reply["items"] = [_reply_item(call, each) for each in settled]
    return reply


def answer(call: Call, settled: Iterable[Settled], then: Then, now: float) -> Answer:
    """Return what a rule makes of the answer to a call; `now` is seconds since the epoch."""
    kind, body = _content(call, settled, then)
    replaced = {name.lower() for name in then.headers}
    headers = [pair for pair in kind if pair[0].lower() not in replaced]
    headers += then.headers.items()
    if then.retry_after_in is not None:
        moment = datetime.fromtimestamp(now, UTC) + timedelta(seconds=then.retry_after_in)
        headers.append(("Retry-After", format_datetime(moment, usegmt=True)))
    return Answer(status=then.status, headers=tuple(headers), body=body)


def _content(call: Call, settled: Iterable[Settled], then: Then) -> tuple[_Headers, bytes]:
    if then.body is not None:
        text = then.body if isinstance(then.body, str) else _dump(then.body)
        return (_JSON_TYPE,), text.encode()
    match then.content:
        case Content.DOCUMENTED:
            return _documented(call, settled, then)
        case Content.ERROR:
            return (_JSON_TYPE,), _encode(_scripted_error(then.status))
        case Content.EMPTY:
            return (), b""
        case Content.HTML:
            return (_HTML_TYPE,), b"<!DOCTYPE html><html><body>A proxy speaks.</body></html>"
        case Content.INVALID_JSON:
            return (_JSON_TYPE,), _truth(call, settled, then)[:-1]
        case Content.HUGE:
            return (_JSON_TYPE,), _truth(call, settled, then).ljust(then.size)
        case Content.GZIP_BOMB:
            padded = _truth(call, settled, then).ljust(then.size)
            return (_JSON_TYPE, _GZIP), gzip.compress(padded)
        case Content.BROKEN_GZIP:
            packed = gzip.compress(_truth(call, settled, then))
            return (_JSON_TYPE, _GZIP), packed[:10] + b"\xff" * 20


def _documented(call: Call, settled: Iterable[Settled], then: Then) -> tuple[_Headers, bytes]:
    if then.is_success and then.status not in BODILESS:
        return (_JSON_TYPE,), _truth(call, settled, then)
    if then.status in _DOCUMENTED_ERRORS:
        return (_JSON_TYPE,), _encode(_scripted_error(then.status))
    return (), b""


def _truth(call: Call, settled: Iterable[Settled], then: Then) -> bytes:
    reply = success(call, settled)
    for lie in then.lies:
        _LIES[lie](reply)
    return _encode(reply)


def _reply_item(call: Call, settled: Settled) -> Json:
    item = settled.item
    reply: Json = {"cartItemId": item.cart_item_id}
    if item.reservation_id is not None:
        reply["itemReservationId"] = item.reservation_id
    if call.operation is Operation.CONFIRM and settled.is_success:
        confirmation_id = f"confirmation.{call.order_id}.{item.cart_item_id}"
        reply["itemConfirmationId"] = confirmation_id
        reply["itemConfirmationUrl"] = f"{_CONFIRMATION_HOST}/{confirmation_id}"
    reply["success"] = settled.is_success
    return reply


def _scripted_error(status: int) -> Json:
    known = status in {each.value for each in HTTPStatus}
    phrase = HTTPStatus(status).phrase if known else "Error"
    problem = Problem(
        code=phrase.upper().replace(" ", "_"), message="a rule says so", where="script"
    )
    return _error_body(phrase, (problem,))


def _error_body(description: str, problems: tuple[Problem, ...]) -> Json:
    return {
        "description": description,
        "errors": [
            {"code": each.code, "message": each.message, "value": _value(each)} for each in problems
        ],
    }


def _value(problem: Problem) -> Json:
    where: Json = {"where": problem.where}
    return where if problem.given is None else where | {"given": problem.given}


def _encode(content: object) -> bytes:
    return _dump(content).encode()


def _dump(content: object) -> str:
    return json.dumps(content, separators=(",", ":"))


def _with_success(value: object) -> Callable[[Json], None]:
    def tell(reply: Json) -> None:
        for item in reply["items"]:
            item["success"] = value

    return tell


def _wrong_reservation_id(reply: Json) -> None:
    for item in reply["items"]:
        item["itemReservationId"] = "another-reservation"


def _duplicate_item(reply: Json) -> None:
    reply["items"] += reply["items"][:1]


def _unknown_item(reply: Json) -> None:
    reply["items"].append(
        {"cartItemId": "unknown-item", "itemReservationId": "unknown-reservation", "success": True}
    )


def _missing_item(reply: Json) -> None:
    del reply["items"][:1]


_LIES: Final[dict[Lie, Callable[[Json], None]]] = {
    Lie.WRONG_CART_ID: lambda reply: reply.update(cartId="another-cart"),
    Lie.WRONG_ORDER_ID: lambda reply: reply.update(orderId="another-order"),
    Lie.WRONG_RESERVATION_ID: _wrong_reservation_id,
    Lie.MISSING_ITEM: _missing_item,
    Lie.UNKNOWN_ITEM: _unknown_item,
    Lie.DUPLICATE_ITEM: _duplicate_item,
    Lie.SUCCESS_AS_TEXT: _with_success("true"),
    Lie.SUCCESS_AS_NUMBER: _with_success(1),
}
