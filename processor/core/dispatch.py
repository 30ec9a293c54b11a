"""Dispatch: lets lanes move, in turn and within the permits, and finishes their records."""

from collections.abc import Iterator
from itertools import count
from typing import Final

from processor.core import effects as do
from processor.core.admission import keep_rank_in_doubt
from processor.core.assignments import Assignments
from processor.core.conclusions import Rest
from processor.core.engine_settings import EngineSettings
from processor.core.events import CartAbandoned, OrderPaid, Pending
from processor.core.gates import Gates
from processor.core.inputs import Bounds, Input, Limits
from processor.core.lanes import Lane
from processor.core.outcomes import Ending
from processor.core.partitioners import Partitioners
from processor.core.partitions import PartitionState, Rereading
from processor.core.permits import Permits
from processor.core.planning import Attempt, Settled, plan
from processor.core.records import Now
from processor.core.replies import Verdict
from processor.core.scopes import scope_of
from processor.core.turns import Turns
from processor.core.work import Rank, Work
from processor.core.writings import Writings

_LOOK_FOR_LIVE_EVERY: Final = 1.0

Place = tuple[PartitionState, Lane, Work]


class Dispatch:
    """Whose turn it is, what is done then, and what is in flight."""

    __slots__ = (
        "_assignments",
        "_bounds",
        "_effects",
        "_numbers",
        "_settings",
        "gates",
        "in_flight",
        "partitioners",
        "permits",
        "turns",
        "writings",
    )

    def __init__(self, settings: EngineSettings, assignments: Assignments) -> None:
        """Begin with nothing in flight."""
        self._settings = settings
        self._bounds = Bounds(settings.max_unfinished, settings.max_span)
        self._assignments = assignments
        self._effects: list[do.Effect] = []
        self._numbers: Iterator[int] = count(1)
        self.permits = Permits(settings.max_in_flight, self._effects.append)
        self.turns = Turns(self.permits)
        self.partitioners = Partitioners(settings.fence.partitions)
        self.gates = Gates(settings.topics.payments, settings.ask_ends_every)
        self.writings = Writings(self._effects, self._numbers)
        self.in_flight: dict[int, Place] = {}

    def emit(self, effect: do.Effect) -> None:
        """Add an effect to what the next `run` returns."""
        self._effects.append(effect)

    def offer(self, state: PartitionState, lane: Lane, now: Now) -> None:
        """Let a lane move as soon as it is its turn."""
        self.turns.offer(state, lane, now)

    def unpark(self, state: PartitionState, now: Now) -> None:
        """Let the lanes move that waited for a commit, a lease or the ledger."""
        parked, state.parked = state.parked, []
        for lane in parked:
            self.offer(state, lane, now)

    def open_gates(self, state: PartitionState, now: Now) -> None:
        """Let the releases move whose payments are all known by now."""
        if state.gated:
            for lane in self.gates.opened(state):
                self.offer(state, lane, now)

    def run(self, now: Now) -> list[do.Effect]:
        """Let lanes move while there are permits; return all that is to be done."""
        while (turn := self.turns.next(now.at)) is not None:
            state, lane = turn
            if self._assignments.is_current(state):
                self._step(state, lane, now)
        done = self._effects[:]
        self._effects.clear()
        return done

    def _step(self, state: PartitionState, lane: Lane, now: Now) -> None:
        """Do what can be done with the record at the head of a lane."""
        work = lane.head
        if work is None or lane.running is not None or isinstance(work.content, Pending):
            return
        if work.due > now.at:
            self.offer(state, lane, now)
            return
        if not self._may_work(state, now) or self._must_reread(state, work):
            state.parked.append(lane)
            return
        topic, _, offset, _ = work.record.source
        if _has_outcome(state, work):
            self._pass_over((state, lane, work), do.RecordResolved(state.at(topic), offset), now)
        elif _awaits_live(state, work):
            work.due = now.at + _LOOK_FOR_LIVE_EVERY
            self.offer(state, lane, now)
        elif isinstance(work.content, CartAbandoned) and not self.gates.is_open(state, work):
            self.gates.wait(state, lane, work)
        elif offset >= state.inputs[topic].horizon:  # before planning, which would be done again
            self._assignments.want_commit(now)
            state.parked.append(lane)
        else:
            self._act(state, lane, work, now)

    def _act(self, state: PartitionState, lane: Lane, work: Work, now: Now) -> None:
        """Do what the plan says for a record."""
        stopped = self.partitioners.disagreement if work.rank >= Rank.RELEASE else None
        match plan(work, state.ledger, self._settings.shape, now, stopped):
            case Attempt() as attempt:
                self._send(state, lane, work, attempt, now)
            case Ending() as ending:
                self.end(state, lane, work, ending, now)
            case Settled():
                self._pass_over((state, lane, work), _settled(state, work), now)

    def _pass_over(self, place: Place, why: do.Observation, now: Now) -> None:
        """Finish a record of which nothing is to be done, and nothing to be written."""
        state, lane, work = place
        self.emit(why)
        self._resolve(state, lane, work)
        self.offer(state, lane, now)

    def _may_work(self, state: PartitionState, now: Now) -> bool:
        """Whether a partition works, and nothing of our own former assignment of it goes on."""
        return state.is_working(now.at) and self._assignments.is_alone(state.number)

    def _must_reread(self, state: PartitionState, work: Work) -> bool:
        """Whether the results are to be read once more: an earlier owner's may have come late."""
        if not work.is_tainted or state.rereading is Rereading.DONE:
            return False
        if state.rereading is Rereading.NOT_ASKED:
            state.rereading = Rereading.ASKED
            self.emit(do.Restore(state.number, state.epoch, state.results.position))
        return True

    def _send(
        self, state: PartitionState, lane: Lane, work: Work, attempt: Attempt, now: Now
    ) -> None:
        if isinstance(work.content, OrderPaid):
            state.ledger.open(work.content)
        work.call = attempt.call
        self._start(state, lane, work)
        self.permits.take(scope_of(work), now.at)
        call_id = next(self._numbers)
        self.in_flight[call_id] = (state, lane, work)
        self.emit(do.Send(call_id, attempt.call, work.record.source, work.attempts + 1))

    def come_back(self, call_id: int) -> Place:
        """Take a call out of those in flight: its reply is there, or it was not sent."""
        place = self.in_flight.pop(call_id)
        self.permits.give_back(scope_of(place[2]))
        return place

    def end(self, state: PartitionState, lane: Lane, work: Work, ending: Ending, now: Now) -> None:
        """Write the end of a record; its lane stands still until that is acknowledged."""
        self._start(state, lane, work)
        self.writings.write(state, lane, work, ending, now)

    def _start(self, state: PartitionState, lane: Lane, work: Work) -> None:
        if lane.running is None:
            lane.running = work
            state.running += 1

    def stop(self, state: PartitionState, lane: Lane, now: Now) -> None:
        """Note that nothing of a lane is in flight or on its way into a topic.

        Where the partition was lost meanwhile and has come back, it may have waited for that.
        """
        lane.running = None
        state.running -= 1
        successor = self._assignments.states.get(state.number)
        if successor is not None and successor is not state:
            self.unpark(successor, now)

    def rest(self, place: Place, verdict: Verdict, rest: Rest, now: Now) -> None:
        """Let a record wait for its next attempt; its lane stands still with it."""
        state, lane, work = place
        work.due = now.at + rest.seconds
        if keep_rank_in_doubt(work):
            lane.remove(work)
            lane.put(work)
        self.emit(
            do.Retrying(
                work.operation,
                verdict,
                work.attempts,
                rest.seconds,
                is_held=self.permits.is_held(work),
                is_replayed=work.is_replayed,
                source=work.record.source,
            )
        )
        self.stop(state, lane, now)
        self.offer(state, lane, now)
        self.make_room(state, work.record.source.topic)

    def finish(self, state: PartitionState, lane: Lane, work: Work, now: Now) -> None:
        """Finish a record whose outcome is acknowledged; its lane goes on."""
        self.stop(state, lane, now)
        self._resolve(state, lane, work)
        self.offer(state, lane, now)

    def _resolve(self, state: PartitionState, lane: Lane, work: Work) -> None:
        topic, _, offset, _ = work.record.source
        if isinstance(work.content, OrderPaid):
            state.ledger.close(work.content)
        lane.remove(work)
        if lane.head is None:
            del state.lanes[lane.key]
        state.inputs[topic].resolve(offset)
        self.make_room(state, topic)

    def keep_in_bounds(self, state: PartitionState, topic: str) -> None:
        """Stop fetching a partition whose limits are reached.

        One in which everything has failed goes on, up to twice its limits: what comes behind may
        be good.
        """
        owned = state.inputs[topic]
        limits = self._limits(owned)
        if (
            not owned.is_paused
            and owned.is_full(limits)
            and (owned.is_beyond(limits.doubled) or not state.is_all_failing(topic))
        ):
            owned.is_paused = True
            self.emit(do.Pause(state.at(topic)))

    def make_room(self, state: PartitionState, topic: str) -> None:
        """Fetch a partition again that has room, or in which everything has failed."""
        owned = state.inputs.get(topic)
        if owned is None or not owned.is_paused:
            return
        limits = self._limits(owned)
        if owned.has_room(limits) or (
            not owned.is_beyond(limits.doubled) and state.is_all_failing(topic)
        ):
            owned.is_paused = False
            self.emit(do.Resume(state.at(topic)))

    def make_room_for_waiting(self) -> None:
        """Fetch partitions again that had no room while others' records waited for a schema."""
        for state in self._assignments.states.values():
            for topic, owned in state.inputs.items():
                if owned.waiting:
                    self.make_room(state, topic)

    def _limits(self, owned: Input) -> Limits:
        """Return what bounds a partition: what waits for a schema, only while too much does."""
        return self._bounds.of(self._assignments.waiting if owned.waiting > 0 else 0)


def _settled(state: PartitionState, work: Work) -> do.ReplaySettled:
    source = work.record.source
    return do.ReplaySettled(work.operation, state.at(source.topic), source.offset)


def _has_outcome(state: PartitionState, work: Work) -> bool:
    """Whether this record, or a copy of the same original in the same replay, has its outcome."""
    topic, _, offset, _ = work.record.source
    return state.ledger.done.has(topic, offset, work.outcome_id) or (
        work.copy is not None and state.ledger.has_replayed(work.copy)
    )


def _awaits_live(state: PartitionState, work: Work) -> bool:
    """Whether a copy would overtake live records that are still to come from the log.

    Those are its original, and what may have been called before a takeover. Once received they
    stand before it in their lanes.
    """
    if not work.is_replayed:
        return False
    lane, copy = work.record.source.topic, work.copy
    for topic, owned in state.inputs.items():
        position = owned.offsets.position
        if topic != lane and position < owned.taint_below:
            return True
        if (
            copy is not None
            and (copy.origin.topic, copy.origin.partition) == (topic, state.number)
            and position <= copy.origin.offset < owned.end
        ):
            return True
    return False
