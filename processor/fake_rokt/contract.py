"""What Rokt's two pages ask of a request: `POST /v1/Cart/confirm` and `POST /v1/cart/release`.

`read` checks a request the way the pages are written, strictly, and says what it asks for or
why it is refused: 400 for a shape that the pages do not know, 422 for one that makes no sense.
Nothing here is shared with the processor: this is the second reading of the same pages.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

from multidict import CIMultiDict, CIMultiDictProxy
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

Headers = CIMultiDictProxy[str] | CIMultiDict[str]


class Operation(StrEnum):
    """The two calls that Rokt knows."""

    CONFIRM = "CONFIRM"
    RELEASE = "RELEASE"


PATHS: Final = {"/v1/Cart/confirm": Operation.CONFIRM, "/v1/cart/release": Operation.RELEASE}

_JSON: Final = "application/json"
_TEXT_LIMIT: Final = 200
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_ONCE: Final = (
    "rokt-api-key",
    "rokt-tag-id",
    "rokt-session-id",
    "content-type",
    "accept",
    "accept-language",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One entry of `errors`: `where` names the header or field, `given` what stood there."""

    code: str
    message: str
    where: str
    given: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A request that is answered with an error status and changes nothing."""

    status: int
    description: str = ""
    problems: tuple[Problem, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """The ids of one item in a call; an item can be bought without a reservation."""

    cart_item_id: str
    reservation_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that the pages allow. `order_id` is None for a release."""

    operation: Operation
    cart_id: str
    order_id: str | None
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it arrived; `path` is the raw target, `is_key_right` what the server knows."""

    method: str
    path: str
    headers: Headers
    body: bytes
    is_key_right: bool


class _Shape(BaseModel):
    """A JSON object of the pages: unknown fields, nulls and other types are refused."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", strict=True, allow_inf_nan=False
    )


_Id = Annotated[str, Field(min_length=1)]
_Number = int | float


class _ConfirmItem(_Shape):
    cart_item_id: _Id
    catalog_item_id: _Id = ""
    item_reservation_id: _Id = ""
    unit_price: _Number
    quantity: _Number
    total_price: _Number
    currency: str


class _Confirm(_Shape):
    cart_id: _Id
    order_id: _Id
    items: list[_ConfirmItem] = Field(default_factory=list)
    pay_pal_order_id: str = ""
    merchant_id: str = ""
    attributes: dict[str, str] = Field(default_factory=dict)


class _ReleaseItem(_Shape):
    cart_item_id: _Id
    item_reservation_id: _Id


class _Release(_Shape):
    cart_id: _Id
    items: list[_ReleaseItem]
    attributes: dict[str, str] = Field(default_factory=dict)


_SHAPES: Final[dict[Operation, type[_Confirm | _Release]]] = {
    Operation.CONFIRM: _Confirm,
    Operation.RELEASE: _Release,
}


def read(request: Request) -> Call | Refusal:
    """Return what a request asks for, or the refusal that Rokt's pages call for."""
    operation = PATHS.get(request.path)
    if operation is None:
        return Refusal(status=404)
    if request.method != "POST":
        return Refusal(status=405, headers=(("Allow", "POST"),))
    if not request.is_key_right:
        return Refusal(status=401)
    refusal = _refused_media(request.headers)
    if refusal is not None:
        return refusal
    problems = tuple(_header_problems(request.headers))
    if problems:
        return _bad(problems)
    return _read_body(operation, request)


def json_without_tricks(body: bytes) -> object:
    """Parse JSON; duplicate keys, NaN, infinities and anything but UTF-8 raise ValueError."""
    try:
        return json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def ids_of(body: bytes) -> tuple[str | None, str | None]:
    """Return the cartId and orderId of a body, as far as it has any; for the ledger only."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(content, dict):
        return None, None
    cart_id, order_id = content.get("cartId"), content.get("orderId")
    return (
        cart_id if isinstance(cart_id, str) else None,
        order_id if isinstance(order_id, str) else None,
    )


def _refused_media(headers: Headers) -> Refusal | None:
    media_type, *parameters = headers.get("Content-Type", "").lower().split(";")
    is_json = media_type.strip() == _JSON and all(
        parameter.strip() in {"charset=utf-8", 'charset="utf-8"'} for parameter in parameters
    )
    if not is_json or "Content-Encoding" in headers:
        return Refusal(status=415)
    accepted = headers.get("Accept", "").lower().split(",")
    if not any(media_range.split(";")[0].strip() == _JSON for media_range in accepted):
        return Refusal(status=406)
    return None


def _header_problems(headers: Headers) -> Iterable[Problem]:
    for name in _ONCE:
        values = headers.getall(name, [])
        if len(values) > 1:
            yield Problem(code="DUPLICATE_HEADER", message=f"{name} came twice", where=name)
        if any(not (value.isascii() and value.isprintable()) for value in values):
            yield Problem(code="BAD_HEADER", message=f"{name} is not printable ASCII", where=name)
    if not headers.get("rokt-tag-id"):
        yield _missing_header("rokt-tag-id")


def _missing_header(name: str) -> Problem:
    return Problem(code="MISSING_HEADER", message=f"{name} is required", where=name)


def _read_body(operation: Operation, request: Request) -> Call | Refusal:
    try:
        shape = _SHAPES[operation].model_validate(json_without_tricks(request.body))
    except ValidationError as error:
        return _bad(tuple(_shape_problems(error)))
    except ValueError as error:
        return _bad((Problem(code="NOT_JSON", message=str(error), where="body"),))
    needs_session = bool(shape.items) or operation is Operation.RELEASE
    if needs_session and not request.headers.get("rokt-session-id"):
        return _bad((_missing_header("rokt-session-id"),))
    nonsense = tuple(_nonsense(shape))
    if nonsense:
        return unprocessable(nonsense)
    return Call(
        operation=operation,
        cart_id=shape.cart_id,
        order_id=shape.order_id if isinstance(shape, _Confirm) else None,
        items=tuple(
            Item(cart_item_id=item.cart_item_id, reservation_id=item.item_reservation_id or None)
            for item in shape.items
        ),
    )


def _shape_problems(error: ValidationError) -> Iterable[Problem]:
    for detail in error.errors(include_url=False, include_context=False):
        yield Problem(
            code=detail["type"].upper(),
            message=detail["msg"],
            where=".".join(str(part) for part in detail["loc"]) or "body",
            given=repr(detail["input"])[:_TEXT_LIMIT],
        )


def _nonsense(shape: _Confirm | _Release) -> Iterable[Problem]:
    cart_item_ids = [item.cart_item_id for item in shape.items]
    reservation_ids = [item.item_reservation_id for item in shape.items if item.item_reservation_id]
    for name, ids in (("cartItemId", cart_item_ids), ("itemReservationId", reservation_ids)):
        if len(set(ids)) < len(ids):
            yield Problem(code="REPEATED_ITEM", message=f"{name} repeats", where="items")
    if isinstance(shape, _Confirm):
        for index, item in enumerate(shape.items):
            yield from _nonsense_of(item, f"items.{index}")


def _nonsense_of(item: _ConfirmItem, where: str) -> Iterable[Problem]:
    if item.quantity < 1 or item.quantity != int(item.quantity):
        yield _senseless(f"{where}.quantity", "a whole number from 1", item.quantity)
    if item.unit_price < 0:
        yield _senseless(f"{where}.unitPrice", "not negative", item.unit_price)
    if item.total_price < 0:
        yield _senseless(f"{where}.totalPrice", "not negative", item.total_price)
    if not _CURRENCY.fullmatch(item.currency):
        yield _senseless(f"{where}.currency", "three capitals", item.currency)


def _senseless(where: str, rule: str, given: object) -> Problem:
    return Problem(
        code="INVALID_VALUE",
        message=f"{where} must be {rule}",
        where=where,
        given=repr(given)[:_TEXT_LIMIT],
    )


def _bad(problems: tuple[Problem, ...]) -> Refusal:
    return Refusal(status=400, description="The request is malformed.", problems=problems)


def unprocessable(problems: tuple[Problem, ...]) -> Refusal:
    """Return the refusal of a well-formed request that makes no sense."""
    return Refusal(status=422, description="The request cannot be processed.", problems=problems)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("an object has a key twice")
    return content


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
