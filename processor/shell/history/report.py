"""What is told of a replay: while it runs, and in the end."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from processor.core.headway import Eta
from processor.core.pace import Wait
from processor.core.replays import COPIED, Kind, Prospect
from processor.core.tally import Tallied


class Phase(StrEnum):
    """What is going on."""

    COPYING = "copying"
    WORKING_OFF = "working-off"
    """All is copied; the live fleet works what lies in the lane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A look at a replay. `done` and `total` are offsets; speeds are per second, lately.

    `ahead` is how many copies lie in the lane at most. `wait` is what holds the next copy back.
    """

    phase: Phase
    done: int
    total: int
    counts: Mapping[Prospect, int]
    tallied: Tallied
    ahead: int
    rate: float
    events_per_second: float
    calls_per_second: float
    wait: Wait | None
    eta: Eta | None

    @property
    def copied(self) -> int:
        """How many records were copied."""
        return copied(self.counts)

    @property
    def skipped(self) -> int:
        """How many records were not copied."""
        return sum(self.counts.values()) - self.copied

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "phase": self.phase,
            "done": self.done,
            "total": self.total,
            "copied": self.copied,
            "skipped": self.skipped,
            "called": self.tallied.called,
            "deadLetters": self.tallied.failed,
            "ahead": self.ahead,
            "rate": self.rate,
            "eventsPerSecond": round(self.events_per_second, 2),
            "callsPerSecond": round(self.calls_per_second, 2),
            "waitsFor": None if self.wait is None else self.wait.cause,
            "etaSeconds": None if self.eta is None else [round(each, 1) for each in self.eta],
        }


class Observer(Protocol):
    """Who is told, several times a second; called on the thread that copies."""

    def progressed(self, sight: Sight) -> None:
        """See how far it is."""

    def noticed(self, notice: str) -> None:
        """Learn something that a person should know, once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of a replay.

    `run_id` is what its copies and outcomes carry. `reason` says why it stopped, None when it is
    finished. `settled` is how many copies ended without a call and without an outcome because the
    ledger had settled them meanwhile; None while that cannot be told. Times are epoch
    milliseconds; `seconds` is how long this command took, of all of them.
    """

    replay_id: str
    run_id: str
    kind: Kind
    reason: str | None
    done: int
    total: int
    counts: Mapping[Prospect, int]
    tallied: Tallied
    started_at: int
    ended_at: int
    seconds: float

    @property
    def is_finished(self) -> bool:
        """Whether all is copied, and worked by the live fleet."""
        return self.reason is None

    @property
    def copied(self) -> int:
        """How many records were copied."""
        return copied(self.counts)

    @property
    def deleted(self) -> int:
        """How many offsets were deleted from Kafka before they could be read."""
        return self.counts.get(Prospect.DELETED, 0)

    @property
    def settled(self) -> int | None:
        """How many copies needed no call any more when the live fleet came to them."""
        return max(0, self.copied - self.tallied.total) if self.is_finished else None

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        tallied = self.tallied
        return {
            "replayId": self.replay_id,
            "runId": self.run_id,
            "kind": self.kind,
            "finished": self.is_finished,
            "reason": self.reason,
            "done": self.done,
            "total": self.total,
            "found": {prospect: self.counts.get(prospect, 0) for prospect in Prospect},
            "copied": self.copied,
            "called": tallied.called,
            "settledMeanwhile": self.settled,
            "outcomes": [
                {"operation": operation, "status": status, "count": count}
                for (operation, status), count in sorted(tallied.outcomes.items())
            ],
            "deadLetters": dict(sorted(tallied.dead_letters.items())),
            "changedOrders": tallied.changed,
            "changedOrderIds": list(tallied.orders),
            "startedAt": self.started_at,
            "endedAt": self.ended_at,
            "seconds": round(self.seconds, 1),
        }


def copied(counts: Mapping[Prospect, int]) -> int:
    """Return how many of the records that were found were copied."""
    return sum(count for prospect, count in counts.items() if prospect in COPIED)
