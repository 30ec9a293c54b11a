"""How long a processor takes to its first call: `python -m tests.benchmarks.start`.

One order waits, the ledger is empty. It prints seconds from the start of the process, and from
the assignment of its partitions, to the order's outcome.
"""

import argparse
import json
import time
from datetime import datetime

from tests.benchmarks.case import Case
from tests.benchmarks.logs import read_log
from tests.benchmarks.meter import Meter, cpu_seconds
from tests.benchmarks.stage import Stage, stage
from tests.support.programs import wait_until

_ASSIGNED = "partitions assigned"
_WITHIN = 60.0


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with stage() as play:
        for _ in range(arguments.runs):
            print(_start(play, Case(orders=1, latency=0.0)), flush=True)


def _start(play: Stage, case: Case) -> str:
    with play.scene(case) as scene:
        scene.orders.produce(1)
        begun = time.time()
        with scene.processor() as program:
            meter = Meter([program.pid], play.admin, scene.topics.results, case.partitions)
            wait_until(meter.outcomes, within=_WITHIN, what="there is an outcome")
            cpu = cpu_seconds(program.pid)
            lines = [line for line in program.log_text().splitlines() if line.startswith("{")]
        entries = [json.loads(line) for line in lines]
        assigned = next(each["timestamp"] for each in entries if each["event"] == _ASSIGNED)
        at = datetime.fromisoformat(assigned).timestamp()
        (done,) = read_log(play.kafka, scene.topics.results, case.partitions).times.values()
    return (
        f"outcome {done - at:.2f} s after the assignment, {done - begun:.2f} s after the start"
        f" ({cpu:.2f} s of the CPU)"
    )


if __name__ == "__main__":
    main()
