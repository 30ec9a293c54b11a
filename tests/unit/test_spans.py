"""Spans: what is made of records and attempts, and what of it goes on to calls and outcomes."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import NoOpTracer, Tracer

from processor.core import effects as do
from processor.core.outcomes import DeadLetter
from processor.core.records import Partition, Record, Source
from processor.core.replies import BodyState, Failure, FailureKind, Reply, Response
from processor.core.vocabulary import Operation
from processor.shell.tracing.spans import Spans, Surroundings
from tests.support.http_edge import CONFIRM
from tests.unit.test_observers import OUTCOME

PAID: Final = Partition("order-paid", 3)
SOURCE: Final = OUTCOME.source
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT: Final = ("traceparent", f"00-{TRACE}-{PARENT}-01".encode())
SEND: Final = do.Send(5, CONFIRM, SOURCE, 1)
SUCCEEDED: Final = Response(status=200, headers={}, body=b"")
ENDED: Final = do.RecordEnded(
    outcome=OUTCOME,
    has_dead_letter=True,
    is_replayed=False,
    is_released_before_paid=False,
    seconds=1.0,
)


class Ended(SpanProcessor):
    """Keeps the spans that have ended."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


class Stage:
    """Spans that own a partition, and what came of them."""

    def __init__(self, tracer: Tracer | None = None, ratio: float = 1.0) -> None:
        provider = TracerProvider(ParentBased(TraceIdRatioBased(ratio)), shutdown_on_exit=False)
        self._ended = Ended()
        provider.add_span_processor(self._ended)
        surroundings = Surroundings(group="group", base_url="https://rokt.example:8443/base")
        self.exports: list[float] = []
        tracer = tracer or provider.get_tracer("tests")
        self.spans = Spans(tracer, surroundings, self.exports.append)
        self.spans.assigned([PAID])

    @property
    def ended(self) -> list[ReadableSpan]:
        return self._ended.spans

    def only(self) -> ReadableSpan:
        (span,) = self.ended
        return span

    def receive(self, *headers: tuple[str, bytes | None], source: Source = SOURCE) -> None:
        self.spans.received(Record(source, b"cart", b"event", headers))

    def end(self) -> ReadableSpan:
        self.spans.see([ENDED])
        return self.ended[-1]

    def carried(self, headers: tuple[tuple[str, str], ...]) -> Iterator[str]:
        return (value for name, value in headers if name == "traceparent")


def ids(span: ReadableSpan) -> tuple[str, str, str | None]:
    """Return trace, span and parent in hexadecimal digits."""
    context, parent = span.get_span_context(), span.parent
    assert context is not None
    return (
        f"{context.trace_id:032x}",
        f"{context.span_id:016x}",
        None if parent is None else f"{parent.span_id:016x}",
    )


def test_a_record_is_a_span_by_the_conventions() -> None:
    stage = Stage()
    stage.receive()
    span = stage.end()
    assert (span.name, span.kind.name, span.status.status_code.name) == (
        "process order-paid",
        "CONSUMER",
        "ERROR",
    )
    assert dict(span.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.consumer.group.name": "group",
        "messaging.destination.name": "order-paid",
        "messaging.destination.partition.id": "3",
        "messaging.kafka.offset": 42,
        "processor.operation": "CONFIRM",
        "processor.status": "REJECTED",
        "processor.effect": "NOT_APPLIED",
        "processor.reason": "BAD_REQUEST",
        "processor.outcome.id": "6f4f",
        "processor.attempts": 2,
        "error.type": "BAD_REQUEST",
    }


def test_a_record_that_fails_for_nobody_is_no_error() -> None:
    stage = Stage()
    stage.spans.received(Record(SOURCE, b"cart", None))
    outcome = replace(OUTCOME, reason=None, replay_id="replay-1")
    stage.spans.see([replace(ENDED, outcome=outcome, has_dead_letter=False)])
    span = stage.only()
    attributes = span.attributes or {}
    assert span.status.status_code.name == "UNSET"
    assert "error.type" not in attributes
    assert attributes["messaging.kafka.message.tombstone"] is True
    assert attributes["processor.replay.id"] == "replay-1"


def test_an_attempt_is_a_span_by_the_conventions() -> None:
    stage = Stage()
    stage.receive()
    stage.spans.begin(replace(SEND, attempt=3))
    stage.spans.replied(5, SUCCEEDED)
    span = stage.only()
    assert (span.name, span.kind.name, span.status.status_code.name) == (
        "POST /v1/Cart/confirm",
        "CLIENT",
        "UNSET",
    )
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST",
        "http.request.resend_count": 2,
        "http.response.status_code": 200,
        "processor.operation": str(Operation.CONFIRM),
        "server.address": "rokt.example",
        "server.port": 8443,
        "url.full": "https://rokt.example:8443/base/v1/Cart/confirm",
        "url.template": "/v1/Cart/confirm",
    }


@pytest.mark.parametrize(
    ("reply", "status", "error"),
    [
        (replace(SUCCEEDED, status=302), 302, None),
        (replace(SUCCEEDED, status=422), 422, "422"),
        (replace(SUCCEEDED, status=503), 503, "503"),
        (replace(SUCCEEDED, body_state=BodyState.TOO_LARGE), 200, "too_large"),
        (Failure(kind=FailureKind.TIMEOUT, detail="secret"), None, "timeout"),
        (
            Failure(kind=FailureKind.BODY_INTERRUPTED, detail="x", status=200),
            200,
            "body_interrupted",
        ),
    ],
)
def test_an_exchange_that_fails_is_an_error(
    reply: Reply, status: int | None, error: str | None
) -> None:
    stage = Stage()
    stage.receive()
    stage.spans.begin(SEND)
    stage.spans.replied(5, reply)
    span = stage.only()
    attributes = span.attributes or {}
    found = attributes.get("http.response.status_code"), attributes.get("error.type")
    assert found == (status, error)
    assert span.status.status_code.name == ("UNSET" if error is None else "ERROR")
    assert "secret" not in span.to_json()


def test_a_record_with_a_trace_is_a_child_and_its_attempts_are_its_children() -> None:
    stage = Stage()
    stage.receive(TRACEPARENT, ("tracestate", b"a=1"))
    call = stage.spans.begin(SEND)
    stage.spans.replied(5, SUCCEEDED)
    record, attempt = stage.end(), stage.ended[0]
    assert (ids(record)[0], ids(record)[2]) == (TRACE, PARENT)
    assert (ids(attempt)[0], ids(attempt)[2]) == (TRACE, ids(record)[1])
    assert dict(call.headers)["traceparent"].startswith(f"00-{TRACE}-{ids(attempt)[1]}-0")
    assert dict(call.headers)["tracestate"] == "a=1"


def test_a_record_without_a_trace_begins_one() -> None:
    stage = Stage()
    stage.receive()
    assert ids(stage.end())[2] is None


def test_a_call_carries_the_trace_of_its_attempt_and_no_other() -> None:
    stage = Stage()
    stage.receive(TRACEPARENT)
    own = replace(CONFIRM, headers=(*CONFIRM.headers, ("traceparent", "old"), ("tracestate", "b")))
    calls = [stage.spans.begin(do.Send(number, own, SOURCE, number)) for number in (1, 2)]
    carried = [list(stage.carried(call.headers)) for call in calls]
    assert [len(each) for each in carried] == [1, 1]
    assert carried[0] != carried[1]
    assert "old" not in str(carried)
    assert "tracestate" not in dict(calls[0].headers)
    assert calls[0].headers[:3] == CONFIRM.headers
    assert replace(calls[0], headers=()) == replace(CONFIRM, headers=())


def test_outcomes_and_dead_letters_carry_the_trace_of_their_record() -> None:
    stage = Stage()
    stage.receive(TRACEPARENT)
    record = Record(SOURCE, b"cart", b"event", (TRACEPARENT,))
    letter = DeadLetter(
        record=record, outcome=OUTCOME, message="", items=(), request_body=None, response_body=None
    )
    seen = stage.spans.see([do.Produce(1, 3, b"cart", letter), do.Produce(1, 3, b"cart", OUTCOME)])
    dead, done = (effect for effect in seen if isinstance(effect, do.Produce))
    assert isinstance(dead.content, DeadLetter)
    assert dead.content.record is record
    carried = dead.content.outcome.trace
    assert dict(carried)["traceparent"].startswith(f"00-{TRACE}-{ids(stage.end())[1]}-0")
    assert done == do.Produce(1, 3, b"cart", replace(OUTCOME, trace=carried))


def test_what_tells_nothing_of_an_end_stays_as_it_is() -> None:
    stage = Stage()
    effects: list[do.Effect] = [
        SEND,
        do.Pause(PAID),
        do.Resume(PAID),
        do.Commit(()),
        do.AskEnds(()),
    ]
    assert stage.spans.see(effects) == effects
    assert all(one is other for one, other in zip(stage.spans.see(effects), effects, strict=True))


@pytest.mark.parametrize(
    "effect",
    [do.RecordResolved(PAID, 42), do.ReplaySettled(Operation.CONFIRM, PAID, 42)],
)
def test_what_is_passed_over_ends(effect: do.Effect) -> None:
    stage = Stage()
    stage.receive()
    stage.spans.see([effect])
    assert "processor.passed_over" in (stage.only().attributes or {})


def test_the_trace_decides_whether_it_is_sampled_and_the_ratio_where_there_is_none() -> None:
    stage = Stage(ratio=0.0)
    stage.receive()
    stage.receive(TRACEPARENT, source=SOURCE._replace(offset=43))
    stage.receive(("traceparent", TRACEPARENT[1][:-2] + b"00"), source=SOURCE._replace(offset=44))
    unsampled = stage.spans.begin(SEND)
    for offset in (42, 43, 44):
        outcome = replace(OUTCOME, source=SOURCE._replace(offset=offset))
        stage.spans.see([replace(ENDED, outcome=outcome)])
    assert [(span.attributes or {})["messaging.kafka.offset"] for span in stage.ended] == [43]
    (carried,) = stage.carried(unsampled.headers)
    assert int(carried[-2:], 16) & 1 == 0


def test_records_that_are_lost_end_once_and_those_of_others_go_on() -> None:
    stage = Stage()
    other = Partition("order-paid", 4)
    stage.spans.assigned([other])
    stage.receive()
    stage.receive(source=SOURCE._replace(partition=4))
    stage.spans.lost([PAID])
    assert (stage.only().attributes or {})["processor.handed_over"] is True
    stage.spans.see([ENDED])
    assert stage.spans.begin(SEND) is CONFIRM
    assert len(stage.ended) == 1
    outcome = replace(OUTCOME, source=SOURCE._replace(partition=4))
    stage.spans.see([replace(ENDED, outcome=outcome)])
    assert len(stage.ended) == 2


def test_records_that_the_engine_drops_leave_nothing_behind() -> None:
    stage = Stage()
    stage.receive()
    stage.end()
    stage.receive()  # received again
    stage.receive(source=SOURCE._replace(topic="foreign"))
    stage.spans.close(1.0)
    assert len(stage.ended) == 1


def test_a_partition_that_comes_back_begins_anew() -> None:
    stage = Stage()
    stage.receive()
    stage.spans.lost([PAID])
    stage.spans.assigned([PAID])
    stage.receive()
    assert stage.end().parent is None
    assert len(stage.ended) == 2


def test_what_is_not_finished_ends_with_the_process() -> None:
    stage = Stage()
    stage.receive()
    stage.spans.begin(SEND)
    stage.spans.close(2.5)
    assert [span.name for span in stage.ended] == ["POST /v1/Cart/confirm", "process order-paid"]
    assert stage.exports == [2.5]


@pytest.mark.parametrize("state", [b"=,;=", b"a=1,a=2", b"\x20" * 512, b"a" * 512])
def test_a_hostile_trace_state_does_no_harm(state: bytes, caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    stage.receive(TRACEPARENT, ("tracestate", state))
    stage.spans.begin(SEND)
    assert ids(stage.end())[0] == TRACE
    assert caplog.records == []


def test_a_later_version_of_the_header_is_a_parent_too() -> None:
    stage = Stage()
    stage.receive(("traceparent", f"cc-{TRACE}-{PARENT}-ff".encode()))
    assert (ids(stage.end())[0], ids(stage.ended[0])[2]) == (TRACE, PARENT)


def test_without_spans_everything_carries_the_trace_that_it_had() -> None:
    stage = Stage(tracer=NoOpTracer())
    stage.receive()
    assert stage.spans.begin(SEND) is CONFIRM
    produced = do.Produce(1, 3, b"cart", replace(OUTCOME, trace=(("traceparent", "old"),)))
    assert list(stage.spans.see([produced, ENDED])) == [produced, ENDED]
