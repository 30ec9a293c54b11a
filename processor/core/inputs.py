"""Input: one owned partition of one input. How far it has come, and when it is full.

What waits for its schema is counted apart: whoever writes bytes that name made-up schemas must not
fill a partition with them so that the orders behind wait, too.
"""

from math import ceil
from typing import Final, NamedTuple

from processor.core.events import CartAbandoned, Content, OrderPaid
from processor.core.offsets import Offsets
from processor.core.records import Record

COUNTS_ONCE_MORE: Final = 4 * 1024
"""Of so many bytes of a record each counts as one record more."""

_COUNT_FOR: Final = 1.0
_LEAD_FOR: Final = 2.0
_ITEMS_COUNT_ONCE_MORE: Final = 32  # ten bytes may hold one, which takes 800 of memory
_HEADER_TAKES: Final = 64  # bytes of memory, however short it is
_WAITING_TAKES: Final = 400  # so that some ten small ones that wait count as one that does not


class Limits(NamedTuple):
    """When a partition is full: so many unfinished records, or so many offsets apart.

    `spares_waiting`: what waits for its schema does not count, but for its bulk.
    """

    unfinished: int
    span: int
    spares_waiting: bool = False

    @property
    def doubled(self) -> "Limits":
        """Twice as much."""
        return Limits(2 * self.unfinished, 2 * self.span, self.spares_waiting)


class Bounds:
    """The limits of all partitions."""

    def __init__(self, max_unfinished: int, max_span: int) -> None:
        """See `Limits`."""
        self._usual = Limits(max_unfinished, max_span)
        self._sparing = self._usual._replace(spares_waiting=True)
        self._most_waiting = max_unfinished * COUNTS_ONCE_MORE

    def of(self, waiting: int) -> Limits:
        """Return those of a partition beside whose records so much waits for a schema in all."""
        return self._sparing if 0 < waiting < self._most_waiting else self._usual


class Input:
    """One owned partition of one input.

    `horizon` is the acknowledged one: calls go out for offsets below it only. Records below
    `taint_below` may have been called by an earlier owner. `end` is where the log ended when it
    was assigned. `bulk` is what the unfinished records weigh beyond one each: large ones count
    towards the limit once more for every 4 KiB, and for every 32 items that were found in them.
    `waiting` is what those weigh that wait for their schema: their bytes, and 400 more for
    each.
    """

    __slots__ = (
        "_counted_from",
        "_counted_since",
        "_heavy",
        "_per_second",
        "_undecoded",
        "bulk",
        "end",
        "horizon",
        "is_paused",
        "is_span_full",
        "offsets",
        "taint_below",
        "waiting",
    )

    def __init__(self, committed: int, taint_below: int, end: int) -> None:
        """Begin at a committed offset."""
        self.offsets = Offsets(committed)
        self._undecoded = Offsets(committed)
        self.bulk = 0
        self._heavy: dict[int, int] = {}
        self.waiting = 0
        self.end = end
        self.taint_below = taint_below
        self.horizon = committed
        self.is_paused = False
        self.is_span_full = False
        self._counted_from = committed
        self._counted_since = 0.0
        self._per_second = 0.0

    def plan_horizon(self, at: float) -> int:
        """Return how far the next commit lets calls go beyond the newest record.

        As far as records came in the last seconds: in a steady stream hardly a call waits for a
        commit of its own, and a partition that was quiet taints nothing that came after a crash.
        """
        position = self.offsets.position
        elapsed = at - self._counted_since
        if elapsed >= _COUNT_FOR:
            self._per_second = (position - self._counted_from) / elapsed
            self._counted_from, self._counted_since = position, at
        lead = max(ceil(self._per_second * _LEAD_FOR), position - self._counted_from)
        reach = max(position + lead, self.taint_below)
        # It may be the one that a next owner reads as soon as it is sent, so less holds at once.
        self.horizon = min(self.horizon, reach)
        return reach

    def is_full(self, limits: Limits) -> bool:
        """Whether a limit is reached; which one decides when there is room again."""
        self.is_span_full = self.offsets.span >= limits.span
        return self.is_beyond(limits)

    def is_beyond(self, limits: Limits) -> bool:
        """Whether as many records are unfinished, or lie that far apart."""
        return self.offsets.span >= limits.span or self._load(limits) >= limits.unfinished

    def has_room(self, limits: Limits) -> bool:
        """Whether what was full is half empty again, and nothing else is full."""
        span = limits.span // 2 if self.is_span_full else limits.span - 1
        return self._load(limits) <= limits.unfinished // 2 and self.offsets.span <= span

    def track(self, record: Record, content: Content) -> bool:
        """Begin a record; False (and nothing changes) when it was received before."""
        offset = record.source.offset
        is_new = self.offsets.track(offset)
        if is_new:
            self._weigh(offset, _size(record) // COUNTS_ONCE_MORE)
            self.was_read(offset, content)
        return is_new

    def was_read(self, offset: int, content: Content) -> None:
        """Count what was found in a record that was begun, once."""
        if isinstance(content, OrderPaid | CartAbandoned):
            self._weigh(offset, len(content.items) // _ITEMS_COUNT_ONCE_MORE)

    def _weigh(self, offset: int, more: int) -> None:
        if more:
            self._heavy[offset] = self._heavy.get(offset, 0) + more
            self.bulk += more

    def resolve(self, offset: int) -> None:
        """Finish a record. KeyError when it is not unfinished."""
        self.offsets.resolve(offset)
        self.bulk -= self._heavy.pop(offset, 0)

    def await_schema(self, record: Record) -> None:
        """Note that a record waits for its schema; it may have done so before."""
        if self._undecoded.track(record.source.offset):
            self.waiting += _WAITING_TAKES + _size(record)

    def decoded(self, record: Record) -> None:
        """Note that a record waits for no schema; it may never have done so."""
        if self.waiting and record.source.offset in self._undecoded:
            self._undecoded.resolve(record.source.offset)
            self.waiting -= _WAITING_TAKES + _size(record)

    def undecoded_below(self, offset: int) -> bool:
        """Whether a record below an offset waits for its schema."""
        return self.waiting > 0 and self._undecoded.next_offset < offset

    def _load(self, limits: Limits) -> int:
        spared = self._undecoded.unfinished if limits.spares_waiting else 0
        return self.offsets.unfinished - spared + self.bulk


def _size(record: Record) -> int:
    size = len(record.value or b"") + len(record.key or b"")
    for name, value in record.headers:
        size += _HEADER_TAKES + len(name) + len(value or b"")
    return size
