"""Framing: how a record names the schema that it was written with.

Confluent's two ways: the byte 0 and a 4-byte id before the value, or a header with the byte 1
and a 16-byte GUID beside it. The header goes first, as in Confluent's own decoders.
"""

import struct
from typing import Final, NamedTuple
from uuid import UUID

from processor.core.records import Record

HEADER: Final = "__value_schema_id"
_ID: Final = struct.Struct(">bI")
_MAX_ID: Final = 2**31 - 1
_GUID_LENGTH: Final = 17

SchemaKey = int | str


class Framed(NamedTuple):
    """The registry's id (an int) or GUID (a string) of a schema, and where the value begins."""

    schema: SchemaKey
    start: int


def prefix(schema_id: int) -> bytes:
    """Return the bytes that go before a value written with that schema."""
    return _ID.pack(0, schema_id)


def unframe(record: Record) -> Framed | None:
    """Return which schema a record names, None when it names none."""
    for name, value in record.headers:
        if name == HEADER and value is not None:
            return _read_header(value)
    return unframe_value(record.value or b"")


def unframe_value(value: bytes) -> Framed | None:
    """Return which schema stands before a value, None when there is none."""
    if len(value) < _ID.size:
        return None
    magic, schema_id = _ID.unpack_from(value)
    return Framed(schema_id, _ID.size) if magic == 0 and schema_id <= _MAX_ID else None


def _read_header(value: bytes) -> Framed | None:
    if value[:1] == b"\x01" and len(value) == _GUID_LENGTH:
        return Framed(str(UUID(bytes=value[1:])), 0)
    framed = unframe_value(value)
    return Framed(framed.schema, 0) if framed and len(value) == _ID.size else None
