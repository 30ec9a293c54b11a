"""Windows: which offsets of a partition a plan reads."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A partition: its first offset, its last stable one, and what the live group has committed.

    `committed` is None where the group has no offset, or does not read the topic.
    """

    begin: int
    end: int
    committed: int | None

    @property
    def limit(self) -> int:
        """Where the live fleet's own work begins: nothing from there on is brought back."""
        return self.end if self.committed is None else min(self.end, self.committed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Offsets from `begin` up to, not including, `end`.

    `waiting` more were asked for, and are left to the live fleet.
    """

    begin: int
    end: int
    waiting: int


def cut(log: Log, begin: int, edge: int, *, is_exact: bool = True) -> Cut:
    """Cut out of a log what was asked for: from `begin` up to `edge`, as far as it is there.

    `is_exact` is False where `edge` was found by time and times are not in order: then records
    that were asked for may follow it, so everything up to the limit is read.
    """
    begin = min(max(begin, log.begin), log.end)
    asked = max(begin, min(edge, log.end))
    end = min(asked if is_exact else log.end, log.limit)
    return Cut(begin=begin, end=max(begin, end), waiting=max(0, asked - max(begin, log.limit)))
