"""Timelines: what has happened to an order or cart, one entry after the other."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias

from processor.core.copies import Copy, NoCopy
from processor.core.events import (
    AbandonedItem,
    CartAbandoned,
    Content,
    OrderItem,
    OrderPaid,
    Pending,
    Undecodable,
    problems,
)
from processor.core.outcomes import Outcome
from processor.core.records import Record, Source
from processor.core.replies import ItemVerdict
from processor.core.vocabulary import ItemResult, Operation

Fact: TypeAlias = "str | int | Sequence[Fact] | Mapping[str, Fact] | None"


class Moment(StrEnum):
    """What an entry tells of."""

    EVENT = "event"
    COPY = "copy"
    ATTEMPTS = "attempts"
    OUTCOME = "outcome"
    DEAD_LETTER = "dead-letter"


class Standing(StrEnum):
    """What has become of an input."""

    ANSWERED = "answered"
    """It has an outcome."""
    WAITING = "not-worked-yet"
    """The live fleet has not come to it, or has it in work."""
    SETTLED = "settled"
    """A copy that asked for what is settled already: it leaves no outcome."""
    COPY_ANSWERED = "answered-by-copy"
    """It has no outcome of its own, but a copy of it has one."""
    PASSED_OVER = "passed-over"
    """The live fleet is beyond it, and there is no outcome: it was never worked, or it is gone."""


_PLACE: Final = re.compile(r"(.+):(\d{1,9}):(\d{1,18})")
_PLACE_IN_MESSAGES: Final = re.compile(r"(.+?) ?\[(\d{1,9})\] ?(?:offset |: ?)?(\d{1,18})")
"""Such as `order-paid [3] offset 42`."""
_MOST_NAMED: Final = 5
_STANDINGS: Final = {
    Standing.WAITING: "not worked yet",
    Standing.SETTLED: "settled before: no call was made, no outcome written",
    Standing.PASSED_OVER: "no outcome of it: never worked, or its outcome was deleted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened.

    `at` is epoch milliseconds, None where nobody knows. `place` is where it is written, `origin`
    the input that it is about. `told` is for people, one line each; `facts` is everything, by the
    names that the schemas have.
    """

    at: int | None
    moment: Moment
    place: Source
    origin: Source
    operation: Operation
    order_id: str | None
    cart_id: str | None
    replay_id: str | None
    told: tuple[str, ...]
    facts: Mapping[str, Fact]


def in_order(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return entries in the order in which they happened; those of one moment as they came."""
    return tuple(sorted(entries, key=lambda entry: entry.at or 0))


def of_record(
    record: Record,
    content: Content,
    copy: Copy | NoCopy | None,
    standing: Standing,
    worked_by: str | None,
) -> Entry:
    """Return the entry of an input, or of a copy in the replay lane (then `copy` is not None).

    `worked_by`: the last replay that has an outcome of it, by a copy.
    """
    entry = Entry(
        at=record.source.timestamp,
        moment=Moment.EVENT if copy is None else Moment.COPY,
        place=record.source,
        origin=copy.origin if isinstance(copy, Copy) else record.source,
        operation=Operation.UNKNOWN,
        order_id=None,
        cart_id=None if record.key is None else record.key.decode(errors="backslashreplace"),
        replay_id=copy.replay_id if isinstance(copy, Copy) else None,
        told=(),
        facts={"standing": standing, "bytes": len(record.value or b"")},
    )
    entry = _with_content(entry, content, record.key)
    lines = [*entry.told]
    match copy:
        case Copy():
            lines.append(f"copy of {where(entry.origin)} by replay {entry.replay_id}")
        case NoCopy(detail=detail):
            lines.append(f"no copy of ours: {detail}")
        case None:
            pass
    if standing is Standing.COPY_ANSWERED:
        lines.append(f"worked by the copy of replay {worked_by}")
    if standing in _STANDINGS:
        lines.append(_STANDINGS[standing])
    return replace(entry, told=tuple(lines))


def _with_content(entry: Entry, content: Content, key: bytes | None) -> Entry:
    match content:
        case OrderPaid():
            told = (
                f"OrderPaid {content.event_id}: order {content.order_id}, {_named(content.items)}"
            )
            changes: Mapping[str, Fact] = {"event": "OrderPaid", "orderId": content.order_id}
            entry = replace(entry, operation=Operation.CONFIRM, order_id=content.order_id)
        case CartAbandoned():
            told = f"CartAbandoned {content.event_id}: {_named(content.items)}"
            changes = {"event": "CartAbandoned"}
            entry = replace(entry, operation=Operation.RELEASE)
        case Undecodable(detail=detail):
            return _unread(entry, detail)
        case Pending(schema=schema):
            return _unread(entry, f"the registry does not tell schema {schema}")
    wrong = problems(content, key)
    facts = {
        **changes,
        "eventId": content.event_id,
        "occurredAt": content.occurred_at,
        "cartId": content.cart_id,
        "items": [
            {"cartItemId": item.cart_item_id, "itemReservationId": item.item_reservation_id}
            for item in content.items
        ],
        "problems": wrong,
    }
    lines = (told, *(f"cannot be called: {problem}" for problem in wrong))
    return replace(entry, cart_id=content.cart_id, told=lines, facts={**entry.facts, **facts})


def _unread(entry: Entry, detail: str) -> Entry:
    told = (f"cannot be read: {detail}",)
    return replace(entry, told=told, facts={**entry.facts, "undecodable": detail})


def of_outcome(place: Source, outcome: Outcome) -> Iterator[Entry]:
    """Yield the entries of an outcome: its attempts, if any were made, and itself."""
    entry = Entry(
        at=outcome.processed_at,
        moment=Moment.OUTCOME,
        place=place,
        origin=outcome.origin or outcome.source,
        operation=outcome.operation,
        order_id=outcome.order_id,
        cart_id=outcome.cart_id,
        replay_id=outcome.replay_id,
        told=tuple(_told(outcome)),
        facts=_facts(outcome),
    )
    if outcome.first_attempt_at is not None:
        attempts = {
            "attempts": outcome.attempts,
            "ambiguousAttempts": outcome.ambiguous_attempts,
            "firstAttemptAt": outcome.first_attempt_at,
            "lastAttemptAt": outcome.last_attempt_at,
        }
        yield replace(
            entry,
            at=outcome.first_attempt_at,
            moment=Moment.ATTEMPTS,
            told=(_attempts(outcome),),
            facts=attempts,
        )
    yield entry


def _told(outcome: Outcome) -> Iterator[str]:
    why = "" if outcome.reason is None else f", {outcome.reason}"
    yield f"{outcome.operation} {outcome.status}, {outcome.effect}{why}"
    if outcome.replay_id is not None:
        yield f"of the copy {where(outcome.source)}, replay {outcome.replay_id}"
    for text in (outcome.detail, outcome.error_description):
        if text:
            yield text
    for error in outcome.errors:
        yield f"error {error.code or ''}: {error.message or ''}"
    yield from of_items(outcome.items)


def of_items(items: Iterable[ItemVerdict]) -> Iterator[str]:
    """Yield what a reply said of each item, for people; nothing where no reply did."""
    for item in items:
        if item.result is ItemResult.UNKNOWN:
            continue
        confirmed = item.item_confirmation_id
        yield f"{item.cart_item_id}: {item.result}" + (f", {confirmed}" if confirmed else "")


def _attempts(outcome: Outcome) -> str:
    count = f"{outcome.attempts} attempt{'' if outcome.attempts == 1 else 's'}"
    doubt = outcome.ambiguous_attempts
    doubtful = f", {doubt} of them may have been applied" if doubt else ""
    first, last = outcome.first_attempt_at or 0, outcome.last_attempt_at
    lasted = f" within {(last - first) / 1_000:.1f} s" if last is not None and last > first else ""
    answer = f"; answered {outcome.http_status}" if outcome.http_status is not None else ""
    return f"{outcome.operation} called: {count}{lasted}{doubtful}{answer}"


def _facts(outcome: Outcome) -> Mapping[str, Fact]:
    return {
        "outcomeId": outcome.outcome_id,
        "status": outcome.status,
        "effect": outcome.effect,
        "reason": outcome.reason,
        "sourceEventId": outcome.source_event_id,
        "source": coordinates(outcome.source),
        "requestFingerprint": outcome.request_fingerprint,
        "items": item_facts(outcome.items),
        "httpStatus": outcome.http_status,
        "errorDescription": outcome.error_description,
        "errors": [{"code": error.code, "message": error.message} for error in outcome.errors],
        "detail": outcome.detail,
        "roktTraceId": outcome.rokt_trace_id,
        "omitted": outcome.omitted,
    }


def item_facts(items: Iterable[ItemVerdict]) -> Sequence[Fact]:
    """Return items as facts, without what may be a voucher."""
    return [
        {
            "cartItemId": item.cart_item_id,
            "itemReservationId": item.item_reservation_id,
            "result": item.result,
            "itemConfirmationId": item.item_confirmation_id,
        }
        for item in items
    ]


def coordinates(source: Source) -> Mapping[str, Fact]:
    """Return coordinates as facts."""
    topic, partition, offset, timestamp = source
    return {"topic": topic, "partition": partition, "offset": offset, "timestamp": timestamp}


def where(source: Source) -> str:
    """Return coordinates as people write them: topic:partition:offset."""
    return f"{source.topic}:{source.partition}:{source.offset}"


def read_place(text: str) -> tuple[str, int, int] | None:
    """Return topic, partition and offset as people or messages write them; None: it is no place."""
    found = _PLACE.fullmatch(text) or _PLACE_IN_MESSAGES.fullmatch(text)
    return (found[1], int(found[2]), int(found[3])) if found else None


def _named(items: Sequence[OrderItem] | Sequence[AbandonedItem]) -> str:
    named = ", ".join(item.cart_item_id for item in items[:_MOST_NAMED])
    match len(items):
        case 0:
            return "no items"
        case 1:
            return f"item {named}"
        case count if count > _MOST_NAMED:
            return f"items {named} and {count - _MOST_NAMED} more"
        case _:
            return f"items {named}"
