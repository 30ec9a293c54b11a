"""Replies: what came back of an attempt, and what it means."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from processor.core.vocabulary import Effect, ItemResult, Reason, Status


class BodyState(StrEnum):
    """Whether the body of a response is all there and readable."""

    COMPLETE = "complete"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"  # the content encoding is broken or unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An HTTP response. Header names are lower case; `body` is empty unless COMPLETE."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    body_state: BodyState = BodyState.COMPLETE


class FailureKind(StrEnum):
    """How an attempt ended without a response.

    The first three are certain: no byte of the request left. All others may have been applied.
    """

    UNREACHABLE = "unreachable"  # DNS, refused, no route, connect timeout
    TLS = "tls"  # the handshake failed, so nothing was sent
    UNSENDABLE = "unsendable"  # a header value that cannot be sent
    TIMEOUT = "timeout"  # read timeout or the total deadline
    CONNECTION_LOST = "connection_lost"  # write error, reset or end before the reply
    BODY_INTERRUPTED = "body_interrupted"  # reset or truncation inside the body
    PROTOCOL = "protocol"  # what came back is not HTTP


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An attempt without a whole response; `status` is set when a status line was seen."""

    kind: FailureKind
    detail: str
    status: int | None = None


Reply = Response | Failure


class Concern(StrEnum):
    """Whom a verdict concerns: this message, everything, or the pace of everything."""

    MESSAGE = "message"
    SYSTEMIC = "systemic"
    PACING = "pacing"


class Kind(StrEnum):
    """The verdict in one word: the closed label set of the call metrics."""

    SUCCEEDED = "succeeded"
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    REJECTED = "rejected"
    MISMATCH = "mismatch"
    INDETERMINATE = "indeterminate"
    RETRY = "retry"
    PACED = "paced"
    SYSTEMIC = "systemic"
    NOT_SENT = "not_sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoktError:
    """One entry of `errors` in an error body, bounded and cleaned."""

    code: str | None
    message: str | None
    value_json: str | None


class ItemVerdict(NamedTuple):
    """What the reply said of one requested item. The URL may be a voucher: never log it."""

    cart_item_id: str
    item_reservation_id: str | None
    result: ItemResult
    item_confirmation_id: str | None = None
    item_confirmation_url: str | None = None


class Verdict(NamedTuple):
    """What one attempt came to.

    `is_final` tells whether the record ends with it; otherwise `status` and `reason` are those
    it ends with when its attempts are used up. `max_attempts` overrides the usual number where
    a reply deserves fewer; `retry_after` (seconds) is what Rokt asked for, `min_delay` (seconds)
    the least pause before the next attempt. `is_documented` is true for a reply in a shape that
    only Rokt gives, so that it proves that Rokt is there. `heals_slowly` is true where only a
    person can end the failure (key, route, certificate), so that it is asked about more rarely.
    `is_overload`: it shows that too much is asked at once; `asks_for_less`: too often.
    """

    kind: Kind
    effect: Effect
    concern: Concern
    is_final: bool
    status: Status
    reason: Reason | None
    detail: str | None = None
    http_status: int | None = None
    items: tuple[ItemVerdict, ...] = ()
    error_description: str | None = None
    errors: tuple[RoktError, ...] = ()
    trace_id: str | None = None
    response_body: str | None = None
    retry_after: float | None = None
    min_delay: float = 0.0
    max_attempts: int | None = None
    is_documented: bool = False
    heals_slowly: bool = False
    is_overload: bool = False
    asks_for_less: bool = False
