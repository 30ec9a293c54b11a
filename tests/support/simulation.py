"""A simulated world around engines: logs, committed offsets, topics to write to, and Rokt.

No broker and no clock. Whatever is on its way (a call, a reply, an output, an acknowledgement, a
commit) is a step that somebody chooses to take, so that anything may overtake anything that it
can overtake in the real world. Every step is checked against the invariants on the spot, and
`check_the_end` checks what must hold once everything has come to rest.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import count
from typing import Final

from processor.core import effects as do
from processor.core import horizon
from processor.core.assignments import Assigned, FenceSettings, Topics
from processor.core.calls import Call, CallShape
from processor.core.conclusions import RetrySettings
from processor.core.engine import Engine
from processor.core.engine_settings import EngineSettings
from processor.core.events import Content, Pending, Undecodable
from processor.core.outcomes import DeadLetter, Outcome
from processor.core.partitions import PartitionState
from processor.core.records import Now, Partition, Record, Source
from processor.core.retries import Patience
from processor.core.vocabulary import Reason
from processor.core.work import Work
from tests.support.simulation_checks import Attempt, Checks
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS
from tests.support.simulation_rokt import Reaction, applied_items, reply_to, sensible

NUMBERS: Final = (0, 1)
TOPICS: Final = (PAYMENTS, ABANDONMENTS)
SETTINGS: Final = EngineSettings(
    topics=Topics(payments=PAYMENTS, abandonments=ABANDONMENTS),
    shape=CallShape(tag_id="tag"),
    fence=FenceSettings(partitions=len(NUMBERS), lease=10.0, commit_interval=1.0),
    retries=RetrySettings(
        confirm=Patience(attempts=2, seconds=3.0),
        release=Patience(attempts=2, seconds=0.0),
        give_up_after=40.0,
    ),
    max_in_flight=3,
    max_unfinished=5,
    max_span=12,
)
SESSION: Final = 15.0  # longer than the lease: whoever was silent that long is taken over from
EPOCH: Final = 1_700_000_000.0


def both(*numbers: int) -> set[Partition]:
    """Return these numbers' partitions of both inputs."""
    return {Partition(topic, number) for number in numbers for topic in TOPICS}


class Kind(Enum):
    """What can be on its way."""

    CALL = auto()
    REPLY = auto()
    OUTPUT = auto()
    ACKNOWLEDGEMENT = auto()
    COMMIT = auto()
    ENDS = auto()
    RESTORE = auto()


@dataclass(eq=False)
class Step:
    """Something on its way. Of those that share a `queue` only the first can be taken."""

    kind: Kind
    take: Callable[[Reaction], None]
    queue: str | None = None


@dataclass(eq=False)
class Member:
    """One process: its engine, what the group has told it, and what is on its way."""

    name: str
    engine: Engine
    steps: list[Step] = field(default_factory=list)
    positions: dict[Partition, int] = field(default_factory=dict)
    paused: set[Partition] = field(default_factory=set)
    known: set[int] = field(default_factory=set)
    generation: int = 0

    def ready(self) -> list[Step]:
        """Return the steps that can be taken now."""
        queues: set[str] = set()
        ready = []
        for step in self.steps:
            if step.queue is None:
                ready.append(step)
            elif step.queue not in queues:
                queues.add(step.queue)
                ready.append(step)
        return ready


class World:
    """Everything outside the engines, and what may be done to it."""

    def __init__(self, settings: EngineSettings = SETTINGS) -> None:
        """Begin with empty topics and nobody there."""
        self.settings = settings
        self.at = 100.0
        self.logs: dict[Partition, list[Record | None]] = {p: [] for p in both(*NUMBERS)}
        self.contents: dict[Source, Content] = {}
        self.schemas: set[int] = set()
        start = horizon.write(horizon.Horizon(offset=0, partitions=len(NUMBERS)))
        self.committed: dict[Partition, tuple[int, str | None]] = dict.fromkeys(
            both(*NUMBERS), (0, start)
        )
        self.owner: dict[Partition, Member] = {}
        self.members: list[Member] = []
        self.checks = Checks(self.logs, self.contents)
        self._names = count(1)

    @property
    def now(self) -> Now:
        """The present moment."""
        return Now(self.at, EPOCH + self.at)

    # Producers

    def append(
        self,
        topic: str,
        number: int,
        key: bytes | None,
        content: Content,
        schema: int | None = None,
    ) -> Source:
        """Write a record; while its `schema` is unknown nobody can decode it."""
        log = self.logs[Partition(topic, number)]
        source = Source(topic, number, len(log), 1)
        value = repr(content).encode() if schema is None else b"%d" % schema
        log.append(Record(source, key, value))
        self.contents[source] = content
        if schema is not None:
            self.checks.schema_of[source] = schema
        return source

    def skip(self, topic: str, number: int) -> None:
        """Leave an offset without a record, as transactions and compaction do."""
        self.logs[Partition(topic, number)].append(None)

    def _content(self, record: Record) -> Content:
        schema = self.checks.schema_of.get(record.source)
        if schema is None or schema in self.schemas:
            return self.contents[record.source]
        return Pending(schema=schema)

    def learn_schema(self, schema: int) -> None:
        """Let the registry know a schema from now on."""
        self.schemas.add(schema)
        for member in self.members:
            self._apply(member, member.engine.decode_pending(schema, self._content, self.now))

    # The group

    def join(self) -> Member:
        """Start a process; it owns nothing yet."""
        member = Member(f"member {next(self._names)}", Engine(self.settings, lambda: 0.5))
        self.members.append(member)
        return member

    def grant(self, member: Member, partitions: Iterable[Partition]) -> None:
        """Let the group give partitions, which nobody owns, to a member."""
        assigned = []
        for partition in sorted(partitions):
            offset, metadata = self.committed[partition]
            self.owner[partition] = member
            member.positions[partition] = offset
            member.paused.discard(partition)
            self.checks.granted(member.name, partition, offset)
            end = len(self.logs[partition])
            assigned.append(
                Assigned(partition=partition, committed=offset, metadata=metadata, end=end)
            )
        member.generation += 1
        self._apply(member, member.engine.assign(assigned, self.now))

    def evict(self, member: Member) -> set[Partition]:
        """Let the group take everything from a member that was silent for too long."""
        lost = {partition for partition, owner in self.owner.items() if owner is member}
        for partition in lost:
            del self.owner[partition]
        return lost

    def tell_lost(self, member: Member, partitions: Iterable[Partition] | None = None) -> None:
        """Let a member learn that partitions are no longer its own: by default all it has."""
        lost = set(member.positions if partitions is None else partitions)
        for partition in lost:
            member.positions.pop(partition, None)
            if self.owner.get(partition) is member:
                del self.owner[partition]
        member.generation += 1
        self._apply(member, member.engine.lose(lost, self.now))

    def hand_over(self, member: Member, partitions: set[Partition], *, drains: bool = True) -> bool:
        """Revoke partitions: drain, commit, lose. Return whether nothing was left in the air."""
        self._finish_commits(member)
        member.engine.drain(partitions)
        for _ in range(200):
            if not drains or member.engine.is_drained(partitions):
                break
            self.settle_down(member)
            self.pass_time(0.5)
        self._finish_commits(member)
        for one in member.engine.closing_offsets(partitions):
            if self.owner.get(one.partition) is member:
                self.checks.committed(one.partition, self.committed[one.partition][0], one.offset)
                self.committed[one.partition] = one.offset, one.metadata
        is_drained = member.engine.is_drained(partitions)
        self.tell_lost(member, partitions)
        return is_drained

    def _finish_commits(self, member: Member) -> None:
        while step := next((s for s in member.steps if s.kind is Kind.COMMIT), None):
            self.take(member, step)

    def crash(self, member: Member) -> set[Partition]:
        """Kill a process; what it had not written yet is gone."""
        self.members.remove(member)
        member.steps.clear()
        return self.evict(member)

    # Consumption and time

    def consumable(self, member: Member) -> list[Partition]:
        """Return the partitions from which a member can fetch a record."""
        return sorted(
            partition
            for partition, position in member.positions.items()
            if partition not in member.paused and position < len(self.logs[partition])
        )

    def consume(self, member: Member, partition: Partition) -> None:
        """Fetch the next record of a partition, gaps before it skipped, or its end."""
        log, position = self.logs[partition], member.positions[partition]
        while position < len(log) and log[position] is None:
            position += 1
        record = log[position] if position < len(log) else None
        if record is None:
            member.positions[partition] = position
            self._apply(member, member.engine.reach(partition, position, self.now))
            return
        member.positions[partition] = position + 1
        self.checks.admitted(member.name, record.source)
        self._apply(member, member.engine.admit(record, self._content(record), self.now))

    def pass_time(self, seconds: float, asleep: Member | None = None) -> None:
        """Let time pass; a member that is asleep does not notice."""
        self.at += seconds
        for member in self.members:
            if member is not asleep:
                self._apply(member, member.engine.tick(self.now))

    def take(self, member: Member, step: Step, reaction: Reaction = Reaction.SUCCEED) -> None:
        """Let something arrive."""
        member.steps.remove(step)
        step.take(reaction)

    def take_all(
        self, member: Member, *kinds: Kind, reaction: Reaction = Reaction.SUCCEED, rounds: int = 9
    ) -> None:
        """Let everything of these kinds arrive, and what of them follows."""
        for _ in range(rounds):
            for step in member.ready():
                if step.kind in kinds:
                    self.take(member, step, reaction)

    def consume_all(self, member: Member) -> None:
        """Fetch all that a member may fetch now."""
        while partitions := self.consumable(member):
            self.consume(member, partitions[0])

    # What engines want done

    def _apply(self, member: Member, effects: list[do.Effect]) -> None:
        for effect in effects:
            match effect:
                case do.Send():
                    self._send(member, effect)
                case do.Produce():
                    self._produce(member, effect)
                case do.Pause():
                    member.paused.add(effect.partition)
                case do.Resume():
                    member.paused.discard(effect.partition)
                case do.Commit():
                    self._commit(member, effect)
                case do.AskEnds():
                    self._ask_ends(member, effect)
                case do.Restore():
                    self._restore(member, effect)
                case do.CallEnded() | do.Retrying() | do.RecordEnded() | do.RecordResolved():
                    pass

    def _send(self, member: Member, send: do.Send) -> None:
        state, work = _running(member.engine, send.call)
        attempt = Attempt((member.name, state.epoch), work.record.source, send.call)
        self.checks.planned(attempt)

        def begin(reaction: Reaction) -> None:
            if not member.engine.begin(send.call_id, self.now):
                return
            self.checks.began(attempt, member.known)
            happening = sensible(send.call, reaction)
            self.checks.applied[work.record.source] |= applied_items(send.call, happening)
            member.steps.append(Step(Kind.REPLY, lambda _: settle(happening)))

        def settle(reaction: Reaction) -> None:
            attempt.reaction = reaction
            reply = reply_to(send.call, reaction)
            is_stale = not member.engine.assignments.is_current(state)
            effects = member.engine.settle(send.call_id, reply, self.now)
            self.checks.settled(attempt, effects, is_stale=is_stale)
            self._apply(member, effects)

        member.steps.append(Step(Kind.CALL, begin))

    def _produce(self, member: Member, produce: do.Produce) -> None:
        kind = "dead letters" if isinstance(produce.content, DeadLetter) else "results"
        queue = f"{kind} {produce.partition}"

        def land(_: Reaction) -> None:
            offset = self.checks.landed(produce.partition, produce.content)
            acks = f"{queue} acks"
            member.steps.append(Step(Kind.ACKNOWLEDGEMENT, lambda _: acknowledge(offset), acks))

        def acknowledge(offset: int) -> None:
            if isinstance(produce.content, Outcome):
                member.known.add(id(produce.content))
            effects = member.engine.acknowledged(produce.output_id, offset, self.now)
            self._apply(member, effects)

        member.steps.append(Step(Kind.OUTPUT, land, queue))

    def _commit(self, member: Member, commit: do.Commit) -> None:
        sent_at, generation = self.at, member.generation

        def arrive(_: Reaction) -> None:
            is_stale = generation != member.generation
            refused = {
                one.partition
                for one in commit.offsets
                if is_stale or self.owner.get(one.partition) is not member
            }
            for one in commit.offsets:
                if one.partition not in refused:
                    before = self.committed[one.partition][0]
                    self.checks.committed(one.partition, before, one.offset)
                    self.committed[one.partition] = one.offset, one.metadata
            member.steps.append(Step(Kind.COMMIT, lambda _: answer(refused), "commit"))

        def answer(refused: set[Partition]) -> None:
            if generation != member.generation:
                refused = {one.partition for one in commit.offsets}
            effects = member.engine.committed(commit, refused, sent_at, self.now)
            self._apply(member, effects)

        member.steps.append(Step(Kind.COMMIT, arrive, "commit"))

    def _ask_ends(self, member: Member, ask: do.AskEnds) -> None:
        def answer(reaction: Reaction) -> None:
            for number, epoch in ask.partitions:
                end = len(self.logs[Partition(PAYMENTS, number)])
                known = None if reaction is Reaction.UNREACHABLE else end
                self._apply(member, member.engine.end(number, epoch, known, self.now))

        member.steps.append(Step(Kind.ENDS, answer))

    def _restore(self, member: Member, restore: do.Restore) -> None:
        def read(_: Reaction) -> None:
            results = self.checks.results[restore.number]
            member.known.update(id(outcome) for outcome in results[restore.position :])
            engine = member.engine
            engine.learn(restore.number, restore.epoch, results[restore.position :])
            effects = engine.restored(restore.number, restore.epoch, len(results), self.now)
            self._apply(member, effects)

        member.steps.append(Step(Kind.RESTORE, read))

    # Coming to rest

    def settle_down(self, member: Member) -> None:
        """Let everything arrive that is on its way, and all that follows at once."""
        for _ in range(1_000):
            ready = member.ready()
            if not ready:
                return
            self.take(member, ready[0])
        raise AssertionError("it never comes to rest")

    def unite(self) -> None:
        """Let all members learn the truth, and give each number to one of them as a whole."""
        for member in self.members:
            gone = {p for p in member.positions if self.owner.get(p) is not member}
            if gone:
                self.tell_lost(member, gone)
        keeper = self.members[0] if self.members else self.join()
        for number in NUMBERS:
            owners = {self.owner.get(partition) for partition in both(number)}
            if len(owners) == 1 and None not in owners:
                continue
            for owner in list(owners):
                if owner is not None:
                    held = {p for p in both(number) if self.owner.get(p) is owner}
                    self.hand_over(owner, held)
            self.grant(keeper, both(number))

    def quiesce(self) -> None:
        """Leave the world alone, with Rokt and all schemas there, until everything is finished."""
        self.unite()
        for schema in set(self.checks.schema_of.values()) - self.schemas:
            self.learn_schema(schema)
        for _ in range(600):
            for member in list(self.members):
                for partition in self.consumable(member):
                    self.consume(member, partition)
                self.settle_down(member)
            if self._is_at_rest():
                break
            self.pass_time(0.5)
        for _ in range(3):  # the last commits
            self.pass_time(1.0)
            for member in self.members:
                self.settle_down(member)

    def _is_at_rest(self) -> bool:
        return all(self.checks.is_finished(partition) for partition in self.logs) and not any(
            self.consumable(member) or _unfinished(member.engine) for member in self.members
        )

    def check_the_end(self) -> None:
        """Check what must hold once everything is finished."""
        for member in self.members:
            assert _unfinished(member.engine) == [], f"{member.name} keeps what is finished"
        lag = {
            partition: len(log) - self.committed[partition][0]
            for partition, log in self.logs.items()
            if len(log) != self.committed[partition][0]
        }
        assert lag == {}, "lag is left"
        self.checks.at_the_end()


def _running(engine: Engine, call: Call) -> tuple[PartitionState, Work]:
    for state in engine.assignments.states.values():
        for lane in state.lanes.values():
            if lane.running is not None and lane.running.call is call:
                return state, lane.running
    raise AssertionError("a call without a running record")


def _unfinished(engine: Engine) -> list[str]:
    """Name what an engine still holds of records: nothing, once all are finished."""
    in_flight = engine.look().in_flight
    held = [f"{in_flight} calls"] if in_flight else []
    for state in engine.assignments.states.values():
        parts = {
            "lanes": state.lanes,
            "gated": state.gated,
            "pending": state.pending,
            "late": state.late,
            "asking": state.asking,
            "awaiting": state.awaiting_end,
        }
        held += [f"{name} of {state.number}" for name, part in parts.items() if part]
        if state.running:
            held.append(f"{state.running} running in {state.number}")
    return held


def garbage(number: int) -> Undecodable:
    """What cannot be decoded."""
    return Undecodable(reason=Reason.UNDECODABLE, detail=f"garbage {number}")


def steps_of(world: World) -> Iterator[tuple[Member, Step]]:
    """Go over everything that can be taken."""
    for member in world.members:
        for step in member.ready():
            yield member, step
