"""Conclusions: what follows from a verdict, and what is written at a record's end."""

from dataclasses import dataclass

from processor.core.events import CartAbandoned, Event, OrderPaid
from processor.core.outcomes import DeadLetter, Ending, Outcome, end_with, to_remedy
from processor.core.planning import requested
from processor.core.records import Now
from processor.core.replies import Concern, ItemVerdict, Verdict
from processor.core.retries import (
    CONFIRM_PATIENCE,
    RELEASE_PATIENCE,
    RETRY,
    Backoff,
    Patience,
    delay,
    is_exhausted,
    systemic_delay,
)
from processor.core.tracing import trace_context
from processor.core.vocabulary import Effect, ItemResult, Operation
from processor.core.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySettings:
    """How patient we are.

    `give_up_after`: seconds after which a record ends in any case, holds and pauses not counted.
    `holds`: whether an outage is waited for; otherwise what concerns everything ends at once,
    and the rest when its attempts are used up.
    """

    backoff: Backoff = RETRY
    confirm: Patience = CONFIRM_PATIENCE
    release: Patience = RELEASE_PATIENCE
    give_up_after: float = 900.0
    holds: bool = True


@dataclass(frozen=True, slots=True)
class Rest:
    """Wait this many seconds before the next attempt; with it the whole scope, if so."""

    seconds: float
    is_pause: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a verdict has to be seen with.

    `is_pause`: nobody else has got through since the call was sent, so the pause that Rokt asks
    for concerns all. `is_held`: the reply belongs to a hold. `is_own_fault`: others succeed and
    few carts fail, so that the fault must be the record's own. `patience`: the reading of the
    scope's patience clock. `jitter`: a number in [0, 1).
    """

    is_pause: bool
    is_held: bool
    is_own_fault: bool
    patience: float
    jitter: float


def follow(
    work: Work, verdict: Verdict, seen_with: Surroundings, settings: RetrySettings
) -> Ending | Rest:
    """Note a verdict in a record's state and return what follows.

    A record that has used up its attempts ends when the fault is its own, or when it has been
    given up after a long time. What comes of a probe, and a pause for all, uses nothing up.
    """
    was_ambiguous = work.is_ambiguous
    is_counted = not seen_with.is_pause and not seen_with.is_held
    if is_counted and work.counted_attempts == 0:
        work.patient_since = seen_with.patience
    work.replied(verdict, counts=is_counted)
    is_systemic = verdict.concern is Concern.SYSTEMIC
    if (
        verdict.is_final
        or (is_systemic and not settings.holds)
        or (is_counted and _is_used_up(work, verdict, seen_with, settings))
    ):
        return end_with(verdict, so_far=work.effect, is_ambiguous=was_ambiguous)
    if seen_with.is_held:
        return Rest(0.0)
    if seen_with.is_pause:
        work.uncounted += 1
        asked = verdict.retry_after or settings.backoff.ceiling(work.uncounted)
        return Rest(asked * (1 + seen_with.jitter / 10), is_pause=True)
    if is_systemic:
        return Rest(systemic_delay(work.counted_attempts, heals_slowly=verdict.heals_slowly))
    asked = verdict.retry_after or 0.0
    work.paused_for += asked
    floor = max(verdict.min_delay, asked)
    return Rest(delay(work.counted_attempts, seen_with.jitter, floor, settings.backoff))


def _is_used_up(
    work: Work, verdict: Verdict, seen_with: Surroundings, settings: RetrySettings
) -> bool:
    """Whether a record ends with the verdict of its last attempt, which is one that counts.

    Time counts from the first such attempt, without holds and pauses. A verdict with a limit of
    its own ends the record when it has come that often.
    """
    if verdict.max_attempts is not None:
        return work.limited_attempts >= verdict.max_attempts
    elapsed = seen_with.patience - work.patient_since - work.paused_for
    patience = settings.release if work.operation is Operation.RELEASE else settings.confirm
    if not is_exhausted(work.counted_attempts, elapsed, patience):
        return False
    if not settings.holds:
        return verdict.concern is not Concern.PACING
    return seen_with.is_own_fault or elapsed >= settings.give_up_after


def conclude(work: Work, ending: Ending, now: Now) -> tuple[Outcome, DeadLetter | None]:
    """Return what is written of a record that ends: its outcome, and a dead letter on failure."""
    event = work.content if isinstance(work.content, OrderPaid | CartAbandoned) else None
    verdict = ending.verdict
    outcome = Outcome(
        outcome_id=work.outcome_id,
        operation=work.operation,
        status=ending.status,
        effect=ending.effect,
        reason=ending.reason,
        cart_id=event.cart_id if event else _text(work.record.key),
        order_id=event.order_id if isinstance(event, OrderPaid) else None,
        source_event_id=event.event_id if event else None,
        source=work.record.source,
        origin=work.copy.origin if work.copy else None,
        replay_id=work.copy.replay_id if work.copy else None,
        request_fingerprint=work.call.fingerprint if work.call else "",
        items=_items(work, ending, event) if event else (),
        http_status=verdict.http_status if verdict else None,
        error_description=verdict.error_description if verdict else None,
        errors=verdict.errors if verdict else (),
        detail=_detail(work, ending),
        attempts=work.attempts,
        ambiguous_attempts=work.ambiguous_attempts,
        first_attempt_at=work.first_attempt_at,
        last_attempt_at=work.last_attempt_at,
        rokt_trace_id=verdict.trace_id if verdict else None,
        processed_at=now.wall_ms,
        trace=trace_context(work.record.headers),
    )
    if ending.reason is None:
        return outcome, None
    return outcome, DeadLetter(
        record=work.record,
        outcome=outcome,
        message=outcome.detail or f"{ending.status}: {ending.reason}",
        items=to_remedy(outcome),
        request_body=work.call.body if work.call and work.attempts else None,
        response_body=verdict.response_body if verdict else None,
    )


def _items(work: Work, ending: Ending, event: Event) -> tuple[ItemVerdict, ...]:
    """Return one entry per item of the event: those that no call has named are UNKNOWN."""
    items = ending.items
    if not items and work.call is not None and ending.effect is Effect.MAYBE_APPLIED:
        items = tuple(
            ItemVerdict(
                cart_item_id=item.cart_item_id,
                item_reservation_id=item.item_reservation_id,
                result=ItemResult.INDETERMINATE,
            )
            for item in work.call.items
        )
    if len(items) == len(event.items):
        return items
    named = {item.cart_item_id for item in items}
    return items + tuple(item for item in requested(event) if item.cart_item_id not in named)


def _detail(work: Work, ending: Ending) -> str | None:
    if not work.released_before_paid:
        return ending.detail
    released = f"released-before-paid: {', '.join(work.released_before_paid)}"
    return f"{released}; {ending.detail}" if ending.detail else released


def _text(key: bytes | None) -> str | None:
    if key is None:
        return None
    try:
        return key.decode()
    except UnicodeDecodeError:
        return None
