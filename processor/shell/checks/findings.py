"""Findings: what a check has seen, how bad that is, and what to do about it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

from processor.shell.clock import steady


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    UNKNOWN = "not checked"


class Area(StrEnum):
    """What a check is about, in the order in which things are looked at."""

    SETTINGS = "settings"
    FILES = "files"
    SERVER = "server"
    KAFKA = "kafka"
    TOPICS = "topics"
    RIGHTS = "rights"
    GROUP = "group"
    REGISTRY = "registry"
    ROKT = "rokt"
    CLOCKS = "clocks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is to be said of one thing; `remedy` is there whenever something is to be done."""

    area: Area
    subject: str
    level: Level
    found: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Makes the findings of one area."""

    area: Area

    def ok(self, subject: str, found: str) -> Finding:
        """Say that something is well."""
        return Finding(area=self.area, subject=subject, level=Level.OK, found=found)

    def warning(self, subject: str, found: str, remedy: str) -> Finding:
        """Say that something will be missed one day."""
        return Finding(
            area=self.area, subject=subject, level=Level.WARNING, found=found, remedy=remedy
        )

    def error(self, subject: str, found: str, remedy: str) -> Finding:
        """Say that `run` would not start, or would break a promise."""
        return Finding(
            area=self.area, subject=subject, level=Level.ERROR, found=found, remedy=remedy
        )

    def unknown(self, subject: str, found: str, remedy: str | None = None) -> Finding:
        """Say what could not be looked at, and why."""
        return Finding(
            area=self.area, subject=subject, level=Level.UNKNOWN, found=found, remedy=remedy
        )


Check = Callable[[], Iterable[Finding]]
_END: Final = None


def bounded(area: Area, check: Check, within: float) -> list[Finding]:
    """Return the findings of a check that may hang or fail; after `within` seconds it is left.

    What it has found until then counts.
    """
    told: SimpleQueue[Finding | None] = SimpleQueue()

    def work() -> None:
        try:
            for finding in check():
                told.put(finding)
        except Exception as bug:  # noqa: BLE001  the other checks go on
            told.put(_broken(area, type(bug).__name__))
        told.put(_END)

    # A name that is being resolved cannot be interrupted, only left behind.
    Thread(target=work, name=f"check {area}", daemon=True).start()
    deadline = steady() + within
    found: list[Finding] = []
    while True:
        try:
            finding = told.get(timeout=max(0.0, deadline - steady()))
        except Empty:
            return [*found, _late(area, within)]
        if finding is _END:
            return found
        found.append(finding)


def _broken(area: Area, kind: str) -> Finding:
    return Voice(area=area).error(
        area, f"This check failed by itself ({kind})", "It is a bug of the processor: report it"
    )


def _late(area: Area, within: float) -> Finding:
    return Voice(area=area).error(
        area,
        f"No end of this check within {within:g} s",
        "Give it more time with --timeout, or look at names, network and firewalls",
    )
