"""Metrics: what is counted where, and that the document says the same as the table."""

import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest

import processor
from processor.core.records import Partition
from processor.core.replies import Kind
from processor.core.sight import HoldSight
from processor.core.vocabulary import Operation, Reason, Status
from processor.shell.metrics import (
    Dependency,
    HoldScope,
    Lane,
    Metrics,
    Rebalance,
    Rehearsed,
    document,
    status_class,
)
from processor.shell.metrics_form import MetricType
from processor.shell.metrics_process import PROCESS
from processor.shell.metrics_table import TABLE

CONFIRM, RELEASE = Operation.CONFIRM, Operation.RELEASE


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics(registry)


def series(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    """Return the samples of one name that are not zero, by their sorted labels."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == name and sample.value
    }


def test_an_attempt_is_counted_and_timed(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics.called(CONFIRM, Kind.SUCCEEDED, 200, Lane.LIVE, 0.06)
    metrics.called(CONFIRM, Kind.SUCCEEDED, 200, Lane.LIVE, 0.07)
    metrics.called(RELEASE, Kind.NOT_SENT, None, Lane.REPLAY, 3.0)
    assert series(registry, "processor_calls_total") == {
        ("live", "CONFIRM", "2xx", "succeeded"): 2.0,
        ("replay", "RELEASE", "none", "not_sent"): 1.0,
    }
    assert series(registry, "processor_call_seconds_sum") == {
        ("CONFIRM", "succeeded"): pytest.approx(0.13),
        ("RELEASE", "not_sent"): 3.0,
    }


def test_what_comes_of_records_is_counted(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics.received("order-paid", 3)
    metrics.retried(CONFIRM, Lane.LIVE)
    metrics.dead_lettered(CONFIRM, Reason.UNPROCESSABLE, Lane.LIVE)
    metrics.concluded(CONFIRM, Status.REJECTED, Lane.LIVE, 2.0)
    metrics.concluded(Operation.UNKNOWN, Status.REJECTED, Lane.REPLAY, -5.0)
    metrics.concluded(CONFIRM, Status.SUCCEEDED, Lane.LIVE, 70.0)
    metrics.concluded(RELEASE, Status.SUCCEEDED, Lane.LIVE, 1.0)
    metrics.released_before_paid(Lane.REPLAY)
    metrics.replay_settled(CONFIRM)
    metrics.rebalanced(Rebalance.LOST)
    metrics.rehearsed(Rehearsed.DEADLY)
    expected = {
        "processor_records_total": {("order-paid",): 3.0},
        "processor_retries_total": {("live", "CONFIRM"): 1.0},
        "processor_dead_letters_total": {("live", "CONFIRM", "UNPROCESSABLE"): 1.0},
        "processor_outcomes_total": {
            ("live", "CONFIRM", "REJECTED"): 1.0,
            ("live", "CONFIRM", "SUCCEEDED"): 1.0,
            ("live", "RELEASE", "SUCCEEDED"): 1.0,
            ("replay", "UNKNOWN", "REJECTED"): 1.0,
        },
        "processor_event_to_outcome_seconds_sum": {
            ("live", "CONFIRM"): 72.0,
            ("live", "RELEASE"): 1.0,
        },
        "processor_paid_to_confirmed_seconds_sum": {("live",): 70.0},
        "processor_paid_to_confirmed_seconds_count": {("live",): 1.0},
        "processor_released_before_paid_total": {("replay",): 1.0},
        "processor_replay_settled_total": {("CONFIRM",): 1.0},
        "processor_rebalances_total": {("lost",): 1.0},
        "processor_rehearsals_total": {("deadly",): 1.0},
    }
    assert {name: series(registry, name) for name in expected} == expected


def test_gauges_tell_the_present_and_forget_what_is_gone(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    metrics.set_lag({Partition("order-paid", 0): 5, Partition("order-paid", 1): 6})
    metrics.set_lag({Partition("order-paid", 1): 7})
    metrics.set_next_offsets({Partition("order-paid", 0): 5, Partition("order-paid", 1): 6})
    metrics.set_next_offsets({Partition("order-paid", 1): 8})
    metrics.set_unfinished({"order-paid": 2})
    metrics.set_oldest_unfinished({CONFIRM: 1_700_000_000.0, RELEASE: 1.0})
    metrics.set_oldest_unfinished({CONFIRM: 1_700_000_001.0})
    metrics.set_ages({CONFIRM: [100.0, 640.0], RELEASE: [100.0]}, 1_000.0)
    metrics.set_ages({CONFIRM: [100.0, 640.0, 940.0, 2_000.0]}, 1_000.0)
    metrics.set_first_expiry(77.0)
    hold = HoldSight(
        since=12.0, reason=Reason.FORBIDDEN, why="HTTP 403", waiting=3, next_probe=14.0
    )
    metrics.set_holds({HoldScope.CONFIRM: hold, HoldScope.RELEASE: hold})
    metrics.set_holds({HoldScope.CONFIRM: hold})
    metrics.set_away(Dependency.KAFKA, is_away=True)
    metrics.set_partitioners_disagree(is_so=True)
    metrics.set_in_flight(4)
    metrics.set_restore_remaining(9)
    metrics.committed(99.0)
    expected = {
        "processor_consumer_lag": {("1", "order-paid"): 7.0},
        "processor_next_offset": {("1", "order-paid"): 8.0},
        "processor_unfinished": {("order-paid",): 2.0},
        "processor_oldest_unfinished_timestamp_seconds": {("CONFIRM",): 1_700_000_001.0},
        "processor_unfinished_older_than": {("CONFIRM", "300"): 2.0, ("CONFIRM", "60"): 2.0},
        "processor_first_reservation_expiry_timestamp_seconds": {("CONFIRM",): 77.0},
        "processor_hold": {("confirm",): 1.0},
        "processor_hold_started_timestamp_seconds": {("confirm",): 12.0},
        "processor_hold_next_probe_timestamp_seconds": {("confirm",): 14.0},
        "processor_hold_waiting": {("confirm",): 3.0},
        "processor_hold_reason": {("FORBIDDEN", "confirm"): 1.0},
        "processor_away": {("kafka",): 1.0},
        "processor_partitioners_disagree": {(): 1.0},
        "processor_in_flight": {(): 4.0},
        "processor_restore_remaining": {(): 9.0},
        "processor_last_commit_timestamp_seconds": {(): 99.0},
    }
    assert {name: series(registry, name) for name in expected} == expected
    metrics.set_first_expiry(None)
    assert not series(registry, "processor_first_reservation_expiry_timestamp_seconds")


def test_the_series_that_are_born_zero_are_there_before_the_first_event(
    registry: CollectorRegistry,
) -> None:
    Metrics(registry)
    text = generate_latest(registry).decode()
    for line in (
        'processor_dead_letters_total{lane="live",operation="CONFIRM",reason="UNPROCESSABLE"} 0.0',
        'processor_outcomes_total{lane="live",operation="RELEASE",status="SKIPPED"} 0.0',
        'processor_hold{scope="replay"} 0.0',
        'processor_paid_to_confirmed_seconds_bucket{lane="live",le="60.0"} 0.0',
        'processor_released_before_paid_total{lane="live"} 0.0',
        'processor_unfinished_older_than{operation="CONFIRM",seconds="60"} 0.0',
        'processor_away{dependency="schema_registry"} 0.0',
    ):
        assert line in text
    assert f'version="{processor.__version__}"' in text


def test_no_series_tells_when_it_was_created(registry: CollectorRegistry) -> None:
    Metrics(registry).called(CONFIRM, Kind.RETRY, 500, Lane.LIVE, 1.0)
    assert "_created" not in generate_latest(registry).decode()


def test_no_other_value_than_those_of_the_table_gets_into_a_closed_label(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    for status in (None, 0, 99, 200, 404, 599, 600, 999, -1):
        metrics.called(CONFIRM, Kind.RETRY, status, Lane.LIVE, 1.0)
    closed = {row.name: row.labels for row in TABLE}
    for family in registry.collect():
        for sample in family.samples:
            allowed = closed.get(sample.name, {})
            strange = {
                label: value
                for label, value in sample.labels.items()
                if allowed.get(label) and value not in allowed[label]
            }
            assert not strange


@pytest.mark.skipif(sys.platform != "linux", reason="the system has no /proc")
def test_the_system_tells_of_the_process_what_the_table_says(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    del metrics
    told = [each for each in registry.collect() if each.name.startswith("processor_process_")]
    rows = [(row.name.removesuffix("_total"), row.type, row.help) for row in PROCESS]
    assert sorted((each.name, each.type, each.documentation) for each in told) == sorted(rows)
    assert all(sample.value > 0 for each in told for sample in each.samples)


def test_the_system_is_asked_at_a_scrape_only(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[ProcessCollector] = []

    def collect(self: ProcessCollector) -> list[Metric]:
        asked.append(self)
        return []

    monkeypatch.setattr(ProcessCollector, "collect", collect)
    metrics = Metrics(registry)
    metrics.received("topic")
    metrics.called(CONFIRM, Kind.SUCCEEDED, 200, Lane.LIVE, 0.1)
    metrics.concluded(CONFIRM, Status.SUCCEEDED, Lane.LIVE, 1.0)
    metrics.set_in_flight(1)
    assert asked == []
    generate_latest(registry)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (None, "none"),
        (42, "none"),
        (100, "1xx"),
        (204, "2xx"),
        (302, "3xx"),
        (429, "4xx"),
        (511, "5xx"),
        (600, "none"),
    ],
)
def test_a_status_has_a_class(status: int | None, name: str) -> None:
    assert status_class(status) == name


def test_the_buckets_of_call_times_reach_from_ten_milliseconds_to_a_minute() -> None:
    buckets = {row.name: row.buckets for row in TABLE if row.type is MetricType.HISTOGRAM}
    assert buckets["processor_call_seconds"][0] == 0.01
    assert buckets["processor_call_seconds"][-1] == 60.0
    assert all(list(bounds) == sorted(set(bounds)) for bounds in buckets.values())


def test_the_document_is_what_the_table_says() -> None:
    path = Path(processor.__file__).parent / "METRICS.md"
    assert path.read_text(encoding="utf-8") == document(), "run python -m processor.shell.metrics"
