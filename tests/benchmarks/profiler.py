"""A profile of a program at work, by py-spy."""

import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MODULE = re.compile(r"\(processor/([\w/]+)\.py:\d+\)")


@contextmanager
def profiler(pid: int, output: Path | None) -> Iterator[None]:
    """Sample a process meanwhile and write raw stacks; nothing happens without an output."""
    if output is None:
        yield
        return
    spy = shutil.which("py-spy", path=Path(sys.executable).parent)
    if spy is None:
        sys.exit("py-spy is missing: `make bench` installs it, from requirements/bench.txt")
    # Without --gil, threads that wait for a busy CPU would look as if they worked.
    command = [spy, "record", "--gil", "--format", "raw", "--rate", "100", "--output", str(output)]
    with subprocess.Popen([*command, "--pid", str(pid)]) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)


def shares(raw: str) -> list[tuple[str, float]]:
    """Return which modules a profile's samples belong to, the largest share first.

    A sample belongs to the innermost module of the processor: what a library does for it is its.
    """
    counts: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        modules = _MODULE.findall(stack)
        counts[modules[-1] if modules else "elsewhere"] += int(count)
    total = counts.total()
    return [(module, count / total) for module, count in counts.most_common()]
