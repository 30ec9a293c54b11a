"""Outputs read back: values of the results and dead-letter topics, written by any version of us."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from processor.core.events import Pending, Undecodable
from processor.core.vocabulary import Effect, ItemResult, Operation, Reason, Status
from processor.shell.decoding import MalformedError, Schemas
from processor.shell.framing import unframe_value
from processor.shell.vetting import Refusal, VettedSchema

OPERATIONS: Final[Mapping[str, Operation]] = {str(each): each for each in Operation}
RESULTS: Final[Mapping[str, ItemResult]] = {str(each): each for each in ItemResult}
# What a newer processor wrote and this one has no word for: it may have been applied.
STATUSES: Final[Mapping[str, Status]] = {
    "UNKNOWN": Status.INDETERMINATE,
    **{str(each): each for each in Status},
}
EFFECTS: Final[Mapping[str, Effect]] = {
    "UNKNOWN": Effect.MAYBE_APPLIED,
    **{str(each): each for each in Effect},
}
REASONS: Final[Mapping[str, Reason]] = {
    "UNKNOWN": Reason.INDETERMINATE,
    **{str(each): each for each in Reason},
}

View = TypeVar("View")


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """A record of an output topic that nobody like us can have written; `detail` says why."""

    detail: str


def read_output(
    value: bytes,
    name: str,
    schemas: Schemas,
    view: Callable[[bytes, int, VettedSchema], View],
) -> View | Pending | Foreign | Undecodable:
    """Return what `view` makes of a value that should hold the Avro record `name`.

    `view` gets the value, where its data begin, and the schema that it was written with.
    Undecodable: it may be one of ours.
    """
    framed = unframe_value(value)
    if framed is None:
        return Foreign(detail="it does not name a schema")
    schema = schemas(framed.schema)
    if schema is None:
        return Pending(schema=framed.schema)
    if isinstance(schema, Refusal):
        return Undecodable(reason=schema.reason, detail=schema.detail)
    if schema.name != name:
        return Foreign(detail=f"it is of type {schema.name}, not {name}")
    try:
        return view(value, framed.start, schema)
    except MalformedError as malformed:
        return Undecodable(reason=Reason.UNDECODABLE, detail=str(malformed))
