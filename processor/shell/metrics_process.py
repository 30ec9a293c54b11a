"""Metrics of the process itself, which the system tells when it is asked: at a scrape.

They are absent where there is no /proc.
"""

from collections.abc import Iterator
from typing import Final

from prometheus_client import Metric as Family
from prometheus_client import ProcessCollector
from prometheus_client.registry import Collector

from processor.shell.metrics_form import Metric, MetricType

PROCESS: Final = (
    Metric(
        name="processor_process_resident_memory_bytes",
        type=MetricType.GAUGE,
        help="Resident memory size in bytes.",
        labels={},
        unit="bytes",
    ),
    Metric(
        name="processor_process_cpu_seconds_total",
        type=MetricType.COUNTER,
        help="Total user and system CPU time spent in seconds.",
        labels={},
        unit="seconds",
    ),
    Metric(
        name="processor_process_open_fds",
        type=MetricType.GAUGE,
        help="Number of open file descriptors.",
        labels={},
    ),
    Metric(
        name="processor_process_max_fds",
        type=MetricType.GAUGE,
        help="Maximum number of open file descriptors.",
        labels={},
    ),
    Metric(
        name="processor_process_start_time_seconds",
        type=MetricType.GAUGE,
        help="Start time of the process since unix epoch in seconds.",
        labels={},
        unit="seconds",
    ),
)
"""The rows of the table; names and help are the library's."""
_NAMES: Final = frozenset(row.name.removesuffix("_total") for row in PROCESS)


class OfProcess(Collector):
    """Gives those of the library's metrics that are in the table."""

    def __init__(self) -> None:
        self._all = ProcessCollector(namespace="processor", registry=None)

    def collect(self) -> Iterator[Family]:
        """Ask the system. Reads /proc, so it is for scrapes only."""
        return (family for family in self._all.collect() if family.name in _NAMES)
