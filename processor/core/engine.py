"""The engine: takes what happened, returns what to do. The only stateful façade of the core.

It owns the lanes, offsets and ledgers of all assigned partitions, and composes the decisions of
the other modules. It knows no HTTP code, no schema, and of a topic only the part it plays.

Follow one record: `admit` (its offset is tracked, it is placed in its cart's lane) → `Dispatch`
(its turn comes: plan, send) → `settle` (the reply becomes a verdict, the verdict an ending) →
`Writings` (dead letter, outcome) → `acknowledged` (the ledger learns, the offset is resolved).
"""

from collections.abc import Callable, Collection, Sequence
from itertools import count
from math import inf

from processor.core import effects as do
from processor.core.admission import rank
from processor.core.assignments import Assigned, Assignments
from processor.core.conclusions import Rest
from processor.core.dispatch import Dispatch
from processor.core.engine_settings import EngineSettings
from processor.core.events import Content
from processor.core.judge import DONE, Judge
from processor.core.lanes import Lane
from processor.core.ledgers import Ledgers
from processor.core.outcomes import Ending
from processor.core.partitions import DECODED_AT_ONCE, PartitionState
from processor.core.records import Now, Partition, Record
from processor.core.replies import Reply, Verdict
from processor.core.sight import Sight, look
from processor.core.work import Rank, Work


class Engine:
    """Feed it what happened, in the order it happened; apply the effects that it returns."""

    def __init__(
        self, settings: EngineSettings, ledgers: Ledgers, jitter: Callable[[], float]
    ) -> None:
        """Begin owning nothing. `jitter` returns a number in [0, 1), random outside of tests."""
        self._settings = settings
        self._arrivals = count(1)
        self.assignments = Assignments(settings.topics, settings.fence, ledgers)
        self._dispatch = Dispatch(settings, self.assignments)
        self._judge = Judge(settings.retries, self._dispatch.permits, jitter)

    # Records

    def admit(self, record: Record, content: Content, now: Now) -> list[do.Effect]:
        """Take in a record of an owned partition; one of any other is dropped."""
        topic, number, offset, _ = record.source
        state = self.assignments.states.get(number)
        owned = state.inputs.get(topic) if state is not None else None
        if state is None or owned is None or not owned.track(record, content):
            return []
        if topic != self._settings.topics.replay:  # what it copies may have lain anywhere
            self._dispatch.partitioners.see(topic, record.key, number)
        work = Work(record, content, arrival=next(self._arrivals))
        work.received_at = now.at
        work.is_tainted = offset < owned.taint_below
        self._place(state, work, now)
        self._dispatch.keep_in_bounds(state, topic)
        return self._dispatch.run(now)

    def _place(self, state: PartitionState, work: Work, now: Now) -> None:
        rank(work, self._settings.topics)
        lane = state.place(work)
        state.read(lane, work)
        if work.rank >= Rank.RELEASE:
            if not work.is_replayed:
                work.due = max(work.due, now.at + self._settings.release_delay)
            self._dispatch.gates.await_end(state, lane, work)
        else:
            self._dispatch.open_gates(state, now)
        self._dispatch.offer(state, lane, now)

    def pending(self, schema: int | str) -> int:
        """Return how many records wait for a schema."""
        states = self.assignments.states.values()
        return sum(len(state.pending.get(schema, ())) for state in states)

    def decode_pending(
        self, schema: int | str, decode: Callable[[Record], Content], now: Now
    ) -> list[do.Effect]:
        """Decode records that wait for a schema, now that something is known of it.

        Those of a mebibyte at a time: large ones take long, and others want their turn, too.
        """
        room = DECODED_AT_ONCE
        for state in self.assignments.states.values():
            for lane, work in state.take_pending(schema, room):
                room -= len(work.record.value or b"")
                work.content = decode(work.record)
                topic, _, offset, _ = work.record.source
                state.inputs[topic].was_read(offset, work.content)
                if rank(work, self._settings.topics):
                    lane.remove(work)
                    lane.put(work)
                    if work.rank >= Rank.RELEASE:
                        self._dispatch.gates.await_end(state, lane, work)
                state.read(lane, work)
                self._dispatch.offer(state, lane, now)
            self._dispatch.open_gates(state, now)
            for topic in state.inputs:
                self._dispatch.keep_in_bounds(state, topic)
        self._dispatch.make_room_for_waiting()
        return self._dispatch.run(now)

    def reach(self, partition: Partition, position: int, now: Now) -> list[do.Effect]:
        """Note that a partition was read up to `position`, where it ends for now."""
        state = self.assignments.states.get(partition.number)
        if state is not None and (owned := state.inputs.get(partition.topic)) is not None:
            owned.offsets.advance(position)
            self._dispatch.open_gates(state, now)
        return self._dispatch.run(now)

    def end(self, number: int, epoch: int, end: int | None, now: Now) -> list[do.Effect]:
        """Take in where the payments of a partition end; None: it could not be asked."""
        state = self.assignments.find(number, epoch)
        if state is not None:
            for lane in self._dispatch.gates.answered(state, end):
                self._dispatch.offer(state, lane, now)
        return self._dispatch.run(now)

    # Calls and outputs

    def begin(self, call_id: int, now: Now) -> bool:
        """Tell whether a call may be written now: its partition is ours and the lease holds.

        If so, its attempt has begun; if not, it was never sent and its id is gone.
        """
        if self.may_write(call_id, now):
            self._dispatch.in_flight[call_id][2].sent(now)
            return True
        self._take_back(call_id, now)
        return False

    def may_write(self, call_id: int, now: Now) -> bool:
        """Tell whether a call that has begun may still be written: connecting takes its time."""
        state, _, _ = self._dispatch.in_flight[call_id]
        return self.assignments.is_current(state) and now.at < state.lease_until

    def withdraw(self, call_id: int, now: Now) -> list[do.Effect]:
        """Take back a call that may not be written any more: nothing was attempted."""
        self._dispatch.in_flight[call_id][2].withdrawn()
        self._take_back(call_id, now)
        return self._dispatch.run(now)

    def _take_back(self, call_id: int, now: Now) -> None:
        state, lane, _ = self._dispatch.come_back(call_id)
        self._dispatch.stop(state, lane, now)
        if self.assignments.is_current(state):
            state.parked.append(lane)

    def settle(self, call_id: int, reply: Reply, now: Now) -> list[do.Effect]:
        """Take in the reply of a call.

        After its partition is lost, or past the lease, only what Rokt has positively done is
        written, because nobody else may know it; the rest is left to the owner.
        """
        state, lane, work = self._dispatch.come_back(call_id)
        call = work.call
        if call is None:
            raise AssertionError("a call in flight is a call")
        verdict = self._judge.verdict(work, call, reply, now)
        seconds = now.at - work.sent_at
        self._dispatch.emit(do.CallEnded(call.operation, verdict, work.is_replayed, seconds))
        is_current = self.assignments.is_current(state)
        if verdict.effect in DONE or (is_current and now.at < state.lease_until):
            self._conclude(state, lane, work, verdict, now)
        elif is_current:
            state.late.append((lane, work, verdict))
        else:
            self._dispatch.stop(state, lane, now)
        return self._dispatch.run(now)

    def _conclude(
        self, state: PartitionState, lane: Lane, work: Work, verdict: Verdict, now: Now
    ) -> None:
        match following := self._judge.follow(work, verdict, now):
            case Ending():
                self._dispatch.end(state, lane, work, following, now)
            case Rest():
                self._dispatch.rest((state, lane, work), verdict, following, now)

    def acknowledged(self, output_id: int, offset: int, now: Now) -> list[do.Effect]:
        """Note that an output lies in its topic at `offset`."""
        writing = self._dispatch.writings.acknowledged(output_id)
        if writing is not None:
            state, work, outcome = writing.state, writing.work, writing.outcome
            state.ledger.learn(outcome, offset)
            state.results.wrote(offset)
            timestamp = outcome.source.timestamp
            self._dispatch.emit(
                do.RecordEnded(
                    outcome=outcome,
                    has_dead_letter=writing.dead_letter is not None,
                    is_replayed=work.is_replayed,
                    is_released_before_paid=bool(work.released_before_paid),
                    seconds=None if timestamp is None else max(0.0, now.wall - timestamp / 1000),
                )
            )
            if self.assignments.is_current(state):
                self._dispatch.finish(state, writing.lane, work, now)
            else:
                self._dispatch.stop(state, writing.lane, now)
        return self._dispatch.run(now)

    # Assignments

    def assign(self, assigned: Sequence[Assigned], now: Now) -> list[do.Effect]:
        """Take partitions over; their ledgers are restored before the first call."""
        for restore in self.assignments.assign(assigned, now):
            self._dispatch.emit(restore)
        self._share_rate()
        return self._dispatch.run(now)

    def restored(self, restore: do.Restore, begin: int, position: int, now: Now) -> list[do.Effect]:
        """Note that nothing more lies from `begin` to the end of the results, `position`."""
        state = self.assignments.restored(restore, begin, position)
        if state is not None:
            self._dispatch.unpark(state, now)
        return self._dispatch.run(now)

    def committed(
        self, commit: do.Commit, refused: Collection[Partition], sent_at: float, now: Now
    ) -> list[do.Effect]:
        """Note what the coordinator acknowledged of a commit that was sent at `sent_at`.

        `refused` has the partitions whose offsets it did not take: all of them when the group's
        generation was another at the acknowledgement than at the sending.
        """
        for state in self.assignments.committed(commit, refused, sent_at, now):
            late, state.late = state.late, []
            for one in late:
                self._conclude(state, *one, now)
            self._dispatch.unpark(state, now)
        return self._dispatch.run(now)

    def lose(self, partitions: Collection[Partition], now: Now) -> list[do.Effect]:
        """Give partitions up. What is unfinished there is the next owner's.

        Records of the same number whose own partition stays with us wait until the number is
        complete again; what was in flight of them may have been applied.
        """
        ended = self.assignments.lose(partitions, now)
        self._dispatch.turns.forget(ended)
        for restore in self.assignments.due_restores():  # it lost no more than the replay lane
            self._dispatch.emit(restore)
        self._share_rate()
        for old in ended:
            again = self.assignments.states.get(old.number)
            if again is None:
                continue
            for lane, work in sorted(old.works(), key=lambda place: place[1].arrival):
                if work.record.source.topic in again.inputs:
                    kept = Work(work.record, work.content, arrival=next(self._arrivals))
                    kept.received_at = work.received_at
                    kept.is_tainted = work.is_ambiguous or lane.running is work
                    self._place(again, kept, now)
        self._dispatch.make_room_for_waiting()
        return self._dispatch.run(now)

    def _share_rate(self) -> None:
        """Take the share of the fleet's rate that belongs to the partition numbers owned."""
        share = len(self.assignments.live_states()) / self._settings.fence.partitions
        limit = self._settings.rate_limit
        self._dispatch.permits.rate.limit = inf if limit is None else limit * share

    # Time and sight

    def hasten(self, now: Now) -> list[do.Effect]:
        """Probe the holds at once: what they wait for, such as a new key, may be there."""
        self._dispatch.permits.holds.hasten(now)
        return self._dispatch.run(now)

    def tick(self, now: Now) -> list[do.Effect]:
        """Let time pass: rests end, ends of logs are asked for, a commit is due."""
        dispatch, states = self._dispatch, self.assignments.states.values()
        dispatch.permits.pass_time(now, may_work=any(each.is_working(now.at) for each in states))
        dispatch.permits.end_unprobed_holds(now)
        dispatch.turns.wake(now)
        asking = tuple((s.number, s.epoch) for s in states if dispatch.gates.to_ask(s, now.at))
        if asking:
            dispatch.emit(do.AskEnds(asking))
        self.assignments.forget(now)
        for restore in self.assignments.due_rereads(now):
            dispatch.emit(restore)
        effects = dispatch.run(now)
        commit = self.assignments.due_commit(now)
        return effects if commit is None else [*effects, commit]

    def look(self) -> Sight:
        """Return what is being done now. Goes over all unfinished records."""
        partitioners = self._dispatch.partitioners
        return look(self.assignments, self._dispatch.permits, partitioners.disagreement)
