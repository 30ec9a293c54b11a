"""The command line in a world: commands as processes, with what they print."""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.world import World

_ROOT = Path(__file__).parents[2]
_WITHIN = 120


@dataclass(frozen=True)
class Said:
    """What a command has printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """Return what was printed as JSON."""
        report: dict[str, Any] = json.loads(self.out)
        return report

    @property
    def counts(self) -> dict[str, int]:
        """Return how many records of each prospect a plan has found, zeros left out."""
        return {name: count for name, count in self.report["counts"].items() if count}


def run(world: World, *arguments: str, stdin: str | None = None, **settings: str) -> Said:
    """Run `processor` with arguments, to its end; Rokt's settings are taken away."""
    said = _run(world, arguments, stdin, _WITHIN, settings)
    assert said.code != -signal.SIGKILL, f"it does not end: {said}"
    return said


def run_for(world: World, seconds: float, *arguments: str) -> Said:
    """Run `processor` with arguments; kill it if it has not ended by then (SIGKILL)."""
    return _run(world, arguments, None, seconds, {})


def _run(
    world: World,
    arguments: Sequence[str],
    stdin: str | None,
    within: float,
    settings: Mapping[str, str],
) -> Said:
    environment = {
        name: value
        for name, value in world.environment(**settings).items()
        if not name.startswith("PROCESSOR_ROKT__")
    }
    program = subprocess.Popen(
        [sys.executable, "-m", "processor", *arguments],
        env=environment,
        cwd=_ROOT,
        stdin=None if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out, err = program.communicate(stdin, timeout=within)
    except subprocess.TimeoutExpired:
        program.kill()
        out, err = program.communicate()
    return Said(program.returncode, out, err)
