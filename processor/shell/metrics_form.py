"""The form of a metric: what a row of the table says of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Labels = tuple[str, ...]


class MetricType(StrEnum):
    """How a metric behaves."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One row of the table.

    `labels` gives each label its closed set of values; an empty set stands for the names that
    the settings fix (topics, partitions, versions). `is_born_zero`: all its series exist from
    the start, so that the first event shows as an increase.
    """

    name: str
    type: MetricType
    help: str
    labels: Mapping[str, Labels]
    unit: str = ""
    buckets: tuple[float, ...] = ()
    is_born_zero: bool = False
