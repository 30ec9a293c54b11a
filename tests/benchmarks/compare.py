"""Two commits beside each other: `make bench-compare BASE=commit`. It prints ratios, no verdict.

The processor of BASE comes from a worktree of its own, the other one from this checkout as it is,
both with the packages that are installed here. They take turns on the same Kafka, A B B A: equal
programs differ by 15 % from run to run, and by less than 1 % in the mean of four.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.benchmarks import options, report
from tests.benchmarks.case import Case
from tests.benchmarks.ratios import ORDER, Ratio
from tests.benchmarks.stage import ROOT, Stage, stage
from tests.benchmarks.trial import Spans, Subject, Trial, run

_ORDERS: Final = 30_000
_DELAY_SECONDS: Final = 6.0
_FIGURES: Final[Mapping[str, Callable[[Trial], float | None]]] = {
    "events per CPU-second": lambda trial: trial.work.per_cpu_second,
    "events per second": lambda trial: trial.work.rate,
    "peak memory": lambda trial: trial.work.peak,
    "p50 at low load": lambda trial: trial.low.p50 if trial.low else None,
    "p99 at low load": lambda trial: trial.low.p99 if trial.low else None,
    "p50 at saturation": lambda trial: trial.saturated.p50 if trial.saturated else None,
    "p99 at saturation": lambda trial: trial.saturated.p99 if trial.saturated else None,
}


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("base", metavar="BASE", help="the commit to compare with")
    options.add_axes(parser)
    parser.add_argument("--rounds", type=int, default=2, help="each of two runs of both")
    parser.add_argument("--delays", action="store_true", help="compare delays as well")
    parser.add_argument("--most", type=float, default=30.0, help="seconds for a backlog")
    arguments = parser.parse_args()
    with _worktree(arguments.base) as base, stage() as scene:
        sources = {"A": base, "B": ROOT}
        for name, source in sources.items():
            _say(f"{name} {report.machine(source)['commit']} {_imported(source)}")
        for case in options.cases(arguments, orders=_ORDERS, most=arguments.most):
            _compare(scene, case, sources, arguments)


def _compare(
    scene: Stage, case: Case, sources: Mapping[str, Path], arguments: argparse.Namespace
) -> None:
    seconds = _DELAY_SECONDS if arguments.delays else 0.0
    spans = Spans(most=arguments.most, low=seconds, saturated=seconds)
    trials: dict[str, list[Trial]] = {name: [] for name in sources}
    _say(f"\n{case}\n{report.HEAD}")
    for name in ORDER * arguments.rounds:
        trial = run(scene, Subject.PROCESSOR, case, spans, source=sources[name])
        trials[name].append(trial)
        _say(f"{report.line(trial)}  {name}")
    _say("\nB as a multiple of A" + " " * 8 + "mean ± error      lowest … highest")
    for line in _ratios(trials["A"], trials["B"]):
        _say(line)


def _ratios(base: Sequence[Trial], other: Sequence[Trial]) -> Iterator[str]:
    for name, figure in _FIGURES.items():
        ours, theirs = ([figure(trial) for trial in trials] for trials in (other, base))
        if all(ours) and all(theirs):
            ratio = Ratio.of_pairs([x for x in theirs if x], [x for x in ours if x])
            yield f"{name:<24} {ratio}"


@contextmanager
def _worktree(commit: str) -> Iterator[Path]:
    """Check a commit out into a folder of its own, and remove that afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-base-") as temporary:
        folder = Path(temporary) / "base"
        done = _git("worktree", "add", "--quiet", "--detach", str(folder), commit)
        if done.returncode:
            sys.exit(f"{commit} cannot be checked out: {done.stderr.strip()}")
        try:
            yield folder
        finally:
            _git("worktree", "remove", "--force", str(folder))


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    command = ["git", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def _imported(source: Path) -> str:
    """Return where a program that runs in `source` has the processor from; it must be there."""
    command = [sys.executable, "-c", "import processor; print(processor.__file__)"]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=True)
    found = done.stdout.strip()
    if not Path(found).is_relative_to(source):
        sys.exit(f"In {source} the processor is imported from {found}.")
    return found


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
