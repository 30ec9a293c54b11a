"""Fuzz what takes hostile bytes: schemas, records, replies.

    python -m tests.fuzz                       # all of them, an hour together
    python -m tests.fuzz records --seconds 60  # one of them
    python -m tests.fuzz --keep                # and keep what reaches more of the code

Each runs in a process of its own, with limits on its memory and time. It goes on from what was
found before (`.fuzz`), and ends with 1 when something breaks: fix it, keep its input in
`tests/fuzz/corpus`, where `make test` plays it again, and add a case to the unit tests.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from tests.fuzz.corpus import KEPT, ROOT, name_by_content
from tests.fuzz.making import MAKERS

FOUND: Final = ROOT / ".fuzz"
LONGEST: Final = 4096
_SLOWEST: Final = 20
_MEGABYTES: Final = 1024
_LIMITS: Final = (f"-timeout={_SLOWEST}", f"-rss_limit_mb={_MEGABYTES}", f"-max_len={LONGEST}")
_COVERED: Final = re.compile(r"^#(\d+)\s+DONE\s+cov: (\d+) ft: (\d+)", re.MULTILINE)


def _run(name: str, seconds: int, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.fuzz.child", name, str(seconds), *_LIMITS, *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False
    )


def _fuzz(name: str, seconds: int) -> bool:
    """Fuzz one target; tell what came of it, and return whether nothing broke."""
    found, broken = FOUND / name, FOUND / f"{name}-"
    found.mkdir(parents=True, exist_ok=True)
    prefix = f"-artifact_prefix={broken}"
    done = _run(name, seconds, [f"-max_total_time={seconds}", prefix, str(found), str(KEPT / name)])
    covered = _COVERED.search(done.stderr)
    if done.returncode == 0 and covered is not None:
        executions, edges, features = covered.groups()
        sys.stdout.write(
            f"{name}: {executions} inputs, nothing broke; {edges} edges, {features} features\n"
        )
        return True
    sys.stdout.write(f"{name}: something broke, or it could not run\n{done.stderr[-4000:]}\n")
    return False


def _keep(name: str) -> None:
    """Take into the kept corpus what reaches code that nothing in it reaches."""
    kept = KEPT / name
    kept.mkdir(parents=True, exist_ok=True)
    _run(name, 600, ["-merge=1", "-use_counters=0", str(kept), str(FOUND / name)])
    name_by_content(kept)
    sys.stdout.write(f"{name}: {len(list(kept.iterdir()))} inputs are kept\n")


def main() -> int:
    """Fuzz what is asked for; return 1 when something breaks."""
    parser = argparse.ArgumentParser(description="Fuzz what takes hostile bytes.")
    parser.add_argument("targets", nargs="*", metavar="target", help=", ".join(MAKERS))
    parser.add_argument("--seconds", type=int, default=3600, help="for all of them together")
    parser.add_argument("--keep", action="store_true", help="put what is new into the corpus")
    asked = parser.parse_args()
    targets = asked.targets or list(MAKERS)
    if unknown := set(targets) - set(MAKERS):
        parser.error(f"no target is called {', '.join(sorted(unknown))}")
    are_sound = [_fuzz(name, asked.seconds // len(targets)) for name in targets]
    if asked.keep:
        for name in targets:
            _keep(name)
    return int(not all(are_sound))


if __name__ == "__main__":
    sys.exit(main())
