"""Planning: what is to be done with the record whose turn it is."""

from dataclasses import dataclass, replace

from processor.core.calls import Call, CallShape, confirm_call, release_call
from processor.core.events import CartAbandoned, Event, OrderPaid, Pending, Undecodable, problems
from processor.core.ledger import Ledger
from processor.core.meetings import Conflict, Duplicate, Proceed, Releasable, refuse_release
from processor.core.outcomes import Ending
from processor.core.records import Now
from processor.core.replies import ItemVerdict
from processor.core.tracing import trace_context
from processor.core.vocabulary import Effect, ItemResult, Reason, Status
from processor.core.work import Work


@dataclass(frozen=True, slots=True)
class Attempt:
    """Make this call."""

    call: Call


@dataclass(frozen=True, slots=True)
class Settled:
    """Do nothing, and write nothing: what a copy asks for is settled already."""


Plan = Attempt | Ending | Settled


def plan(
    work: Work, ledger: Ledger, shape: CallShape, now: Now, releases_stopped: str | None = None
) -> Plan:
    """Return what is to be done with a decoded record: a call, or its end without one.

    `releases_stopped` says why no release may be sent, None when they may.
    """
    content = work.content
    match content:
        case Undecodable():
            return _refuse(work, content.reason, content.detail)
        case Pending():
            raise AssertionError("a record that is not decoded has no turn")
        case OrderPaid() | CartAbandoned():
            wrong = problems(content, work.record.key)
            if wrong:
                return _refuse(work, Reason.INVALID_EVENT, "; ".join(wrong), requested(content))
            if isinstance(content, OrderPaid):
                return _plan_confirm(work, content, ledger, shape)
            releasable = (
                ledger.ask_release(
                    content,
                    now.wall_ms,
                    repeats_doubtful=not work.is_replayed or is_authorised(work),
                )
                if releases_stopped is None
                else refuse_release(releases_stopped)
            )
            return _plan_release(work, content, releasable, shape)


def _refuse(work: Work, reason: Reason, detail: str, items: tuple[ItemVerdict, ...] = ()) -> Ending:
    """Return the end of a record that cannot be called; when tainted, it may have been before."""
    return Ending(
        status=Status.INDETERMINATE if work.is_tainted else Status.REJECTED,
        effect=Effect.MAYBE_APPLIED if work.is_tainted else Effect.NOT_SENT,
        reason=reason,
        detail=detail,
        items=items,
    )


def is_authorised(work: Work) -> bool:
    """Whether a person has asked to call a copy again although it may have been applied."""
    return work.copy is not None and work.copy.is_authorised


def requested(event: Event, result: ItemResult = ItemResult.UNKNOWN) -> tuple[ItemVerdict, ...]:
    """Return an entry for each item of an event, as an outcome without a call has them."""
    return tuple(
        ItemVerdict(
            cart_item_id=item.cart_item_id,
            item_reservation_id=item.item_reservation_id,
            result=result,
        )
        for item in event.items
    )


def _plan_confirm(work: Work, event: OrderPaid, ledger: Ledger, shape: CallShape) -> Plan:
    if work.call is not None and not (work.is_replayed and not work.is_ambiguous):
        return Attempt(work.call)
    # Once more for a copy: live records may have overtaken it.
    call = _traced(confirm_call(event, shape), work)
    effect = Effect.MAYBE_APPLIED if work.is_tainted else work.effect
    match ledger.ask_confirm(event, call.fingerprint, is_authorised=is_authorised(work)):
        case Proceed(released_before_paid=released, may_be_applied=may_be_applied):
            work.released_before_paid = released
            work.is_tainted |= may_be_applied
            return Attempt(call)
        case Duplicate() if _leaves_no_trace(work, event, ledger):
            return Settled()
        case Duplicate(detail=detail):
            status, reason = Status.DUPLICATE, None
        case Conflict(detail=detail):
            status, reason = Status.CONFLICT, Reason.CONFLICTING_DUPLICATE
    work.call = call
    return Ending(
        status=status, effect=effect, reason=reason, detail=detail, items=requested(event)
    )


def _traced(call: Call, work: Work) -> Call:
    """Return a call that carries the trace of its record on."""
    context = trace_context(work.record.headers)
    return replace(call, headers=(*call.headers, *context)) if context else call


def _leaves_no_trace(work: Work, event: OrderPaid, ledger: Ledger) -> bool:
    """Whether a settled order is passed over in silence: one that is replayed.

    Not so where its outcome tells that a payment has been read after all.
    """
    copy = work.copy
    return copy is not None and not ledger.is_unreadable(event.cart_id, copy.origin)


def _plan_release(
    work: Work, event: CartAbandoned, releasable: Releasable, shape: CallShape
) -> Plan:
    if work.is_replayed and releasable.may_be_released:
        work.is_tainted = True
    has_changed = _has_changed(work, releasable)
    if work.is_ambiguous and has_changed:
        return Ending(
            status=Status.INDETERMINATE,
            effect=Effect.MAYBE_APPLIED,
            reason=Reason.INDETERMINATE,
            detail=_because("may have been released before", releasable.dropped),
            items=requested(event, ItemResult.INDETERMINATE),
        )
    if not releasable.items:
        if work.is_replayed and not work.is_ambiguous and not releasable.is_refused:
            return Settled()
        return Ending(
            status=Status.SKIPPED,
            effect=work.effect,
            detail=_because("nothing is left to release", releasable.dropped),
            items=requested(event),
        )
    if work.call is not None and not has_changed:
        return Attempt(work.call)
    return Attempt(_traced(release_call(event, releasable.items, shape), work))


def _has_changed(work: Work, releasable: Releasable) -> bool:
    """Whether other items would be named than by an earlier attempt, or what it may have been."""
    if work.call is not None:
        allowed = {item.cart_item_id for item in releasable.items}
        return any(item.cart_item_id not in allowed for item in work.call.items)
    return work.is_tainted and bool(releasable.dropped)


def _because(what: str, why: tuple[str, ...]) -> str:
    return f"{what}: {', '.join(why)}" if why else what
