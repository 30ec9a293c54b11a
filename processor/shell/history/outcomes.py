"""Outcomes as they are read back by whoever wants to know all of them, not only the ledger's part.

The confirmation URLs of items are not read: they may be vouchers, and nobody is to see them here.
"""

from collections.abc import Iterable
from typing import Any

from processor.core.events import Pending, Undecodable
from processor.core.outcomes import Outcome
from processor.core.records import Source
from processor.core.replies import ItemVerdict, RoktError
from processor.shell.decoding import Schemas, read_value
from processor.shell.outputs import (
    EFFECTS,
    OPERATIONS,
    REASONS,
    RESULTS,
    STATUSES,
    Foreign,
    read_output,
)
from processor.shell.schemas import OUTCOME
from processor.shell.vetting import VettedSchema


class WholeOutcomeReader:
    """Reads outcomes with all that they say, those of older and newer processors included."""

    def __init__(self, schemas: Schemas) -> None:
        """Take the writers' schemas from `schemas`, which returns None for one not known yet."""
        self._schemas = schemas

    def read(self, value: bytes) -> Outcome | Pending | Foreign | Undecodable:
        """Return an outcome; Undecodable: it may be one of ours."""
        return read_output(value, OUTCOME, self._schemas, _read)


def _read(value: bytes, start: int, schema: VettedSchema) -> Outcome:
    return _outcome(read_value(value, start, schema))


def _outcome(datum: dict[str, Any]) -> Outcome:
    reason, origin = datum["reason"], datum["origin"]
    return Outcome(
        outcome_id=datum["outcomeId"],
        operation=OPERATIONS[datum["operation"]],
        status=STATUSES[datum["status"]],
        effect=EFFECTS[datum["effect"]],
        reason=None if reason is None else REASONS[reason],
        cart_id=datum["cartId"],
        order_id=datum["orderId"],
        source_event_id=datum["sourceEventId"],
        source=Source(**datum["source"]),
        origin=None if origin is None else Source(**origin),
        replay_id=datum["replayId"],
        request_fingerprint=datum["requestFingerprint"],
        items=_items(datum["items"]),
        http_status=datum["httpStatus"],
        error_description=datum["errorDescription"],
        errors=tuple(
            RoktError(code=each["code"], message=each["message"], value_json=each["valueJson"])
            for each in datum["errors"]
        ),
        detail=datum["detail"],
        attempts=datum["attempts"],
        ambiguous_attempts=datum["ambiguousAttempts"],
        first_attempt_at=datum["firstAttemptAt"],
        last_attempt_at=datum["lastAttemptAt"],
        rokt_trace_id=datum["roktTraceId"],
        processed_at=datum["processedAt"],
        omitted=tuple(datum["omitted"]),
    )


def _items(data: Iterable[dict[str, Any]]) -> tuple[ItemVerdict, ...]:
    return tuple(
        ItemVerdict(
            cart_item_id=each["cartItemId"],
            item_reservation_id=each["itemReservationId"],
            result=RESULTS[each["result"]],
            item_confirmation_id=each["itemConfirmationId"],
        )
        for each in data
    )
