"""Originals: candidates of a replay, from topics and from container files."""

from collections.abc import Iterator
from typing import Final

from processor.core.events import CartAbandoned, Content, OrderPaid
from processor.core.forecast import Forecast
from processor.core.records import Partition, Record
from processor.core.replays import COPIED, Candidate, Passed, Prospect, Slice
from processor.core.selection import Subject
from processor.shell import schemas
from processor.shell.clock import now
from processor.shell.history.files import Rows
from processor.shell.history.means import Means
from processor.shell.history.reader import Reader
from processor.shell.settings import Topics

_ROWS_BETWEEN_SIGNS: Final = 1_000
_KNOWN_TO_THE_LEDGER: Final = frozenset({Prospect.SETTLED, Prospect.DOUBTFUL})
_DECIDED: Final = _KNOWN_TO_THE_LEDGER | {Prospect.CONFLICT, Prospect.NOTHING_LEFT}


class Originals:
    """Reads the slices of a replay.

    Where there are releases, or doubtful orders are asked for, what one record comes to depends on
    those before it: they are read again when a slice is begun in its middle.
    """

    def __init__(self, means: Means, topics: Topics, rows: Rows | None) -> None:
        """`rows` are those of the plan's containers, None when it has none."""
        self._means = means
        self._topics = topics
        self._rows = rows
        self._expected = {
            topics.order_paid: schemas.ORDER_PAID,
            topics.cart_abandoned: schemas.CART_ABANDONED,
        }
        parts = means.plan.slices
        self._has_releases = any(each.place.topic != topics.order_paid for each in parts)
        self._number: int | None = None
        self._covered: dict[Slice, int] = {}
        self._looked_around: set[int] = set()

    def candidates(self, part: Slice, position: int) -> Iterator[Candidate | Passed]:
        """Yield the candidates of a slice from a position on."""
        self._turn_to(part, position)
        if self._has_releases or self._means.plan.guards.includes_maybe_applied:
            self._catch_up(part, position)
        for item in self._read(part, position, self._means.reader):
            if isinstance(item, Passed):
                self._covered[part] = item.position
                yield item
                continue
            after, record = item
            self._covered[part] = after
            self._means.odometer.read += 1
            candidate = self._weigh(part.place, record, after)
            if candidate is not None:
                yield candidate
        self._covered[part] = part.end

    def _read(
        self, part: Slice, position: int, reader: Reader
    ) -> Iterator[tuple[int, Record] | Passed]:
        """Yield the records of a slice, each with where it goes on; and signs in between."""
        if part.place.topic == self._means.plan.lane and self._rows is not None:
            for after, record in self._rows.read(position):
                if after > part.end:
                    return
                yield after, record
                if after % _ROWS_BETWEEN_SIGNS == 0:
                    yield Passed(position=after)
            return
        for batch in reader.read(part.place, position, part.end):
            for record in batch.records:
                yield record.source.offset + 1, record
            yield Passed(position=batch.position, deleted=batch.gone)

    def _weigh(self, place: Partition, record: Record, after: int) -> Candidate | None:
        """Say what would come of a record, and remember it; None when it is not wanted."""
        plan, at = self._means.plan, record.source.timestamp
        if not (self._has_releases or at is None or plan.selection.covers(at)):
            return None
        content = self._means.decoder.decode(record, self._expected.get(place.topic))
        if at is None and isinstance(content, OrderPaid | CartAbandoned):
            at = content.occurred_at
        number = plan.number_of(place, record.key)
        forecaster = self._means.forecasters.of(number)
        found = forecaster.look(record, content, now().wall_ms)
        if number != place.number and place.topic != plan.lane and found.prospect in COPIED:
            found = self._ask_where_it_lay(place, record, content) or found
        subject = Subject(
            operation=found.operation,
            cart_id=found.cart_id,
            order_id=found.order_id,
            at=at,
        )
        is_wanted = plan.selection.covers(at) and plan.selection.names(subject)
        if is_wanted and found.prospect in COPIED:
            forecaster.copied(content)
        elif self._has_releases and found.prospect not in _KNOWN_TO_THE_LEDGER:
            forecaster.left_out(record, content)
        if not is_wanted:
            return None
        return Candidate(
            position_after=after,
            prospect=found.prospect,
            origin=record.source,
            partition=number,
            record=record,
            operation=found.operation,
            cart_id=found.cart_id,
            order_id=found.order_id,
            detail=found.detail,
            is_authorised=found.is_authorised,
        )

    def _ask_where_it_lay(
        self, place: Partition, record: Record, content: Content
    ) -> Forecast | None:
        """Ask the ledger of the partition that a record lay in, whose carts have moved since.

        None when that has no part in it.
        """
        if place.number >= self._means.plan.lane_partitions:
            return None
        forecaster = self._means.forecasters.of(place.number)
        found = forecaster.look(record, content, now().wall_ms)
        return found if found.prospect in _DECIDED else None

    # What was before

    def _turn_to(self, part: Slice, position: int) -> None:
        """Forget what was learnt where it does not lead up to a position of a slice."""
        number = None if self._means.plan.partitioner else part.place.number
        if number != self._number or position < self._covered.get(part, part.begin):
            self._means.forecasters.forget()
            self._covered.clear()
            self._looked_around.clear()
        self._number = number

    def _catch_up(self, part: Slice, position: int) -> None:
        """Learn what the records before a position have said, as far as it is not known."""
        plan = self._means.plan
        for earlier in plan.slices:
            is_same = earlier == part
            if plan.partitioner is None and earlier.place.number != part.place.number:
                continue
            begin, end = self._covered.get(earlier, earlier.begin), earlier.end
            if is_same:
                end = position
            if begin < end:
                cut = Slice(place=earlier.place, begin=begin, end=end)
                for item in self._read(cut, begin, self._means.side):
                    if not isinstance(item, Passed):
                        self._weigh(earlier.place, item[1], item[0])
                self._covered[earlier] = end
            if is_same:
                break
        if self._has_releases and part.place.topic != self._topics.order_paid:
            is_elsewhere = plan.partitioner is not None or part.place.topic == plan.lane
            own = part.place.number
            for number in range(plan.lane_partitions) if is_elsewhere else (own,):
                self._look_around(number)

    def _look_around(self, number: int) -> None:
        """Learn the payments that the plan does not bring back: those before and after its slices.

        The live fleet knows of those that it has worked, which may be none before its start. A
        release of what was paid at any time must not go out.
        """
        if number in self._looked_around:
            return
        self._looked_around.add(number)
        means, place = self._means, Partition(self._topics.order_paid, number)
        begin, end = means.side.bounds(place)
        forecaster = means.forecasters.of(number)
        known = sorted((part.begin, part.end) for part in means.plan.slices if part.place == place)
        for until, after in [*known, (end, end)]:
            if begin < min(until, end):
                for batch in means.side.read(place, begin, min(until, end)):
                    for record in batch.records:
                        content: Content = means.decoder.decode(record, schemas.ORDER_PAID)
                        forecaster.left_out(record, content)
            begin = max(begin, after)
