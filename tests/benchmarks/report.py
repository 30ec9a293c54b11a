"""The report: a table that grows line by line, the yardsticks' ratios, and all of it as JSON."""

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from tests.benchmarks.api import Limit
from tests.benchmarks.percentiles import Delays
from tests.benchmarks.phases import LOW_RATE, QUEUE
from tests.benchmarks.stage import ROOT
from tests.benchmarks.trial import Subject, Trial

_MEGABYTE = 1e6
_CASE = "{:<12} {:>5} {:>6} {:>9} {:>10} {:>8}"
_WORK = " | {:>8} {:>8} {:>8} {:>6} {:>6} {:>6}"
_DELAYS = " | {:>9} {:>11}"
_AROUND = " | {:>5} {:>5} {:>5}"
_LINE = _CASE + _WORK + _DELAYS + _AROUND

HEAD = "\n".join(
    (
        _LINE.format(
            *("", "items", "API", "in flight", "partitions", "replicas"),
            *("events", "events", "events/s", "CPU", "MB", "MB"),
            *("low load", "saturated"),
            *("API", "API", "load"),
        ),
        _LINE.format(
            *("", "", "ms", "", "", ""),
            *("", "/CPU-s", "", "cores", "", "peak"),
            *("p50/p99", "p50/p99 ms"),
            *("cores", "late", ""),
        ),
    )
)

LEGEND = f"""\
events/CPU-s  of the processes that are measured, user and system, all threads: compare these
MB, MB peak   resident at the end of the backlog (VmRSS), and at most until then (VmHWM)
low load      from an event in its topic to its outcome in its own, {LOW_RATE:g} orders a second
saturated     the same, with {QUEUE} orders unanswered for each call that may be in flight
API late      by how many ms 99 % of the API's answers were late at most
load          of the machine just before: others were at work if it is more than the benchmark's"""


def line(trial: Trial) -> str:
    """Return a trial as a line of the table, and below it what makes it doubtful."""
    case, work = trial.case, trial.work
    text = _LINE.format(
        *(trial.subject, case.items, f"{case.latency * 1000:g}", case.in_flight),
        *(case.partitions, case.replicas, f"{work.events:,}", f"{work.per_cpu_second:,.0f}"),
        *(f"{work.rate:,.0f}", f"{work.cores:.2f}", f"{work.resident / _MEGABYTE:,.0f}"),
        *(f"{work.peak / _MEGABYTE:,.0f}", _delays(trial.low), _delays(trial.saturated)),
        *(f"{trial.api_cores:.2f}", f"{trial.api_late * 1000:.0f}", f"{trial.load:.1f}"),
    )
    return f"{text}\n  ! {trial.oddity}" if trial.oddity else text


def _delays(delays: Delays | None) -> str:
    return "-" if delays is None else str(delays)


def limit_line(limit: Limit, trials: Sequence[Trial]) -> str:
    """Return whether the API was a limit."""
    cores = max((trial.api_cores for trial in trials), default=0.0)
    fastest = max((t.work.rate for t in trials if t.subject is not Subject.FLOOR), default=0.0)
    return (
        f"The API alone answers {limit.rate:,.0f} calls/s, {limit.per_cpu_second:,.0f} per second "
        f"of its CPU; asked for {fastest:,.0f} calls/s at most it took {cores:.2f} cores."
    )


def ratios(trials: Sequence[Trial]) -> Iterator[str]:
    """Yield how the processor compares with the yardsticks on the same case, by the means."""
    for subject in (Subject.LOOP, Subject.FLOOR):
        for theirs in dict.fromkeys(_point(t) for t in trials if t.subject is subject):
            ours = [t for t in trials if t.subject is Subject.PROCESSOR and _point(t) == theirs]
            base = [t for t in trials if t.subject is subject and _point(t) == theirs]
            if ours and (speed := mean_speed(base)):
                yield (
                    f"{mean_speed(ours) / speed:6.2f} times the {subject} per CPU-second: "
                    f"{_named(theirs)}"
                )


def mean_speed(trials: Iterable[Trial]) -> float:
    """Return the mean of the events per CPU-second."""
    return fmean(trial.work.per_cpu_second for trial in trials)


def _point(trial: Trial) -> tuple[int, float, int]:
    return trial.case.items, trial.case.latency, trial.case.in_flight


def _named(point: tuple[int, float, int]) -> str:
    items, latency, in_flight = point
    return f"{items} items, API {latency * 1000:g} ms, {in_flight} in flight"


def machine(source: Path = ROOT) -> dict[str, Any]:
    """Return what the figures were measured on, and of which commit."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607  (whichever git there is)
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": described.stdout.strip(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def trial_json(trial: Trial) -> dict[str, Any]:
    """Return all that is known of a trial; seconds and bytes."""
    work = trial.work
    derived = {"per_cpu_second": work.per_cpu_second, "rate": work.rate, "cores": work.cores}
    known = asdict(trial)
    return {**known, "work": {**known["work"], **derived}}


def write_json(
    path: Path, where: dict[str, Any], limit: Limit | None, trials: Sequence[Trial]
) -> None:
    """Write everything to a file."""
    content = {
        "machine": where,
        "api": limit and asdict(limit),
        "trials": [trial_json(trial) for trial in trials],
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
