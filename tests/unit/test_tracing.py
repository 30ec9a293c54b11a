"""The trace of an event goes on to its call and its outcome, if it is one."""

from typing import Final

import pytest

from processor.core.calls import CallShape
from processor.core.conclusions import conclude
from processor.core.events import CartAbandoned, OrderPaid
from processor.core.ledger import Ledger
from processor.core.outcomes import Ending
from processor.core.planning import Attempt, plan
from processor.core.records import Now, Record, Source
from processor.core.tracing import TraceContext, trace_context
from processor.core.vocabulary import Effect, Status
from processor.core.work import Work
from processor.shell.kafka.headers import headers_of
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, order, release

PARENT: Final = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACED: Final = (("traceparent", PARENT.decode()),)
NOW: Final = Now(5.0, 1_000.0)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((), ()),
        ((("traceparent", PARENT),), TRACED),
        ((("traceparent", b"x"), ("other", b"\xff"), ("traceparent", PARENT)), TRACED),
        (
            (("traceparent", PARENT), ("tracestate", b"a=1,b=2")),
            (*TRACED, ("tracestate", "a=1,b=2")),
        ),
        ((("tracestate", b"a=1"),), ()),
        ((("traceparent", PARENT), ("tracestate", b"a=1\r\nrokt-api-key: x")), TRACED),
        ((("traceparent", PARENT), ("tracestate", b"a" * 513)), TRACED),
        ((("traceparent", PARENT), ("tracestate", None)), TRACED),
    ],
)
def test_a_trace_is_passed_on_as_it_is(
    headers: tuple[tuple[str, bytes | None], ...], expected: TraceContext
) -> None:
    assert trace_context(headers) == expected


@pytest.mark.parametrize(
    "parent",
    [
        None,
        b"",
        PARENT + b"\n",
        PARENT + b"-00",
        PARENT.upper(),
        b"ff" + PARENT[2:],
        b"00-" + b"0" * 32 + PARENT[35:],
        PARENT[:36] + b"0" * 16 + b"-01",
        b"\xff" * 55,
    ],
)
def test_what_is_no_trace_is_not_passed_on(parent: bytes | None) -> None:
    assert trace_context((("traceparent", parent),)) == ()


@pytest.mark.parametrize("event", [order(), release()])
def test_the_call_and_the_outcome_of_a_traced_event_carry_its_trace(
    event: OrderPaid | CartAbandoned,
) -> None:
    topic = ABANDONMENTS if isinstance(event, CartAbandoned) else PAYMENTS
    record = Record(Source(topic, 0, 0, None), b"cart", b"", (("traceparent", PARENT),))
    work = Work(record, event, arrival=1)
    attempt = plan(work, Ledger(ABANDONMENTS), CallShape(tag_id="tag"), NOW)
    assert isinstance(attempt, Attempt)
    assert TRACED[0] in attempt.call.headers
    ending = Ending(status=Status.SUCCEEDED, effect=Effect.APPLIED, reason=None)
    outcome, _ = conclude(work, ending, NOW)
    assert TRACED[0] in headers_of(outcome)
