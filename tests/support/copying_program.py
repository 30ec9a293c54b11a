"""A program that copies a plan over the made-up history, and dies where it is told to.

`DIE_AT` names a step, `DIE_ON` which time it comes there: before it, or `AFTER` it.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from processor.cli.copying import copy
from processor.core.pace import Pace
from processor.core.trail import Copying
from processor.shell.history import plans
from processor.shell.history.bookmarks import Bookmarks
from processor.shell.history.control import Control
from processor.shell.history.lane import Lane
from processor.shell.settings import load_connections
from tests.support.copying import MadeUpStock

STEPS: Final = {
    "send": (Lane, "send"),
    "acknowledged": (Copying, "acknowledged"),
    "write": (Bookmarks, "write"),
    "serve": (Bookmarks, "serve"),
    "flush": (Lane, "flush"),
}


def _die_at(step: str, time: int, *, is_after: bool) -> None:
    owner, name = STEPS[step]
    original: Callable[..., Any] = getattr(owner, name)
    count = 0

    def wrapped(*given: Any, **named: Any) -> Any:  # noqa: ANN401
        nonlocal count
        count += 1
        if count == time and not is_after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = original(*given, **named)
        if count == time:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, wrapped)


def main() -> int:
    """Copy the plan in the file that is named first, at the rate named second."""
    plan = plans.from_json(json.loads(Path(sys.argv[1]).read_text()))
    if "DIE_AT" in os.environ:
        _die_at(os.environ["DIE_AT"], int(os.environ["DIE_ON"]), is_after="AFTER" in os.environ)
    stock = MadeUpStock(plan.lane_partitions)
    control = Control(Pace(rate=float(sys.argv[2])))
    return copy(plan, stock, load_connections(), control, as_json=True)


if __name__ == "__main__":
    sys.exit(main())
