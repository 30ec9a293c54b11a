"""Decoding: from the bytes of a record to the event in it, or to why there is none."""

from collections.abc import Callable
from decimal import Context, Decimal
from io import BytesIO
from typing import Any, Final

from fastavro import schemaless_reader

from processor.core.events import (
    AbandonedItem,
    CartAbandoned,
    Content,
    Event,
    OrderItem,
    OrderPaid,
    Pending,
    Undecodable,
)
from processor.core.records import Record
from processor.core.vocabulary import CartId, EventId, OrderId, Reason
from processor.shell.framing import SchemaKey, unframe
from processor.shell.schemas import EVENTS, ORDER_PAID
from processor.shell.vetting import Refusal, VettedSchema

MAX_VALUE: Final = 1024 * 1024
MAX_PARTS: Final = 10_000
"""How many items and attributes an event may have; in memory they take far more than as bytes."""

MAX_ID: Final = 1_024
"""How many characters an id may have: ids are kept, logged and compared."""

_MAX_PRICE_BYTES: Final = 32
_EXACT: Final = Context(prec=100)
_INT_RANGE: Final = range(-(2**31), 2**31)

Schemas = Callable[[SchemaKey], VettedSchema | Refusal | None]


class MalformedError(Exception):
    """Bytes that are no value of their schema; the message is one plain sentence."""


class Decoder:
    """Turns records into events.

    `schemas` returns what is known of a schema, None while that is nothing. Whatever a producer
    sends becomes a value: nothing is raised.
    """

    def __init__(self, schemas: Schemas, *, max_value: int = MAX_VALUE) -> None:
        """Decode values of at most `max_value` bytes."""
        self._schemas = schemas
        self._max_value = max_value

    def schema_of(self, record: Record) -> VettedSchema | None:
        """Return the schema that a record's value is to be read with; None where none is known."""
        framed = None if record.value is None else unframe(record)
        schema = None if framed is None else self._schemas(framed.schema)
        return schema if isinstance(schema, VettedSchema) else None

    def decode(self, record: Record, expected: str | None) -> Content:
        """Return what the record says.

        `expected` is the name of the record that its topic carries; None where either event may
        come.
        """
        value = record.value
        if value is None:
            return _undecodable("The record has no value.")
        if len(value) > self._max_value:
            return _undecodable(f"The value is larger than {self._max_value} bytes.")
        framed = unframe(record)
        if framed is None:
            return _undecodable("The record does not name its schema as a registry client does.")
        schema = self._schemas(framed.schema)
        if schema is None:
            return Pending(schema=framed.schema)
        if isinstance(schema, Refusal):
            return Undecodable(reason=schema.reason, detail=schema.detail)
        allowed = EVENTS if expected is None else (expected,)
        if schema.name not in allowed:
            return _undecodable(f"The record is of type {schema.name}, not {' or '.join(allowed)}.")
        try:
            event = _event(read_value(value, framed.start, schema), schema)
            if len(value) > MAX_ID:  # in a shorter one no id is longer
                _look_at_ids(event)
        except MalformedError as malformed:
            return _undecodable(str(malformed))
        return event


class _Strict(BytesIO):
    """Bytes that are never fewer than asked for."""

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if len(data) != size:
            raise EOFError
        return data


def read_value(value: bytes, start: int, schema: VettedSchema) -> dict[str, Any]:
    """Return the one value that all bytes from `start` on hold; raise MalformedError if none."""
    # Passing over a field that we do not read, fastavro does not notice where the bytes end. It
    # counts to whatever an array of doubles claims to hold, so there each read is checked. All
    # else is short: one byte more than there is shows afterwards whether it was needed.
    source = _Strict(value) if schema.passes_over_arrays else BytesIO(value + b"\x00")
    source.seek(start)
    datum = _read(source, schema.writer, schema.reader)
    end = source.tell()
    if end > len(value):
        raise MalformedError("The bytes end before the value does.")
    if end < len(value):
        raise MalformedError(f"{len(value) - end} bytes follow after the value.")
    return datum


def read_start(value: bytes, start: int, writer: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the value from `start` on; whatever follows it is not looked at."""
    source = BytesIO(value)
    source.seek(start)
    return _read(source, writer, None)


def _read(source: BytesIO, writer: Any, reader: Any) -> dict[str, Any]:  # noqa: ANN401
    try:
        return schemaless_reader(source, writer, reader)  # type: ignore[return-value]
    except MemoryError:  # it may be others who took the memory: a paid order is not given up for it
        raise
    except Exception as error:  # the library may raise anything on hostile bytes
        raise MalformedError(
            f"The bytes do not follow their schema ({type(error).__name__})."
        ) from error


def _undecodable(detail: str) -> Undecodable:
    return Undecodable(reason=Reason.UNDECODABLE, detail=detail)


def _event(datum: dict[str, Any], schema: VettedSchema) -> Event:
    if len(datum["items"]) + len(datum["attributes"]) > MAX_PARTS:
        raise MalformedError(f"The record has more than {MAX_PARTS} items and attributes.")
    if schema.name == ORDER_PAID:
        return _order_paid(datum, schema)
    return _cart_abandoned(datum)


def _order_paid(datum: dict[str, Any], schema: VettedSchema) -> OrderPaid:
    unit_scale = schema.scales.get("unitPrice", 0)
    total_scale = schema.scales.get("totalPrice", 0)
    return OrderPaid(
        event_id=EventId(datum["eventId"]),
        occurred_at=datum["occurredAt"],
        order_id=OrderId(datum["orderId"]),
        cart_id=CartId(datum["cartId"]),
        items=tuple(
            [
                OrderItem(
                    cart_item_id=item["cartItemId"],
                    catalog_item_id=item["catalogItemId"],
                    item_reservation_id=item["itemReservationId"],
                    quantity=_quantity(item["quantity"]),
                    unit_price=_price(item["unitPrice"], unit_scale),
                    total_price=_price(item["totalPrice"], total_scale),
                    currency=item["currency"],
                    reservation_expires_at=item["reservationExpiresAt"],
                )
                for item in datum["items"]
            ]
        ),
        rokt_session_id=datum["roktSessionId"],
        rokt_tag_id=datum["roktTagId"],
        accept_language=datum["acceptLanguage"],
        pay_pal_order_id=datum["payPalOrderId"],
        merchant_id=datum["merchantId"],
        attributes=datum["attributes"],
    )


def _cart_abandoned(datum: dict[str, Any]) -> CartAbandoned:
    return CartAbandoned(
        event_id=EventId(datum["eventId"]),
        occurred_at=datum["occurredAt"],
        cart_id=CartId(datum["cartId"]),
        rokt_session_id=datum["roktSessionId"],
        items=tuple(
            [
                AbandonedItem(
                    cart_item_id=item["cartItemId"],
                    item_reservation_id=item["itemReservationId"],
                    reservation_expires_at=item["reservationExpiresAt"],
                )
                for item in datum["items"]
            ]
        ),
        rokt_tag_id=datum["roktTagId"],
        accept_language=datum["acceptLanguage"],
        attributes=datum["attributes"],
    )


def _look_at_ids(event: Event) -> None:
    ids: list[str | None] = [event.event_id, event.cart_id]
    for item in event.items:
        ids += [item.cart_item_id, item.item_reservation_id]
    match event:
        case OrderPaid():
            ids += [event.order_id, event.merchant_id, event.pay_pal_order_id]
            ids += [item.catalog_item_id for item in event.items]
        case CartAbandoned():
            pass
    if any(each is not None and len(each) > MAX_ID for each in ids):
        raise MalformedError(f"An id has more than {MAX_ID} characters.")


def _quantity(number: int) -> int:
    if number not in _INT_RANGE:
        raise MalformedError("A quantity is no 32-bit number.")
    return number


def _price(unscaled: bytes, scale: int) -> Decimal:
    """Return the exact price; infinity for one that is too long to be looked at."""
    if not unscaled:
        raise MalformedError("A price has no digits.")
    if len(unscaled) > _MAX_PRICE_BYTES:
        return Decimal("Infinity")
    return _EXACT.scaleb(Decimal(int.from_bytes(unscaled, "big", signed=True)), -scale)
