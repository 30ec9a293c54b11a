"""Spans of real records on a real Kafka: whose children they are, and what they never hold."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from processor.fake_rokt.rules import Rule, Then, When
from processor.fake_rokt.settings import SAMPLE_API_KEY
from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.events import cart_abandoned, order_paid
from tests.support.receiver import Receiver, receiving
from tests.support.registries import RealRegistry
from tests.support.world import World, open_world

pytestmark = pytest.mark.e2e

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CANARY: Final = "canary-otlp-header"
WITHIN: Final = 20.0
RULES: Final = (
    Rule(when=When(order_id="o-again", last_attempt=1), then=Then(status=503)),
    Rule(when=When(order_id="o-422"), then=Then(status=422)),
)


@pytest.fixture
def world(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world of two partitions."""
    with open_world(kafka, registry, tmp_path, partitions=2, rules=RULES) as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of spans."""
    with receiving() as opened:
        yield opened


def traced(world: World, order: str, cart: str, flags: str = "01") -> None:
    """Produce an order that belongs to a trace."""
    parent = f"00-{TRACE}-{PARENT}-{flags}".encode()
    value = world.shop.value(world.topics.order_paid, order_paid(order, cart))
    headers: list[tuple[str, str | bytes | None]] = [("traceparent", parent)]
    world.shop.raw(world.topics.order_paid, cart, value, headers)


def work_off(world: World, **settings: str) -> None:
    """Run a processor until all is committed, and stop it."""
    with world.processor(**settings) as processor:
        world.wait_until_drained()
        processor.program.signal(signal.SIGTERM)
        assert processor.program.wait(WITHIN) == 0


def exporting(receiver: Receiver) -> dict[str, str]:
    return {
        "tracing__endpoint": receiver.endpoint,
        "tracing__headers": f"Authorization={CANARY}",
    }


def test_a_trace_goes_on_from_the_record_to_its_attempts_and_its_outcome(
    world: World, receiver: Receiver
) -> None:
    traced(world, "o-again", "c-again")
    world.shop.flush()
    work_off(world, **exporting(receiver))
    (record,) = receiver.named(f"process {world.topics.order_paid}")
    first, second = receiver.named("POST /v1/Cart/confirm")
    assert (record.trace, record.parent, record.kind, record.is_failed) == (
        TRACE,
        PARENT,
        "CONSUMER",
        False,
    )
    assert {(span.trace, span.parent, span.kind) for span in (first, second)} == {
        (TRACE, record.span, "CLIENT")
    }
    assert [span.attributes["http.response.status_code"] for span in (first, second)] == [503, 200]
    assert [span.is_failed for span in (first, second)] == [True, False]
    assert [span.attributes.get("http.request.resend_count") for span in (first, second)] == [
        None,
        1,
    ]
    assert record.starts_at <= first.starts_at <= first.ends_at <= second.starts_at
    assert second.ends_at <= record.ends_at
    arrived = [entry.traceparent or "" for entry in world.rokt.ledger.entries]
    assert [each[:-2] for each in arrived] == [first.traceparent, second.traceparent]
    (outcome,) = oracle.outcomes(world)
    assert outcome.headers["traceparent"][:-2] == record.traceparent
    assert record.attributes["processor.outcome.id"] == outcome.value["outcomeId"]


def test_records_of_every_end_are_spans_that_hold_no_secret_and_no_person(
    world: World, receiver: Receiver
) -> None:
    world.shop.paid(order_paid("o-422", "c-422"))
    world.shop.abandoned(cart_abandoned("event-gone", "c-gone"))
    world.shop.raw(world.topics.order_paid, "c-garbage", b"garbage")
    world.shop.flush()
    work_off(world, **exporting(receiver))
    ends = {
        span.attributes["processor.status"]: (
            bool(span.parent),
            span.attributes.get("error.type"),
            span.is_failed,
        )
        for span in receiver.spans
        if span.kind == "CONSUMER"
    }
    refused = {span.attributes["error.type"] for span in receiver.spans if span.is_failed}
    assert ends.keys() == {"REJECTED", "SUCCEEDED"}
    assert ends["SUCCEEDED"] == (False, None, False)
    assert refused == {"422", "UNPROCESSABLE", "UNDECODABLE"}
    (letter, _) = oracle.dead_letters(world)
    assert "traceparent" in letter.headers
    exported = b"".join(body for _, _, body in receiver.requests)
    for hidden in (SAMPLE_API_KEY, CANARY, "o-422", "c-422", "c-gone", "event-gone", "garbage"):
        assert hidden.encode() not in exported
    for hidden in (SAMPLE_API_KEY, CANARY):
        assert hidden not in world.logs()
    assert {headers["authorization"] for _, headers, _ in receiver.requests} == {CANARY}
    assert receiver.resource["service.name"] == "rokt-cart-processor"


def test_what_is_not_sampled_goes_on_and_is_not_exported(world: World, receiver: Receiver) -> None:
    traced(world, "o-unsampled", "c-1", flags="00")
    traced(world, "o-sampled", "c-2")
    world.shop.paid(order_paid("o-own", "c-3"))
    world.shop.flush()
    work_off(world, **exporting(receiver), tracing__sample_ratio="0")
    assert len(receiver.spans) == 2
    flags = {
        entry.order_id: int((entry.traceparent or "")[-2:], 16) & 1
        for entry in world.rokt.ledger.entries
    }
    assert flags == {"o-unsampled": 0, "o-sampled": 1, "o-own": 0}


@pytest.mark.parametrize("trouble", ["hangs", "is away"])
def test_a_receiver_in_trouble_delays_no_record_and_no_stop(
    world: World, receiver: Receiver, trouble: str
) -> None:
    orders = 100
    settings = exporting(receiver)
    if trouble == "hangs":
        receiver.flows.clear()
    else:
        settings["tracing__endpoint"] = "http://127.0.0.1:9"
    with world.processor(**settings) as processor:
        processor.wait_until_ready()
        for number in range(orders):
            traced(world, f"o-{number}", f"c-{number}")
        world.shop.flush()
        world.wait_until_drained(within=WITHIN)
        began = time.monotonic()
        processor.program.signal(signal.SIGTERM)
        assert processor.program.wait(WITHIN) == 0
        took = time.monotonic() - began
    assert took < 10
    lines = [json.loads(line) for line in world.logs().splitlines() if line.startswith("{")]
    said = [line for line in lines if line["event"] == "spans dropped"]
    assert sum(line["count"] for line in said) > 0
    assert CANARY not in world.logs()
    assert receiver.spans == []
    assert [each.value["status"] for each in oracle.outcomes(world)] == ["SUCCEEDED"] * orders
    assert len(world.rokt.ledger.entries) == orders
