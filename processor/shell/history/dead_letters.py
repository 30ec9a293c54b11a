"""Dead letters as they are read back: by whoever looks at them, or brings their records back."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from processor.core.events import Pending, Undecodable
from processor.core.records import Source
from processor.core.replies import ItemVerdict, RoktError
from processor.core.selection import Failure, Subject
from processor.core.vocabulary import Effect, Operation, Reason
from processor.shell.decoding import Schemas, read_value
from processor.shell.outputs import (
    EFFECTS,
    OPERATIONS,
    REASONS,
    RESULTS,
    Foreign,
    read_output,
)
from processor.shell.schemas import DEAD_LETTER, readers, text
from processor.shell.vetting import ReaderSchema, VettedSchema, as_reader


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterView:
    """All that a dead letter says; times are epoch milliseconds.

    `original_value` is None for a tombstone, and for a value that was left out: then
    `original_value_sha256` is there, and `omitted` names the field.
    """

    dead_letter_id: str
    failed_at: int
    reason: Reason
    effect: Effect
    operation: Operation
    message: str
    cart_id: str | None
    order_id: str | None
    source_event_id: str | None
    source: Source
    origin: Source | None
    replay_id: str | None
    original_key: bytes | None
    original_value: bytes | None
    original_headers: tuple[tuple[str, bytes | None], ...]
    value_schema_id: int | None
    request_body: str | None
    response_body: str | None
    http_status: int | None
    errors: tuple[RoktError, ...]
    items: tuple[ItemVerdict, ...]
    attempts: int
    ambiguous_attempts: int
    first_attempt_at: int | None
    consumer_group: str
    processor_version: str
    omitted: tuple[str, ...]
    original_value_sha256: str | None

    @property
    def first_seen(self) -> Source:
        """Where the record was first consumed from: of a copy, where its original lay."""
        return self.origin or self.source

    @property
    def is_whole(self) -> bool:
        """Whether the key, value and headers of the original are all here."""
        return not {"originalKey", "originalValue", "originalHeaders"}.intersection(self.omitted)

    @property
    def subject(self) -> Subject:
        """What its record is about."""
        return Subject(
            operation=self.operation,
            cart_id=self.cart_id,
            order_id=self.order_id,
            at=self.failed_at,
        )

    @property
    def failure(self) -> Failure:
        """How its record failed."""
        return Failure(reason=self.reason, effect=self.effect, http_status=self.http_status)


class DeadLetterReader:
    """Reads dead letters, those of older and newer processors included."""

    def __init__(self, schemas: Schemas) -> None:
        """Take the writers' schemas from `schemas`, which has to know `history_readers`."""
        self._schemas = schemas

    def read(self, value: bytes) -> DeadLetterView | Pending | Foreign | Undecodable:
        """Return what a dead letter says; Undecodable: it may be one of ours."""
        return read_output(value, DEAD_LETTER, self._schemas, _read)


@cache
def history_readers() -> Mapping[str, ReaderSchema]:
    """Return the schemas that history is read with: events, outcomes and dead letters."""
    return readers() | {DEAD_LETTER: as_reader(text(DEAD_LETTER))}


def _read(value: bytes, start: int, schema: VettedSchema) -> DeadLetterView:
    return _view(read_value(value, start, schema))


def _view(datum: dict[str, Any]) -> DeadLetterView:
    origin = datum["origin"]
    return DeadLetterView(
        dead_letter_id=datum["deadLetterId"],
        failed_at=datum["failedAt"],
        reason=REASONS[datum["reason"]],
        effect=EFFECTS[datum["effect"]],
        operation=OPERATIONS[datum["operation"]],
        message=datum["message"],
        cart_id=datum["cartId"],
        order_id=datum["orderId"],
        source_event_id=datum["sourceEventId"],
        source=Source(**datum["source"]),
        origin=None if origin is None else Source(**origin),
        replay_id=datum["replayId"],
        original_key=datum["originalKey"],
        original_value=datum["originalValue"],
        original_headers=tuple((each["key"], each["value"]) for each in datum["originalHeaders"]),
        value_schema_id=datum["valueSchemaId"],
        request_body=datum["requestBody"],
        response_body=datum["responseBody"],
        http_status=datum["httpStatus"],
        errors=tuple(
            RoktError(code=each["code"], message=each["message"], value_json=each["valueJson"])
            for each in datum["errors"]
        ),
        items=tuple(_item(each) for each in datum["items"]),
        attempts=datum["attempts"],
        ambiguous_attempts=datum["ambiguousAttempts"],
        first_attempt_at=datum["firstAttemptAt"],
        consumer_group=datum["consumerGroup"],
        processor_version=datum["processorVersion"],
        omitted=tuple(datum["omitted"]),
        original_value_sha256=datum["originalValueSha256"],
    )


def _item(datum: dict[str, Any]) -> ItemVerdict:
    return ItemVerdict(
        cart_item_id=datum["cartItemId"],
        item_reservation_id=datum["itemReservationId"],
        result=RESULTS[datum["result"]],
        item_confirmation_id=datum["itemConfirmationId"],
        item_confirmation_url=datum["itemConfirmationUrl"],
    )
