"""Schemas that mean harm in a roundabout way: through names, unions, defaults, sizes."""

import json
from dataclasses import replace
from typing import Any, Final

import pytest

from processor.core.events import CartAbandoned, Undecodable
from processor.core.vocabulary import Reason
from processor.shell.vetting import VettedSchema, vet
from tests.support.codec import ABANDONED, PAID, datum_of, decode, framed, schema_of
from tests.unit.test_decoding import VALUE, number, with_last_field
from tests.unit.test_vetting import (
    EMPTY,
    EMPTY_ARRAY,
    NOTHING,
    READERS,
    UNDEFINED,
    array_of,
    decimal,
    record_of,
    refused,
    with_extra,
    with_field,
)


def map_of(type_: object) -> dict[str, Any]:
    return {"type": "map", "values": type_}


def with_default(default: object) -> dict[str, Any]:
    """Return our order with a further field that has this default."""
    schema = with_extra("int")
    schema["fields"][-1]["default"] = default
    return schema


EMPTY_MAP: Final = "The schema has a map of empty values."
HARMFUL: Final[list[tuple[str, object, str]]] = [
    (
        "recursion by a namespace",
        with_extra({**record_of("x.Tree", array_of("x.Tree")), "namespace": "y"}),
        "The schema is recursive: Tree contains itself.",
    ),
    (
        "recursion by the namespace around it",
        with_extra({**record_of("A", record_of("B", "x.A")), "namespace": "x"}),
        "The schema is recursive: A contains itself.",
    ),
    ("recursion by an alias", with_extra({**record_of("A", "B"), "aliases": ["B"]}), UNDEFINED),
    ("a map of maps of nothing", with_extra(map_of(map_of(NOTHING))), EMPTY_MAP),
    ("a bomb in a union", with_extra(["null", "int", array_of("null")]), EMPTY_ARRAY),
    (
        "a bomb in a record in a map",
        with_extra(map_of(record_of("R", "int", ["null", array_of(EMPTY)]))),
        EMPTY_ARRAY,
    ),
    ("a null beside a number", with_extra(array_of(record_of("R", "int", "null"))), EMPTY_ARRAY),
    ("one branch of nothing", with_extra(array_of([record_of("R", "null")])), EMPTY_ARRAY),
    ("items of nothing", with_field("items", array_of("null")), EMPTY_ARRAY),
    ("attributes of nothing", with_field("attributes", map_of("null")), EMPTY_MAP),
]


@pytest.mark.parametrize(
    ("schema", "detail"), [pytest.param(*case[1:], id=case[0]) for case in HARMFUL]
)
def test_harm_is_refused_wherever_it_stands(schema: object, detail: str) -> None:
    assert vet(json.dumps(schema), READERS) == refused(detail)


@pytest.mark.parametrize(
    "schema",
    [
        with_default([[{"type": "array"}] * 1000]),
        with_extra(*({"type": "int", "logicalType": each} for each in ("date", "time-millis"))),
        with_extra({"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}),
        with_extra({"type": "fixed", "name": "Huge", "size": 10**400}),
        with_extra(decimal(10**6, 10**5)),
    ],
    ids=["a default that makes no sense", "times", "a duration", "a huge size", "a long decimal"],
)
def test_what_nobody_reads_may_be_what_it_likes(schema: object) -> None:
    assert isinstance(vet(json.dumps(schema), READERS), VettedSchema)


@pytest.mark.parametrize(
    ("type_", "tail"),
    [
        ({"type": "int", "logicalType": "date"}, number(2**31 - 1)),
        ({"type": "long", "logicalType": "timestamp-micros"}, number(-(2**63))),
        ({"type": "string", "logicalType": "uuid"}, number(2) + b"\xff\xff"),
        ({"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}, b"\xff" * 12),
        (decimal(10**6, 10**5), number(3) + b"\xff\xff\xff"),
        ("double", b"\0\0\0\0\0\0\xf8\x7f"),
        ("float", b"\0\0\x80\x7f"),
    ],
    ids=["date", "time", "uuid", "duration", "decimal", "NaN", "Infinity"],
)
def test_values_that_nobody_reads_are_passed_over_unseen(type_: object, tail: bytes) -> None:
    assert decode(VALUE + tail, with_last_field(type_)) == PAID


@pytest.mark.parametrize("size", [2**31, 2**62, 2**63, 10**400])
def test_a_size_that_no_record_has_is_undecodable(size: int) -> None:
    schema = with_last_field({"type": "fixed", "name": "Huge", "size": size})
    content = decode(VALUE + bytes(100), schema)
    assert isinstance(content, Undecodable)
    assert content.reason is Reason.UNDECODABLE


@pytest.mark.parametrize("length", [-1, -(2**63), 2**31, 2**63 - 1])
@pytest.mark.parametrize("name", ["eventId", "orderId"])
def test_a_length_that_no_text_has_is_undecodable(name: str, length: int) -> None:
    datum = datum_of(PAID)
    schema = with_field(name, "bytes")
    text = datum[name].encode()
    value = framed(schema, {**datum, name: text})
    assert value.count(number(len(text)) + text) == 1
    content = decode(value.replace(number(len(text)) + text, number(length) + text), schema)
    assert isinstance(content, Undecodable)
    assert content.reason is Reason.UNDECODABLE


def with_parts(items: int, attributes: int) -> CartAbandoned:
    return replace(
        ABANDONED,
        items=ABANDONED.items * items,
        attributes={str(number): "" for number in range(attributes)},
    )


@pytest.mark.parametrize("parts", [(10_001, 0), (0, 10_001), (10_000, 1), (5_001, 5_000)])
def test_more_parts_than_memory_is_meant_for_are_undecodable(parts: tuple[int, int]) -> None:
    schema = schema_of("CartAbandoned")
    value = framed(schema, datum_of(with_parts(*parts)))
    assert decode(value, schema, "CartAbandoned") == Undecodable(
        reason=Reason.UNDECODABLE,
        detail="The record has more than 10000 items and attributes.",
    )


def test_as_many_parts_as_may_be_are_read() -> None:
    schema, event = schema_of("CartAbandoned"), with_parts(9_000, 1_000)
    assert decode(framed(schema, datum_of(event)), schema, "CartAbandoned") == event
