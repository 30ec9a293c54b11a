"""The codec over all values: round trips are exact, and nothing a producer sends raises."""

import json
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from processor.core.events import AbandonedItem, CartAbandoned, OrderItem, OrderPaid, Undecodable
from processor.core.records import Record, Source
from processor.core.vocabulary import CartId, EventId, OrderId, Reason
from processor.shell import schemas
from processor.shell.decoding import Decoder
from processor.shell.encoding import OutcomeReader
from processor.shell.framing import HEADER, prefix
from processor.shell.vetting import Refusal, VettedSchema, vet
from tests.support.codec import (
    ABANDONED,
    PAID,
    SCHEMA_ID,
    datum_of,
    decode,
    field_of,
    framed,
    items_of,
    only,
    schema_of,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
maybe = st.none() | texts
times = st.integers(-(2**63), 2**63 - 1)
dates = st.integers(0, 253_402_300_799_999)
attributes = st.dictionaries(texts, texts, max_size=3)
prices = st.integers(-(10**18) + 1, 10**18 - 1).map(lambda units: Decimal(units).scaleb(-4))

order_items = st.builds(
    OrderItem,
    cart_item_id=texts,
    catalog_item_id=maybe,
    item_reservation_id=maybe,
    quantity=st.integers(-(2**31), 2**31 - 1),
    unit_price=prices,
    total_price=prices,
    currency=texts,
)
orders = st.builds(
    OrderPaid,
    event_id=texts.map(EventId),
    occurred_at=dates,
    order_id=texts.map(OrderId),
    cart_id=texts.map(CartId),
    items=st.lists(order_items, max_size=3).map(tuple),
    rokt_session_id=maybe,
    rokt_tag_id=maybe,
    accept_language=maybe,
    pay_pal_order_id=maybe,
    merchant_id=maybe,
    attributes=attributes,
)
abandoned_carts = st.builds(
    CartAbandoned,
    event_id=texts.map(EventId),
    occurred_at=dates,
    cart_id=texts.map(CartId),
    rokt_session_id=texts,
    items=st.lists(
        st.builds(
            AbandonedItem,
            cart_item_id=texts,
            item_reservation_id=texts,
            reservation_expires_at=st.none() | dates,
        ),
        max_size=3,
    ).map(tuple),
    rokt_tag_id=maybe,
    accept_language=maybe,
    attributes=attributes,
)

EVOLVED: Final = schema_of("OrderPaid")
EVOLVED["fields"].insert(
    2,
    {
        "name": "tree",
        "type": {"type": "array", "items": {"type": "map", "values": ["null", "bytes"]}},
    },
)
EVOLVED["fields"].append({"name": "note", "type": ["null", "string"], "default": None})
EVOLVED_VALUE: Final = framed(
    EVOLVED, {**datum_of(PAID), "tree": [{"k": b"v"}, {"n": None}], "note": "x"}
)
VALUES: Final = {
    "OrderPaid": (schema_of("OrderPaid"), framed(schema_of("OrderPaid"), datum_of(PAID))),
    "evolved": (EVOLVED, EVOLVED_VALUE),
    "CartAbandoned": (
        schema_of("CartAbandoned"),
        framed(schema_of("CartAbandoned"), datum_of(ABANDONED)),
    ),
}


def digits(price: Decimal) -> tuple[int, tuple[int, ...], object]:
    return price.as_tuple()


@given(orders)
def test_any_order_comes_back_as_it_was(order: OrderPaid) -> None:
    schema = schema_of("OrderPaid")
    found = decode(framed(schema, datum_of(order)), schema)
    assert found == order
    assert isinstance(found, OrderPaid)
    assert [digits(item.unit_price) for item in found.items] == [
        digits(item.unit_price) for item in order.items
    ]


@given(abandoned_carts)
def test_any_abandoned_cart_comes_back_as_it_was(cart: CartAbandoned) -> None:
    schema = schema_of("CartAbandoned")
    assert decode(framed(schema, datum_of(cart)), schema, "CartAbandoned") == cart


@given(orders, st.binary(max_size=20))
def test_an_order_of_an_evolved_writer_comes_back_as_it_was(order: OrderPaid, blob: bytes) -> None:
    datum = {**datum_of(order), "tree": [{"k": blob}], "note": None}
    assert decode(framed(EVOLVED, datum), EVOLVED) == order


@given(st.integers(0, 4), st.data())
def test_a_price_keeps_every_digit_of_its_writer(scale: int, data: st.DataObject) -> None:
    schema, datum = schema_of("OrderPaid"), datum_of(PAID)
    field_of(items_of(schema), "unitPrice")["type"]["scale"] = scale
    price = Decimal(data.draw(st.integers(-(10**18) + 1, 10**18 - 1))).scaleb(-scale)
    datum["items"][0]["unitPrice"] = price
    paid = decode(framed(schema, datum), schema)
    assert isinstance(paid, OrderPaid)
    assert digits(paid.items[0].unit_price) == digits(price)


@settings(max_examples=400)
@given(st.none() | st.binary(max_size=300), st.sampled_from(list(VALUES)))
@example(b"", "OrderPaid")
def test_random_bytes_never_raise(value: bytes | None, name: str) -> None:
    schema, _ = VALUES[name]
    decode(value, schema, None)
    decode(prefix(SCHEMA_ID) + (value or b""), schema, None)


@settings(max_examples=1000)
@given(st.sampled_from(list(VALUES)), st.data())
def test_changed_bytes_never_raise(name: str, data: st.DataObject) -> None:
    schema, value = VALUES[name]
    changed = bytearray(value)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(5, len(changed)))
        end = data.draw(st.integers(start, min(len(changed), start + 8)))
        changed[start:end] = data.draw(st.binary(max_size=12))
    decode(bytes(changed), schema, None)


@pytest.mark.parametrize("name", list(VALUES))
def test_every_truncation_is_undecodable(name: str) -> None:
    schema, value = VALUES[name]
    for length in range(len(value)):
        content = decode(value[:length], schema, None)
        assert isinstance(content, Undecodable)
        assert content.reason is Reason.UNDECODABLE


@given(st.lists(st.tuples(st.sampled_from([HEADER, "x"]), st.none() | st.binary(max_size=18))))
def test_any_headers_never_raise(headers: list[tuple[str, bytes | None]]) -> None:
    _, value = VALUES["OrderPaid"]
    known = only(SCHEMA_ID, vet(schemas.text("OrderPaid"), schemas.readers()))
    source = Source("order-paid", 0, 0, None)
    Decoder(known).decode(Record(source, None, value, tuple(headers)), "OrderPaid")


@given(st.binary(max_size=300))
def test_random_outcomes_never_raise(value: bytes) -> None:
    reader = OutcomeReader(only(SCHEMA_ID, vet(schemas.text("RoktCallOutcome"), schemas.readers())))
    reader.read(value)
    reader.read(prefix(SCHEMA_ID) + value)


names = st.sampled_from(["OrderPaid", "OrderItem", "Other", "a.b", "null", "string", "", "é"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | names,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "name",
                    "namespace",
                    "fields",
                    "items",
                    "values",
                    "symbols",
                    "size",
                    "logicalType",
                ]
            ),
            inner | st.sampled_from(["record", "array", "map", "enum", "fixed", "union", "error"]),
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_vetted_without_raising(document: object) -> None:
    assert isinstance(vet(json.dumps(document), schemas.readers()), Refusal)


type_names = st.from_regex(r"[A-Z][a-z]{6}", fullmatch=True)
avro_types = st.recursive(
    st.sampled_from(["null", "boolean", "int", "long", "float", "double", "bytes", "string"])
    | st.builds(lambda name: {"type": "fixed", "name": name, "size": 3}, type_names)
    | st.builds(lambda name: {"type": "enum", "name": name, "symbols": ["A", "B"]}, type_names),
    lambda inner: (
        st.builds(lambda items: {"type": "array", "items": items}, inner)
        | st.builds(lambda values: {"type": "map", "values": values}, inner)
        | st.builds(lambda branch: ["null", branch], inner)
        | st.builds(
            lambda name, types: {
                "type": "record",
                "name": name,
                "fields": [{"name": f"f{n}", "type": type_} for n, type_ in enumerate(types)],
            },
            type_names,
            st.lists(inner, max_size=3),
        )
    ),
    max_leaves=8,
)


@given(avro_types, st.sampled_from([0, 4, 11]), st.binary(max_size=60))
def test_any_further_field_is_vetted_and_what_passes_can_be_decoded(
    type_: object, position: int, noise: bytes
) -> None:
    schema = schema_of("OrderPaid")
    schema["fields"].insert(position, {"name": "extra", "type": type_})
    vetted = vet(json.dumps(schema), schemas.readers())
    decoder = Decoder(only(SCHEMA_ID, vetted))
    source = Source("order-paid", 0, 0, None)
    for value in (b"\x00" * 60, b"\x02" * 60, noise, VALUES["OrderPaid"][1][5:] + noise):
        content = decoder.decode(Record(source, None, prefix(SCHEMA_ID) + value), None)
        assert isinstance(vetted, VettedSchema) or content == Undecodable(
            reason=vetted.reason, detail=vetted.detail
        )


@given(times)
def test_any_time_is_kept(moment: int) -> None:
    schema = schema_of("OrderPaid")
    field_of(schema, "occurredAt")["type"] = "long"
    value = framed(schema, {**datum_of(PAID), "occurredAt": moment})
    paid = decode(value, schema_of("OrderPaid"))
    assert isinstance(paid, OrderPaid)
    assert paid.occurred_at == moment
