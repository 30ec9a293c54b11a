"""The benchmark: `make bench`, or `python -m tests.benchmarks`. It prints figures, no verdict.

Orders lie in a real Kafka before the processor starts; a fake Rokt in a process of its own
answers after 50 ms. The figure to look at is events per second of the CPU, of the processor's
own process: it survives a busy machine. The yardstick runs on the same orders, so the ratio of
the two survives another machine.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.ledger_size import bytes_an_order
from tests.benchmarks.meter import Figures, Meter
from tests.benchmarks.stage import IN_FLIGHT, LATENCY, PARTITIONS, Stage, stage
from tests.support.programs import Program

_WORKS_WITHIN = 150.0
_BACKLOG = 1_000_000
_WATCH_BACKLOG = 60.0
_MEGABYTE = 1e6


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=30_000, help="orders for the processor")
    parser.add_argument(
        "--yardstick", type=int, default=3_000, help="orders for the yardstick; 0 leaves it out"
    )
    parser.add_argument(
        "--memory", action="store_true", help="watch the memory before a long backlog instead"
    )
    parser.add_argument(
        "--profile", type=Path, help="write a py-spy profile of the processor (raw stacks) here"
    )
    arguments = parser.parse_args()
    with stage() as scene:
        if arguments.memory:
            _memory(scene)
        else:
            _speed(scene, arguments)


def _speed(scene: Stage, arguments: argparse.Namespace) -> None:
    size = scene.produce(arguments.orders)
    _say(
        f"{arguments.orders:,} orders of {size} bytes and one item in {PARTITIONS} partitions, "
        f"{IN_FLIGHT} calls in flight, Rokt answers after {LATENCY * 1000:g} ms, "
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    program = scene.processor("processor")
    with program, _meter(scene, program, scene.topics.results) as meter:
        with _profiler(program, arguments.profile):
            processor = meter.figures(until=arguments.orders, within=_WORKS_WITHIN)
        _say(f"processor  {processor}")
        if program.stop():
            _say(program.log_text())
    if arguments.yardstick:
        yardstick = _yardstick(scene, min(arguments.yardstick, arguments.orders))
        _say(f"yardstick  {yardstick}")
        _say(f"ratio      {processor.per_cpu_second / yardstick.per_cpu_second:7.1f}")


def _yardstick(scene: Stage, orders: int) -> Figures:
    created = scene.kafka.create_topics({"yardstick-results": PARTITIONS})
    results = created["yardstick-results"]
    program = scene.yardstick(orders, results)
    with program, _meter(scene, program, results) as meter:
        return meter.figures(until=orders - IN_FLIGHT, within=_WORKS_WITHIN)


def _memory(scene: Stage) -> None:
    size = scene.produce(_BACKLOG)
    _say(f"{_BACKLOG:,} orders of {size} bytes in {PARTITIONS} partitions")
    an_order = bytes_an_order()
    program = scene.processor("processor")
    with program, _meter(scene, program, scene.topics.results) as meter:
        for reading in meter.readings(until=_BACKLOG, within=_WATCH_BACKLOG, every=5.0):
            ledger = an_order * reading.outcomes
            _say(
                f"{reading.outcomes:9,} outcomes   {reading.resident / _MEGABYTE:5,.0f} MB resident"
                f"   ledger about {ledger / _MEGABYTE:4,.0f} MB"
                f"   the rest {(reading.resident - ledger) / _MEGABYTE:5,.0f} MB"
            )


def _meter(scene: Stage, program: Program, topic: str) -> Meter:
    return Meter(program.pid, scene.kafka.bootstrap_servers, topic, PARTITIONS)


@contextmanager
def _profiler(program: Program, output: Path | None) -> Iterator[None]:
    """Let py-spy, which must be installed, sample a program meanwhile."""
    if output is None:
        yield
        return
    spy = shutil.which("py-spy")
    if spy is None:
        sys.exit("--profile needs py-spy on the PATH")
    command = [spy, "record", "--format", "raw", "--rate", "200", "--output", str(output)]
    with subprocess.Popen([*command, "--pid", str(program.pid)]) as process:
        try:
            yield
        finally:
            process.send_signal(2)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
