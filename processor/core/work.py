"""Work: a record on its way from its admission to its outcome."""

from enum import IntEnum
from hashlib import sha256
from math import inf

from processor.core.calls import Call
from processor.core.copies import Copy
from processor.core.events import CartAbandoned, Content, OrderPaid, Pending, Undecodable
from processor.core.outcomes import identify
from processor.core.records import Now, Record
from processor.core.replies import Verdict
from processor.core.vocabulary import Effect, Operation, strongest


class Rank(IntEnum):
    """Who goes first within a cart."""

    CONFIRM = 0
    REPLAYED_CONFIRM = 1
    RELEASE = 2
    REPLAYED_RELEASE = 3


class Work:
    """One record's state: what it says, whose turn it is, and what its attempts came to.

    Compared by identity. `received_at` is the moment (seconds, see `Now.at`) of its admission,
    `due` that before which it rests; `expires_at` (epoch milliseconds) when the first reservation
    ends that it asks to confirm; `patient_since` the reading of its scope's patience clock when
    its first attempt that counts had failed, `paused_for` the seconds that Rokt told it alone to
    pause, which do not count either; `failed_since` the moment of the first of its `failures`:
    replies that were not final, of which `trouble` tells the last; `gate` the offset of the
    payments' partition that must be known before a release is sent; `is_replayed`: it came through
    the replay lane; `copy` is what it stands for there.
    """

    __slots__ = (
        "ambiguous_attempts",
        "arrival",
        "attempts",
        "call",
        "content",
        "copy",
        "counted_attempts",
        "due",
        "effect",
        "expires_at",
        "failed_since",
        "failures",
        "first_attempt_at",
        "gate",
        "is_replayed",
        "is_tainted",
        "last_attempt_at",
        "limited_attempts",
        "outcome_id",
        "patient_since",
        "paused_for",
        "rank",
        "received_at",
        "record",
        "released_before_paid",
        "sent_at",
        "trouble",
        "uncounted",
    )

    def __init__(self, record: Record, content: Content, *, arrival: int) -> None:
        """Begin with nothing attempted; `arrival` numbers the records in the order they came."""
        self.record = record
        self.content = content
        self.arrival = arrival
        self.rank = Rank.CONFIRM
        self.outcome_id = ""
        self.copy: Copy | None = None
        self.is_replayed = False
        self.is_tainted = False
        self.gate: int | None = None
        self.received_at = self.due = 0.0
        self.expires_at: int | None = None
        self.call: Call | None = None
        self.attempts = self.counted_attempts = self.ambiguous_attempts = 0
        self.limited_attempts = 0
        self.uncounted = 0
        self.effect = Effect.NOT_SENT
        self.failed_since = inf
        self.failures = 0
        self.trouble = ""
        self.patient_since = self.paused_for = 0.0
        self.sent_at = 0.0
        self.first_attempt_at: int | None = None
        self.last_attempt_at: int | None = None
        self.released_before_paid: tuple[str, ...] = ()

    @property
    def is_ambiguous(self) -> bool:
        """Whether an earlier attempt, perhaps before a takeover, may have been applied."""
        return self.is_tainted or self.ambiguous_attempts > 0

    @property
    def operation(self) -> Operation:
        """What it asks for, as far as it can be read."""
        match self.content:
            case OrderPaid():
                return Operation.CONFIRM
            case CartAbandoned():
                return Operation.RELEASE
            case _:
                return Operation.UNKNOWN

    def identify(self) -> None:
        """Take the id that its outcome will have, once it is known what the record says."""
        match self.content:
            case OrderPaid(event_id=event_id, items=items):
                name: str = event_id
                ends = [item.reservation_expires_at for item in items]
                self.expires_at = min([end for end in ends if end is not None], default=None)
            case CartAbandoned(event_id=event_id):
                name = event_id
            case Undecodable() | Pending():
                name = sha256(self.record.value or b"").hexdigest()
        self.outcome_id = identify(self.record.source, self.operation, name)

    def sent(self, now: Now) -> None:
        """Note that an attempt begins."""
        self.sent_at = now.at
        self.last_attempt_at = now.wall_ms
        if self.first_attempt_at is None:
            self.first_attempt_at = now.wall_ms

    def withdrawn(self) -> None:
        """Note that the attempt went nowhere."""
        if not self.attempts:
            self.first_attempt_at = self.last_attempt_at = None

    def replied(self, verdict: Verdict, *, counts: bool) -> None:
        """Note what an attempt came to; `counts`: it uses up one of the record's attempts."""
        self.attempts += 1
        if counts:
            self.counted_attempts += 1
            self.uncounted = 0
            self.limited_attempts += verdict.max_attempts is not None
        self.effect = strongest(self.effect, verdict.effect)
        if verdict.effect is Effect.MAYBE_APPLIED:
            self.ambiguous_attempts += 1

    def failed(self, at: float, trouble: str = "") -> None:
        """Note a reply that is not final, and what it was in words."""
        self.trouble = trouble
        self.failed_since = min(self.failed_since, at)
        self.failures += 1
