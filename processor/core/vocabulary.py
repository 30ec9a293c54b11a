"""The words of the domain: closed sets that topics, metrics and logs share."""

from enum import StrEnum
from typing import Final, NewType

CartId = NewType("CartId", str)
OrderId = NewType("OrderId", str)
EventId = NewType("EventId", str)


class Operation(StrEnum):
    """Which Rokt call an input asks for; UNKNOWN when the input could not be decoded."""

    UNKNOWN = "UNKNOWN"
    CONFIRM = "CONFIRM"
    RELEASE = "RELEASE"


class Effect(StrEnum):
    """What Rokt did, as far as we know."""

    NOT_SENT = "NOT_SENT"
    NOT_APPLIED = "NOT_APPLIED"
    MAYBE_APPLIED = "MAYBE_APPLIED"
    PARTIALLY_APPLIED = "PARTIALLY_APPLIED"
    APPLIED = "APPLIED"


_STRENGTH: Final = {effect: rank for rank, effect in enumerate(Effect)}


def strongest(first: Effect, second: Effect) -> Effect:
    """Return the effect that counts when both were seen of one call.

    APPLIED > PARTIALLY_APPLIED > MAYBE_APPLIED > NOT_APPLIED > NOT_SENT.
    """
    return first if _STRENGTH[first] >= _STRENGTH[second] else second


class Status(StrEnum):
    """What became of an input, in one word."""

    SUCCEEDED = "SUCCEEDED"
    PARTIALLY_SUCCEEDED = "PARTIALLY_SUCCEEDED"
    REJECTED = "REJECTED"
    INDETERMINATE = "INDETERMINATE"
    SKIPPED = "SKIPPED"
    DUPLICATE = "DUPLICATE"
    CONFLICT = "CONFLICT"


class Reason(StrEnum):
    """Class of a failure; an outcome with a reason has a dead letter."""

    UNDECODABLE = "UNDECODABLE"
    SCHEMA_REFUSED = "SCHEMA_REFUSED"
    INVALID_EVENT = "INVALID_EVENT"
    CONFLICTING_DUPLICATE = "CONFLICTING_DUPLICATE"
    BAD_REQUEST = "BAD_REQUEST"
    UNAUTHORIZED = "UNAUTHORIZED"
    FORBIDDEN = "FORBIDDEN"
    UNPROCESSABLE = "UNPROCESSABLE"
    OTHER_CLIENT_ERROR = "OTHER_CLIENT_ERROR"
    ITEMS_REJECTED = "ITEMS_REJECTED"
    RESPONSE_MISMATCH = "RESPONSE_MISMATCH"
    RETRIES_EXHAUSTED = "RETRIES_EXHAUSTED"
    UNREACHABLE = "UNREACHABLE"
    INDETERMINATE = "INDETERMINATE"


class ItemResult(StrEnum):
    """What a reply said of one requested item; UNKNOWN where no call was made."""

    UNKNOWN = "UNKNOWN"
    SUCCEEDED = "SUCCEEDED"
    REJECTED = "REJECTED"
    MISSING_FROM_RESPONSE = "MISSING_FROM_RESPONSE"
    INDETERMINATE = "INDETERMINATE"
