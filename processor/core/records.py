"""Records: what Kafka hands over, still bytes, and where it came from."""

from dataclasses import dataclass
from typing import NamedTuple


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int


class Source(NamedTuple):
    """Coordinates of a record; timestamps are milliseconds since the epoch, UTC."""

    topic: str
    partition: int
    offset: int
    timestamp: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """Which part each input plays. `replay` is the replay lane, None while that is off."""

    payments: str
    abandonments: str
    replay: str | None = None

    @property
    def live(self) -> frozenset[str]:
        """The topics of which a partition number must be owned before it works.

        The replay lane is none of them: it works where they are, and never stops them.
        """
        return frozenset({self.payments, self.abandonments})


@dataclass(frozen=True, slots=True)
class Record:
    """A record as consumed. `value` is None for a tombstone; headers keep their order."""

    source: Source
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class Now(NamedTuple):
    """A moment, handed to every decision that depends on time.

    `at` is seconds on a clock that never jumps and counts suspension; `wall` is seconds since
    the epoch, for timestamps and expiries.
    """

    at: float
    wall: float

    @property
    def wall_ms(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.wall * 1000)
