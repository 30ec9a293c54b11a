"""Calls: what an event asks of Rokt, as method, path, headers and canonical body."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter

import orjson

from processor.core.events import AbandonedItem, CartAbandoned, Event, OrderItem, OrderPaid
from processor.core.vocabulary import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class CallShape:
    """What the settings decide about every call; the paths are those of Rokt's pages."""

    tag_id: str
    confirm_path: str = "/v1/Cart/confirm"
    release_path: str = "/v1/cart/release"
    sends_catalog_item_id: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedItem:
    """The ids of one item that a call names; the reply must account for it."""

    cart_item_id: str
    item_reservation_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to Rokt, identical in every attempt.

    `headers` hold what depends on the event (session, tag, language), never the API key: the
    shell adds that and the media types. `fingerprint` is the hex SHA-256 that tells the same
    content from another (see `schemas/README.md`).
    """

    operation: Operation
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    fingerprint: str
    cart_id: str
    order_id: str | None
    items: tuple[RequestedItem, ...]


_by_cart_item_id = attrgetter("cart_item_id")


def confirm_call(event: OrderPaid, shape: CallShape) -> Call:
    """Return the call that confirms a valid order, one without items included."""
    ordered = sorted(event.items, key=_by_cart_item_id)
    items = [_order_item(item) for item in ordered]
    document: dict[str, object] = {
        "cartId": event.cart_id,
        "orderId": event.order_id,
        "items": items,
    }
    if event.pay_pal_order_id is not None:
        document["payPalOrderId"] = event.pay_pal_order_id
    if event.merchant_id is not None:
        document["merchantId"] = event.merchant_id
    if event.attributes:
        document["attributes"] = dict(sorted(event.attributes.items()))
    full = bare = _json(document)
    if any("catalogItemId" in item for item in items):
        for item in items:
            item.pop("catalogItemId", None)
        bare = _json(document)
    return Call(
        operation=Operation.CONFIRM,
        path=shape.confirm_path,
        headers=_headers(event, shape),
        body=full if shape.sends_catalog_item_id else bare,
        fingerprint=_fingerprint(Operation.CONFIRM, event.rokt_tag_id, bare),
        cart_id=event.cart_id,
        order_id=event.order_id,
        items=tuple([_requested(item) for item in ordered]),
    )


def release_call(event: CartAbandoned, items: tuple[AbandonedItem, ...], shape: CallShape) -> Call:
    """Return the call that releases `items`: those of a valid event that may still be released."""
    ordered = sorted(items, key=_by_cart_item_id)
    document: dict[str, object] = {
        "cartId": event.cart_id,
        "items": [
            {"cartItemId": item.cart_item_id, "itemReservationId": item.item_reservation_id}
            for item in ordered
        ],
    }
    if event.attributes:
        document["attributes"] = dict(sorted(event.attributes.items()))
    body = _json(document)
    return Call(
        operation=Operation.RELEASE,
        path=shape.release_path,
        headers=_headers(event, shape),
        body=body,
        fingerprint=_fingerprint(Operation.RELEASE, event.rokt_tag_id, body),
        cart_id=event.cart_id,
        order_id=None,
        items=tuple([_requested(item) for item in ordered]),
    )


def _requested(item: OrderItem | AbandonedItem) -> RequestedItem:
    return RequestedItem(
        cart_item_id=item.cart_item_id, item_reservation_id=item.item_reservation_id
    )


def _headers(event: Event, shape: CallShape) -> tuple[tuple[str, str], ...]:
    headers = [("rokt-tag-id", event.rokt_tag_id or shape.tag_id)]
    if event.rokt_session_id:
        headers.insert(0, ("rokt-session-id", event.rokt_session_id))
    if event.accept_language:
        headers.append(("Accept-Language", event.accept_language))
    return tuple(headers)


def _order_item(item: OrderItem) -> dict[str, object]:
    members: dict[str, object] = {"cartItemId": item.cart_item_id}
    if item.catalog_item_id is not None:
        members["catalogItemId"] = item.catalog_item_id
    members["quantity"] = item.quantity
    members["currency"] = item.currency
    members["unitPrice"] = _number(item.unit_price)
    members["totalPrice"] = _number(item.total_price)
    if item.item_reservation_id is not None:
        members["itemReservationId"] = item.item_reservation_id
    return members


def _number(price: Decimal) -> orjson.Fragment:
    """Return the shortest exact JSON literal: `10`, `12.5`; no exponent, no float, no `-0`."""
    if not price:
        return orjson.Fragment("0")
    literal = format(price, "f")
    return orjson.Fragment(literal.rstrip("0").rstrip(".") if "." in literal else literal)


def _fingerprint(operation: Operation, own_tag: str | None, bare: bytes) -> str:
    """Digest what the event says; nothing that settings decide takes part."""
    return hashlib.sha256(f"{operation}\n{own_tag or ''}\n".encode() + bare).hexdigest()


def _json(document: Mapping[str, object]) -> bytes:
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:  # a lone surrogate, which JSON in UTF-8 cannot carry
        return orjson.dumps(_without_surrogates(document))


def _without_surrogates(value: object) -> object:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, list):
        return [_without_surrogates(member) for member in value]
    if isinstance(value, Mapping):
        return {_without_surrogates(name): _without_surrogates(v) for name, v in value.items()}
    return value
