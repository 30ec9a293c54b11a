"""Selections: which records of the past somebody wants to have worked again."""

from dataclasses import dataclass
from typing import Final

from processor.core.vocabulary import Effect, Operation, Reason

_NONE: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a record is about, as far as it is known before or after it is decoded.

    `cart_id` is that of the key where the record cannot be decoded. `at` is epoch milliseconds:
    the record's timestamp; of a dead letter, when it was written.
    """

    operation: Operation
    cart_id: str | None
    order_id: str | None
    at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How the record of a dead letter failed."""

    reason: Reason
    effect: Effect
    http_status: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The filters of a replay or redrive. An empty set lets everything through.

    `ids` are orders or carts, from a file. `since` is included, `until` is not; both are epoch
    milliseconds. `partitions` are numbers of the source. The last three are about dead letters.
    """

    operations: frozenset[Operation] = frozenset()
    orders: frozenset[str] = _NONE
    carts: frozenset[str] = _NONE
    ids: frozenset[str] = _NONE
    partitions: frozenset[int] = frozenset()
    since: int | None = None
    until: int | None = None
    reasons: frozenset[Reason] = frozenset()
    effects: frozenset[Effect] = frozenset()
    http_statuses: frozenset[int] = frozenset()

    def covers(self, at: int | None) -> bool:
        """Whether a time lies within the window; what has no time lies in none but the whole."""
        if at is None:
            return self.since is None and self.until is None
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)

    def names(self, subject: Subject) -> bool:
        """Whether the filters but the time's let a record through."""
        return (
            _lets(self.operations, subject.operation)
            and _lets(self.orders, subject.order_id)
            and _lets(self.carts, subject.cart_id)
            and (not self.ids or subject.order_id in self.ids or subject.cart_id in self.ids)
        )

    def wants(self, failure: Failure) -> bool:
        """Whether the filters of a redrive let a failure through."""
        return (
            _lets(self.reasons, failure.reason)
            and _lets(self.effects, failure.effect)
            and _lets(self.http_statuses, failure.http_status)
        )


def _lets(wanted: frozenset[object], found: object) -> bool:
    return not wanted or found in wanted
