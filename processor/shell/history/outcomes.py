"""Outcomes as they are read back by whoever wants to know all of them, not only the ledger's part.

The confirmation URLs of items are not read: they may be vouchers, and nobody is to see them here.
"""

from collections.abc import Iterable
from typing import Any, Final

from processor.core.events import Pending, Undecodable
from processor.core.outcomes import Outcome
from processor.core.records import Source
from processor.core.replies import ItemVerdict, RoktError
from processor.core.vocabulary import Effect, ItemResult, Operation, Reason, Status
from processor.shell.decoding import MalformedError, Schemas, read_value
from processor.shell.encoding import Foreign
from processor.shell.framing import unframe_value
from processor.shell.schemas import OUTCOME
from processor.shell.vetting import Refusal

_OPERATIONS: Final = {str(operation): operation for operation in Operation}
_RESULTS: Final = {str(result): result for result in ItemResult}
# What a newer processor wrote and this one has no word for: it may have been applied.
_STATUSES: Final = {"UNKNOWN": Status.INDETERMINATE} | {str(status): status for status in Status}
_EFFECTS: Final = {"UNKNOWN": Effect.MAYBE_APPLIED} | {str(effect): effect for effect in Effect}
_REASONS: Final = {"UNKNOWN": Reason.INDETERMINATE} | {str(reason): reason for reason in Reason}


class WholeOutcomeReader:
    """Reads outcomes with all that they say, those of older and newer processors included."""

    def __init__(self, schemas: Schemas) -> None:
        """Take the writers' schemas from `schemas`, which returns None for one not known yet."""
        self._schemas = schemas

    def read(self, value: bytes) -> Outcome | Pending | Foreign | Undecodable:
        """Return an outcome; Undecodable: it may be one of ours."""
        framed = unframe_value(value)
        if framed is None:
            return Foreign(detail="it does not name a schema")
        schema = self._schemas(framed.schema)
        if schema is None:
            return Pending(schema=framed.schema)
        if isinstance(schema, Refusal):
            return Undecodable(reason=schema.reason, detail=schema.detail)
        if schema.name != OUTCOME:
            return Foreign(detail=f"it is of type {schema.name}, not {OUTCOME}")
        try:
            return _outcome(read_value(value, framed.start, schema))
        except MalformedError as malformed:
            return Undecodable(reason=Reason.UNDECODABLE, detail=str(malformed))


def _outcome(datum: dict[str, Any]) -> Outcome:
    reason, origin = datum["reason"], datum["origin"]
    return Outcome(
        outcome_id=datum["outcomeId"],
        operation=_OPERATIONS[datum["operation"]],
        status=_STATUSES[datum["status"]],
        effect=_EFFECTS[datum["effect"]],
        reason=None if reason is None else _REASONS[reason],
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
            result=_RESULTS[each["result"]],
            item_confirmation_id=each["itemConfirmationId"],
        )
        for each in data
    )
