"""A history in memory: logs with holes, read as the real ones are, and ledgers beside them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from processor.core.events import Content, Undecodable
from processor.core.ledger import Ledger
from processor.core.records import Partition, Record
from processor.core.replays import Candidate, Guards, Kind, Passed, Plan, Slice
from processor.core.selection import Selection
from processor.core.vocabulary import Reason
from processor.shell.history.ledgers import Restored
from processor.shell.history.means import Forecasters, Means, Odometer
from processor.shell.history.originals import Originals
from processor.shell.history.reader import Batch
from processor.shell.settings import Topics

TOPICS = Topics()
LANE_PARTITIONS = 1
MADE_AT = 1_790_000_000_000


@dataclass(frozen=True)
class Entry:
    """A record of a made-up log, and what it says."""

    record: Record
    content: Content


class MadeUpLogs:
    """What a `Reader` gives, out of memory; batches are short, so that many are needed."""

    def __init__(self, logs: Mapping[Partition, Sequence[Entry]]) -> None:
        self._logs = {place: [each.record for each in log] for place, log in logs.items()}

    def bounds(self, place: Partition) -> tuple[int, int]:
        log = self._logs.get(place, [])
        return (log[0].source.offset, log[-1].source.offset + 1) if log else (0, 0)

    def at(self, place: Partition, timestamp: int) -> int | None:
        for record in self._logs.get(place, []):
            if (record.source.timestamp or 0) >= timestamp:
                return record.source.offset
        return None

    def read(self, place: Partition, begin: int, end: int) -> Iterator[Batch]:
        found = [r for r in self._logs.get(place, []) if begin <= r.source.offset < end]
        while found:
            batch, found = found[:3], found[3:]
            position = found[0].source.offset if found else end
            yield Batch(records=tuple(batch), position=position)
        if begin < end and not found:
            yield Batch(records=(), position=end)


class MadeUpDecoder:
    """Knows what each record of the logs says."""

    def __init__(self, logs: Mapping[Partition, Sequence[Entry]]) -> None:
        self._contents = {each.record.source: each.content for log in logs.values() for each in log}

    def decode(self, record: Record, expected: str | None) -> Content:  # noqa: ARG002
        unknown = Undecodable(reason=Reason.UNDECODABLE, detail="unknown")
        return self._contents.get(record.source, unknown)


class MadeUpLedgers:
    """Makes the ledger of a partition anew each time, as reading it does."""

    def __init__(self, outcomes: Sequence[Any], forgets_before: int = 0) -> None:
        self._outcomes = outcomes
        self._forgets_before = forgets_before

    def restore(self, number: int) -> Restored:  # noqa: ARG002
        ledger = Ledger(TOPICS.cart_abandoned)
        for outcome in self._outcomes:
            ledger.learn(outcome)
        return Restored(ledger=ledger, forgets_before=self._forgets_before)


@dataclass(frozen=True)
class History:
    """Logs of one partition number, and what came of them so far."""

    payments: tuple[Entry, ...]
    abandonments: tuple[Entry, ...]
    outcomes: tuple[Any, ...] = ()

    @property
    def logs(self) -> dict[Partition, Sequence[Entry]]:
        """Return the logs by their places."""
        return {
            Partition(TOPICS.order_paid, 0): self.payments,
            Partition(TOPICS.cart_abandoned, 0): self.abandonments,
        }

    def plan(self, slices: Sequence[Slice], selection: Selection, **changes: Any) -> Plan:  # noqa: ANN401
        """Return a plan of slices of these logs."""
        return Plan(
            replay_id="made-up",
            kind=Kind.REPLAY,
            created_at=MADE_AT,
            cluster_id="cluster",
            group="group",
            lane=TOPICS.replay,
            topic_ids={},
            counts=dict.fromkeys((*TOPICS.model_dump().values(),), LANE_PARTITIONS),
            selection=selection,
            guards=changes.pop("guards", GUARDS),
            slices=tuple(slices),
            **changes,
        )

    def originals(self, plan: Plan) -> Originals:
        """Return the candidates' source for a plan, as a process that has just begun has it."""
        reader, decoder = MadeUpLogs(self.logs), MadeUpDecoder(self.logs)
        ledgers = cast("Any", MadeUpLedgers(self.outcomes))
        means = Means(
            plan=plan,
            reader=cast("Any", reader),
            side=cast("Any", reader),
            decoder=cast("Any", decoder),
            letters=cast("Any", None),
            forecasters=Forecasters(plan, ledgers, keeps_all=False),
            odometer=Odometer(),
        )
        return Originals(means, TOPICS, None)


GUARDS = Guards(max_age=None, includes_maybe_applied=False, most_redrives=3)


def whole(log: Sequence[Entry], place: Partition) -> Slice:
    """Return the slice that holds a whole log."""
    first, last = log[0].record.source.offset, log[-1].record.source.offset
    return Slice(place=place, begin=first, end=last + 1)


def candidates(originals: Originals, part: Slice, begin: int, end: int) -> list[Candidate]:
    """Return the candidates of a slice that a run finds which begins and stops at positions."""
    found = []
    for each in originals.candidates(part, begin):
        match each:
            case Candidate(position_after=after):
                if after > end:
                    break
                found.append(each)
            case Passed(position=position):
                if position >= end:
                    break
    return found
