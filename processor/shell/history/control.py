"""Control: what a person may ask of a replay while it runs."""

import math
import threading
from dataclasses import replace
from pathlib import Path
from typing import Final

from processor.core.pace import Pace
from processor.errors import ConfigurationError

_LOOK_EVERY: Final = 1.0


def parse_rate(text: str) -> float | None:
    """Return the copies per second that a text asks for; None when it is no such number."""
    try:
        rate = float(text)
    except ValueError:
        return None
    return rate if math.isfinite(rate) and rate > 0 else None


class Control:
    """The wish to stop, and the pace, which a file may change. Signal handlers may call `stop`."""

    def __init__(self, pace: Pace, rate_file: Path | None = None) -> None:
        """`rate_file` holds one number: copies per second. It goes over the pace's own rate."""
        self._pace = pace
        self._rate_file = rate_file
        self._looked_at = float("-inf")
        self._stopping = threading.Event()
        self.trouble: str | None = None
        """Why the file's rate is not followed, None when it is."""
        if rate_file is not None:
            self._read(rate_file)
            if self.trouble is not None:
                raise ConfigurationError(self.trouble)

    def stop(self) -> None:
        """Ask for a pause, soon."""
        self._stopping.set()

    @property
    def is_stopping(self) -> bool:
        """Whether a pause was asked for."""
        return self._stopping.is_set()

    def change(self, pace: Pace) -> None:
        """Ask for another pace; a rate that the file holds goes over it."""
        self._pace = pace

    def pace(self, now: float) -> Pace:
        """Return the pace that is asked for now; the file is looked at every second."""
        if self._rate_file is not None and now - self._looked_at >= _LOOK_EVERY:
            self._looked_at = now
            self._read(self._rate_file)
        return self._pace

    def _read(self, path: Path) -> None:
        try:
            rate = parse_rate(path.read_text("utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            self.trouble = f"{path} cannot be read: {why}. It is to hold one number."
            return
        if rate is None:
            self.trouble = f"{path} holds no rate: write one number above 0, copies per second."
            return
        self.trouble = None
        self._pace = replace(self._pace, rate=rate)
