"""Metrics: the methods that count. `metrics_table` says what there is.

`python -m processor.shell.metrics` writes METRICS.md from the table.

Counting happens for every record, on the loop's thread, so labelled series are looked up once
and kept: prometheus_client's `labels()` costs more than the counting itself.
"""

import platform
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Final, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from processor import __version__
from processor.core.records import Partition
from processor.core.replies import Kind
from processor.core.sight import HoldSight
from processor.core.vocabulary import Operation, Reason, Status
from processor.shell.metrics_form import Labels, Metric, MetricType
from processor.shell.metrics_process import OfProcess
from processor.shell.metrics_table import (
    AGES,
    COUNTED,
    NO_STATUS,
    STATUS_CLASSES,
    TABLE,
    Dependency,
    HoldScope,
    Lane,
    Rebalance,
    Rehearsed,
)

__all__ = ["Dependency", "HoldScope", "Lane", "Metrics", "Rebalance", "Rehearsed", "document"]

Series = TypeVar("Series", Counter, Gauge, Histogram)
_DOCUMENT: Final = Path(__file__).parents[1] / "METRICS.md"


class _SeriesOf(dict[Labels, Series], Generic[Series]):
    """The series of one metric by their label values, each looked up once."""

    def __init__(self, metric: Series) -> None:
        super().__init__()
        self._metric: Series = metric

    def __missing__(self, labels: Labels) -> Series:
        series: Series = self._metric.labels(*labels) if labels else self._metric
        self[labels] = series
        return series

    def drop_others(self, wanted: Mapping[Labels, float]) -> None:
        """Forget all series but the wanted ones."""
        for labels in self.keys() - wanted.keys():
            del self[labels]
            self._metric.remove(*labels)


class Metrics:
    """All metrics of the table, in one registry. Called on the loop's thread only."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register every metric; the series that are born zero exist at once."""
        disable_created_metrics()  # type: ignore[no-untyped-call]
        counters = {row.name: _SeriesOf(_counter(row, registry)) for row in _of(MetricType.COUNTER)}
        gauges = {row.name: _SeriesOf(_gauge(row, registry)) for row in _of(MetricType.GAUGE)}
        histograms = {
            row.name: _SeriesOf(_histogram(row, registry)) for row in _of(MetricType.HISTOGRAM)
        }
        every: dict[str, Mapping[Labels, object]] = {**counters, **gauges, **histograms}
        for row in COUNTED:
            if row.is_born_zero:
                for labels in product(*row.labels.values()):
                    every[row.name][labels]  # looking it up creates it
        self._records = counters["processor_records_total"]
        self._calls = counters["processor_calls_total"]
        self._call_seconds = histograms["processor_call_seconds"]
        self._retries = counters["processor_retries_total"]
        self._outcomes = counters["processor_outcomes_total"]
        self._event_to_outcome = histograms["processor_event_to_outcome_seconds"]
        self._paid_to_confirmed = histograms["processor_paid_to_confirmed_seconds"]
        self._dead_letters = counters["processor_dead_letters_total"]
        self._counters = counters
        self._gauges = gauges
        registry.register(OfProcess())
        version = (__version__, platform.python_version())
        gauges["processor_build_info"][version].set(1)

    def received(self, topic: str, count: int = 1) -> None:
        """Count records received from a topic."""
        self._records[topic,].inc(count)

    def called(
        self, operation: Operation, verdict: Kind, status: int | None, lane: Lane, seconds: float
    ) -> None:
        """Count an attempt, what its reply meant and how long it took; None: no status seen."""
        self._calls[operation, verdict, status_class(status), lane].inc()
        self._call_seconds[operation, verdict].observe(seconds)

    def retried(self, operation: Operation, lane: Lane) -> None:
        """Count an attempt after the first one of its record."""
        self._retries[operation, lane].inc()

    def concluded(self, operation: Operation, status: Status, lane: Lane, age: float) -> None:
        """Count an acknowledged outcome; `age`: seconds since its event, never below zero."""
        self._outcomes[operation, status, lane].inc()
        age = max(age, 0.0)  # the clocks of those who write events may be ahead of ours
        self._event_to_outcome[operation, lane].observe(age)
        if operation is Operation.CONFIRM and status is Status.SUCCEEDED:
            self._paid_to_confirmed[lane,].observe(age)

    def dead_lettered(self, operation: Operation, reason: Reason, lane: Lane) -> None:
        """Count an acknowledged dead letter."""
        self._dead_letters[operation, reason, lane].inc()

    def released_before_paid(self, lane: Lane) -> None:
        """Count an order with an item that had been released before its payment was read."""
        self._counters["processor_released_before_paid_total"][lane,].inc()

    def replay_settled(self, operation: Operation) -> None:
        """Count a replayed copy that was settled already."""
        self._counters["processor_replay_settled_total"][operation,].inc()

    def rehearsed(self, verdict: Rehearsed) -> None:
        """Count a record that was decoded in a child process first."""
        self._counters["processor_rehearsals_total"][verdict,].inc()

    def rebalanced(self, event: Rebalance) -> None:
        """Count a change of the partitions owned."""
        self._counters["processor_rebalances_total"][event,].inc()

    def committed(self, wall: float) -> None:
        """Note when offsets were last committed, in seconds since the epoch."""
        self._gauges["processor_last_commit_timestamp_seconds"][()].set(wall)

    def set_in_flight(self, count: int) -> None:
        """Set how many calls wait for their reply."""
        self._gauges["processor_in_flight"][()].set(count)

    def set_restore_remaining(self, count: int) -> None:
        """Set how many outcomes are still to be read back."""
        self._gauges["processor_restore_remaining"][()].set(count)

    def set_unfinished(self, by_topic: Mapping[str, int]) -> None:
        """Set how many records of each topic are unfinished; topics left out are forgotten."""
        self._replace("processor_unfinished", {(topic,): n for topic, n in by_topic.items()})

    def set_oldest_unfinished(self, walls: Mapping[Operation, float]) -> None:
        """Set the times of the oldest unfinished events; operations left out have none."""
        values: dict[Labels, float] = {(operation,): wall for operation, wall in walls.items()}
        self._replace("processor_oldest_unfinished_timestamp_seconds", values)

    def set_ages(self, walls: Mapping[Operation, Sequence[float]], wall: float) -> None:
        """Set how many unfinished events are older than each age; `wall` is now."""
        gauge = self._gauges["processor_unfinished_older_than"]
        for operation, age in product(Operation, AGES):
            old = sum(wall - each > age for each in walls.get(operation, ()))
            gauge[operation, str(age)].set(old)

    def set_first_expiry(self, wall: float | None) -> None:
        """Set when the first reservation of a late order ends; None: there is none."""
        values: dict[Labels, float] = {} if wall is None else {(Operation.CONFIRM,): wall}
        self._replace("processor_first_reservation_expiry_timestamp_seconds", values)

    def set_next_offsets(self, offsets: Mapping[Partition, int]) -> None:
        """Set the first unfinished offset of every partition owned; the others are forgotten."""
        values: dict[Labels, float] = {
            (topic, str(number)): offset for (topic, number), offset in offsets.items()
        }
        self._replace("processor_next_offset", values)

    def set_lag(self, lags: Mapping[Partition, int]) -> None:
        """Set the lag of every partition owned; the others are forgotten."""
        values: dict[Labels, float] = {
            (topic, str(number)): lag for (topic, number), lag in lags.items()
        }
        self._replace("processor_consumer_lag", values)

    def set_parked(self, owned: Iterable[Partition], parked: Container[Partition]) -> None:
        """Set of every partition owned whether it is parked; the others are forgotten."""
        values: dict[Labels, float] = {
            (each.topic, str(each.number)): float(each in parked) for each in owned
        }
        self._replace("processor_parked", values)

    def set_holds(self, holds: Mapping[HoldScope, HoldSight]) -> None:
        """Set which scopes are held, since when, why, how many wait, and the next probe."""
        for scope in HoldScope:
            hold = holds.get(scope)
            self._gauges["processor_hold"][scope,].set(hold is not None)
            self._gauges["processor_hold_waiting"][scope,].set(hold.waiting if hold else 0)
        tables: dict[str, dict[Labels, float]] = {
            "processor_hold_started_timestamp_seconds": {
                (scope,): hold.since for scope, hold in holds.items()
            },
            "processor_hold_next_probe_timestamp_seconds": {
                (scope,): hold.next_probe
                for scope, hold in holds.items()
                if hold.next_probe is not None
            },
            "processor_hold_reason": {(scope, hold.reason): 1 for scope, hold in holds.items()},
        }
        for name, values in tables.items():
            self._replace(name, values)

    def set_pauses(self, until: Mapping[HoldScope, float]) -> None:
        """Set until when scopes are paused, seconds since the epoch."""
        values: dict[Labels, float] = {(scope,): wall for scope, wall in until.items()}
        self._replace("processor_paused_until_timestamp_seconds", values)

    def set_away(self, dependency: Dependency, *, is_away: bool) -> None:
        """Set whether something that the processor needs does not answer."""
        self._gauges["processor_away"][dependency,].set(is_away)

    def set_partitioners_disagree(self, *, is_so: bool) -> None:
        """Set whether the producers of the two inputs put carts on different partitions."""
        self._gauges["processor_partitioners_disagree"][()].set(is_so)

    def _replace(self, name: str, values: Mapping[Labels, float]) -> None:
        gauge = self._gauges[name]
        gauge.drop_others(values)
        for labels, value in values.items():
            gauge[labels].set(value)


def status_class(status: int | None) -> str:
    """Return the class of an HTTP status, such as `2xx`."""
    position = 0 if status is None else status // 100
    return STATUS_CLASSES[position] if 0 <= position < len(STATUS_CLASSES) else NO_STATUS


def _of(kind: MetricType) -> tuple[Metric, ...]:
    return tuple(row for row in COUNTED if row.type is kind)


def _counter(row: Metric, registry: CollectorRegistry) -> Counter:
    return Counter(row.name, row.help, tuple(row.labels), registry=registry)


def _gauge(row: Metric, registry: CollectorRegistry) -> Gauge:
    return Gauge(row.name, row.help, tuple(row.labels), registry=registry)


def _histogram(row: Metric, registry: CollectorRegistry) -> Histogram:
    return Histogram(row.name, row.help, tuple(row.labels), registry=registry, buckets=row.buckets)


def document() -> str:
    """Return METRICS.md."""
    lines = [
        "# Metrics",
        "",
        "Generated by `python -m processor.shell.metrics`; edit `shell/metrics_table.py` instead.",
        "Labels never hold ids. Labels without a list take the names of topics, partitions or",
        "versions. Times are seconds, timestamps are seconds since the epoch.",
        "",
        "| name | type | labels | meaning |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{row.name}` | {row.type} | {', '.join(f'`{name}`' for name in row.labels) or 'none'} "
        f"| {row.help} |"
        for row in TABLE
    ]
    lines += ["", "## Labels", "", "| label | of | values |", "|---|---|---|"]
    lines += [
        f"| `{label}` | `{row.name}` | {', '.join(f'`{value}`' for value in values)} |"
        for row in TABLE
        for label, values in row.labels.items()
        if values
    ]
    lines += ["", "## Buckets", "", "| histogram | upper bounds, seconds |", "|---|---|"]
    lines += [
        f"| `{row.name}` | {', '.join(f'{bound:g}' for bound in row.buckets)} |"
        for row in TABLE
        if row.buckets
    ]
    return "\n".join((*lines, ""))


if __name__ == "__main__":
    _DOCUMENT.write_text(document(), encoding="utf-8")
