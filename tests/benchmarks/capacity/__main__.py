"""How many of what: `python -m tests.benchmarks.capacity` writes the tables of deploy/SIZING.md.

What running costs is fitted to the files of `growth`. The sizes are measured again with `--sizes`,
less than a minute of one core.
"""

import argparse
from pathlib import Path

from tests.benchmarks.capacity import page, sizes
from tests.benchmarks.capacity.constants import (
    PATH,
    Constants,
    read_constants,
    write_constants,
)
from tests.benchmarks.capacity.fit import Measured, fit
from tests.benchmarks.growth.__main__ import FOLDER
from tests.benchmarks.growth.axes import AXES
from tests.benchmarks.growth.points import read_points
from tests.benchmarks.stage import ROOT

PAGE = ROOT / "deploy" / "SIZING.md"


def main() -> None:
    """Fit, measure what is asked for, write."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.capacity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sizes", action="store_true", help="measure the sizes again")
    arguments = parser.parse_args()
    measured = measurements()
    known = sizes.measure() if arguments.sizes or not PATH.exists() else read_constants().sizes
    write_constants(Constants(running=fit(measured), sizes=known))
    constants = read_constants()
    PAGE.write_text(page.renew(PAGE.read_text("utf-8"), page.parts(constants, measured)), "utf-8")
    print("\n\n".join(page.parts(constants, measured).values()))


def measurements(folder: Path = FOLDER) -> Measured:
    """Return what `growth` has left behind, axis by axis."""
    return {name: read_points(folder / f"{name}.json") for name in AXES}


if __name__ == "__main__":
    main()
