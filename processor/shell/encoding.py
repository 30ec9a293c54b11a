"""Encoding: outcomes and dead letters as bytes, and outcomes back for the ledger.

On the wire a logical type makes no difference, and without them fastavro is quicker; so all
schemas here are plain, and times are the integers that they are written as.
"""

from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from io import BytesIO
from typing import Any

import fastavro
from fastavro import schemaless_writer

from processor.core.events import Pending, Undecodable
from processor.core.outcomes import DeadLetter, Outcome, OutcomeView
from processor.core.records import Source
from processor.core.replies import ItemVerdict, RoktError
from processor.shell.avro_form import read_schema, strip_logical_types
from processor.shell.decoding import Schemas, read_start, read_value
from processor.shell.framing import prefix, unframe
from processor.shell.outputs import (
    EFFECTS,
    OPERATIONS,
    REASONS,
    RESULTS,
    STATUSES,
    Foreign,
    read_output,
)
from processor.shell.schemas import DEAD_LETTER, OUTCOME, text
from processor.shell.vetting import VettedSchema


class Encoder:
    """Turns outcomes and dead letters into the values of their topics."""

    def __init__(
        self,
        outcome_schema_id: int,
        dead_letter_schema_id: int,
        *,
        processor_version: str,
        consumer_group: str,
    ) -> None:
        """Frame with the ids that the registry gave to our own two schemas."""
        self._outcome_prefix = prefix(outcome_schema_id)
        self._dead_letter_prefix = prefix(dead_letter_schema_id)
        self._processor_version = processor_version
        self._consumer_group = consumer_group

    def outcome(self, outcome: Outcome) -> bytes:
        """Return the value of an outcome's record, without the fields that it names as omitted."""
        datum = {
            "outcomeId": outcome.outcome_id,
            "operation": outcome.operation,
            "status": outcome.status,
            "effect": outcome.effect,
            "reason": outcome.reason,
            "cartId": outcome.cart_id,
            "orderId": outcome.order_id,
            "sourceEventId": outcome.source_event_id,
            "source": _source(outcome.source),
            "origin": outcome.origin and _source(outcome.origin),
            "replayId": outcome.replay_id,
            "requestFingerprint": outcome.request_fingerprint,
            "items": _items(outcome.items),
            "httpStatus": outcome.http_status,
            "errorDescription": outcome.error_description,
            "errors": _errors(outcome.errors),
            "detail": outcome.detail,
            "attempts": outcome.attempts,
            "ambiguousAttempts": outcome.ambiguous_attempts,
            "firstAttemptAt": outcome.first_attempt_at,
            "lastAttemptAt": outcome.last_attempt_at,
            "roktTraceId": outcome.rokt_trace_id,
            "processedAt": outcome.processed_at,
            "processorVersion": self._processor_version,
            "omitted": outcome.omitted,
        }
        _leave_out(outcome.omitted, datum)
        return _write(self._outcome_prefix, _wire(OUTCOME), datum)

    def dead_letter(self, letter: DeadLetter) -> bytes:
        """Return the value of a dead letter's record, without the fields named as omitted.

        The original value leaves its digest behind.
        """
        outcome, record = letter.outcome, letter.record
        framed = unframe(record)
        datum = {
            "deadLetterId": outcome.outcome_id,
            "failedAt": outcome.processed_at,
            "reason": outcome.reason or "UNKNOWN",
            "effect": outcome.effect,
            "operation": outcome.operation,
            "message": letter.message,
            "cartId": outcome.cart_id,
            "orderId": outcome.order_id,
            "sourceEventId": outcome.source_event_id,
            "source": _source(outcome.source),
            "origin": outcome.origin and _source(outcome.origin),
            "replayId": outcome.replay_id,
            "originalKey": record.key,
            "originalValue": record.value,
            "originalHeaders": [{"key": key, "value": value} for key, value in record.headers],
            "valueSchemaId": framed.schema if framed and isinstance(framed.schema, int) else None,
            "requestBody": letter.request_body and letter.request_body.decode(),
            "responseBody": letter.response_body,
            "httpStatus": outcome.http_status,
            "errors": _errors(outcome.errors),
            "items": _items(letter.items),
            "attempts": outcome.attempts,
            "ambiguousAttempts": outcome.ambiguous_attempts,
            "firstAttemptAt": outcome.first_attempt_at,
            "consumerGroup": self._consumer_group,
            "processorVersion": self._processor_version,
            "omitted": letter.omitted,
        }
        _leave_out(letter.omitted, datum)
        if "originalValue" in letter.omitted and record.value is not None:
            datum["originalValueSha256"] = sha256(record.value).hexdigest()
        return _write(self._dead_letter_prefix, _wire(DEAD_LETTER), datum)


class OutcomeReader:
    """Reads outcomes back for the ledger, those of older and newer processors included."""

    def __init__(self, schemas: Schemas) -> None:
        """Take the writers' schemas from `schemas`, which returns None for one not known yet."""
        self._schemas = schemas

    def read(self, value: bytes) -> OutcomeView | Pending | Foreign | Undecodable:
        """Return what the ledger needs of an outcome; Undecodable: it may be one of ours."""
        return read_output(value, OUTCOME, self._schemas, _read_view)


def _read_view(value: bytes, start: int, schema: VettedSchema) -> OutcomeView:
    if schema.reader is None:
        return _view(read_start(value, start, _start_of_outcome()))
    return _view(read_value(value, start, schema))


@cache
def _wire(name: str) -> Any:  # noqa: ANN401  (fastavro's own form, opaque to us)
    plain = read_schema(text(name), keeps_defaults=True)
    return fastavro.parse_schema(strip_logical_types(plain.record))


@cache
def _start_of_outcome() -> Any:  # noqa: ANN401  (fastavro's own form, opaque to us)
    """Return our schema of outcomes up to the last field that the ledger needs.

    Reading no further is quicker than passing over the rest.
    """
    record = read_schema(text(OUTCOME)).record
    names = [field["name"] for field in record["fields"]]
    start = {**record, "fields": record["fields"][: names.index("items") + 1]}
    return fastavro.parse_schema(strip_logical_types(start))


def _write(start: bytes, schema: Any, datum: dict[str, Any]) -> bytes:  # noqa: ANN401
    target = BytesIO()
    target.write(start)
    schemaless_writer(target, schema, datum)
    return target.getvalue()


def _leave_out(omitted: Iterable[str], datum: dict[str, Any]) -> None:
    for name in omitted:
        if name == "itemConfirmationUrl":
            for item in datum["items"]:
                item[name] = None
        else:
            datum[name] = [] if isinstance(datum[name], list) else None


def _source(source: Source) -> dict[str, Any]:
    return {
        "topic": source.topic,
        "partition": source.partition,
        "offset": source.offset,
        "timestamp": source.timestamp,
    }


def _items(items: Iterable[ItemVerdict]) -> list[dict[str, Any]]:
    return [
        {
            "cartItemId": item.cart_item_id,
            "itemReservationId": item.item_reservation_id,
            "result": item.result,
            "itemConfirmationId": item.item_confirmation_id,
            "itemConfirmationUrl": item.item_confirmation_url,
        }
        for item in items
    ]


def _errors(errors: Iterable[RoktError]) -> list[dict[str, Any]]:
    return [
        {"code": error.code, "message": error.message, "valueJson": error.value_json}
        for error in errors
    ]


def _view(datum: dict[str, Any]) -> OutcomeView:
    reason, origin = datum["reason"], datum["origin"]
    return OutcomeView(
        outcome_id=datum["outcomeId"],
        operation=OPERATIONS[datum["operation"]],
        status=STATUSES[datum["status"]],
        effect=EFFECTS[datum["effect"]],
        reason=None if reason is None else REASONS[reason],
        cart_id=datum["cartId"],
        order_id=datum["orderId"],
        source=Source(**datum["source"]),
        origin=None if origin is None else Source(**origin),
        replay_id=datum["replayId"],
        request_fingerprint=datum["requestFingerprint"],
        items=tuple(
            [
                ItemVerdict(
                    cart_item_id=item["cartItemId"],
                    item_reservation_id=item["itemReservationId"],
                    result=RESULTS[item["result"]],
                )
                for item in datum["items"]
            ]
        ),
    )
