"""What schemas/README.md shows is what is sent."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from processor.core.calls import CallShape, confirm_call, release_call
from processor.core.events import CartAbandoned, OrderPaid, problems
from processor.core.outcomes import NAMESPACE, DeadLetter
from processor.core.records import Record
from processor.shell import schemas
from processor.shell.avro_form import MAX_BRANCHES, MAX_NESTING, MAX_TEXT, MAX_TYPES
from processor.shell.decoding import MAX_VALUE
from processor.shell.kafka.headers import headers_of
from processor.shell.vetting import MAX_PRECISION, MAX_SCALE
from tests.contract.test_outputs import OUTCOME
from tests.support.codec import ABANDONED, PAID, decode, framed, schema_of

README: Final = Path(__file__).parents[2].joinpath("schemas", "README.md").read_text("utf-8")
BODIES: Final = [body.encode() for body in re.findall(r"```json\n(.*)\n```", README)]
FINGERPRINTS: Final = re.findall(
    r"^(CONFIRM|RELEASE) +(\S+) +([0-9a-f]{64})$", README, re.MULTILINE
)

TABLES: Final = {
    title: dict(re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", section, re.MULTILINE))
    for title, section in re.findall(r"^## (\w+)\n(.*?)(?=^## )", README, re.MULTILINE | re.DOTALL)
}
EVENTS: Final = [
    json.loads(event, parse_float=Decimal)
    for event in re.findall(r"^```json\n(\{\n.*?\n\})\n```$", README, re.MULTILINE | re.DOTALL)
]

SHAPE: Final = CallShape(tag_id="configured")
ITEM: Final = replace(PAID.items[0], cart_item_id="i-1", total_price=Decimal("25.0000"))
CONFIRM: Final = confirm_call(replace(PAID, items=(ITEM,), attributes={"channel": "web"}), SHAPE)
RELEASE: Final = release_call(replace(ABANDONED, rokt_tag_id="shop-2"), ABANDONED.items, SHAPE)


def test_the_bodies_are_those_of_the_calls() -> None:
    assert [CONFIRM.body, RELEASE.body] == BODIES


def test_the_fingerprints_are_those_of_the_calls() -> None:
    assert [
        ("CONFIRM", "-", CONFIRM.fingerprint),
        ("RELEASE", "shop-2", RELEASE.fingerprint),
    ] == FINGERPRINTS


def test_the_limits_and_names_are_those_of_the_code() -> None:
    said = " ".join(README.split())
    assert f"at most {MAX_TEXT // 1024} KiB, nested at most {MAX_NESTING} levels" in said
    assert f"at most {MAX_TYPES:,} types" in said
    assert f"{MAX_BRANCHES} branches" in said
    assert f"a scale of at most {MAX_SCALE} and a precision of at most {MAX_PRECISION}" in said
    assert f"at most {MAX_VALUE // 1024**2} MiB" in said
    assert str(NAMESPACE) in said
    assert all(f"`{name}.avsc`" in said for name in schemas.ALL)


@pytest.mark.parametrize("name", schemas.EVENTS)
def test_the_tables_of_fields_are_those_of_the_schemas(name: str) -> None:
    assert dict(fields_of(schema_of(name), "")) == TABLES[name]


def fields_of(record: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    """Yield each field of a schema with its type, in the words of the tables."""
    for field in record["fields"]:
        yield f"{place}{field['name']}", type_of(field["type"])
        if isinstance(field["type"], dict) and field["type"]["type"] == "array":
            yield from fields_of(field["type"]["items"], f"{place}{field['name']}[].")


def type_of(kind: Any) -> str:  # noqa: ANN401  (as JSON has it)
    match kind:
        case ["null", other]:
            return f"{type_of(other)} or null"
        case {"logicalType": "decimal", "precision": precision, "scale": scale}:
            return f"decimal({precision}, {scale})"
        case {"logicalType": logical_type}:
            return str(logical_type)
        case {"type": "map"}:
            return "map of strings"
        case {"type": name}:
            return str(name)
        case _:
            return str(kind)


@pytest.mark.parametrize(("name", "event"), [*zip(schemas.EVENTS, EVENTS, strict=True)])
def test_the_events_shown_are_complete_and_valid(name: str, event: dict[str, Any]) -> None:
    schema = schema_of(name)
    assert list(event) == [field["name"] for field in schema["fields"]]
    (item,) = event["items"]
    assert {f"items[].{field}" for field in item} <= set(TABLES[name])
    assert sum(field.startswith("items[].") for field in TABLES[name]) == len(item)
    decoded = decode(framed(schema, event), schema, name)
    assert isinstance(decoded, OrderPaid | CartAbandoned)
    assert problems(decoded, decoded.cart_id.encode()) == ()


def test_the_fields_told_of_the_outputs_are_in_their_schemas() -> None:
    names = {
        field.removesuffix("[]")
        for row in re.findall(
            r"^\| (`\w+(?:\[\])?`(?:, `\w+`)*) \|", section("results"), re.MULTILINE
        )
        for field in re.findall(r"`([^`]+)`", row)
    }
    known = {
        field["name"]
        for name in (schemas.OUTCOME, schemas.DEAD_LETTER)
        for field in schema_of(name)["fields"]
    }
    assert len(names) > 20
    assert names - known == set()


def test_the_headers_told_are_those_that_are_written() -> None:
    told = re.findall(r"`((?:processor|__connect)\.[\w.-]+)`", section("Headers"))
    outcome = replace(OUTCOME, replay_id="r-1")
    letter = DeadLetter(
        record=Record(OUTCOME.source, b"c-1", b""),
        outcome=outcome,
        message="no",
        items=(),
        request_body=None,
        response_body=None,
    )
    assert set(told) == dict(headers_of(outcome)).keys() | dict(headers_of(letter)).keys()


def section(word: str) -> str:
    (found,) = re.findall(rf"^## [\w ]*{word}\n(.*?)(?=^## )", README, re.MULTILINE | re.DOTALL)
    return str(found)
