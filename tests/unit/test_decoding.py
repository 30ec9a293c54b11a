"""Decoding: framing, hostile bytes, exact prices. Whatever comes becomes a value."""

import json
import time
import tracemalloc
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import pytest

from processor.core.events import Content, OrderPaid, Pending, Undecodable
from processor.core.vocabulary import Reason
from processor.shell import decoding, schemas
from processor.shell.decoding import MAX_ID, MAX_VALUE, Decoder
from processor.shell.framing import HEADER, Framed, SchemaKey, prefix, unframe
from processor.shell.vetting import Refusal, VettedSchema, vet
from tests.support.codec import (
    ABANDONED,
    PAID,
    SCHEMA_ID,
    datum_of,
    decode,
    framed,
    only,
    record,
    schema_of,
    write,
)

OURS: Final = schema_of("OrderPaid")
VALUE: Final = framed(OURS, datum_of(PAID))
GUID: Final = UUID("0f4c3f6a-7b1e-4e1d-9a53-5f2a0c1d2e3f")
VETTED: Final = vet(schemas.text("OrderPaid"), schemas.readers())
NOT_UTF8: Final = VALUE.replace(b"sku-1", b"\xffcard")
UNFRAMED: Final = "The record does not name its schema as a registry client does."


def undecodable(detail: str) -> Undecodable:
    return Undecodable(reason=Reason.UNDECODABLE, detail=detail)


def number(value: int) -> bytes:
    """Return a number as Avro writes it: zigzag, seven bits a byte."""
    rest, out = (value << 1) ^ (value >> 63), bytearray()
    rest &= 2**64 - 1
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*out, rest])


def with_last_field(type_: object) -> dict[str, Any]:
    """Return our order with one more field at its end, which is passed over."""
    schema = schema_of("OrderPaid")
    schema["fields"].append({"name": "extra", "type": type_})
    return schema


def with_price(unscaled: bytes) -> Content:
    """Return what an order with these bytes for a unit price decodes to."""
    schema = schema_of("OrderPaid")
    price = schema["fields"][4]["type"]["items"]["fields"][4]
    assert price["name"] == "unitPrice"
    datum = datum_of(PAID)
    datum["items"][0]["unitPrice"] = unscaled
    price["type"] = "bytes"
    return decode(framed(schema, datum), OURS)


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (None, "The record has no value."),
        (b"", UNFRAMED),
        (b"\x00\x00\x00\x00", UNFRAMED),
        (b"\x01" + VALUE[1:], UNFRAMED),
        (b'{"orderId":"o-1"}', UNFRAMED),
        (b"\x00\xff\xff\xff\xff" + VALUE[5:], UNFRAMED),
        (VALUE[:5], "The bytes do not follow their schema (EOFError)."),
        (VALUE[:40], "The bytes do not follow their schema (EOFError)."),
        (VALUE[:-1], "The bytes end before the value does."),
        (VALUE + b"\x00", "1 bytes follow after the value."),
        (VALUE + VALUE, f"{len(VALUE)} bytes follow after the value."),
        (NOT_UTF8, "The bytes do not follow their schema (UnicodeDecodeError)."),
        (VALUE.ljust(MAX_VALUE + 1, b"\x00"), f"The value is larger than {MAX_VALUE} bytes."),
    ],
)
def test_a_value_that_cannot_be_read_is_undecodable(value: bytes | None, detail: str) -> None:
    assert decode(value, OURS) == undecodable(detail)


def test_a_value_of_the_largest_size_is_read() -> None:
    room = MAX_VALUE - len(framed(OURS, {**datum_of(PAID), "roktSessionId": ""})) - 2
    value = framed(OURS, {**datum_of(PAID), "roktSessionId": "s" * room})
    assert len(value) == MAX_VALUE
    assert isinstance(decode(value, OURS), OrderPaid)


IDS: Final = ("eventId", "cartId", "orderId", "merchantId", "payPalOrderId")
ITEM_IDS: Final = ("cartItemId", "itemReservationId", "catalogItemId")


@pytest.mark.parametrize("name", [*IDS, *ITEM_IDS])
def test_an_id_is_bounded(name: str) -> None:
    def said(length: int) -> Content:
        datum = datum_of(PAID)
        (datum if name in IDS else datum["items"][0])[name] = "é" * length
        return decode(framed(OURS, datum), OURS)

    assert isinstance(said(MAX_ID), OrderPaid)
    assert said(MAX_ID + 1) == undecodable(f"An id has more than {MAX_ID} characters.")


@pytest.mark.parametrize("name", ["eventId", "cartId", "cartItemId", "itemReservationId"])
def test_an_id_of_an_abandoned_cart_is_bounded(name: str) -> None:
    datum = datum_of(ABANDONED)
    (datum if name in datum else datum["items"][0])[name] = "i" * (MAX_ID + 1)
    schema = schema_of("CartAbandoned")
    said = decode(framed(schema, datum), schema, "CartAbandoned")
    assert said == undecodable(f"An id has more than {MAX_ID} characters.")


def test_when_a_paid_reservation_ends_is_read() -> None:
    item = replace(PAID.items[0], reservation_expires_at=1_700_000_900_000)
    order = replace(PAID, items=(item,))
    assert decode(framed(OURS, datum_of(order)), OURS) == order


def test_an_unknown_schema_leaves_the_record_pending() -> None:
    content = Decoder(only(SCHEMA_ID, None)).decode(record(VALUE), "OrderPaid")
    assert content == Pending(schema=SCHEMA_ID)


def test_a_refused_schema_gives_its_reason() -> None:
    refusal = Refusal(reason=Reason.SCHEMA_REFUSED, detail="The schema is recursive.")
    content = Decoder(only(SCHEMA_ID, refusal)).decode(record(VALUE), "OrderPaid")
    assert content == Undecodable(reason=Reason.SCHEMA_REFUSED, detail="The schema is recursive.")


def test_the_other_event_is_undecodable_in_this_topic() -> None:
    assert decode(VALUE, OURS, "CartAbandoned") == undecodable(
        "The record is of type OrderPaid, not CartAbandoned."
    )


def test_either_event_may_come_where_none_is_expected() -> None:
    abandoned = schema_of("CartAbandoned")
    assert decode(VALUE, OURS, None) == PAID
    assert decode(framed(abandoned, datum_of(ABANDONED)), abandoned, None) == ABANDONED


def test_an_outcome_is_no_event() -> None:
    known = only(SCHEMA_ID, vet(schemas.text("RoktCallOutcome"), schemas.readers()))
    content = Decoder(known).decode(record(VALUE), None)
    assert content == undecodable(
        "The record is of type RoktCallOutcome, not OrderPaid or CartAbandoned."
    )


def test_the_guid_in_the_header_names_the_schema() -> None:
    headers = ((HEADER, b"\x01" + GUID.bytes),)
    decoder = Decoder(only(str(GUID), VETTED))
    assert decoder.decode(record(VALUE[5:], headers), "OrderPaid") == PAID
    assert Decoder(only(SCHEMA_ID, None)).decode(
        record(VALUE[5:], headers), "OrderPaid"
    ) == Pending(schema=str(GUID))


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (b"\x01" + GUID.bytes, Framed(str(GUID), 0)),
        (prefix(9), Framed(9, 0)),
        (None, Framed(SCHEMA_ID, 5)),
        (b"", None),
        (b"\x01" + GUID.bytes[1:], None),
        (b"\x02" + GUID.bytes, None),
        (prefix(9) + b"\x00", None),
    ],
)
def test_the_header_goes_before_the_bytes(header: bytes | None, found: Framed | None) -> None:
    assert unframe(record(VALUE, (("other", b"x"), (HEADER, header)))) == found


@pytest.mark.parametrize(
    ("unscaled", "price"),
    [
        (b"\x00", "0.0000"),
        (b"\x01", "0.0001"),
        (b"\xff", "-0.0001"),
        (b"\x00" * 20 + b"\x7b", "0.0123"),
        (
            b"\x7f" + b"\xff" * 31,
            "5789604461865809771178549250434395392663499233282028201972879200395656481.9967",
        ),
        (b"\x01" + b"\x00" * 32, "Infinity"),
        (b"\x80" * 100_000, "Infinity"),
    ],
)
def test_a_price_is_exact_or_infinite(unscaled: bytes, price: str) -> None:
    paid = with_price(unscaled)
    assert isinstance(paid, OrderPaid)
    assert format(paid.items[0].unit_price, "f") == price


def test_a_price_without_digits_is_undecodable() -> None:
    assert with_price(b"") == undecodable("A price has no digits.")


@pytest.mark.parametrize("quantity", [2**31, -(2**31) - 1, 2**62])
def test_a_quantity_beyond_32_bits_is_undecodable(quantity: int) -> None:
    head = write({"type": "record", "name": "H", "fields": OURS["fields"][:4]}, datum_of(PAID))
    item = number(0) + number(0) + number(0) + number(quantity) + b"\x02\x01\x02\x01\x06CAD\x00"
    value = prefix(SCHEMA_ID) + head + number(1) + item + b"\x00" * 7
    assert decode(value, OURS) == undecodable("A quantity is no 32-bit number.")


@pytest.mark.parametrize("branch", [-1, -2, -3, 2, 2**62, -(2**63)])
@pytest.mark.parametrize("schema", [OURS, with_last_field("null")], ids=["ours", "another"])
def test_a_branch_that_is_not_there_is_undecodable(branch: int, schema: dict[str, Any]) -> None:
    value = VALUE.replace(b"\x02\x06s-1", number(branch) + b"\x06s-1")
    assert value != VALUE
    assert decode(value, schema) == undecodable(
        "The bytes do not follow their schema (IndexError)."
    )


@pytest.mark.parametrize("symbol", [-1, -2, 9, 2**62])
def test_a_symbol_that_is_not_there_is_undecodable(symbol: int) -> None:
    schema = schema_of("CartAbandoned")
    names = [field["name"] for field in schema["fields"]]
    head, tail = (
        {"type": "record", "name": "Part", "fields": fields}
        for fields in (
            schema["fields"][: names.index("reason")],
            schema["fields"][names.index("reason") + 1 :],
        )
    )
    datum = datum_of(ABANDONED)
    value = prefix(SCHEMA_ID) + write(head, datum) + number(symbol) + write(tail, datum)
    assert decode(value, schema, "CartAbandoned") == undecodable(
        "The bytes do not follow their schema (IndexError)."
    )


@pytest.mark.parametrize("time_", [-(2**63), 2**63 - 1])
def test_a_time_beyond_the_calendar_is_just_a_number(time_: int) -> None:
    schema = schema_of("OrderPaid")
    schema["fields"][1]["type"] = "long"
    paid = decode(framed(schema, {**datum_of(PAID), "occurredAt": time_}), OURS)
    assert isinstance(paid, OrderPaid)
    assert paid.occurred_at == time_


@pytest.mark.parametrize(
    ("type_", "tail"),
    [
        ("string", number(5) + b"abc"),
        ("bytes", number(2**62) + b"abc"),
        ("bytes", number(-1)),
        ("double", b"\x00\x00"),
        ({"type": "fixed", "name": "F", "size": 4}, b"abc"),
        (["null", "string"], number(1) + number(9)),
        ({"type": "array", "items": "int"}, number(-1) + number(2**62) + b"\x02"),
        ({"type": "array", "items": "int"}, number(3) + b"\x02\x02\x02"),
        ({"type": "map", "values": "int"}, number(1) + number(9) + b"k"),
        ("string", b""),
        ("string", b"\xff" * 30),
    ],
)
def test_a_passed_over_field_that_ends_too_early_is_noticed(type_: object, tail: bytes) -> None:
    content = decode(VALUE + tail, with_last_field(type_))
    assert isinstance(content, Undecodable)
    assert content.reason is Reason.UNDECODABLE


@pytest.mark.parametrize(
    ("type_", "tail"),
    [
        ({"type": "array", "items": "int"}, b"\x03\x04\x02\x02\x00"),
        ({"type": "array", "items": "string"}, b"\x04\x02a\x00\x00"),
        ({"type": "map", "values": ["null", "long"]}, b"\x02\x02k\x02\x7e\x00"),
        (["null", "string"], b"\x00"),
    ],
)
def test_a_whole_field_is_passed_over(type_: object, tail: bytes) -> None:
    assert decode(VALUE + tail, with_last_field(type_)) == PAID


NESTED_DOUBLES: Final = {
    "type": "record",
    "name": "Outer",
    "fields": [{"name": "f", "type": ["null", {"type": "array", "items": "double"}]}],
}
INTS: Final = {"type": "array", "items": "int"}
# Enough to be noticed, little enough to end should nothing stop the counting.
CLAIM: Final = number(2**28)
BOMBS: Final[list[tuple[str, object, bytes]]] = [
    *[
        (
            f"an array that claims to hold millions of {name}",
            {"type": "array", "items": type_},
            CLAIM,
        )
        for name, type_ in {
            **{each: each for each in ("boolean", "int", "float", "double", "bytes", "string")},
            "fixed": {"type": "fixed", "name": "F", "size": 3},
            "enums": {"type": "enum", "name": "E", "symbols": ["A"]},
            "unions": ["null", "double"],
            "records": {"type": "record", "name": "R", "fields": [{"name": "f", "type": "float"}]},
            "maps": {"type": "map", "values": "double"},
            "arrays": {"type": "array", "items": "boolean"},
        }.items()
    ],
    ("a map that claims to hold millions", {"type": "map", "values": "double"}, CLAIM),
    ("an array deep inside", NESTED_DOUBLES, number(1) + CLAIM),
    ("an array in a map", {"type": "map", "values": NESTED_DOUBLES}, b"\x02\x02k\x02" + CLAIM),
    ("billions of ints and some of them", INTS, CLAIM + b"\x00" * 1000),
    ("a negative count", INTS, number(-(2**63)) + number(-9)),
    ("a negative size", INTS, number(-2) + number(-8) + b"\x02\x02"),
    ("a huge map by size", {"type": "map", "values": "int"}, number(-(2**62)) + CLAIM),
    ("a huge text", "string", CLAIM),
    ("blocks without end", INTS, b"\x02\x00" * 400_000),
    ("an endless number", "long", b"\xff" * 900_000),
    (
        "a nest of empty arrays",
        {"type": "array", "items": INTS},
        number(900_000) + b"\x00" * 900_000,
    ),
]


@pytest.mark.parametrize("bomb", [pytest.param(case[1:], id=case[0]) for case in BOMBS])
def test_a_bomb_costs_no_more_than_its_bytes(bomb: tuple[object, bytes]) -> None:
    type_, tail = bomb
    tracemalloc.start()
    began = time.process_time()
    decode(VALUE + tail, with_last_field(type_))
    spent = time.process_time() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * MAX_VALUE
    assert spent < 5.0


@pytest.mark.parametrize("field", ["items", "attributes"])
@pytest.mark.parametrize("count", [2**62, -(2**62), -(2**63)])
def test_a_bomb_in_our_own_fields_is_undecodable(field: str, count: int) -> None:
    names = [each["name"] for each in OURS["fields"]]
    head = {"type": "record", "name": "H", "fields": OURS["fields"][: names.index(field)]}
    value = prefix(SCHEMA_ID) + write(head, datum_of(PAID)) + number(count) + number(-3)
    content = decode(value, OURS)
    assert isinstance(content, Undecodable)


def test_a_schema_is_looked_up_once_for_each_record() -> None:
    asked: list[SchemaKey] = []

    def look_up(schema: SchemaKey) -> VettedSchema | Refusal | None:
        asked.append(schema)
        return VETTED

    decoder = Decoder(look_up)
    decoder.decode(record(VALUE), "OrderPaid")
    decoder.decode(record(None), "OrderPaid")
    assert asked == [SCHEMA_ID]


def test_what_is_said_of_bad_bytes_quotes_none_of_them() -> None:
    content = decode(NOT_UTF8, OURS)
    assert isinstance(content, Undecodable)
    assert "card" not in json.dumps(content.detail)


def test_short_memory_is_no_fault_of_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_short(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(decoding, "schemaless_reader", is_short)
    with pytest.raises(MemoryError):
        decode(VALUE, OURS)
