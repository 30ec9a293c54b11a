"""Inputs with a shape: schemas, values that follow them, responses; each a little wrong.

Bytes alone seldom make a schema, and seldomer a value of it.
"""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from random import Random
from typing import Any, Final

from processor.shell import schemas
from processor.shell.avro_form import RefusedError, read_schema
from tests.fuzz.values import COUNTS, number, value

Mutate = Callable[[bytes, int], bytes]
"""Changes bytes, to at most so many, as the fuzzer sees fit."""

_PRIMITIVES: Final = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
_LOGICAL: Final = (
    "decimal", "date", "time-millis", "time-micros", "timestamp-millis", "timestamp-micros",
    "local-timestamp-millis", "uuid", "duration", "unknown",
)  # fmt: skip
_NAMES: Final = (
    "OrderPaid", "OrderItem", "CartAbandoned", "AbandonedItem", "R", "S", "roktcart.v1.R",
    "a.b.R", ".R", "", "int", "record", "__fastavro_parsed", "unitPrice", "items", "x" * 300,
)  # fmt: skip
_SCALARS: Final[tuple[object, ...]] = (
    None, True, False, 0, 1, -1, 2, 4, 18, 19, 2**31, 2**63, 10**400, 0.5, 1e999, float("nan"),
    "", "null", "string", "OrderItem", "R", [], {}, [[]], ["null"], ["null", "string"],
)  # fmt: skip
_TEXT_OF: Final = {
    name.encode(): json.dumps(json.loads(schemas.text(name)), separators=(",", ":")).encode()
    for name in (*schemas.EVENTS, schemas.OUTCOME)
}
_NAME_OF: Final = {text: name for name, text in _TEXT_OF.items()}


def type_(random: Random, depth: int = 0) -> Any:  # noqa: ANN401
    """Return a type, perhaps one that is not allowed."""
    inner = depth + 1
    match random.randrange(10 if depth < 4 else 3):
        case 0 | 1:
            return random.choice(_PRIMITIVES)
        case 2:
            return random.choice(_NAMES)
        case 3:
            return {"type": "array", "items": type_(random, inner)}
        case 4:
            return {"type": "map", "values": type_(random, inner)}
        case 5:
            return [type_(random, inner) for _ in range(random.randrange(4))]
        case 6:
            name = random.choice(_NAMES)
            return {"type": "record", "name": name, "fields": _fields(random, inner)}
        case 7:
            return {"type": "fixed", "name": random.choice(_NAMES), "size": random.choice(COUNTS)}
        case 8:
            symbols = [f"S{each}" for each in range(random.randrange(4))]
            return {"type": "enum", "name": random.choice(_NAMES), "symbols": symbols}
        case _:
            return {
                "type": random.choice(_PRIMITIVES),
                "logicalType": random.choice(_LOGICAL),
                "precision": random.choice((1, 4, 18, 19, 2**31, None)),
                "scale": random.choice((0, 2, 4, 5, -1, 18, None)),
            }


def _fields(random: Random, depth: int) -> list[Any]:
    count = random.choice((0, 1, 1, 2, 3))
    return [{"name": f"f{each}", "type": type_(random, depth)} for each in range(count)]


def changed(document: Any, random: Random) -> Any:  # noqa: ANN401
    """Return a JSON document with one thing in it changed."""
    document = deepcopy(document)
    places = [(holder, key) for holder, key in _places(document)]
    if not places:
        return type_(random)
    holder, key = random.choice(places)
    match random.randrange(8):
        case 0:
            holder[key] = type_(random)
        case 1:
            holder[key] = random.choice(_SCALARS)
        case 2:
            holder[key] = random.choice(_NAMES)
        case 3:
            other, there = random.choice(places)
            holder[key] = deepcopy(other[there])
        case 4:
            holder[key] = ["null", holder[key]]
        case 5:
            holder[key] = {"type": "array", "items": holder[key]}
        case 6:
            del holder[key]
        case _:
            _insert(holder, key, random)
    return document


def _insert(holder: Any, key: Any, random: Random) -> None:  # noqa: ANN401
    if isinstance(holder, list):
        new = {"name": f"extra{random.randrange(100)}", "type": type_(random)}
        holder.insert(key, new if isinstance(holder[key], dict) else type_(random))
    else:
        holder[random.choice(("default", "aliases", "namespace", "doc", "logicalType", "size"))] = (
            random.choice(_SCALARS)
        )


def _places(node: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401
    found = []
    keys = list(node) if isinstance(node, dict) else range(len(node))
    for key in keys:
        found.append((node, key))
        if isinstance(node[key], dict | list):
            found += _places(node[key])
    return found


def schema_text(data: bytes, longest: int, random: Random, mutate: Mutate) -> bytes:
    """Return the text of a schema, changed."""
    if random.random() < 0.2:
        return mutate(data, longest)
    try:
        document = json.loads(data.decode(errors="replace"))
        for _ in range(random.choice((1, 1, 2, 4))):
            document = (
                changed(document, random) if isinstance(document, dict | list) else type_(random)
            )
        text = json.dumps(document, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return mutate(data, longest)
    return text if len(text) <= longest else mutate(data, longest)


def schema_and_value(data: bytes, longest: int, random: Random, mutate: Mutate) -> bytes:
    """Return a schema and a value, one of them changed, or a new value."""
    text, _, old = data.partition(b"\n")
    text = written_out(text)
    match random.randrange(5):
        case 0:
            text = schema_text(text, longest - len(old) - 1, random, mutate)
            new = old
        case 1 | 2:
            if random.random() < 0.5:
                text = schema_text(text, longest, random, mutate)
            new = _new_value(text, old, random)
        case 3:
            at = random.randrange(len(old) + 1)
            count = number(random.choice(COUNTS) * random.choice((1, -1)))
            new = old[:at] + count + old[at + random.randrange(2) :]
        case _:
            new = mutate(old, max(1, longest - len(text) - 1))
    text = _NAME_OF.get(text, text.replace(b"\n", b" "))
    return (text + b"\n" + new)[:longest]


def written_out(text: bytes) -> bytes:
    """Return the text of a schema of which only the name stands there."""
    return _TEXT_OF.get(text, text)


def _new_value(text: bytes, old: bytes, random: Random) -> bytes:
    try:
        return value(read_schema(text.decode(errors="surrogateescape")), random)
    except RefusedError:
        return old


def response(data: bytes, longest: int, random: Random, mutate: Mutate) -> bytes:
    """Return a response whose head or body is changed; its length mostly fits."""
    head, _, body = data.partition(b"\r\n\r\n")
    choice = random.randrange(6)
    if choice == 0:
        return mutate(data, longest)
    if choice == 1:
        head = mutate(head, longest)
    elif choice == 2:
        body = mutate(body, longest)
    else:
        body = _changed_body(body, random)
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    if random.random() < 0.9 and b"chunked" not in head:
        lines.append(b"Content-Length: %d" % len(body))
    return (b"\r\n".join(lines) + b"\r\n\r\n" + body)[:longest]


def _changed_body(body: bytes, random: Random) -> bytes:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return body
    if not isinstance(document, dict | list):
        return body
    return json.dumps(changed(document, random), ensure_ascii=random.random() < 0.5).encode(
        errors="surrogatepass"
    )


MAKERS: Final[Mapping[str, Callable[[bytes, int, Random, Mutate], bytes]]] = {
    "schemas": schema_text,
    "records": schema_and_value,
    "replies": response,
}
