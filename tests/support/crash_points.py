"""Crash points: numbered places in a record's path, at each of which a processor can be killed.

`python -m tests.support.crash_points run` is `python -m processor run` that kills itself, as
`kill -9` would, the CRASH_HIT-th time (default 1) it passes the point with the number CRASH_AT.
CRASH_TRACE names a file that gets the number of every point when it is passed first. Production
code knows nothing of this: methods are wrapped here, before the processor starts.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from functools import wraps
from inspect import iscoroutinefunction
from pathlib import Path
from threading import Lock
from typing import Any, Final

from processor.cli.main import main
from processor.core.assignments import Assignments
from processor.core.effects import Produce, Restore
from processor.core.engine import Engine
from processor.core.outcomes import DeadLetter, Outcome
from processor.shell.application import Application
from processor.shell.http.rokt_client import RoktClient
from processor.shell.kafka.commits import Commits
from processor.shell.kafka.poller import Poller
from processor.shell.kafka.restorer import Restorer
from processor.shell.kafka.sink import Sink
from processor.shell.learning import Learning
from processor.shell.ledger.lasting import LastingLedgers
from processor.shell.worker import Worker

IN_THE_AIR_SECONDS: Final = 0.5
"""How long a call must have been under way to count as in the air: its request is written."""


class CrashPoint(IntEnum):
    """Where a processor can be killed, along the path of a record and of a partition."""

    # A record comes in
    READ = 1
    DECODING = 2
    DECODED = 3
    ADMITTED = 4
    # It is called
    PLANNED = 5
    BEGINNING = 6
    SENDING = 7
    IN_THE_AIR = 8
    REPLIED = 9
    SETTLED = 10
    # What came of it is written
    DEAD_LETTER_IN_HAND = 11
    DEAD_LETTER_HANDED_OVER = 12
    DEAD_LETTER_DELIVERED = 13
    DEAD_LETTER_ACKNOWLEDGED = 14
    OUTCOME_IN_HAND = 15
    OUTCOME_HANDED_OVER = 16
    OUTCOME_DELIVERED = 17
    OUTCOME_ACKNOWLEDGED = 18
    # Its offset is committed
    COMMIT_REQUESTED = 19
    COMMIT_SENDING = 20
    COMMIT_SENT = 21
    COMMIT_ANSWERED = 22
    COMMIT_TAKEN = 23
    # A partition is taken over
    ASSIGNING = 24
    ASSIGNED = 25
    RESTORE_BEGUN = 26
    RESTORE_HALF_READ = 27
    RESTORE_READ = 28
    RESTORED = 29
    WORKING = 30
    REREADING = 31
    REREAD = 32
    # A partition is handed over, or lost
    REVOKING = 33
    DRAINED = 34
    CLOSING = 35
    LAST_COMMIT_SENDING = 36
    LAST_COMMIT_ANSWERED = 37
    GIVEN_UP = 38
    LOSING = 39
    # The process stops
    STOPPING = 40
    FINISHED = 41
    LEFT = 42
    # Its ledger is written to the disk
    COPYING = 43
    COPIED = 44


class Moment(Enum):
    """When a method passes its point."""

    BEFORE = auto()
    AFTER = auto()
    DURING = auto()  # still waiting after IN_THE_AIR_SECONDS


def _always(*_: object) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Place:
    """A method and a moment; it counts when `is_meant` of the method's arguments, self first."""

    owner: type
    method: str
    moment: Moment
    is_meant: Callable[..., bool] = _always


def _writes(kind: type[Outcome | DeadLetter]) -> Callable[..., bool]:
    def is_meant(_: Sink, output: Produce, *__: object) -> bool:
        return isinstance(output.content, kind)

    return is_meant


def _has_request(commits: Commits, _: object) -> bool:
    return bool(commits._requested)  # noqa: SLF001


def _once_more(assignment: Callable[..., tuple[int, int]]) -> Callable[..., bool]:
    """Return whether a method is called once more for an assignment, which its arguments tell."""
    seen: set[tuple[int, int]] = set()

    def is_meant(_: object, *arguments: Any) -> bool:  # noqa: ANN401  whatever the method takes
        number_and_epoch = assignment(*arguments)
        is_known = number_and_epoch in seen
        seen.add(number_and_epoch)
        return is_known

    return is_meant


def _named(restore: Restore, *_: object) -> tuple[int, int]:
    return restore.number, restore.epoch


PLACES: Final[Mapping[CrashPoint, Place]] = {
    CrashPoint.READ: Place(Worker, "received", Moment.BEFORE),
    CrashPoint.DECODING: Place(Worker, "_decode", Moment.BEFORE),
    CrashPoint.DECODED: Place(Worker, "_decode", Moment.AFTER),
    CrashPoint.ADMITTED: Place(Engine, "admit", Moment.AFTER),
    CrashPoint.PLANNED: Place(Worker, "_call", Moment.BEFORE),
    CrashPoint.BEGINNING: Place(Engine, "begin", Moment.BEFORE),
    CrashPoint.SENDING: Place(RoktClient, "send", Moment.BEFORE),
    CrashPoint.IN_THE_AIR: Place(RoktClient, "send", Moment.DURING),
    CrashPoint.REPLIED: Place(Engine, "settle", Moment.BEFORE),
    CrashPoint.SETTLED: Place(Engine, "settle", Moment.AFTER),
    CrashPoint.DEAD_LETTER_IN_HAND: Place(Sink, "_hand_over", Moment.BEFORE, _writes(DeadLetter)),
    CrashPoint.DEAD_LETTER_HANDED_OVER: Place(
        Sink, "_hand_over", Moment.AFTER, _writes(DeadLetter)
    ),
    CrashPoint.DEAD_LETTER_DELIVERED: Place(Sink, "_delivered", Moment.BEFORE, _writes(DeadLetter)),
    CrashPoint.DEAD_LETTER_ACKNOWLEDGED: Place(
        Sink, "_delivered", Moment.AFTER, _writes(DeadLetter)
    ),
    CrashPoint.OUTCOME_IN_HAND: Place(Sink, "_hand_over", Moment.BEFORE, _writes(Outcome)),
    CrashPoint.OUTCOME_HANDED_OVER: Place(Sink, "_hand_over", Moment.AFTER, _writes(Outcome)),
    CrashPoint.OUTCOME_DELIVERED: Place(Sink, "_delivered", Moment.BEFORE, _writes(Outcome)),
    CrashPoint.OUTCOME_ACKNOWLEDGED: Place(Sink, "_delivered", Moment.AFTER, _writes(Outcome)),
    CrashPoint.COMMIT_REQUESTED: Place(Worker, "_commit", Moment.BEFORE),
    CrashPoint.COMMIT_SENDING: Place(Commits, "send_requested", Moment.BEFORE, _has_request),
    CrashPoint.COMMIT_SENT: Place(Commits, "send_requested", Moment.AFTER, _has_request),
    CrashPoint.COMMIT_ANSWERED: Place(Engine, "committed", Moment.BEFORE),
    CrashPoint.COMMIT_TAKEN: Place(Engine, "committed", Moment.AFTER),
    CrashPoint.ASSIGNING: Place(Poller, "_assign", Moment.BEFORE),
    CrashPoint.ASSIGNED: Place(Engine, "assign", Moment.AFTER),
    CrashPoint.RESTORE_BEGUN: Place(Restorer, "restore", Moment.AFTER),
    CrashPoint.RESTORE_HALF_READ: Place(Restorer, "_decode", Moment.AFTER),
    CrashPoint.RESTORE_READ: Place(Learning, "read", Moment.AFTER),
    CrashPoint.RESTORED: Place(Engine, "restored", Moment.BEFORE),
    CrashPoint.WORKING: Place(Engine, "restored", Moment.AFTER),
    CrashPoint.REREADING: Place(Restorer, "restore", Moment.AFTER, _once_more(_named)),
    CrashPoint.REREAD: Place(Engine, "restored", Moment.BEFORE, _once_more(_named)),
    CrashPoint.REVOKING: Place(Poller, "_revoke", Moment.BEFORE),
    CrashPoint.DRAINED: Place(Assignments, "closing_offsets", Moment.BEFORE),
    CrashPoint.CLOSING: Place(Assignments, "closing_offsets", Moment.AFTER),
    CrashPoint.LAST_COMMIT_SENDING: Place(Commits, "commit_last", Moment.BEFORE),
    CrashPoint.LAST_COMMIT_ANSWERED: Place(Commits, "commit_last", Moment.AFTER),
    CrashPoint.GIVEN_UP: Place(Engine, "lose", Moment.AFTER),
    CrashPoint.LOSING: Place(Poller, "_lose", Moment.BEFORE),
    CrashPoint.STOPPING: Place(Application, "stop", Moment.AFTER),
    CrashPoint.FINISHED: Place(Worker, "finish", Moment.AFTER),
    CrashPoint.LEFT: Place(Restorer, "stop", Moment.BEFORE),
    CrashPoint.COPYING: Place(LastingLedgers, "_write", Moment.BEFORE),
    CrashPoint.COPIED: Place(LastingLedgers, "_write", Moment.AFTER),
}


class Crash:
    """Counts how often points are passed, from any thread, and kills the process at one."""

    def __init__(self, at: int | None, hit: int, trace: Path | None) -> None:
        """`at` None: nothing is killed."""
        self._at = at
        self._left = hit
        self._trace = trace
        self._passed: set[CrashPoint] = set()
        self._lock = Lock()

    def pass_by(self, point: CrashPoint) -> None:
        """Note that a point is passed."""
        with self._lock:
            if self._trace is not None and point not in self._passed:
                self._passed.add(point)
                with self._trace.open("a") as lines:
                    lines.write(f"{point.value}\n")
            if point == self._at:
                self._left -= 1
                if not self._left:
                    os.kill(os.getpid(), signal.SIGKILL)


def install(crash: Crash) -> None:
    """Wrap every method of the table for the rest of this process's life."""
    for point, place in PLACES.items():
        method = getattr(place.owner, place.method)
        setattr(place.owner, place.method, _wrapped(method, point, place, crash))


def _wrapped(
    method: Callable[..., Any], point: CrashPoint, place: Place, crash: Crash
) -> Callable[..., Any]:
    moment, is_meant = place.moment, place.is_meant

    @wraps(method)
    def plain(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401  whatever the method takes
        is_passed = is_meant(*arguments)
        if is_passed and moment is Moment.BEFORE:
            crash.pass_by(point)
        result = method(*arguments, **named)
        if is_passed and moment is Moment.AFTER:
            crash.pass_by(point)
        return result

    @wraps(method)
    async def after(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401  as above
        result = await method(*arguments, **named)
        crash.pass_by(point)
        return result

    @wraps(method)
    async def during(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401  as above
        loop = asyncio.get_running_loop()
        timer = loop.call_later(IN_THE_AIR_SECONDS, crash.pass_by, point)
        try:
            return await method(*arguments, **named)
        finally:
            timer.cancel()

    if moment is Moment.DURING:
        return during
    return after if moment is Moment.AFTER and iscoroutinefunction(method) else plain


def variables(
    at: CrashPoint | None = None, *, hit: int = 1, trace: Path | None = None
) -> dict[str, str]:
    """Return what the environment of such a processor needs."""
    given = {} if at is None else {"CRASH_AT": str(at.value), "CRASH_HIT": str(hit)}
    return given if trace is None else given | {"CRASH_TRACE": str(trace)}


def _of_environment() -> Crash:
    at, trace = os.environ.get("CRASH_AT"), os.environ.get("CRASH_TRACE")
    return Crash(
        at=int(at) if at else None,
        hit=int(os.environ.get("CRASH_HIT", "1")),
        trace=Path(trace) if trace else None,
    )


if __name__ == "__main__":
    install(_of_environment())
    main()
