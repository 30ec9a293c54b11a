"""How much memory a processor takes before a long backlog: `python -m tests.benchmarks.memory`.

Where it is flat an hour looks as a minute does: `--seconds 3600 --orders 20000000`.
"""

import argparse

from tests.benchmarks.case import Case
from tests.benchmarks.meter import Meter
from tests.benchmarks.stage import stage
from tests.support.programs import wait_until

_MEGABYTE = 1e6


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000, help="the backlog")
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long to look")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two lines")
    arguments = parser.parse_args()
    case = Case(orders=arguments.orders)
    print(case, flush=True)
    with stage() as play, play.scene(case) as scene:
        scene.orders.produce(case.orders)
        with scene.processor() as program:
            meter = Meter([program.pid], play.admin, scene.topics.results, case.partitions)
            wait_until(meter.outcomes, within=60, what="there is an outcome")
            for reading in meter.readings(
                until=case.orders, within=arguments.seconds, every=arguments.every
            ):
                print(
                    f"{reading.outcomes:10,} outcomes   {reading.resident / _MEGABYTE:5,.0f} MB"
                    f" resident, {reading.peak / _MEGABYTE:5,.0f} MB at most",
                    flush=True,
                )


if __name__ == "__main__":
    main()
