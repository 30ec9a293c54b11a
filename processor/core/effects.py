"""Effects: what the engine wants done, as values. The shell applies them, in order."""

from dataclasses import dataclass

from processor.core.calls import Call
from processor.core.outcomes import DeadLetter, Outcome
from processor.core.records import Partition, Source
from processor.core.replies import Verdict
from processor.core.scopes import Scope
from processor.core.vocabulary import Operation, Reason


@dataclass(frozen=True, slots=True)
class Send:
    """Make a call; hand its reply to `Engine.settle` under `call_id`.

    It is the attempt of that number, from 1, for the record at `source`.
    """

    call_id: int
    call: Call
    source: Source
    attempt: int


@dataclass(frozen=True, slots=True)
class Produce:
    """Write to the results or the dead-letter topic; report its acknowledgement.

    Partition number and key are those of the input.
    """

    output_id: int
    partition: int
    key: bytes | None
    content: Outcome | DeadLetter


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop fetching a partition: its limits are reached."""

    partition: Partition


@dataclass(frozen=True, slots=True)
class Resume:
    """Fetch a partition again."""

    partition: Partition


@dataclass(frozen=True, slots=True)
class CommitOffset:
    """One partition of a commit: its next offset, and the horizon as metadata."""

    partition: Partition
    offset: int
    metadata: str


@dataclass(frozen=True, slots=True)
class Commit:
    """Commit offsets; report to `Engine.committed` what the coordinator acknowledged."""

    offsets: tuple[CommitOffset, ...]


@dataclass(frozen=True, slots=True)
class AskEnds:
    """Ask the broker where partitions of the payments topic end (last stable offset).

    Each is a partition number and the epoch of its assignment.
    """

    partitions: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Restore:
    """Read a partition of the results topic from `position` to its end into the ledger.

    `epoch` names the assignment: an answer for another one is ignored. `fills_gap`: nobody waits
    for it, it is to be read some time.
    """

    number: int
    epoch: int
    position: int
    fills_gap: bool = False


@dataclass(frozen=True, slots=True)
class CallEnded:
    """For observers: an attempt came to a verdict after `seconds`."""

    operation: Operation
    verdict: Verdict
    is_replayed: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Retrying:
    """For observers: another attempt will follow after `seconds`, or as a probe of a hold."""

    operation: Operation
    verdict: Verdict
    attempts: int
    seconds: float
    is_held: bool
    is_replayed: bool
    source: Source


@dataclass(frozen=True, slots=True)
class HoldBegan:
    """For observers: everything fails in a scope; `why` is the reply that showed it."""

    scope: Scope
    reason: Reason
    why: str


@dataclass(frozen=True, slots=True)
class HoldEnded:
    """For observers: a hold is over, after `seconds` and that many failed probes.

    `is_proven`: because Rokt answers again, not because nothing was left to probe it with.
    """

    scope: Scope
    seconds: float
    failures: int
    is_proven: bool


@dataclass(frozen=True, slots=True)
class PauseBegan:
    """For observers: Rokt asks all calls of a scope to wait for `seconds`; `why` is its reply."""

    scope: Scope
    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class RecordEnded:
    """For observers: the outcome of a record is acknowledged.

    `has_dead_letter`: a dead letter went before it. `seconds`: since the record's timestamp,
    None when it has none.
    """

    outcome: Outcome
    has_dead_letter: bool
    is_replayed: bool
    is_released_before_paid: bool
    seconds: float | None


@dataclass(frozen=True, slots=True)
class RecordResolved:
    """For observers: a redelivered record had its outcome already, nothing was done."""

    partition: Partition
    offset: int


@dataclass(frozen=True, slots=True)
class ReplaySettled:
    """For observers: what a copy asks for was settled; nothing was called, nothing written."""

    operation: Operation
    partition: Partition
    offset: int


Observation = (
    CallEnded
    | Retrying
    | HoldBegan
    | HoldEnded
    | PauseBegan
    | RecordEnded
    | RecordResolved
    | ReplaySettled
)
Effect = Send | Produce | Pause | Resume | Commit | AskEnds | Restore | Observation
