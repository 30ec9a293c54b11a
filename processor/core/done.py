"""Done: which records have outcomes, so that one that is delivered again is passed over.

Only records at or above the committed offsets can come again; the others are forgotten.
"""

import sys
from collections.abc import Collection, Mapping

from processor.core.records import Source


class Done:
    """Which records have which outcomes, and where in the results those lie."""

    __slots__ = ("_floors", "_outcomes", "_topics", "_unknown")

    def __init__(
        self, topics: Collection[str] | None = None, floors: Mapping[str, int] | None = None
    ) -> None:
        """Begin with nothing; records of other topics than `topics` are of no interest.

        `floors` are given where outcomes were read before: what lies below is forgotten, by topic,
        and of a topic without one nothing is known.
        """
        self._topics = topics
        self._floors: dict[str, int] = dict(floors or {})
        self._unknown = sys.maxsize if floors else 0
        self._outcomes: dict[str, dict[int, tuple[str, int]]] = {}

    def note(self, source: Source, outcome_id: str, at: int) -> None:
        """Note that the record at `source` has an outcome, which lies at offset `at`."""
        topic, _, offset, _ = source
        if self._topics is not None and topic not in self._topics:
            return
        if offset >= self._floors.get(topic, 0):
            self._outcomes.setdefault(topic, {})[offset] = (outcome_id, at)

    def has(self, topic: str, offset: int, outcome_id: str) -> bool:
        """Whether this very record has its outcome: same coordinates, same event."""
        known = self._outcomes.get(topic, {}).get(offset)
        return known is not None and known[0] == outcome_id

    def floor(self, topic: str) -> int:
        """Return the offset of a topic below which it is not known which records have outcomes."""
        return self._floors.get(topic, self._unknown)

    def forget(self, topic: str, below: int) -> None:
        """Forget the records below a committed offset."""
        self._floors[topic] = below
        outcomes = self._outcomes.get(topic)
        if outcomes:
            self._outcomes[topic] = {o: known for o, known in outcomes.items() if o >= below}

    def limit(self, topic: str, end: int) -> None:
        """Forget what lay beyond the end of a topic: it was another one of that name."""
        outcomes = self._outcomes.get(topic)
        if outcomes:
            self._outcomes[topic] = {o: known for o, known in outcomes.items() if o < end}

    @property
    def floors(self) -> Mapping[str, int]:
        """Below which offset of each topic it is forgotten which records have outcomes."""
        return self._floors

    def first_at(self, end: int) -> int:
        """Return where in the results the first of these outcomes lies; `end` if none lies before.

        Whoever reads the results from there on knows again what is known here.
        """
        ats = (at for known in self._outcomes.values() for _, at in known.values())
        return min(end, min(ats, default=end))
