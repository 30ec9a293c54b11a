"""Runs as a program of its own: kills what it was told of once its standard input ends.

The test run holds the other end of that pipe, and the kernel closes it however the test run
ends, `kill -9` included. A line `+1234` puts process group 1234 on the leash, `-1234` takes it
off again.
"""

import os
import signal
import sys
from contextlib import suppress


def main() -> None:
    """Keep the list until the other end is gone, then kill every group on it."""
    groups: set[int] = set()
    for line in sys.stdin:
        change = groups.add if line.startswith("+") else groups.discard
        change(int(line[1:]))
    for group in groups:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
