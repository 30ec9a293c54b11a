"""A trial: one program works on one case, and is measured meanwhile."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tests.benchmarks.case import Case
from tests.benchmarks.logs import Log, read_log
from tests.benchmarks.meter import Figures, Meter, cpu_by_thread
from tests.benchmarks.percentiles import Delays
from tests.benchmarks.phases import LOW_RATE, QUEUE, feed_slowly, saturate
from tests.benchmarks.profiler import profiler
from tests.benchmarks.stage import ROOT, Scene, Stage
from tests.support.programs import Program, wait_until

_STARTS_WITHIN = 60.0
_LOW_LOAD = 0.2
_LAST_LINES = 2_000
_LOOK = 0.1
_TAKEN_IN = 1_000  # PROCESSOR_CALLS__MAX_UNFINISHED, of each partition


class Subject(StrEnum):
    """What is measured."""

    PROCESSOR = "processor"
    LOOP = "careful loop"
    FLOOR = "bare floor"


_MODULES = {Subject.LOOP: "yardstick", Subject.FLOOR: "floor"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """Seconds: a backlog is watched for `most`; `low`, `saturated`, `idle` of none are left out."""

    most: float = 60.0
    idle: float = 0.0
    low: float = 0.0
    saturated: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What was measured.

    `api_cores` and `api_late` (seconds, 99 %) tell whether the API was the limit; `load` is the
    machine's before; `idle_cores` is what the processes take when they have nothing to do;
    `threads` has the seconds of the CPU by thread of the first process;
    `oddity` says what makes the figures doubtful.
    """

    subject: Subject
    case: Case
    work: Figures
    api_cores: float
    api_late: float
    load: float
    low: Delays | None = None
    saturated: Delays | None = None
    idle_cores: float | None = None
    threads: Mapping[str, float] = field(default_factory=dict)
    oddity: str | None = None


def run(
    stage: Stage,
    subject: Subject,
    case: Case,
    spans: Spans,
    *,
    source: Path = ROOT,
    profile: Path | None = None,
) -> Trial:
    """Run one trial, with the processor of the checkout `source`; TimeoutError shows its log.

    py-spy writes a `profile` of the first program, of the time when it worked off its backlog.
    """
    load = os.getloadavg()[0]
    with stage.scene(case) as scene:
        scene.orders.produce(case.orders)
        with _running(_programs(scene, subject, source)) as programs:
            meter = Meter(
                [each.pid for each in programs], stage.admin, scene.topics.results, case.partitions
            )
            _wait_for_work(scene, meter, programs)
            api_before = scene.api.cpu()
            scene.api.late()
            until = case.orders - _ahead(subject, case)
            before = cpu_by_thread(programs[0].pid)
            with profiler(programs[0].pid, profile):
                work = meter.figures(until=until, within=spans.most)
            threads = {
                name: seconds - before.get(name, 0.0)
                for name, seconds in cpu_by_thread(programs[0].pid).items()
            }
            api_cores = (scene.api.cpu() - api_before) / work.seconds if work.seconds else 0.0
            api_late = scene.api.late()
            if spans.idle or spans.low:
                list(meter.readings(until=scene.orders.produced, within=spans.most, every=_LOOK))
            idle_cores = _idle_cores(scene, meter, spans)
            low, saturated = _feed(scene, meter, spans)
            oddity = _stop(programs) if subject is Subject.PROCESSOR else None
        results = _read(scene, scene.topics.results)
        events = _read(scene, scene.topics.order_paid) if low else Log()
    return Trial(
        subject=subject,
        case=case,
        work=work,
        api_cores=api_cores,
        api_late=api_late,
        load=load,
        low=Delays.between(low, events.times, results.times),
        saturated=Delays.between(saturated, events.times, results.times),
        idle_cores=idle_cores,
        threads=threads,
        oddity=oddity or _failures(results) or ("py-spy slowed it" if profile else None),
    )


def _ahead(subject: Subject, case: Case) -> int:
    """Return how many orders are left when the measuring ends: as many as were in before it began.

    So each event that counts is one that was read, called and written in the measured time.
    """
    match subject:
        case Subject.PROCESSOR:
            return min(_TAKEN_IN * case.partitions, case.orders // 2)
        case Subject.LOOP:  # it takes batches, and waits for its last one
            return case.in_flight
        case Subject.FLOOR:
            return 0


def _programs(scene: Scene, subject: Subject, source: Path) -> list[Program]:
    if subject is Subject.PROCESSOR:
        return [scene.processor(source) for _ in range(scene.case.replicas)]
    return [scene.yardstick(_MODULES[subject])]


@contextmanager
def _running(programs: Sequence[Program]) -> Iterator[Sequence[Program]]:
    with ExitStack() as stack:
        for program in programs:
            stack.enter_context(program)
        yield programs


def _wait_for_work(scene: Scene, meter: Meter, programs: Sequence[Program]) -> None:
    """Return once there are outcomes and all members own partitions."""

    def is_at_work() -> bool:
        if not all(program.is_running for program in programs):
            raise TimeoutError("a program has ended")
        # One member owns what it works on; asking would only take time of a short backlog.
        is_shared = len(programs) == 1 or scene.owners() == len(programs)
        return is_shared and meter.outcomes() > 0

    what = "all members own partitions, and there is an outcome"
    try:
        wait_until(is_at_work, within=_STARTS_WITHIN, what=what)
    except TimeoutError as error:
        said = "\n".join(program.log_text()[-_LAST_LINES:] for program in programs)
        raise TimeoutError(f"{error}\n{said}") from None


def _idle_cores(scene: Scene, meter: Meter, spans: Spans) -> float | None:
    first = meter.read()
    if not spans.idle or first.outcomes < scene.orders.produced:
        return None
    time.sleep(spans.idle)
    return Figures.between(first, meter.read()).cores


def _feed(scene: Scene, meter: Meter, spans: Spans) -> tuple[list[str], list[str]]:
    """Return the keys that were produced at low load and at saturation."""
    case, orders = scene.case, scene.orders
    is_slow = case.ceiling * _LOW_LOAD < LOW_RATE
    if not spans.low or is_slow or meter.outcomes() < orders.produced:
        return [], []
    low = feed_slowly(orders, meter, seconds=spans.low)
    unanswered = QUEUE * case.in_flight * case.replicas
    return low, saturate(orders, meter, unanswered=unanswered, seconds=spans.saturated)


def _stop(programs: Sequence[Program]) -> str | None:
    codes = [program.stop() for program in programs]
    if not any(codes):
        return None
    return f"exit codes {codes}: {programs[0].log_text()[-_LAST_LINES:]}"


def _read(scene: Scene, topic: str) -> Log:
    return read_log(scene.stage.kafka, topic, scene.case.partitions)


def _failures(results: Log) -> str | None:
    others = {name: count for name, count in results.statuses.items() if name != "SUCCEEDED"}
    return f"not all succeeded: {others}" if others else None
