"""Vetting: whether a writer's schema can be trusted to decode its records, and read as ours.

A decoder takes the meaning of a value from its writer's schema: a reader's schema does not turn
a plain long into a time, nor one scale of a decimal into another. So each field that we read
has to have our logical type in the writer's schema, and the scale of a price is the writer's.
What a schema may cost is bounded by `avro_form`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import fastavro

from processor.core.bodies import cleaned
from processor.core.vocabulary import Reason
from processor.shell.avro_form import (
    PlainSchema,
    RefusedError,
    Type,
    read_schema,
    refuse,
    strip_logical_types,
)

MAX_SCALE: Final = 4
MAX_PRECISION: Final = 18
MAX_DETAIL: Final = 300

_PROMOTIONS: Final = frozenset({("int", "long"), ("string", "bytes"), ("bytes", "string")})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why records of a schema are not decoded; `reason` is that of their dead letters."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderSchema:
    """One of our schemas, as what a writer's schema has to resolve to.

    `wire` is its plain form without defaults, equal to that of a writer of the very same
    schema; `parsed` is what fastavro reads with.
    """

    plain: PlainSchema
    wire: Type
    parsed: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class VettedSchema:
    """A writer's schema that is safe to decode with, and what it decodes to.

    `reader` is None when the writer's schema is ours, so that nothing has to be resolved.
    `scales` has the scale of each decimal that we read, by the name of its field.
    `passes_over_arrays` tells whether a field that we do not read holds an array.
    """

    name: str
    writer: Any
    reader: Any | None
    scales: Mapping[str, int]
    passes_over_arrays: bool


def as_reader(text: str) -> ReaderSchema:
    """Return one of our own schemas, ready to read with."""
    plain = read_schema(text, keeps_defaults=True)
    return ReaderSchema(
        plain=plain,
        wire=strip_logical_types(read_schema(text).record),
        parsed=fastavro.parse_schema(strip_logical_types(plain.record)),
    )


def vet(text: str, readers: Mapping[str, ReaderSchema]) -> VettedSchema | Refusal:
    """Return the schema ready to decode with, or why not; `readers` are ours by record name."""
    try:
        writer = read_schema(text)
        reader = readers.get(writer.name)
        if reader is None:
            refuse(f"The schema's record is none of {', '.join(readers)}.")
        resolution = _Resolution(writer, reader.plain)
        wire = strip_logical_types(writer.record)
        parsed = _parse(wire)
    except RefusedError as refused:
        # The names that it quotes may be as long as the schema.
        return Refusal(reason=Reason.SCHEMA_REFUSED, detail=cleaned(str(refused), MAX_DETAIL))
    return VettedSchema(
        name=writer.name,
        writer=parsed,
        reader=None if wire == reader.wire else reader.parsed,
        scales=resolution.scales,
        passes_over_arrays=resolution.passes_over_arrays,
    )


def _parse(wire: Type) -> Any:  # noqa: ANN401  (fastavro's own form, opaque to us)
    try:
        return _count(fastavro.parse_schema(wire))
    except Exception as error:  # noqa: BLE001  (the library may raise anything on a hostile schema)
        refuse(f"The schema is not one that can be decoded with ({type(error).__name__}).")


class _Counted(list[Any]):
    """Branches or symbols, which no number below zero chooses.

    fastavro takes such a number for one that counts from the end, for which it asks the length.
    """

    __slots__ = ()

    def __len__(self) -> int:
        raise IndexError("a branch or a symbol is counted from the first")


def _count(type_: Any) -> Any:  # noqa: ANN401  (fastavro's own form)
    """Have the unions and enums of a parsed type refuse numbers below zero; return it."""
    if isinstance(type_, list):
        return _Counted(map(_count, type_))
    if isinstance(type_, dict):
        for inner in ("items", "values"):
            if inner in type_:
                type_[inner] = _count(type_[inner])
        for field in type_.get("fields", ()):
            field["type"] = _count(field["type"])
        if "symbols" in type_:
            type_["symbols"] = _Counted(type_["symbols"])
    return type_


class _Pair(NamedTuple):
    """A writer's type, the type of ours that it is read as, and the field they belong to."""

    writer: Type
    reader: Type
    field: str


class _Resolution:
    """Goes through a writer's schema along ours; raises RefusedError where they differ."""

    def __init__(self, writer: PlainSchema, reader: PlainSchema) -> None:
        self._writer = writer
        self._reader = reader
        self.scales: dict[str, int] = {}
        self.passes_over_arrays = False
        self._record(writer.record, reader.record)

    def _record(self, writer: dict[str, Any], reader: dict[str, Any]) -> None:
        written = {field["name"]: field["type"] for field in writer["fields"]}
        for field in reader["fields"]:
            name = field["name"]
            if name in written:
                self._type(_Pair(written.pop(name), field["type"], name))
            elif "default" not in field:
                refuse(f"Record {reader['name']} lacks the field {name}.")
        if any(self._writer.holds_array(passed_over) for passed_over in written.values()):
            self.passes_over_arrays = True

    def _type(self, pair: _Pair) -> None:
        is_union = isinstance(pair.writer, list)
        branches = pair.writer if isinstance(pair.writer, list) else [pair.writer]
        ours = pair.reader if isinstance(pair.reader, list) else [pair.reader]
        for branch in branches:
            writer = self._writer.resolve(branch)
            candidates = [self._reader.resolve(type_) for type_ in ours]
            reader = next((type_ for type_ in candidates if _resolves(writer, type_)), None)
            if reader is not None:
                self._single(_Pair(writer, reader, pair.field))
            elif not (is_union and writer == "null"):
                # A null where ours has none is met when a record has one, and only then.
                refuse(f"Field {pair.field} has a type that does not resolve to ours.")

    def _single(self, pair: _Pair) -> None:
        self._logical_type(pair)
        if not isinstance(pair.writer, dict) or not isinstance(pair.reader, dict):
            return
        if pair.reader["type"] == "record":
            self._record(pair.writer, pair.reader)
        for inner in ("items", "values"):
            if inner in pair.reader:
                self._type(_Pair(pair.writer[inner], pair.reader[inner], pair.field))

    def _logical_type(self, pair: _Pair) -> None:
        ours = _attribute(pair.reader, "logicalType")
        if _attribute(pair.writer, "logicalType") != ours:
            refuse(f"Field {pair.field} has another logical type than ours ({ours or 'none'}).")
        if ours is not None and _kind(pair.writer) != _kind(pair.reader):
            refuse(f"Field {pair.field} has a type that does not resolve to ours.")
        if ours == "decimal":
            self.scales[pair.field] = _scale(pair)


def _resolves(writer: Type, reader: Type) -> bool:
    """Tell whether a value of one type can be read as the other; what is inside comes later."""
    kinds = _kind(writer), _kind(reader)
    if kinds[0] == kinds[1]:
        # Of our types only a fixed would have a size as well.
        return bool(_attribute(writer, "name") == _attribute(reader, "name"))
    return kinds in _PROMOTIONS


def _kind(type_: Type) -> object:
    return type_["type"] if isinstance(type_, dict) else type_


def _attribute(type_: Type, name: str) -> Any:  # noqa: ANN401  (any JSON value)
    return type_.get(name) if isinstance(type_, dict) else None


def _scale(pair: _Pair) -> int:
    """Return the scale of a writer's decimal, when it is one that we can keep exactly."""
    precision = _attribute(pair.writer, "precision")
    scale = _attribute(pair.writer, "scale") or 0
    if not (_is_number(precision) and 1 <= precision <= MAX_PRECISION):
        refuse(f"Field {pair.field} has a precision that is not between 1 and {MAX_PRECISION}.")
    if not (_is_number(scale) and 0 <= scale <= min(MAX_SCALE, precision)):
        refuse(f"Field {pair.field} has a scale that is not between 0 and {MAX_SCALE}.")
    return int(scale)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
