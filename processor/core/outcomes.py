"""Outcomes and dead letters: what is written of every input, and how it follows from a verdict."""

from dataclasses import dataclass, replace
from typing import Final, NamedTuple
from uuid import UUID, uuid5

from processor.core.records import Record, Source
from processor.core.replies import ItemVerdict, RoktError, Verdict
from processor.core.tracing import TraceContext
from processor.core.vocabulary import Effect, ItemResult, Operation, Reason, Status, strongest

NAMESPACE: Final = UUID("6f2b7c1e-0d5a-5e3b-9a41-2c8d7e90b315")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one input: the record of the results topic, and an entry of the ledger.

    Timestamps are epoch milliseconds, UTC. `omitted` names fields that were shed for size.
    """

    outcome_id: str
    operation: Operation
    status: Status
    effect: Effect
    reason: Reason | None
    cart_id: str | None
    order_id: str | None
    source_event_id: str | None
    source: Source
    origin: Source | None
    replay_id: str | None
    request_fingerprint: str
    items: tuple[ItemVerdict, ...]
    http_status: int | None
    error_description: str | None
    errors: tuple[RoktError, ...]
    detail: str | None
    attempts: int
    ambiguous_attempts: int
    first_attempt_at: int | None
    last_attempt_at: int | None
    rokt_trace_id: str | None
    processed_at: int
    omitted: tuple[str, ...] = ()
    trace: TraceContext = ()
    """What the input's headers say of its trace; in headers only."""


class OutcomeView(NamedTuple):
    """The part of an outcome that the ledger needs, as read back from the results topic."""

    outcome_id: str
    operation: Operation
    status: Status
    effect: Effect
    reason: Reason | None
    cart_id: str | None
    order_id: str | None
    source: Source
    origin: Source | None
    replay_id: str | None
    request_fingerprint: str
    items: tuple[ItemVerdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An input that needs a person: the record as it came, and the outcome it ended in.

    `items` names what is left to be done: for a partial confirm the items that were not
    confirmed, otherwise all of the outcome's. `request_body` is the exact body sent, if any.
    """

    record: Record
    outcome: Outcome
    message: str
    items: tuple[ItemVerdict, ...]
    request_body: bytes | None
    response_body: str | None
    omitted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a record ends: everything about its outcome that does not follow from the record."""

    status: Status
    effect: Effect
    reason: Reason | None = None
    detail: str | None = None
    items: tuple[ItemVerdict, ...] = ()
    verdict: Verdict | None = None


def identify(source: Source, operation: Operation, event_id: str) -> str:
    """Return the id of the outcome (and dead letter) of a record: the same every time.

    UUIDv5 over the consumed coordinates, the operation and the event id; for a record that
    cannot be decoded the hex SHA-256 of its value stands for the event id.
    """
    name = f"{source.topic}/{source.partition}/{source.offset}/{operation}/{event_id}"
    return str(uuid5(NAMESPACE, name))


def end_with(verdict: Verdict, *, so_far: Effect, is_ambiguous: bool) -> Ending:
    """Return how a record ends with the verdict of its last attempt.

    `so_far` is the strongest effect over all its attempts. `is_ambiguous`: an earlier one,
    perhaps before a takeover, may have been applied. Then only what the reply positively says
    counts: a refusal leaves the record, or the refused item, indeterminate.
    """
    ending = Ending(
        status=verdict.status,
        effect=strongest(so_far, verdict.effect),
        reason=verdict.reason,
        detail=verdict.detail,
        items=verdict.items,
        verdict=verdict,
    )
    if not is_ambiguous or verdict.effect is Effect.APPLIED:
        return ending
    items = tuple(
        item._replace(result=ItemResult.INDETERMINATE)
        if item.result is ItemResult.REJECTED
        else item
        for item in verdict.items
    )
    if verdict.effect is Effect.PARTIALLY_APPLIED:
        return replace(ending, items=items)
    return replace(ending, status=Status.INDETERMINATE, effect=Effect.MAYBE_APPLIED, items=items)


def to_remedy(outcome: Outcome) -> tuple[ItemVerdict, ...]:
    """Return the items that a dead letter names: after a partial confirm those left undone."""
    if outcome.status is not Status.PARTIALLY_SUCCEEDED:
        return outcome.items
    return tuple(item for item in outcome.items if item.result is not ItemResult.SUCCEEDED)
