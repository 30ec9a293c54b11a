"""The benchmark: `make bench`, or `python -m tests.benchmarks`. It prints figures, no verdict.

Orders lie in a real Kafka before the processor starts; an API in a process of its own confirms
them. The figure to look at is events per second of the CPU, of the processor's own process: it
survives a busy machine. The yardsticks run in the same hour, so the ratios survive another one.

By default: orders of 1 and of 10 items, an API of 0, 50 and 200 ms, 256 calls in flight (with one
item and 50 ms also 16 and 1,024), 8 partitions; five to ten minutes on two cores.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from operator import itemgetter
from pathlib import Path

from confluent_kafka import KafkaException

from tests.benchmarks import options, report
from tests.benchmarks.api import measure_limit
from tests.benchmarks.case import IN_FLIGHT, LATENCY, Case
from tests.benchmarks.profiler import shares
from tests.benchmarks.stage import ROOT, Stage, stage, surroundings
from tests.benchmarks.trial import Spans, Subject, Trial, run

_QUICK = 40_000
_FULL = 100_000
_FLOOR_ORDERS = 60_000
_LOOP_SECONDS = 10.0
_IDLE_SECONDS = 3.0
_MOST_SHOWN = 15
_FULL_IN_FLIGHT = (1, 4, 16, 64, 256, 1_024)
_MORE_IN_FLIGHT = (16, 1_024)


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_axes(parser)
    parser.add_argument(
        "--full", action="store_true", help=f"{_FULL:,} orders, 1 to 1,024 in flight: hours"
    )
    parser.add_argument("--most", type=float, help="seconds for the backlog of a case")
    parser.add_argument("--runs", type=int, default=1, help="how often everything is run")
    parser.add_argument("--no-yardsticks", action="store_true", help="the processor only")
    parser.add_argument("--no-delays", action="store_true", help="the backlogs only")
    parser.add_argument("--json", type=Path, help="write all of it to this file as well")
    parser.add_argument(
        "--profile", type=Path, help="write a py-spy profile of the first case (raw stacks) here"
    )
    parser.add_argument(
        "--source", type=Path, default=ROOT, help="checkout whose processor is measured"
    )
    arguments = parser.parse_args()
    _fill_in(arguments)
    with stage() as scene:
        _run(scene, arguments)


def _fill_in(arguments: argparse.Namespace) -> None:
    arguments.is_usual = not (
        arguments.full or arguments.items or arguments.latency or arguments.in_flight
    )
    arguments.items = arguments.items or (1, 10)
    arguments.latency = arguments.latency or (0.0, 50.0, 200.0)
    if arguments.full:
        arguments.in_flight = arguments.in_flight or _FULL_IN_FLIGHT
    arguments.most = arguments.most or (120.0 if arguments.full else 20.0)


def _run(scene: Stage, arguments: argparse.Namespace) -> None:
    where = report.machine(arguments.source)
    limit = measure_limit(scene.folder, surroundings(), IN_FLIGHT)
    _say(f"{where['commit']} on {where['cores']} cores, Python {where['python']}, {where['at']}")
    _say(f"{report.LEGEND}\n\n{report.HEAD}")
    trials: list[Trial] = []
    for subject, case, spans in _plan(arguments):
        try:
            # Of the first one, which is the processor's.
            profile = None if trials else arguments.profile
            trial = run(scene, subject, case, spans, source=arguments.source, profile=profile)
        except (KafkaException, TimeoutError) as error:
            _say(f"{subject}, {case}: no figures, {error}")
            continue
        trials.append(trial)
        _say(report.line(trial))
        if arguments.json:
            report.write_json(arguments.json, where, limit, trials)
    _say("")
    for ratio in report.ratios(trials):
        _say(ratio)
    _say(report.limit_line(limit, trials))
    if trials and arguments.profile:
        _say_where_time_went(trials[0], arguments.profile)


def _say_where_time_went(trial: Trial, profile: Path) -> None:
    events = trial.work.events
    _say("\nThe first case, by thread, of its CPU's time:")
    for name, seconds in sorted(trial.threads.items(), key=itemgetter(1), reverse=True):
        _say(f"{seconds / events * 1e6:5.0f} µs an event  {name}")
    _say("\nand by module, of the samples that held the interpreter:")
    for module, share in shares(profile.read_text())[:_MOST_SHOWN]:
        _say(f"{share * 100:5.1f} %  {module}")


def _plan(arguments: argparse.Namespace) -> Iterator[tuple[Subject, Case, Spans]]:
    orders = _FULL if arguments.full else _QUICK
    cases = options.cases(arguments, orders=orders, most=arguments.most)
    if arguments.is_usual:
        usual = next(case for case in cases if (case.items, case.latency) == (1, LATENCY))
        more = (replace(usual, in_flight=in_flight) for in_flight in _MORE_IN_FLIGHT)
        cases += [options.bounded(case, arguments.most) for case in more]
    low, saturated = (0.0, 0.0) if arguments.no_delays else (8.0, 8.0)
    spans = Spans(most=arguments.most, idle=_IDLE_SECONDS, low=low, saturated=saturated)
    for _ in range(arguments.runs):
        for case in cases:
            yield Subject.PROCESSOR, case, spans
        if not arguments.no_yardsticks:
            yield from _yardsticks(cases, arguments.most)


def _yardsticks(cases: list[Case], most: float) -> Iterator[tuple[Subject, Case, Spans]]:
    """Yield one of each for every size of order, at the usual latency where that is measured."""
    for items in dict.fromkeys(case.items for case in cases):
        of_size = [case for case in cases if case.items == items]
        usual = [c for c in of_size if (c.latency, c.in_flight) == (LATENCY, IN_FLIGHT)]
        case = replace((usual or of_size)[0], replicas=1)
        yield Subject.LOOP, case, Spans(most=min(most, _LOOP_SECONDS))
        floor = replace(case, orders=max(case.orders, _FLOOR_ORDERS // items))
        yield Subject.FLOOR, floor, Spans(most=most)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
