"""The command line in a world: commands as processes, with what they print."""

import json
import subprocess
import sys
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
    environment = {
        name: value
        for name, value in world.environment(**settings).items()
        if not name.startswith("PROCESSOR_ROKT__")
    }
    done = subprocess.run(
        [sys.executable, "-m", "processor", *arguments],
        env=environment,
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=_WITHIN,
        input=stdin,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)
