"""The survey of a plan: how many records of each prospect there are, and examples of them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from processor.core.replays import CALLED, COPIED, Candidate, Passed, Prospect
from processor.core.selection import Selection
from processor.core.vocabulary import Effect, Reason

SAMPLES: Final = 3
_NAMED_IN_FULL: Final = frozenset({Prospect.QUARANTINED, Prospect.MISSING})
_MOST_NAMED: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a plan would do if it were executed now.

    `samples` are the first candidates of each prospect, without their records; those that need a
    person (QUARANTINED, MISSING) are named up to 1,000. `failures` counts how the records of dead
    letters have failed. `absent` counts offsets that hold no record. `unknown` are the asked-for
    ids that no record named.
    """

    counts: Mapping[Prospect, int]
    samples: Mapping[Prospect, tuple[Candidate, ...]]
    failures: Mapping[tuple[Reason, Effect], int]
    read: int
    absent: int
    unknown: tuple[str, ...]

    @property
    def copies(self) -> int:
        """How many records would be brought back."""
        return sum(self.counts.get(prospect, 0) for prospect in COPIED)

    @property
    def calls(self) -> int:
        """How many calls that would make, at least; a REPEAT may make one more."""
        return sum(self.counts.get(prospect, 0) for prospect in CALLED)

    def seconds(self, rate: float) -> float:
        """Return how long bringing them back takes, at so many records a second."""
        return self.copies / rate


class Counting:
    """Counts candidates as they come."""

    __slots__ = ("_counts", "_failures", "_has_ids", "_ids", "_most", "_samples")

    def __init__(self, selection: Selection, most: int = SAMPLES) -> None:
        """Begin with nothing; `selection` says which ids are looked for.

        `most` samples of each prospect are kept.
        """
        self._most = most
        self._ids = set(selection.ids | selection.orders | selection.carts)
        self._has_ids = bool(self._ids)
        self._counts: Counter[Prospect] = Counter()
        self._failures: Counter[tuple[Reason, Effect]] = Counter()
        self._samples: dict[Prospect, list[Candidate]] = {}

    def add(self, candidate: Candidate, *, sample: Candidate) -> None:
        """Take in a candidate; `sample` is what is kept of it as an example."""
        prospect = candidate.prospect
        self._counts[prospect] += 1
        if candidate.failure is not None:
            self._failures[candidate.failure.reason, candidate.failure.effect] += 1
        self._ids.discard(candidate.order_id or "")
        self._ids.discard(candidate.cart_id or "")
        kept = self._samples.setdefault(prospect, [])
        if len(kept) < (_MOST_NAMED if prospect in _NAMED_IN_FULL else self._most):
            kept.append(sample)

    def pass_over(self, passed: Passed) -> None:
        """Take in how far reading has come without a candidate."""
        if passed.deleted:
            self._counts[Prospect.DELETED] += passed.deleted

    @property
    def counts(self) -> Mapping[Prospect, int]:
        """How many of each prospect have come so far."""
        return self._counts

    def survey(self, *, waiting: int, read: int, absent: int) -> Survey:
        """Return what was found; `waiting` records lie where the live fleet is still to come.

        They are not counted where orders, carts or ids were asked for.
        """
        counts = dict(self._counts)
        # Whether those name the ids that are looked for is not known: they are not read.
        if waiting and not self._has_ids:
            counts[Prospect.WAITING] = counts.get(Prospect.WAITING, 0) + waiting
        return Survey(
            counts={prospect: counts[prospect] for prospect in Prospect if prospect in counts},
            samples={prospect: tuple(kept) for prospect, kept in self._samples.items()},
            failures=dict(sorted(self._failures.items())),
            read=read,
            absent=absent,
            unknown=tuple(sorted(self._ids)),
        )
