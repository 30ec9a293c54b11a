"""Writers for the tests: what a producer with a schema of its own would send."""

import json
from collections.abc import Mapping
from copy import deepcopy
from decimal import Decimal
from io import BytesIO
from typing import Any, Final

import fastavro

from processor.core.events import AbandonedItem, CartAbandoned, Content, OrderItem, OrderPaid
from processor.core.records import Record, Source
from processor.core.vocabulary import CartId, EventId, OrderId
from processor.shell import schemas
from processor.shell.decoding import Decoder, Schemas
from processor.shell.framing import SchemaKey, prefix
from processor.shell.vetting import Refusal, VettedSchema, vet

SCHEMA_ID: Final = 7

PAID: Final = OrderPaid(
    event_id=EventId("e-1"),
    occurred_at=1_700_000_000_123,
    order_id=OrderId("o-1"),
    cart_id=CartId("c-1"),
    items=(
        OrderItem(
            cart_item_id="v1:uuid:canal",
            catalog_item_id="sku-1",
            item_reservation_id="r-1",
            quantity=2,
            unit_price=Decimal("12.5000"),
            total_price=Decimal("25.0001"),
            currency="CAD",
        ),
    ),
    rokt_session_id="s-1",
    rokt_tag_id=None,
    accept_language="fr-CA",
    pay_pal_order_id=None,
    merchant_id=None,
    attributes={"é": "ü"},
)
ABANDONED: Final = CartAbandoned(
    event_id=EventId("e-2"),
    occurred_at=1_700_000_000_456,
    cart_id=CartId("c-1"),
    rokt_session_id="s-1",
    items=(
        AbandonedItem(
            cart_item_id="i-1", item_reservation_id="r-1", reservation_expires_at=1_700_000_900_000
        ),
    ),
    rokt_tag_id="tag",
    accept_language=None,
    attributes={},
)


def schema_of(name: str) -> dict[str, Any]:
    """Return a schema of ours, to be changed at will."""
    return deepcopy(json.loads(schemas.text(name)))


def field_of(schema: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a field of a record by its name."""
    return next(field for field in schema["fields"] if field["name"] == name)


def items_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record type of a record's items."""
    record: dict[str, Any] = field_of(schema, "items")["type"]["items"]
    return record


def datum_of(event: OrderPaid | CartAbandoned) -> dict[str, Any]:
    """Return an event as the value that a producer would write, logical types not applied."""
    match event:
        case OrderPaid():
            return _order_datum(event)
        case CartAbandoned():
            return _abandoned_datum(event)


def write(schema: object, datum: object) -> bytes:
    """Return the bytes of a value, without any framing."""
    target = BytesIO()
    parsed = fastavro.parse_schema(schema)  # type: ignore[arg-type]
    fastavro.schemaless_writer(target, parsed, datum)
    return target.getvalue()


def framed(schema: object, datum: object, schema_id: int = SCHEMA_ID) -> bytes:
    """Return the bytes of a value behind the id of its schema."""
    return prefix(schema_id) + write(schema, datum)


def record(
    value: bytes | None, headers: tuple[tuple[str, bytes | None], ...] = (), key: bytes = b"c-1"
) -> Record:
    """Return a record with that value."""
    return Record(Source("order-paid", 0, 0, 1_700_000_000_000), key, value, headers)


def only(schema: SchemaKey, found: VettedSchema | Refusal | None) -> Schemas:
    """Return a registry's knowledge that consists of one schema."""
    return lambda wanted: found if wanted == schema else None


def decode(
    value: bytes | None, schema: object, expected: str | None = schemas.ORDER_PAID
) -> Content:
    """Return what a value says, its writer's schema being known to the registry."""
    known = only(SCHEMA_ID, vet(json.dumps(schema), schemas.readers()))
    return Decoder(known).decode(record(value), expected)


def _order_datum(event: OrderPaid) -> dict[str, Any]:
    return {
        "eventId": event.event_id,
        "occurredAt": event.occurred_at,
        "orderId": event.order_id,
        "cartId": event.cart_id,
        "items": [
            {
                "cartItemId": item.cart_item_id,
                "catalogItemId": item.catalog_item_id,
                "itemReservationId": item.item_reservation_id,
                "quantity": item.quantity,
                "unitPrice": item.unit_price,
                "totalPrice": item.total_price,
                "currency": item.currency,
                "reservationExpiresAt": item.reservation_expires_at,
            }
            for item in event.items
        ],
        "roktSessionId": event.rokt_session_id,
        "roktTagId": event.rokt_tag_id,
        "acceptLanguage": event.accept_language,
        "payPalOrderId": event.pay_pal_order_id,
        "merchantId": event.merchant_id,
        "attributes": dict(event.attributes),
    }


def _abandoned_datum(event: CartAbandoned) -> dict[str, Any]:
    return {
        "eventId": event.event_id,
        "occurredAt": event.occurred_at,
        "cartId": event.cart_id,
        "roktSessionId": event.rokt_session_id,
        "items": [
            {
                "cartItemId": item.cart_item_id,
                "itemReservationId": item.item_reservation_id,
                "reservationExpiresAt": item.reservation_expires_at,
            }
            for item in event.items
        ],
        "reason": "ITEMS_REMOVED",
        "roktTagId": event.rokt_tag_id,
        "acceptLanguage": event.accept_language,
        "attributes": dict(event.attributes),
    }
