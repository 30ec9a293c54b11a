"""Spans: one of each record, from its arrival to its acknowledged outcome, one of each attempt.

Names follow OpenTelemetry's semantic conventions for messaging and HTTP, as far as they are no
secret and name no person: no keys, carts, orders, sessions, headers or bodies.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
    set_span_in_context,
)
from opentelemetry.util.types import AttributeValue

from processor.core import effects as do
from processor.core.calls import Call
from processor.core.outcomes import DeadLetter, Outcome
from processor.core.records import Partition, Record
from processor.core.replies import BodyState, Failure, Reply, Response
from processor.core.tracing import TraceContext, trace_context

Attributes = dict[str, AttributeValue]
Place = tuple[str, int, int]
"""Topic, partition and offset of a record."""

_FAILED: Final = Status(StatusCode.ERROR)
_LOWEST_ERROR: Final = 400
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_CARRIED: Final = frozenset({"traceparent", "tracestate"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all spans have in common: the consumer group, and Rokt's base URL."""

    group: str
    base_url: str


class Spans:
    """Makes spans of what the worker tells: the `Traces` of a process that exports them."""

    def __init__(
        self, tracer: Tracer, surroundings: Surroundings, export: Callable[[float], None]
    ) -> None:
        """`export` exports what there is, for at most so many seconds."""
        # It quotes each `tracestate` that it cannot read: producers could fill the log.
        logging.getLogger("opentelemetry.trace").setLevel(logging.ERROR)
        self._tracer = tracer
        self._export = export
        self._base_url = surroundings.base_url
        self._of_records: Attributes = {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.consumer.group.name": surroundings.group,
        }
        self._of_calls = _address(surroundings.base_url)
        self._positions: dict[Partition, int] = {}
        self._records: dict[Place, Span] = {}
        self._attempts: dict[int, Span] = {}

    def assigned(self, partitions: Iterable[Partition]) -> None:
        """Follow the records of these partitions from now on."""
        partitions = tuple(partitions)
        self.lost(partitions)
        self._positions.update(dict.fromkeys(partitions, 0))

    def lost(self, partitions: Iterable[Partition]) -> None:
        """End the spans of records that are another owner's now."""
        gone = frozenset(partitions)
        for partition in gone:
            self._positions.pop(partition, None)
        for place in [place for place in self._records if place[:2] in gone]:
            self._hand_over(place)

    def _hand_over(self, place: Place) -> None:
        span = self._records.pop(place)
        span.set_attribute("processor.handed_over", value=True)
        span.end()

    def received(self, record: Record) -> None:
        """Begin the span of a record, as a child of the one that produced it."""
        topic, number, offset, _ = record.source
        partition = Partition(topic, number)
        if offset < self._positions.get(partition, offset + 1):
            return
        self._positions[partition] = offset + 1
        attributes = self._of_records | {
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": str(number),
            "messaging.kafka.offset": offset,
        }
        if record.value is None:
            attributes["messaging.kafka.message.tombstone"] = True
        self._records[topic, number, offset] = self._tracer.start_span(
            f"process {topic}",
            context=_parent(trace_context(record.headers)),
            kind=SpanKind.CONSUMER,
            attributes=attributes,
        )

    def see(self, effects: Iterable[do.Effect]) -> list[do.Effect]:
        """End the spans of finished records; return outcomes with the trace of theirs."""
        return [self._see(effect) for effect in effects]

    def _see(self, effect: do.Effect) -> do.Effect:
        match effect:
            case do.Produce(content=content):
                return replace(effect, content=self._traced(content))
            case do.RecordEnded():
                self._end(effect)
            case do.RecordResolved(partition=partition, offset=offset):
                self._pass_over(partition, offset, "has its outcome already")
            case do.ReplaySettled(partition=partition, offset=offset):
                self._pass_over(partition, offset, "settled already")
            case (
                do.Send()
                | do.Pause()
                | do.Resume()
                | do.Commit()
                | do.AskEnds()
                | do.Restore()
                | do.CallEnded()
                | do.Retrying()
                | do.HoldBegan()
                | do.HoldEnded()
                | do.PauseBegan()
            ):
                pass
        return effect

    def _traced(self, content: Outcome | DeadLetter) -> Outcome | DeadLetter:
        match content:
            case DeadLetter(outcome=outcome):
                return replace(content, outcome=self._traced_outcome(outcome))
            case Outcome():
                return self._traced_outcome(content)

    def _traced_outcome(self, outcome: Outcome) -> Outcome:
        trace = _carried(self._records.get(outcome.source[:3]))
        return replace(outcome, trace=trace) if trace else outcome

    def _end(self, ended: do.RecordEnded) -> None:
        outcome = ended.outcome
        span = self._records.pop(outcome.source[:3], None)
        if span is None:
            return
        span.set_attributes(_of_outcome(outcome))
        if ended.has_dead_letter:
            span.set_attribute("error.type", str(outcome.reason or outcome.status))
            span.set_status(_FAILED)
        span.end()

    def _pass_over(self, partition: Partition, offset: int, why: str) -> None:
        span = self._records.pop((*partition, offset), None)
        if span is not None:
            span.set_attribute("processor.passed_over", why)
            span.end()

    def begin(self, send: do.Send) -> Call:
        """Begin the span of an attempt; return its call with the trace of that."""
        record, call = self._records.get(send.source[:3]), send.call
        if record is None:
            return call
        attributes = self._of_calls | {
            "url.full": self._base_url + call.path,
            "url.template": call.path,
            "processor.operation": str(call.operation),
        }
        if send.attempt > 1:
            attributes["http.request.resend_count"] = send.attempt - 1
        span = self._attempts[send.call_id] = self._tracer.start_span(
            f"POST {call.path}",
            context=set_span_in_context(record, _NO_CONTEXT),
            kind=SpanKind.CLIENT,
            attributes=attributes,
        )
        trace = _carried(span)
        if not trace:
            return call
        kept = (header for header in call.headers if header[0] not in _CARRIED)
        return replace(call, headers=(*kept, *trace))

    def replied(self, call_id: int, reply: Reply) -> None:
        """End the span of an attempt."""
        span = self._attempts.pop(call_id, None)
        if span is None:
            return
        if reply.status is not None:
            span.set_attribute("http.response.status_code", reply.status)
        if (error := _error(reply)) is not None:
            span.set_attribute("error.type", error)
            span.set_status(_FAILED)
        span.end()

    def close(self, within: float) -> None:
        """End all spans, and export what there is."""
        for span in self._attempts.values():
            span.end()
        self._attempts.clear()
        for place in tuple(self._records):
            self._hand_over(place)
        self._export(within)


_NO_CONTEXT: Final = Context()


def _parent(trace: TraceContext) -> Context:
    """Return the context of the span that produced a record; an empty one: it begins a trace."""
    if not trace:
        return _NO_CONTEXT
    carried = dict(trace)
    _, trace_id, span_id, flags = carried["traceparent"].split("-")
    state = carried.get("tracestate")
    context = SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(int(flags, 16)),
        trace_state=None if state is None else TraceState.from_header([state]),
    )
    return set_span_in_context(NonRecordingSpan(context), _NO_CONTEXT)


def _carried(span: Span | None) -> TraceContext:
    """Return the headers that make a span the parent of what comes next; none if it has no id."""
    context = None if span is None else span.get_span_context()
    if context is None or not context.is_valid:
        return ()
    parent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    state = context.trace_state.to_header()
    return (("traceparent", parent), *((("tracestate", state),) if state else ()))


def _address(base_url: str) -> Attributes:
    parts = urlsplit(base_url)
    return {
        "http.request.method": "POST",
        "server.address": parts.hostname or "",
        "server.port": parts.port or _DEFAULT_PORTS[parts.scheme],
    }


def _of_outcome(outcome: Outcome) -> Attributes:
    found: Attributes = {
        "processor.operation": str(outcome.operation),
        "processor.status": str(outcome.status),
        "processor.effect": str(outcome.effect),
        "processor.outcome.id": outcome.outcome_id,
        "processor.attempts": outcome.attempts,
    }
    if outcome.reason is not None:
        found["processor.reason"] = str(outcome.reason)
    if outcome.replay_id is not None:
        found["processor.replay.id"] = outcome.replay_id
    return found


def _error(reply: Reply) -> str | None:
    """Return what went wrong with an exchange, in a word; what Rokt's answer means is not asked."""
    match reply:
        case Failure(kind=kind):
            return str(kind)
        case Response(status=status) if status >= _LOWEST_ERROR:
            return str(status)
        case Response(body_state=BodyState.COMPLETE):
            return None
        case Response(body_state=state):
            return str(state)
