"""Assignments: which partitions we own, what was committed for them, and how long that fences.

Calls go out only while the lease holds: it is counted from the sending of the last commit that
the coordinator acknowledged. The same commit carries the dispatch horizon.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from processor.core.effects import Commit, CommitOffset, Restore
from processor.core.fence import FenceSettings
from processor.core.horizon import taint_below
from processor.core.inputs import Input
from processor.core.ledgers import Kept, Ledgers, Retained
from processor.core.outcomes import Outcome, OutcomeView
from processor.core.partitions import PartitionState, Phase, Rereading
from processor.core.records import Now, Partition, Topics

READ_GAPS_EVERY: Final = 60.0
_COMMIT_AGAIN_AFTER: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """A partition that the group gave us, and what is committed for it.

    `committed` is the next offset to be received; `end` the log's end at assignment. `beginning`
    numbers the beginnings there since the last one that was handed back, from 1.
    """

    partition: Partition
    committed: int
    metadata: str | None
    end: int
    beginning: int = 1


class Assignments:
    """The partition states that are owned, the ledgers of those that were, and the commit."""

    __slots__ = (
        "_commit_due",
        "_epoch",
        "_former",
        "_in_air",
        "_ledgers",
        "_read_gaps_at",
        "_retained",
        "_settings",
        "_topics",
        "states",
    )

    def __init__(self, topics: Topics, settings: FenceSettings, ledgers: Ledgers) -> None:
        """Begin owning nothing; `ledgers` has what is known already."""
        self._topics = topics
        self._settings = settings
        self._ledgers = ledgers
        self.states: dict[int, PartitionState] = {}
        self._former: dict[int, list[PartitionState]] = {}
        self._retained = Retained(ledgers)
        self._read_gaps_at = 0.0
        self._epoch = 0
        self._commit_due = 0.0
        self._in_air: dict[PartitionState, dict[str, int]] | None = None

    def assign(self, assigned: Sequence[Assigned], now: Now) -> Iterator[Restore]:
        """Take partitions over; return the ledgers to read where a number is complete by it."""
        for one in assigned:
            topic, number = one.partition
            state = self.states.get(number)
            if state is None:
                state = self.states[number] = self._begin(number)
            # Of the lane's copies the ledger knows by their originals which were worked.
            if one.committed < state.ledger.done.floor(topic) and topic != self._topics.replay:
                state.replace_ledger(self._ledgers.anew(number))
            below = taint_below(one.metadata, one.committed, one.end)
            state.inputs[topic] = Input(one.committed, below, one.end)
            state.ledger.done.forget(topic, one.committed)
            state.rereading = Rereading.NOT_ASKED  # its former owner's outcomes may come late
        self._commit_due = now.at
        yield from self.due_restores()

    def due_restores(self) -> Iterator[Restore]:
        """Return the ledgers to read of numbers that are complete and have not begun to."""
        for state in self.states.values():
            if state.phase is Phase.INCOMPLETE and state.inputs.keys() >= self._topics.live:
                state.phase = Phase.RESTORING
                yield Restore(state.number, state.epoch, state.results.position)

    def live_states(self) -> list[PartitionState]:
        """Return the states of numbers of which more than the replay lane's partition is owned."""
        return [
            state
            for state in self.states.values()
            if not self._topics.live.isdisjoint(state.inputs)
        ]

    @property
    def waiting(self) -> int:
        """What all records weigh that wait for their schema."""
        return sum(
            owned.waiting for state in self.states.values() for owned in state.inputs.values()
        )

    def _begin(self, number: int) -> PartitionState:
        self._epoch += 1
        return PartitionState(number, self._epoch, self._retained.take(number))

    def find(self, number: int, epoch: int) -> PartitionState | None:
        """Return a partition's state if it is still that assignment."""
        state = self.states.get(number)
        return state if state is not None and state.epoch == epoch else None

    def is_current(self, state: PartitionState) -> bool:
        """Whether a state is the present assignment of its partition number."""
        return self.states.get(state.number) is state

    def is_alone(self, number: int) -> bool:
        """Whether nothing of a number's former assignments goes on: no call, no output.

        Those were lost with calls in flight. Should the number come back before these end, it
        waits for them: a cart has one call at a time, and what came of them is known then.
        """
        former = self._former.get(number)
        if former is None:
            return True
        former[:] = [state for state in former if state.running]
        if not former:
            del self._former[number]
        return not former

    def learn(
        self,
        restore: Restore,
        outcomes: Iterable[tuple[int, Outcome | OutcomeView]],
        begin: int,
        position: int,
    ) -> None:
        """Take outcomes into a ledger, with their offsets in the results.

        They are all that lie from `begin` up to `position`.
        """
        state = self.find(restore.number, restore.epoch)
        if state is not None:
            for offset, outcome in outcomes:
                state.ledger.learn(outcome, offset)
            state.results.read(begin, position)

    def replaced(self, restore: Restore) -> None:
        """Note that a results partition ends before what was read of it: it is another one."""
        state = self.find(restore.number, restore.epoch)
        if state is not None:
            state.results.begin_anew()

    def restored(self, restore: Restore, begin: int, position: int) -> PartitionState | None:
        """Note that nothing more lies from `begin` up to `position`, where the results end.

        Returns whose they are, if anybody's.
        """
        state = self.find(restore.number, restore.epoch)
        if state is not None:
            state.results.read(begin, position)
            for topic, owned in state.inputs.items():
                # What was received since the assignment is there, too.
                state.ledger.done.limit(topic, max(owned.end, owned.offsets.position))
            if state.phase is Phase.RESTORING:
                state.phase = Phase.WORKING
            elif state.rereading is Rereading.ASKED and not restore.fills_gap:
                state.rereading = Rereading.DONE
        return state

    def drain(self, partitions: Collection[Partition]) -> None:
        """Let nothing new begin in the numbers of these partitions."""
        for partition in partitions:
            state = self.states.get(partition.number)
            if state is not None and state.phase is not Phase.CLOSED:
                state.phase = Phase.DRAINING

    def is_drained(self, partitions: Collection[Partition]) -> bool:
        """Whether nothing of these partitions' numbers is in flight or on its way into a topic."""
        return all(
            self.states[number].running == 0
            for number in {partition.number for partition in partitions}
            if number in self.states
        )

    def lose(self, partitions: Collection[Partition], now: Now) -> list[PartitionState]:
        """Give partitions up; return the states that have ended, whose records must go on.

        The inputs of such a number that are still owned get a new state; its caller re-admits
        their unfinished records there.
        """
        ended = []
        for number in {partition.number for partition in partitions}:
            state = self.states.pop(number, None)
            if state is None:
                continue
            ended.append(state)
            state.ledger.close_all()
            state.running -= len(state.late)  # nothing follows from those any more
            if state.running:
                self._former.setdefault(number, []).append(state)
            remaining = {
                topic: owned
                for topic, owned in state.inputs.items()
                if Partition(topic, number) not in partitions
            }
            if remaining:
                self._epoch += 1
                again = PartitionState(number, self._epoch, state.kept)
                again.inputs = remaining
                self.states[number] = again
            else:
                self._retained.retain(number, state.kept, now.at)
        return ended

    def forget(self, now: Now) -> None:
        """Let go of ledgers whose partitions have been away for long."""
        self._retained.let_go(now.at, self.is_alone)

    def ledgers(self) -> Iterator[tuple[int, Kept]]:
        """Return the ledgers that are in use, or were not long ago, by their partition's number."""
        yield from self._retained
        yield from ((number, state.kept) for number, state in self.states.items())

    def due_rereads(self, now: Now) -> Iterator[Restore]:
        """Return what is to be read of the results because somebody else has written there.

        A look for it once a minute is enough: whoever takes a partition over reads it all.
        """
        if now.at - self._read_gaps_at < READ_GAPS_EVERY:
            return
        self._read_gaps_at = now.at
        for state in self.states.values():
            # A reading that somebody waits for would be replaced by this one.
            if state.is_settled and state.results.has_gap:
                yield Restore(state.number, state.epoch, state.results.position, fills_gap=True)

    # Commits

    def want_commit(self, now: Now) -> None:
        """Commit as soon as none is in the air: a horizon must be moved."""
        self._commit_due = min(self._commit_due, now.at)

    def due_commit(self, now: Now) -> Commit | None:
        """Return the commit that is due, if any; then one is in the air until `committed`."""
        if self._in_air is not None or now.at < self._commit_due:
            return None
        states = [state for state in self.states.values() if state.phase is not Phase.CLOSED]
        if not states:
            return None
        self._in_air = {}
        offsets: list[CommitOffset] = []
        for state in states:
            horizons = {topic: owned.plan_horizon(now.at) for topic, owned in state.inputs.items()}
            offsets += state.commit_offsets(horizons, self._settings.partitions)
            self._in_air[state] = horizons
        self._commit_due = now.at + self._settings.commit_interval
        return Commit(tuple(offsets))

    def committed(
        self, commit: Commit, refused: Collection[Partition], sent_at: float, now: Now
    ) -> Iterator[PartitionState]:
        """Note what the coordinator acknowledged; return the states whose lease it renews.

        `refused`: partitions whose offset was not taken, or all where the acknowledgement came
        in another generation of the group than the sending.
        """
        horizons, self._in_air = self._in_air or {}, None
        if refused:
            self._commit_due = now.at + _COMMIT_AGAIN_AFTER
        offsets = {one.partition: one.offset for one in commit.offsets}
        for state, reached in horizons.items():
            live = {state.at(topic) for topic in self._topics.live}
            if not self.is_current(state) or live & set(refused):
                continue
            for topic, reach in reached.items():
                if (partition := state.at(topic)) in refused:
                    continue  # the replay lane's, whose copies stand still for it
                state.inputs[topic].horizon = reach
                state.ledger.done.forget(topic, offsets[partition])
            state.lease_until = sent_at + self._settings.lease
            yield state

    def closing_offsets(self, partitions: Collection[Partition]) -> tuple[CommitOffset, ...]:
        """Return the last offsets of partitions that are handed over, and close their numbers."""
        offsets: list[CommitOffset] = []
        for number in sorted({partition.number for partition in partitions}):
            state = self.states.get(number)
            if state is not None:
                state.phase = Phase.CLOSED
                closing = state.closing_offsets(self._settings.partitions)
                offsets += [one for one in closing if one.partition in partitions]
        return tuple(offsets)
