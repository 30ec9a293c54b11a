"""History: what the recent replies of one scope say about Rokt and about the carts.

It answers the two questions on which hold and conviction hang: does everything fail, or only
something, and if so, for how many carts.
"""

from collections import deque
from itertools import islice
from math import inf
from typing import Final

from processor.core.work import Work

CARTS_OF_AN_OUTAGE: Final = 3
QUIET_OF_AN_OUTAGE: Final = 5.0
LONG_QUIET: Final = 60.0
FEW_CARTS: Final = 3
FEW_SHARE: Final = 0.05
_LOOK_BACK: Final = 300.0
_SLICE: Final = 60.0
_COUNT_EVERY: Final = 1.0
_MOST_CARTS: Final = 10_000  # of a slice, and failing: far beyond what is few


class History:
    """The successes and failures of one scope. Carts are told apart by the keys of records.

    `last_success` is when a call last succeeded, `proven_until` when the newest call that
    succeeded had been sent: Rokt was well for others after whatever failed before that moment.
    """

    __slots__ = (
        "_counted_at",
        "_distinct",
        "_failing",
        "_fresh",
        "_seen",
        "last_success",
        "proven_until",
    )

    def __init__(self) -> None:
        """Begin having seen nothing."""
        self.last_success = -inf
        self.proven_until = -inf
        self._fresh: set[bytes | None] = set()
        self._failing: dict[bytes | None, float] = {}
        self._distinct = 0
        self._counted_at = -inf
        self._seen: deque[tuple[float, set[bytes | None]]] = deque()

    def see(self, cart: bytes | None, at: float) -> None:
        """Note that a cart has had a reply."""
        if not self._seen or at - self._seen[-1][0] >= _SLICE:
            self._seen.append((at, set()))
            while at - self._seen[0][0] > _LOOK_BACK:
                self._seen.popleft()
        carts = self._seen[-1][1]
        if len(carts) < _MOST_CARTS:
            carts.add(cart)

    def succeeded(self, work: Work, at: float) -> None:
        """Note that a call has succeeded."""
        self.last_success = at
        self.proven_until = max(self.proven_until, work.sent_at)
        if self._fresh:
            self._fresh.clear()
        if self._failing:
            self._failing.pop(work.record.key, None)

    def answered(self, work: Work) -> None:
        """Note that Rokt has refused a call in its own words: its cart does not fail any more."""
        self._fresh.discard(work.record.key)
        self._failing.pop(work.record.key, None)

    def failed(self, work: Work, at: float) -> None:
        """Note that a call has failed in a way that may concern everything."""
        cart = work.record.key
        was_well = cart not in self._failing and work.failed_since >= self.last_success
        if was_well and len(self._fresh) < _MOST_CARTS:
            self._fresh.add(cart)
        self._failing.pop(cart, None)
        self._failing[cart] = at  # the newest last
        for oldest, last in tuple(islice(self._failing.items(), 2)):
            if at - last <= _LOOK_BACK and len(self._failing) <= _MOST_CARTS:
                break
            del self._failing[oldest]

    def shows_outage(self, at: float) -> bool:
        """Whether carts fail one after the other, and none succeeds.

        Those that were well before tell it soon; those that have failed before only when nothing
        has succeeded for long, since they may be bad themselves.
        """
        quiet = at - self.last_success
        return (len(self._fresh) >= CARTS_OF_AN_OUTAGE and quiet >= QUIET_OF_AN_OUTAGE) or (
            len(self._failing) >= CARTS_OF_AN_OUTAGE and quiet >= LONG_QUIET
        )

    def clears_rokt(self, work: Work) -> bool:
        """Whether others succeed where this record fails, so that the fault must be its own.

        At its first failure any success since it was sent tells; later only one of a call that
        was sent after that failure, because what was in the air then may have just got through.
        """
        if work.failures <= 1:
            return self.last_success >= work.sent_at
        return self.proven_until > work.failed_since

    def fails_for_few(self, at: float) -> bool:
        """Whether so few carts fail that each of them is at fault itself."""
        failing = len(self._failing)
        if failing < FEW_CARTS:
            return True
        if at - self._counted_at >= _COUNT_EVERY:
            recent = (carts for since, carts in self._seen if at - since <= _LOOK_BACK)
            self._distinct, self._counted_at = len(set().union(*recent)), at
        return failing < FEW_SHARE * self._distinct
