"""Events for the demo: built with few words, written as a shop's own serializer writes them."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from functools import cache
from io import BytesIO
from typing import Any

import fastavro
from pydantic.alias_generators import to_camel

from processor.core.events import AbandonedItem, CartAbandoned, Event, OrderItem, OrderPaid
from processor.core.vocabulary import CartId, EventId, OrderId
from processor.shell import schemas
from processor.shell.framing import prefix


def item(name: str, *, price: str = "10", quantity: int = 1) -> OrderItem:
    """Return an item that was reserved and paid for."""
    return OrderItem(
        cart_item_id=f"item.{name}",
        catalog_item_id=f"catalog.{name}",
        item_reservation_id=f"reservation.{name}",
        quantity=quantity,
        unit_price=Decimal(price),
        total_price=Decimal(price) * quantity,
        currency="CAD",
    )


def given_up(name: str, *, expires_at: int | None = None) -> AbandonedItem:
    """Return the item of that name as one that was reserved and then given up."""
    return AbandonedItem(
        cart_item_id=f"item.{name}",
        item_reservation_id=f"reservation.{name}",
        reservation_expires_at=expires_at,
    )


def paid(order: str, cart: str, *items: OrderItem) -> OrderPaid:
    """Return the payment of an order just now."""
    return OrderPaid(
        event_id=EventId(f"paid.{order}"),
        occurred_at=_now(),
        order_id=OrderId(order),
        cart_id=CartId(cart),
        items=items,
        rokt_session_id=f"session.{cart}",
        rokt_tag_id=None,
        accept_language="en-CA",
        pay_pal_order_id=None,
        merchant_id=None,
        attributes={},
    )


def abandoned(cart: str, *items: AbandonedItem) -> CartAbandoned:
    """Return a cart given up just now."""
    return CartAbandoned(
        event_id=EventId(f"abandoned.{cart}"),
        occurred_at=_now(),
        cart_id=CartId(cart),
        rokt_session_id=f"session.{cart}",
        items=items,
        rokt_tag_id=None,
        accept_language="en-CA",
        attributes={},
    )


def write(event: Event, schema_id: int) -> bytes:
    """Return an event in Avro with Confluent's framing."""
    target = BytesIO(prefix(schema_id))
    target.seek(0, 2)
    fastavro.schemaless_writer(
        target, _parsed(type(event).__name__), asdict(event, dict_factory=_in_camel_case)
    )
    return target.getvalue()


def read(value: bytes, name: str) -> Any:  # noqa: ANN401  as fastavro hands it out
    """Return what a framed record of the named schema says."""
    return fastavro.schemaless_reader(BytesIO(value[len(prefix(0)) :]), _parsed(name), None)


def _in_camel_case(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    return {to_camel(name): value for name, value in pairs}


@cache
def _parsed(name: str) -> Any:  # noqa: ANN401  as fastavro hands it out
    return fastavro.parse_schema(json.loads(schemas.text(name)))


def _now() -> int:
    return int(time.time() * 1000)
