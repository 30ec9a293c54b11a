"""Vetting: each rule that refuses a writer's schema, and what is let through beside it."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from processor.core.vocabulary import Reason
from processor.shell import schemas
from processor.shell.avro_form import MAX_NESTING, MAX_TEXT, MAX_TYPES
from processor.shell.vetting import MAX_DETAIL, Refusal, VettedSchema, vet
from tests.support.codec import field_of, items_of, schema_of

READERS: Final = schemas.readers()
EMPTY: Final = {"type": "record", "name": "Empty", "fields": []}
NOTHING: Final = {"type": "fixed", "name": "Nothing", "size": 0}


def with_extra(*types: object) -> dict[str, Any]:
    """Return our order with further fields of these types."""
    schema = schema_of("OrderPaid")
    for number, type_ in enumerate(types):
        schema["fields"].append({"name": f"extra{number}", "type": type_})
    return schema


def with_field(name: str, type_: object) -> dict[str, Any]:
    """Return our order with another type of a field of its own or of its items."""
    schema = schema_of("OrderPaid")
    holder = (
        schema if any(field["name"] == name for field in schema["fields"]) else items_of(schema)
    )
    field = field_of(holder, name)
    field["type"] = type_
    field.pop("default", None)
    return schema


def record_of(name: str, *types: object) -> dict[str, Any]:
    fields = [{"name": f"f{number}", "type": type_} for number, type_ in enumerate(types)]
    return {"type": "record", "name": name, "fields": fields}


def array_of(type_: object) -> dict[str, Any]:
    return {"type": "array", "items": type_}


def nested(levels: int) -> object:
    type_: object = "int"
    for _ in range(levels - 1):
        type_ = array_of(type_)
    return type_


def decimal(precision: object, scale: object, type_: str = "bytes") -> dict[str, Any]:
    return {"type": type_, "logicalType": "decimal", "precision": precision, "scale": scale}


def family(size: int) -> list[object]:
    """Return record types of which each holds the one before it twice."""
    types: list[object] = [record_of("R0", "null")]
    types += [
        record_of(f"R{number}", f"R{number - 1}", f"R{number - 1}") for number in range(1, size)
    ]
    return types


def refused(detail: str) -> Refusal:
    return Refusal(reason=Reason.SCHEMA_REFUSED, detail=detail)


EMPTY_ARRAY: Final = "The schema has an array of empty values."
UNRESOLVED: Final = "Field {} has a type that does not resolve to ours."
UNDEFINED: Final = "The schema uses a type that it does not define before."
TOO_DEEP: Final = f"The schema is nested deeper than {MAX_NESTING} levels."
NO_NAME: Final = "The schema has a name that is not letters, digits and underscores."

REFUSED: Final[list[tuple[str, object, str]]] = [
    ("not a record", "string", "The schema is not a record."),
    ("a union of records", [schema_of("OrderPaid")], "The schema is not a record."),
    (
        "another record",
        schema_of("OrderPaid") | {"name": "OrderShipped"},
        "The schema's record is none of OrderPaid, CartAbandoned, RoktCallOutcome.",
    ),
    ("no name", {"type": "record", "fields": []}, "The schema has a named type without a name."),
    (
        "no fields",
        {"type": "record", "name": "OrderPaid"},
        "Record OrderPaid has no list of fields.",
    ),
    ("a strange name", with_extra(record_of("a b", "int")), NO_NAME),
    (
        "a strange namespace",
        with_extra({**EMPTY, "namespace": 3}),
        "The schema has a named type without a name.",
    ),
    ("a strange symbol", with_extra({"type": "enum", "name": "E", "symbols": ["a-b"]}), NO_NAME),
    (
        "no symbols",
        with_extra({"type": "enum", "name": "E", "symbols": []}),
        "The schema has an enum without symbols.",
    ),
    (
        "a symbol twice",
        with_extra({"type": "enum", "name": "E", "symbols": ["A", "A"]}),
        "The schema has an enum with a repeated symbol.",
    ),
    (
        "a negative size",
        with_extra({"type": "fixed", "name": "F", "size": -1}),
        "The schema has a fixed type without a size.",
    ),
    (
        "a size that is true",
        with_extra({"type": "fixed", "name": "F", "size": True}),
        "The schema has a fixed type without a size.",
    ),
    (
        "a number for a type",
        with_extra(7),
        "The schema has a type that is neither a name, a list nor an object.",
    ),
    ("an object without a type", with_extra({}), "The schema has a type without a name."),
    ("an error type", with_extra({"type": "error", "name": "E", "fields": []}), UNDEFINED),
    ("an unknown type", with_extra("com.partner.Missing"), UNDEFINED),
    ("a parsed mark of the library", with_extra({"type": "__fastavro_parsed"}), UNDEFINED),
    (
        "recursion",
        with_extra(record_of("Tree", "int", array_of("Tree"))),
        "The schema is recursive: Tree contains itself.",
    ),
    (
        "recursion through others",
        with_extra(record_of("A", record_of("B", ["null", "A"]))),
        "The schema is recursive: A contains itself.",
    ),
    (
        "recursion of the record itself",
        with_extra(["null", "OrderPaid"]),
        "The schema is recursive: OrderPaid contains itself.",
    ),
    (
        "two types of one name",
        with_extra(record_of("Twin", "int"), record_of("Twin", "int")),
        "The schema has two types of the name Twin.",
    ),
    (
        "one name in two namespaces",
        with_extra({**record_of("OrderItem", "int"), "namespace": "x"}),
        "The schema has two types of the name OrderItem.",
    ),
    (
        "the name of a primitive",
        with_extra(record_of("string", "int")),
        "The schema has two types of the name string.",
    ),
    (
        "two fields of one name",
        with_extra({**record_of("R"), "fields": [{"name": "f", "type": "int"}] * 2}),
        "Record R has two fields of the same name.",
    ),
    (
        "a field that is no object",
        with_extra({**record_of("R"), "fields": ["f"]}),
        "Record R has a field that is not an object.",
    ),
    ("too deep", with_extra(nested(MAX_NESTING)), TOO_DEEP),
    (
        "too deep by names",
        with_extra(
            record_of("Deep", nested(10)), array_of(array_of(array_of(array_of(array_of("Deep")))))
        ),
        TOO_DEEP,
    ),
    (
        "an empty union",
        with_extra([]),
        "The schema has a union without branches or with more than 32.",
    ),
    (
        "a union of many",
        with_extra([{"type": "fixed", "name": f"F{n}", "size": 1} for n in range(33)]),
        "The schema has a union without branches or with more than 32.",
    ),
    (
        "a union in a union",
        with_extra(["null", ["int"]]),
        "The schema has a union directly in a union.",
    ),
    (
        "a branch twice",
        with_extra(["int", {"type": "int", "logicalType": "date"}]),
        "The schema has a union with two branches of the same type.",
    ),
    ("an array of nulls", with_extra(array_of("null")), EMPTY_ARRAY),
    (
        "an array of nulls in disguise",
        with_extra(array_of({"type": "null", "logicalType": "x"})),
        EMPTY_ARRAY,
    ),
    ("an array of empty records", with_extra(array_of(EMPTY)), EMPTY_ARRAY),
    ("an array of empty fixed", with_extra(array_of(NOTHING)), EMPTY_ARRAY),
    (
        "an array of records of nothing",
        with_extra(array_of(record_of("R", "null", EMPTY, NOTHING))),
        EMPTY_ARRAY,
    ),
    ("an array of a name for nothing", with_extra(EMPTY, array_of("Empty")), EMPTY_ARRAY),
    ("an array of unions with an empty record", with_extra(array_of(["null", EMPTY])), EMPTY_ARRAY),
    ("an array in an array of nulls", with_extra(array_of(array_of("null"))), EMPTY_ARRAY),
    (
        "a map of nulls",
        with_extra({"type": "map", "values": "null"}),
        "The schema has a map of empty values.",
    ),
    (
        "an exploding family",
        with_extra(*family(15)),
        f"The schema has more than {MAX_TYPES} types.",
    ),
    (
        "a missing field of an item",
        {
            **schema_of("OrderPaid"),
            "fields": [
                *schema_of("OrderPaid")["fields"][:4],
                {"name": "items", "type": array_of(record_of("OrderItem", "int"))},
            ],
        },
        "Record OrderItem lacks the field cartItemId.",
    ),
    (
        "items of another name",
        with_field("items", array_of(record_of("Line", "int"))),
        UNRESOLVED.format("items"),
    ),
    (
        "items that are a map",
        with_field("items", {"type": "map", "values": "int"}),
        UNRESOLVED.format("items"),
    ),
    ("a number for a text", with_field("orderId", "long"), UNRESOLVED.format("orderId")),
    ("a long for an int", with_field("quantity", "long"), UNRESOLVED.format("quantity")),
    (
        "a branch that does not resolve",
        with_field("orderId", ["string", "int"]),
        UNRESOLVED.format("orderId"),
    ),
    ("only null for a text", with_field("orderId", "null"), UNRESOLVED.format("orderId")),
    (
        "a plain long for a time",
        with_field("occurredAt", "long"),
        "Field occurredAt has another logical type than ours (timestamp-millis).",
    ),
    (
        "microseconds",
        with_field("occurredAt", {"type": "long", "logicalType": "timestamp-micros"}),
        "Field occurredAt has another logical type than ours (timestamp-millis).",
    ),
    (
        "an int for a time",
        with_field("occurredAt", {"type": "int", "logicalType": "timestamp-millis"}),
        UNRESOLVED.format("occurredAt"),
    ),
    (
        "a date for a quantity",
        with_field("quantity", {"type": "int", "logicalType": "date"}),
        "Field quantity has another logical type than ours (none).",
    ),
    (
        "a plain branch for an expiry",
        with_field("reservationExpiresAt", ["null", "long"]),
        "Field reservationExpiresAt has another logical type than ours (timestamp-millis).",
    ),
    (
        "plain bytes for a price",
        with_field("unitPrice", "bytes"),
        "Field unitPrice has another logical type than ours (decimal).",
    ),
    (
        "a text for a price",
        with_field("unitPrice", "string"),
        "Field unitPrice has another logical type than ours (decimal).",
    ),
    (
        "a decimal text",
        with_field("unitPrice", decimal(18, 4, "string")),
        UNRESOLVED.format("unitPrice"),
    ),
    (
        "a price that may be a text",
        with_field("unitPrice", [decimal(18, 4), "string"]),
        "Field unitPrice has another logical type than ours (decimal).",
    ),
    ("a double for a price", with_field("totalPrice", "double"), UNRESOLVED.format("totalPrice")),
    (
        "a fixed price",
        with_field("totalPrice", {**decimal(18, 4, "fixed"), "name": "P", "size": 8}),
        UNRESOLVED.format("totalPrice"),
    ),
    *[
        (
            f"scale {scale!r}",
            with_field("unitPrice", decimal(18, scale)),
            "Field unitPrice has a scale that is not between 0 and 4.",
        )
        for scale in (5, -1, True, "2", 2.0)
    ],
    *[
        (
            f"precision {precision!r}",
            with_field("unitPrice", decimal(precision, 0)),
            "Field unitPrice has a precision that is not between 1 and 18.",
        )
        for precision in (19, 0, None, True, "18")
    ],
    (
        "a scale above the precision",
        with_field("unitPrice", decimal(2, 3)),
        "Field unitPrice has a scale that is not between 0 and 4.",
    ),
]

ALLOWED: Final[list[tuple[str, object]]] = [
    ("nothing in a place of its own", with_extra("null", EMPTY, NOTHING)),
    ("an array of what may be null", with_extra(array_of(["null", "int"]))),
    ("an array of a single branch", with_extra(array_of(["null"]))),
    ("as deep as may be", with_extra(nested(MAX_NESTING - 1))),
    ("a name used again", with_extra(record_of("R", "int"), "R", array_of("R"), {"type": "R"})),
    ("a name of the namespace", with_extra(record_of("R", "int"), "roktcart.v1.R")),
    ("a name elsewhere", with_extra({**record_of("R", "int"), "namespace": "x.y"}, "x.y.R")),
    ("logical types of its own", with_extra({"type": "long", "logicalType": "timestamp-micros"})),
    ("a small family", with_extra(*family(7))),
    ("a price that may be null", with_field("unitPrice", ["null", decimal(18, 4)])),
    ("a whole price", with_field("unitPrice", decimal(1, 0))),
    ("bytes for a text", with_field("currency", "bytes")),
]


@pytest.mark.parametrize(
    ("schema", "detail"), [pytest.param(*case[1:], id=case[0]) for case in REFUSED]
)
def test_a_schema_is_refused(schema: object, detail: str) -> None:
    assert vet(json.dumps(schema), READERS) == refused(detail)


@pytest.mark.parametrize("schema", [pytest.param(case[1], id=case[0]) for case in ALLOWED])
def test_a_schema_is_let_through(schema: object) -> None:
    assert isinstance(vet(json.dumps(schema), READERS), VettedSchema)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "The schema is not valid JSON."),
        ("{", "The schema is not valid JSON."),
        ("[" * 60_000, "The schema is not valid JSON."),
        ("9" * 60_000, "The schema is not valid JSON."),
        ("\ud800", "The schema is not valid JSON."),
        ("null", "The schema is not a record."),
        ('{"type":"record","type":"enum"}', "The schema has a JSON object with a repeated key."),
        (" " * (MAX_TEXT + 1), "The schema is longer than 64 KiB."),
    ],
)
def test_a_text_is_refused(text: str, detail: str) -> None:
    assert vet(text, READERS) == refused(detail)


@pytest.mark.parametrize(
    "pad", [lambda room: " " * room, lambda room: "\u00e9" * (room // 2)], ids=["ascii", "wider"]
)
def test_the_length_of_a_text_counts_in_bytes(pad: Callable[[int], str]) -> None:
    schema = schema_of("OrderPaid")
    schema["doc"] = ""
    room = MAX_TEXT - len(json.dumps(schema).encode())
    schema["doc"] = pad(room)
    assert isinstance(vet(json.dumps(schema, ensure_ascii=False), READERS), VettedSchema)
    schema["doc"] = pad(room + 2)
    assert vet(json.dumps(schema, ensure_ascii=False), READERS) == refused(
        "The schema is longer than 64 KiB."
    )


@pytest.mark.parametrize(
    "schema",
    [
        with_extra(record_of("A" * 30_000, "A" * 30_000)),
        with_extra(record_of("A" * 20_000), record_of("A" * 20_000)),
        with_extra({"type": "record", "name": "A" * 60_000}),
    ],
    ids=["recursive", "twice", "without fields"],
)
def test_what_is_said_of_a_schema_is_short_however_long_its_names(schema: object) -> None:
    refusal = vet(json.dumps(schema), READERS)
    assert isinstance(refusal, Refusal)
    assert len(refusal.detail) == MAX_DETAIL


def test_a_schema_that_the_library_does_not_take_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: object) -> None:
        raise RecursionError

    monkeypatch.setattr("fastavro.parse_schema", fail)
    assert vet(json.dumps(schema_of("OrderPaid")), READERS) == refused(
        "The schema is not one that can be decoded with (RecursionError)."
    )


def test_a_schema_like_ours_is_read_without_resolution() -> None:
    schema = schema_of("OrderPaid") | {"namespace": "elsewhere", "doc": "", "owner": "us"}
    vetted = vet(json.dumps(schema), READERS)
    assert isinstance(vetted, VettedSchema)
    assert vetted.reader is None
    assert vetted.scales == {"unitPrice": 4, "totalPrice": 4}
