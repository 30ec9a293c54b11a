"""How the processor grows: `make bench-growth`. It measures axis by axis, and draws a plot each.

What was measured is kept beside the plots, so a run that is stopped goes on where it was, axis by
axis, run by run. One more run of a place is measured until it has `--runs` of them.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import KafkaException

from tests.benchmarks import report
from tests.benchmarks.growth import page, plots
from tests.benchmarks.growth.axes import AXES, Axis
from tests.benchmarks.growth.points import Point, read_points, runs, write_points
from tests.benchmarks.stage import ROOT, Stage, stage
from tests.benchmarks.trial import Spans, Subject, run

FOLDER = Path(__file__).parent
_IDLE_SECONDS = 3.0
_PAGE = FOLDER / "README.md"


def main() -> None:
    """Read the arguments, measure what is missing, draw."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.growth",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--axis", choices=AXES, action="append", help="this one only; may come several times"
    )
    parser.add_argument("--runs", type=int, default=2, help="how often each place is measured")
    parser.add_argument("--most", type=float, default=20.0, help="seconds for a backlog")
    parser.add_argument(
        "--more", action="store_true", help="the largest places as well, 10⁷ orders"
    )
    parser.add_argument("--again", action="store_true", help="forget what was measured before")
    parser.add_argument("--draw", action="store_true", help="measure nothing, draw what there is")
    parser.add_argument(
        "--source", type=Path, default=ROOT, help="checkout whose processor is measured"
    )
    arguments = parser.parse_args()
    names = arguments.axis or list(AXES)
    if not arguments.draw:
        with stage() as scene:
            for name in names:
                _measure(scene, name, arguments)
    _draw(names)


def _measure(scene: Stage, name: str, arguments: argparse.Namespace) -> None:
    axis, path = AXES[name], _path(name)
    points = [] if arguments.again else read_points(path)
    spans = Spans(most=arguments.most, idle=_IDLE_SECONDS)
    _say(f"\n{axis.title}\n{report.HEAD}")
    for line, place in missing(axis, points, arguments):
        machine = report.machine(arguments.source)
        case = axis.case(line, place, arguments.most)
        try:
            trial = run(scene, Subject.PROCESSOR, case, spans, source=arguments.source)
        except (KafkaException, TimeoutError) as error:
            _say(f"{case}: no figures, {error}")
            continue
        _say(report.line(trial))
        points.append(Point.of(line, place, trial, machine))
        write_points(path, points)


def missing(
    axis: Axis, points: list[Point], arguments: argparse.Namespace
) -> Iterator[tuple[str, int]]:
    """Yield what is to be measured: sweep after sweep, so that a drift meets all places alike."""
    places = axis.places + (axis.more_places if arguments.more else ())
    for sweep in range(1, arguments.runs + 1):
        for line in axis.lines:
            for place in places:
                if runs(points, line, place) < sweep:
                    yield line, place


def _draw(names: list[str]) -> None:
    for name in names:
        if points := read_points(_path(name)):
            plots.draw(AXES[name], points, FOLDER / f"{name}.png")
    measured = {name: read_points(_path(name)) for name in AXES}
    _PAGE.write_text(page.renew(_PAGE.read_text(), measured))
    _say(f"\n{page.text(measured)}")


def _path(name: str) -> Path:
    return FOLDER / f"{name}.json"


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
