"""Writers that are older, newer or elsewhere: what FULL_TRANSITIVE compatibility allows them."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from processor.core.events import CartAbandoned, OrderPaid, Undecodable
from processor.core.vocabulary import Reason
from tests.support.codec import (
    ABANDONED,
    PAID,
    datum_of,
    decode,
    field_of,
    framed,
    items_of,
    schema_of,
)


@pytest.mark.parametrize("position", [0, 3, 12])
@pytest.mark.parametrize(
    ("type_", "extra"),
    [
        ("string", "new"),
        (["null", "long"], 5),
        ({"type": "array", "items": "double"}, [1.0]),
        ({"type": "map", "values": "bytes"}, {"k": b"v"}),
        ({"type": "fixed", "name": "Digest", "size": 2}, b"ab"),
        ({"type": "record", "name": "Extra", "fields": [{"name": "x", "type": "int"}]}, {"x": 1}),
    ],
)
def test_an_added_field_is_passed_over(position: int, type_: object, extra: object) -> None:
    schema = schema_of("OrderPaid")
    schema["fields"].insert(position, {"name": "extra", "type": type_})
    assert decode(framed(schema, {**datum_of(PAID), "extra": extra}), schema) == PAID


def test_an_added_field_of_an_item_is_passed_over() -> None:
    schema, datum = schema_of("OrderPaid"), datum_of(PAID)
    items_of(schema)["fields"].insert(1, {"name": "extra", "type": "string"})
    datum["items"] = [{**item, "extra": "new"} for item in datum["items"]]
    assert decode(framed(schema, datum), schema) == PAID


@pytest.mark.parametrize(
    ("name", "without"),
    [
        ("roktTagId", {"rokt_tag_id": None}),
        ("acceptLanguage", {"accept_language": None}),
        ("attributes", {"attributes": {}}),
        ("items", {"items": ()}),
    ],
)
def test_a_removed_field_takes_its_default(name: str, without: dict[str, Any]) -> None:
    schema = schema_of("OrderPaid")
    schema["fields"].remove(field_of(schema, name))
    assert decode(framed(schema, datum_of(PAID)), schema) == replace(PAID, **without)


def test_a_required_field_cannot_be_removed() -> None:
    schema = schema_of("OrderPaid")
    schema["fields"].remove(field_of(schema, "orderId"))
    assert decode(framed(schema, datum_of(PAID)), schema) == Undecodable(
        reason=Reason.SCHEMA_REFUSED, detail="Record OrderPaid lacks the field orderId."
    )


def test_a_new_enum_symbol_is_read_as_unknown() -> None:
    schema = schema_of("CartAbandoned")
    field_of(schema, "reason")["type"]["symbols"].insert(0, "BORED")
    value = framed(schema, {**datum_of(ABANDONED), "reason": "BORED"})
    assert decode(value, schema, "CartAbandoned") == ABANDONED


def test_fields_may_stand_in_another_order() -> None:
    schema = schema_of("CartAbandoned")
    schema["fields"].reverse()
    items_of(schema)["fields"].reverse()
    value = framed(schema, datum_of(ABANDONED))
    assert decode(value, schema, "CartAbandoned") == ABANDONED


@pytest.mark.parametrize("namespace", ["com.partner.shop", ""])
def test_another_namespace_resolves(namespace: str) -> None:
    schema = schema_of("OrderPaid") | {"namespace": namespace}
    assert decode(framed(schema, datum_of(PAID)), schema) == PAID


def test_a_name_with_its_namespace_in_it_resolves() -> None:
    schema = schema_of("OrderPaid") | {"name": "com.partner.OrderPaid", "namespace": "other"}
    assert decode(framed(schema, datum_of(PAID)), schema) == PAID


def test_java_strings_and_documentation_make_no_difference() -> None:
    schema = schema_of("OrderPaid")
    java = {"type": "string", "avro.java.string": "String"}
    field_of(schema, "eventId").update(type=java, doc="anything")
    field_of(schema, "attributes")["type"].update(java | {"type": "map"})
    assert decode(framed(schema, datum_of(PAID)), schema) == PAID


def test_a_field_that_may_be_null_in_the_writer_is_read_when_it_is_not() -> None:
    schema = schema_of("OrderPaid")
    field_of(schema, "orderId")["type"] = ["null", "string"]
    assert decode(framed(schema, datum_of(PAID)), schema) == PAID
    missing = decode(framed(schema, {**datum_of(PAID), "orderId": None}), schema)
    assert missing == Undecodable(
        reason=Reason.UNDECODABLE,
        detail="The bytes do not follow their schema (SchemaResolutionError).",
    )


@pytest.mark.parametrize(
    ("scale", "price"), [(0, "12"), (2, "12.34"), (3, "0.001"), (4, "99999999999999.9999")]
)
def test_a_price_has_the_scale_of_its_writer(scale: int, price: str) -> None:
    schema, datum = schema_of("OrderPaid"), datum_of(PAID)
    field_of(items_of(schema), "unitPrice")["type"]["scale"] = scale
    datum["items"][0]["unitPrice"] = Decimal(price)
    paid = decode(framed(schema, datum), schema)
    assert isinstance(paid, OrderPaid)
    assert str(paid.items[0].unit_price) == price
    assert paid.items[0].total_price == PAID.items[0].total_price


def test_a_decimal_without_a_scale_counts_units() -> None:
    schema, datum = schema_of("OrderPaid"), datum_of(PAID)
    del field_of(items_of(schema), "totalPrice")["type"]["scale"]
    datum["items"][0]["totalPrice"] = Decimal(7)
    paid = decode(framed(schema, datum), schema)
    assert isinstance(paid, OrderPaid)
    assert paid.items[0].total_price == Decimal(7)


def test_an_expiry_that_is_always_there_is_read() -> None:
    schema = schema_of("CartAbandoned")
    expiry = field_of(items_of(schema), "reservationExpiresAt")
    expiry.update(type=expiry["type"][1])
    del expiry["default"]
    event = decode(framed(schema, datum_of(ABANDONED)), schema, "CartAbandoned")
    assert isinstance(event, CartAbandoned)
    assert event == ABANDONED
