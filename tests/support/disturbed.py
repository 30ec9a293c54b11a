"""`python -m tests.support.disturbed run`: `processor run`, to be disturbed from inside by signals.

SIGUSR1: the event loop stands still; SIGUSR2: the poll thread does, each for as many seconds as
DISTURB_SECONDS says. SIGHUP: the wall clock jumps by so many. Production code knows nothing of
this: what it uses is replaced here before it starts.
"""

import os
import signal
import threading
import time
from types import FrameType
from typing import Any

from confluent_kafka import Consumer

from processor.cli.main import main
from processor.shell.kafka import poller

VARIABLE = "DISTURB_SECONDS"

_starving = threading.Event()
_true_time = time.time


class StarvedConsumer(Consumer):
    """A consumer whose thread gets no turn for a while, when told."""

    def poll(self, timeout: float = -1) -> Any:  # noqa: ANN401  the client's own signature
        """Poll as usual, but late when told."""
        if _starving.is_set():
            _starving.clear()
            time.sleep(_seconds())
        return super().poll(timeout)


class Wall:
    """A wall clock that jumps."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def time(self) -> float:
        """Return what the clock shows."""
        return _true_time() + self.ahead

    def jump(self, *_: object) -> None:
        """Be wrong from now on."""
        self.ahead += _seconds()


def _seconds() -> float:
    return float(os.environ[VARIABLE])


def _block(_number: int, _frame: FrameType | None) -> None:
    # Signals are handled on the main thread, which is the loop's.
    time.sleep(_seconds())


def _starve(_number: int, _frame: FrameType | None) -> None:
    _starving.set()


if __name__ == "__main__":
    wall = Wall()
    time.time = wall.time
    poller.Consumer = StarvedConsumer  # type: ignore[attr-defined]
    signal.signal(signal.SIGUSR1, _block)
    signal.signal(signal.SIGUSR2, _starve)
    signal.signal(signal.SIGHUP, wall.jump)
    main()
