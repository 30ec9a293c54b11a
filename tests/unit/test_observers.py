"""Observers: what is counted, and what is said how often."""

from collections.abc import Iterator, MutableMapping
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from processor.core.effects import (
    CallEnded,
    HoldBegan,
    HoldEnded,
    Observation,
    RecordEnded,
    RecordResolved,
    Retrying,
)
from processor.core.outcomes import Outcome
from processor.core.records import Partition, Source
from processor.core.replies import Concern, Kind, Verdict
from processor.core.scopes import Scope
from processor.core.vocabulary import Effect, Operation, Reason, Status
from processor.shell import observers as module
from processor.shell.metrics import Metrics
from processor.shell.observers import Observers

OUTCOME = Outcome(
    outcome_id="6f4f", operation=Operation.CONFIRM, status=Status.REJECTED,
    effect=Effect.NOT_APPLIED, reason=Reason.BAD_REQUEST, cart_id="c-1", order_id="o-1",
    source_event_id="e-1", source=Source("order-paid", 3, 42, 1_790_000_000_000), origin=None,
    replay_id=None, request_fingerprint="", items=(), http_status=400, error_description=None,
    errors=(), detail="Rokt says no", attempts=2, ambiguous_attempts=0, first_attempt_at=None,
    last_attempt_at=None, rokt_trace_id=None, processed_at=1_790_000_000_001,
)  # fmt: skip
SYSTEMIC = Verdict(
    kind=Kind.SYSTEMIC,
    effect=Effect.NOT_APPLIED,
    concern=Concern.SYSTEMIC,
    is_final=False,
    status=Status.REJECTED,
    reason=Reason.UNAUTHORIZED,
    detail="the key is refused",
    http_status=401,
)
SUCCEEDED = SYSTEMIC._replace(
    kind=Kind.SUCCEEDED,
    concern=Concern.MESSAGE,
    reason=None,
    detail=None,
    http_status=200,
)
FAILED = Retrying(
    Operation.CONFIRM,
    SYSTEMIC,
    3,
    2.04,
    is_held=False,
    is_replayed=False,
    source=Source("order-paid", 3, 42, None),
)
WENT_WELL = CallEnded(Operation.CONFIRM, SUCCEEDED, is_replayed=False, seconds=0.25)


class Stage:
    """Observers, the clock they look at, what they count and what they say."""

    def __init__(self, said: list[MutableMapping[str, Any]]) -> None:
        self.now = 1_000.0
        self.registry = CollectorRegistry()
        self.observers = Observers(Metrics(self.registry))
        self.said = said

    def see(self, *seen: Observation) -> list[str]:
        """Observe, and return the events of the lines written."""
        self.said.clear()
        for each in seen:
            self.observers.observe(each, 1_790_000_000.5)
        return [str(line["event"]) for line in self.said]

    def count(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with capture_logs() as said:
        stage = Stage(said)
        monkeypatch.setattr(module, "steady", lambda: stage.now)
        yield stage


def ended(outcome: Outcome = OUTCOME, **changes: Any) -> RecordEnded:  # noqa: ANN401
    usual = RecordEnded(
        outcome=outcome,
        has_dead_letter=True,
        is_replayed=False,
        is_released_before_paid=False,
        seconds=4.0,
    )
    return replace(usual, **changes)


SUSPECT = "a call fails for a reason that would concern all, while others succeed"


def test_a_suspect_is_said_once(stage: Stage) -> None:
    assert stage.see(FAILED, FAILED, FAILED) == [SUSPECT]
    assert stage.said == [
        {
            "event": SUSPECT,
            "log_level": "warning",
            "operation": "CONFIRM",
            "why": "the key is refused",
            "http_status": 401,
            "attempts": 3,
            "again_in": 2.0,
            "topic": "order-paid",
            "partition": 3,
            "offset": 42,
        }
    ]


def test_it_is_said_again_after_a_minute(stage: Stage) -> None:
    stage.see(FAILED)
    stage.now += 59.9
    assert stage.see(FAILED) == []
    stage.now += 0.1
    assert stage.see(FAILED) == [SUSPECT]
    stage.now += 59.9
    assert stage.see(FAILED) == []


def test_it_is_said_again_when_it_changes(stage: Stage) -> None:
    other = replace(FAILED, verdict=SYSTEMIC._replace(detail="no route"))
    assert stage.see(FAILED, other, other) == [SUSPECT] * 2


def test_each_operation_is_said_for_itself(stage: Stage) -> None:
    assert stage.see(FAILED, replace(FAILED, operation=Operation.RELEASE)) == [SUSPECT] * 2


def test_a_hold_is_one_line_at_its_beginning_and_one_at_its_end(stage: Stage) -> None:
    began = HoldBegan(Scope.CONFIRM, Reason.UNAUTHORIZED, "HTTP 401: the API key")
    probe = replace(FAILED, is_held=True)
    ended = HoldEnded(Scope.CONFIRM, 61.25, 7, is_proven=True)
    assert stage.see(began, probe, probe, ended) == [
        "hold began: everything fails, nothing is given up",
        "hold ended: Rokt answers",
    ]
    assert [(line["log_level"], line["scope"]) for line in stage.said] == [
        ("warning", "confirm"),
        ("info", "confirm"),
    ]
    assert stage.said[0]["why"] == "HTTP 401: the API key"
    assert (stage.said[1]["seconds"], stage.said[1]["failures"]) == (61.2, 7)


def test_a_retry_that_concerns_one_record_is_counted_and_not_said(stage: Stage) -> None:
    own = replace(FAILED, verdict=SYSTEMIC._replace(concern=Concern.MESSAGE))
    assert stage.see(own) == []
    assert stage.count("processor_retries_total", operation="CONFIRM", lane="live") == 1


@pytest.mark.parametrize(("is_replayed", "lane"), [(False, "live"), (True, "replay")])
def test_a_call_is_counted_with_its_verdict_and_time(
    stage: Stage, lane: str, *, is_replayed: bool
) -> None:
    assert stage.see(replace(WENT_WELL, is_replayed=is_replayed)) == []
    called = {"operation": "CONFIRM", "verdict": "succeeded"}
    assert stage.count("processor_calls_total", status_class="2xx", lane=lane, **called) == 1
    assert stage.count("processor_call_seconds_sum", **called) == 0.25


def test_an_outcome_is_counted_with_its_age_and_noted(stage: Stage) -> None:
    assert stage.observers.last_outcome_at is None
    assert stage.see(ended(replace(OUTCOME, reason=None), has_dead_letter=False)) == []
    labels = {"operation": "CONFIRM", "lane": "live"}
    assert stage.count("processor_outcomes_total", status="REJECTED", **labels) == 1
    assert stage.count("processor_event_to_outcome_seconds_sum", **labels) == 4.0
    assert stage.observers.last_outcome_at == 1_790_000_000.5


def test_a_dead_letter_is_counted_and_said_with_all_a_person_needs(stage: Stage) -> None:
    assert stage.see(ended()) == ["dead letter"]
    assert stage.said == [
        {
            "event": "dead letter",
            "log_level": "warning",
            "reason": "BAD_REQUEST",
            "why": "Rokt says no",
            "status": "REJECTED",
            "effect": "NOT_APPLIED",
            "operation": "CONFIRM",
            "cart_id": "c-1",
            "order_id": "o-1",
            "topic": "order-paid",
            "partition": 3,
            "offset": 42,
            "http_status": 400,
            "attempts": 2,
        }
    ]
    labels = {"operation": "CONFIRM", "reason": "BAD_REQUEST", "lane": "live"}
    assert stage.count("processor_dead_letters_total", **labels) == 1


def test_an_outcome_with_a_reason_but_no_dead_letter_is_not_said(stage: Stage) -> None:
    assert stage.see(ended(has_dead_letter=False)) == []


def test_a_release_before_its_payment_is_counted_and_said(stage: Stage) -> None:
    released = ended(has_dead_letter=False, is_released_before_paid=True)
    assert stage.see(released) == ["released before paid"]
    assert stage.count("processor_released_before_paid_total", lane="live") == 1


def test_a_record_that_had_its_outcome_is_told_for_debugging_only(stage: Stage) -> None:
    stage.see(RecordResolved(Partition("order-paid", 3), 42))
    assert [line["log_level"] for line in stage.said] == ["debug"]


def test_a_201_is_remarked_once(stage: Stage) -> None:
    created = replace(WENT_WELL, verdict=SUCCEEDED._replace(http_status=201))
    assert stage.see(WENT_WELL) == []
    assert len(stage.see(created, created)) == 1


def test_one_failing_cart_among_good_ones_says_little(stage: Stage) -> None:
    seen: list[Observation] = [FAILED, WENT_WELL]
    assert stage.see(*seen * 50) == [SUSPECT]


def test_two_reasons_in_turn_are_said_once_each(stage: Stage) -> None:
    other = replace(FAILED, verdict=SYSTEMIC._replace(detail="another node refuses"))
    assert stage.see(*[FAILED, other] * 50) == [SUSPECT, SUSPECT]
