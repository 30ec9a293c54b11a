"""A profile of a program at work, by py-spy."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def profiler(pid: int, output: Path | None) -> Iterator[None]:
    """Sample a process meanwhile and write raw stacks; nothing happens without an output."""
    if output is None:
        yield
        return
    spy = shutil.which("py-spy", path=Path(sys.executable).parent)
    if spy is None:
        sys.exit("py-spy is missing: `make bench` installs it, from requirements/bench.txt")
    command = [spy, "record", "--format", "raw", "--rate", "200", "--output", str(output)]
    with subprocess.Popen([*command, "--pid", str(pid)]) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
