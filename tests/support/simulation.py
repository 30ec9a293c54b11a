"""A simulated cluster around real engines: logs, a group, topics to write to, Rokt, and time.

No broker and no clock. Whatever is on its way (a call, a reply, an output, an acknowledgement, a
commit) is a step that somebody chooses to take, so that anything may overtake anything that it
can overtake in the real world, and nothing else. Every step is checked against the invariants on
the spot, and `check_the_end` checks what must hold once everything has come to rest.

What the real world rules out is ruled out here: a member is put out of its group only after it
was silent for a session; a call is written within the connect timeout or not at all; a commit is
refused when its sender's generation is not the group's; the outputs of one process keep their
order in a partition. `Residue` names what the real world does not rule out and no processor can
close: it is off unless asked for.
"""

from collections.abc import Iterable, Iterator
from enum import Flag, auto
from itertools import count
from typing import Final

from processor.core import effects as do
from processor.core import horizon
from processor.core.assignments import Assigned
from processor.core.calls import Call, CallShape
from processor.core.conclusions import RetrySettings
from processor.core.copies import Copy, Headers, headers_of_copy
from processor.core.engine import Engine
from processor.core.engine_settings import EngineSettings
from processor.core.events import Content, Pending, Undecodable
from processor.core.fence import FenceSettings
from processor.core.ledgers import ForgottenLedgers
from processor.core.outcomes import DeadLetter, Outcome
from processor.core.partitions import PartitionState, Rereading
from processor.core.records import Now, Partition, Record, Source, Topics
from processor.core.retries import Patience
from processor.core.vocabulary import Reason
from processor.core.work import Work
from tests.support.simulation_checks import Attempt, Checks, refuses
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, REPLAY
from tests.support.simulation_members import Condition, Kind, Member, Step
from tests.support.simulation_rokt import Reaction, Rokt, applied_items, reply_to

NUMBERS: Final = (0, 1)
TOPICS: Final = (PAYMENTS, ABANDONMENTS, REPLAY)
LEASE: Final = 10.0
CONNECT: Final = 3.0  # within which a call is written, or never
CALL_DEADLINE: Final = 12.0  # after which its reply is not waited for
SESSION: Final = 15.0  # longer than all of these: whoever was silent that long is taken over from
SETTINGS: Final = EngineSettings(
    topics=Topics(payments=PAYMENTS, abandonments=ABANDONMENTS, replay=REPLAY),
    shape=CallShape(tag_id="tag"),
    fence=FenceSettings(partitions=len(NUMBERS), lease=LEASE, commit_interval=1.0),
    retries=RetrySettings(
        confirm=Patience(attempts=2, seconds=3.0),
        release=Patience(attempts=2, seconds=0.0),
        give_up_after=40.0,
    ),
    max_in_flight=3,
    max_unfinished=5,
    max_span=12,
)
EPOCH: Final = 1_700_000_000.0


class Residue(Flag):
    """What no processor can close; each is known to break an invariant."""

    NONE = 0
    SLEEPS_BEFORE_WRITE = auto()  # a process falls asleep between its look at the lease and the
    # write of the call, and writes it when it wakes up
    CONNECTS_AFTER_LOSS = auto()  # somebody else takes a partition over at once, without a
    # session of silence, while a call is still being connected
    REFUSAL_COMES_LATE = auto()  # an old owner's refusal (of all, or of one item), in its
    # producer's queue when it fell asleep or died, lands after a new owner has called, or has
    # looked for it for the last time: it hides what that call came to


def both(*numbers: int) -> set[Partition]:
    """Return these numbers' partitions of both inputs, and of the replay lane."""
    return {Partition(topic, number) for number in numbers for topic in TOPICS}


class World:
    """Everything outside the engines, and what may be done to it."""

    def __init__(
        self,
        settings: EngineSettings = SETTINGS,
        *,
        is_spread: bool = False,
        residue: Residue = Residue.NONE,
    ) -> None:
        """Begin with empty topics and nobody there.

        `is_spread`: what goes and comes takes two steps, a call (written, arrived) and a restore
        (asked how far, read); otherwise one, so that a test can be told more shortly.
        """
        self.settings = settings
        self.is_spread = is_spread
        self.residue = residue
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
        self.dead: list[Member] = []
        self.rokt = Rokt()
        self.checks = Checks(self.logs, self.contents)
        self.story: list[str] | None = None
        self._names = count(1)
        self._epochs = count(1)

    @property
    def now(self) -> Now:
        """The present moment."""
        return Now(self.at, EPOCH + self.at)

    def tell(self, who: str, what: str, about: object = "") -> None:
        """Add a line to the story, if anybody wants to read it."""
        if self.story is not None:
            self.story.append(f"{self.at:7.1f}  {who:9} {what} {about}".rstrip())

    # Producers

    def append(
        self,
        topic: str,
        number: int,
        key: bytes | None,
        content: Content,
        schema: int | None = None,
        *,
        headers: Headers = (),
    ) -> Source:
        """Write a record; while its `schema` is unknown nobody can decode it."""
        log = self.logs[Partition(topic, number)]
        source = Source(topic, number, len(log), 1)
        value = repr(content).encode() if schema is None else b"%d" % schema
        log.append(Record(source, key, value, headers))
        self.contents[source] = content
        if schema is not None:
            self.checks.schema_of[source] = schema
        self.tell("producer", f"writes {_at(source)}:", _said(content))
        return source

    def copy(self, original: Record, replay_id: str, *, is_authorised: bool) -> None:
        """Write a copy of a live record into the replay lane."""
        source = original.source
        copy = Copy(replay_id=replay_id, origin=source, is_authorised=is_authorised)
        self.append(
            REPLAY,
            source.partition,
            original.key,
            self.contents[source],
            self.checks.schema_of.get(source),
            headers=headers_of_copy(copy, original.headers),
        )

    def skip(self, topic: str, number: int) -> None:
        """Leave an offset without a record, as transactions and compaction do."""
        self.logs[Partition(topic, number)].append(None)

    def _content(self, record: Record) -> Content:
        schema = self.checks.schema_of.get(record.source)
        if schema is None or schema in self.schemas:
            return self.contents[record.source]
        return Pending(schema=schema)

    def learn_schema(self, schema: int) -> None:
        """Let the registry know a schema from now on; who sleeps asks for it later."""
        self.schemas.add(schema)
        for member in self.members:
            if member.is_running:
                self._decode(member, schema)

    def _decode(self, member: Member, schema: int) -> None:
        self.apply(member, member.engine.decode_pending(schema, self._content, self.now))

    # The group

    def join(self) -> Member:
        """Start a process; it owns nothing yet."""
        engine = Engine(self.settings, ForgottenLedgers(ABANDONMENTS), lambda: 0.5)
        member = Member(f"member {next(self._names)}", engine)
        self.members.append(member)
        return member

    def orphans(self) -> set[Partition]:
        """Return the partitions that nobody owns."""
        return self.logs.keys() - self.owner.keys()

    def takers(self) -> list[Member]:
        """Return the members that can be given partitions.

        A member that was put out comes back only when it has learnt what it has lost.
        """
        return [
            member
            for member in self.members
            if member.can_poll and (member.epoch is not None or not member.positions)
        ]

    def grant(self, member: Member, partitions: Iterable[Partition]) -> None:
        """Let the group give partitions, which nobody owns, to a member: one, some or all.

        Under the newer protocol they come one by one, so a number may be complete only later.
        """
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
            self.tell(member.name, f"is given {_p(partition)} at {offset}", metadata)
        member.generation = member.epoch = next(self._epochs)
        self.apply(member, member.engine.assign(assigned, self.now))

    def is_evictable(self, member: Member) -> bool:
        """Whether the group has not heard from a member for a session."""
        return member.silent_since is not None and self.at - member.silent_since >= SESSION

    def evict(self, member: Member) -> set[Partition]:
        """Let the group put a member out, which does not know; return what it had."""
        member.epoch = None
        lost = {partition for partition, owner in self.owner.items() if owner is member}
        for partition in lost:
            del self.owner[partition]
        self.tell("group", f"puts {member.name} out")
        return lost

    def tell_lost(self, member: Member, partitions: Iterable[Partition] | None = None) -> None:
        """Let a member learn that partitions are no longer its own: by default all it has.

        Who is told so without having been silent still has its call on the line: it arrives
        before anybody else can have taken over, for that takes a while.
        """
        lost = set(member.positions if partitions is None else partitions)
        self.tell(member.name, "learns that it has lost", ", ".join(map(_p, sorted(lost))))
        if Residue.CONNECTS_AFTER_LOSS not in self.residue:
            self.take_all(member, Kind.ARRIVAL)
        for partition in lost:
            member.positions.pop(partition, None)
            if self.owner.get(partition) is member:
                del self.owner[partition]
        member.generation = next(self._epochs)
        if not member.positions:
            member.epoch = None
        elif member.epoch is not None:
            member.epoch = member.generation
        self.apply(member, member.engine.lose(lost, self.now))

    def notice(self, member: Member) -> None:
        """Let a member learn what it has lost long since, if anything."""
        gone = {p for p in member.positions if self.owner.get(p) is not member}
        if gone:
            self.tell_lost(member, gone)

    def hand_over(self, member: Member, partitions: set[Partition], *, drains: bool = True) -> bool:
        """Revoke partitions: drain, commit, lose. Return whether nothing was left in the air.

        A commit in the air is waited for. Not to drain means that Kafka does not take the
        outputs before the deadline, which is longer than that of a call.
        """
        self.tell(member.name, "hands over", ", ".join(map(_p, sorted(partitions))))
        self._finish_commits(member)
        member.engine.assignments.drain(partitions)
        if drains:
            self._drain(member, partitions)
        else:
            self.pass_time(CALL_DEADLINE + 1.0)
            self.pass_time(CALL_DEADLINE + 1.0)  # of a call whose answer only began to be awaited
        self._finish_commits(member)
        for one in member.engine.assignments.closing_offsets(partitions):
            if self.owner.get(one.partition) is member:
                self._commit_one(one)
        is_drained = member.engine.assignments.is_drained(partitions)
        self.tell_lost(member, partitions)
        return is_drained

    def _drain(self, member: Member, partitions: set[Partition]) -> None:
        for _ in range(200):
            if member.engine.assignments.is_drained(partitions):
                return
            self.settle_down(member)
            self.pass_time(0.5)

    def _finish_commits(self, member: Member) -> None:
        while step := next((s for s in member.steps if s.kind is Kind.COMMIT), None):
            self.take(member, step)

    # What befalls a process

    def interrupt(self, member: Member, condition: Condition, wire: int = 0) -> None:
        """Let a process fall asleep, be cut off or stall; `wire`: see `Member.let_go`."""
        self.tell(member.name, f"is {condition.name} from now on, wire {wire}")
        member.silent_since = self.at
        if condition is Condition.ASLEEP and Residue.SLEEPS_BEFORE_WRITE not in self.residue:
            for step in member.steps:
                step.has_left |= step.kind is Kind.ARRIVAL
        member.let_go(condition, wire)

    def wake(self, member: Member) -> None:
        """Let a process go on; whether it was put out meanwhile it learns later."""
        self.tell(member.name, "goes on")
        member.condition = Condition.AWAKE
        member.silent_since = None
        for schema in self.schemas:
            self._decode(member, schema)

    def die(self, member: Member, wire: int = 0) -> None:
        """Kill a process; what had not left it is gone. The group misses it after a session."""
        self.tell(member.name, f"dies, wire {wire}")
        self.members.remove(member)
        self.dead.append(member)
        for step in member.steps:
            step.has_left |= step.kind is Kind.ARRIVAL
        member.silent_since = self.at
        member.let_go(Condition.DEAD, wire)

    def crash(self, member: Member, wire: int = 0) -> set[Partition]:
        """Let a process end unclean, and leave the group all the same; return what it had.

        What it has written to Rokt arrives before anybody can have taken over.
        """
        self.take_all(member, Kind.ARRIVAL)
        self.die(member, wire)
        return self.evict(member)

    def silent(self) -> list[Member]:
        """Return the members that the group takes for its own and does not hear from."""
        everybody = [*self.members, *self.dead]
        return [m for m in everybody if m.epoch is not None and m.silent_since is not None]

    # Consumption and time

    def consumable(self, member: Member) -> list[Partition]:
        """Return the partitions from which a member can fetch a record.

        Fetching needs no membership: one that was put out reads on until it learns of it.
        """
        if not member.can_poll:
            return []
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
            self.apply(member, member.engine.reach(partition, position, self.now))
            return
        member.positions[partition] = position + 1
        self.checks.admitted(member.name, record.source)
        self.tell(member.name, "reads", _at(record.source))
        self.apply(member, member.engine.admit(record, self._content(record), self.now))

    def pass_time(self, seconds: float, asleep: Member | None = None) -> None:
        """Let time pass; who sleeps does not notice, nor who is `asleep` for just that long."""
        self.at += seconds
        for member in [*self.members, *self.dead]:
            overdue = [s for s in member.steps if s.due is not None and s.due <= self.at]
            for step in overdue:
                if member.is_running or step.kind is Kind.ARRIVAL:
                    self._give_up(member, step)
            if member.is_running and member is not asleep:
                self.apply(member, member.engine.tick(self.now))

    def _give_up(self, member: Member, step: Step) -> None:
        """Let a process wait no longer for a connection, or for an answer."""
        if step.kind is not Kind.ARRIVAL:
            self.take(member, step, Reaction.LOSE_ANSWER)
        elif member.is_running or step.has_left:
            self.take(member, step, Reaction.UNREACHABLE)

    def take(self, member: Member, step: Step, reaction: Reaction = Reaction.SUCCEED) -> None:
        """Let something arrive."""
        if step in member.steps:  # otherwise the process has ended meanwhile
            member.steps.remove(step)
            step.take(reaction)

    def take_all(
        self, member: Member, *kinds: Kind, reaction: Reaction = Reaction.SUCCEED, rounds: int = 9
    ) -> None:
        """Let everything of these kinds arrive, and in more rounds what of them follows."""
        for _ in range(rounds):
            for step in member.ready():
                if step.kind in kinds:
                    self.take(member, step, reaction)

    def consume_all(self, member: Member) -> None:
        """Fetch all that a member may fetch now."""
        while partitions := self.consumable(member):
            self.consume(member, partitions[0])

    # What engines want done

    def apply(self, member: Member, effects: list[do.Effect]) -> None:
        """Do what an engine wants done: most of it is on its way only."""
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
                case do.ReplaySettled() | do.RecordResolved():
                    self.checks.passed_over(effect.partition, effect.offset)
                case _:  # what observers are told changes nothing
                    pass

    def _send(self, member: Member, send: do.Send) -> None:
        exchange = _Exchange(self, member, send)
        self.checks.planned(exchange.attempt)
        member.steps.append(Step(Kind.CALL, exchange.begin))

    def _produce(self, member: Member, produce: do.Produce) -> None:
        """Queue an output. It may land with its acknowledgement lost: then it lands again."""
        kind = "dead letters" if isinstance(produce.content, DeadLetter) else "results"
        queue = f"{kind} {produce.partition}"
        content = produce.content
        outcome = content.outcome if isinstance(content, DeadLetter) else content
        decided = member.decided.setdefault(id(outcome), len(self.checks.attempts))

        def land(reaction: Reaction) -> None:
            if content is outcome and self._is_out_of_reach(outcome, member, decided):
                self._end_before_it_lands(member)
                return
            offset = self.checks.landed(produce.partition, content)
            self.tell("broker", f"has {kind[:-1]} of {member.name}:", _came_of(content))
            if self.is_spread and reaction is Reaction.LOSE_ANSWER:
                member.steps.append(Step(Kind.OUTPUT, land, queue))
                return
            acks = f"{queue} acks"
            member.steps.append(Step(Kind.ACKNOWLEDGEMENT, lambda _: acknowledge(offset), acks))

        def acknowledge(offset: int) -> None:
            if isinstance(content, Outcome):
                member.known.add(id(content))
            effects = member.engine.acknowledged(produce.output_id, offset, self.now)
            self.apply(member, effects)

        member.steps.append(Step(Kind.OUTPUT, land, queue))

    def _is_out_of_reach(self, outcome: Outcome, member: Member, decided: int) -> bool:
        is_late = self.checks.is_overtaken(outcome, member.name, decided) or (
            refuses(outcome) and self._is_unseen(outcome, member)
        )
        return is_late and Residue.REFUSAL_COMES_LATE not in self.residue

    def _is_unseen(self, outcome: Outcome, member: Member) -> bool:
        """Whether a new owner has looked for what an old one had written for the last time."""
        owner = self.owner.get(Partition(outcome.source.topic, outcome.source.partition))
        if owner is None or owner is member:
            return False
        state = owner.engine.assignments.states.get(outcome.source.partition)
        return state is not None and state.rereading is Rereading.DONE

    def _end_before_it_lands(self, member: Member) -> None:
        if member in self.members:
            self.die(member)

    def _commit(self, member: Member, commit: do.Commit) -> None:
        """Send a commit. The coordinator looks at the sender and its generation, no further."""
        sent_at, generation = self.at, member.generation

        def arrive(_: Reaction) -> None:
            is_refused = generation != member.epoch
            for one in commit.offsets:
                if not is_refused:
                    self._commit_one(one)
            if is_refused:
                self.tell("group", f"refuses {member.name}'s commit")
            back = Step(Kind.COMMIT, lambda _: answer(is_refused=is_refused), comes_back=True)
            member.steps.append(back)

        def answer(*, is_refused: bool) -> None:
            # The acknowledgement counts only in the generation of the sending.
            is_taken = not is_refused and generation == member.generation
            refused = set() if is_taken else {one.partition for one in commit.offsets}
            effects = member.engine.committed(commit, refused, sent_at, self.now)
            self.apply(member, effects)

        member.steps.append(Step(Kind.COMMIT, arrive))

    def _commit_one(self, one: do.CommitOffset) -> None:
        before = self.committed[one.partition]
        self.checks.committed(one.partition, before[0], one)
        self.committed[one.partition] = one.offset, one.metadata
        if before != (one.offset, one.metadata):
            self.tell("group", f"has {_p(one.partition)} at {one.offset}", one.metadata)

    def _ask_ends(self, member: Member, ask: do.AskEnds) -> None:
        def answer(reaction: Reaction) -> None:
            for number, epoch in ask.partitions:
                end = len(self.logs[Partition(PAYMENTS, number)])
                known = None if reaction is Reaction.UNREACHABLE else end
                self.apply(member, member.engine.end(number, epoch, known, self.now))

        member.steps.append(Step(Kind.ENDS, answer))

    def _restore(self, member: Member, restore: do.Restore) -> None:
        """Read the results up to where they end when that is asked; more may land meanwhile."""

        def ask(_: Reaction) -> None:
            end = len(self.checks.results[restore.number])
            if self.is_spread:
                member.steps.append(Step(Kind.RESTORE, lambda _: read(end), comes_back=True))
            else:
                read(end)

        def read(end: int) -> None:
            results = self.checks.results[restore.number][restore.position : end]
            self.tell(member.name, f"has read results {restore.number} up to {end}")
            engine = member.engine
            if engine.assignments.find(restore.number, restore.epoch) is not None:
                member.known.update(id(outcome) for outcome in results)
            placed = enumerate(results, restore.position)
            engine.assignments.learn(restore, placed, restore.position, end)
            self.apply(member, engine.restored(restore, end, end, self.now))

        member.steps.append(Step(Kind.RESTORE, ask))

    # Coming to rest

    def settle_down(self, member: Member) -> None:
        """Let everything arrive that is on its way, and all that follows at once."""
        for _ in range(1_000):
            ready = member.ready()
            if not ready:
                return
            self.take(member, ready[0])
        raise AssertionError("it never comes to rest")

    def land_the_rest(self) -> None:
        """Let what has left dead processes arrive at last."""
        for member in self.dead:
            self.settle_down(member)
            member.steps.clear()

    def unite(self) -> None:
        """Let all go on and learn the truth, and give each number to one of them as a whole."""
        for member in self.members:
            if member.condition is not Condition.AWAKE:
                self.wake(member)
        for member in self.silent():
            self.pass_time(SESSION)
            self.evict(member)
        for member in self.members:
            self.notice(member)
        keeper = self.members[0] if self.members else self.join()
        for number in NUMBERS:
            owners = {self.owner.get(partition) for partition in both(number)}
            if len(owners) == 1 and None not in owners:
                continue
            for owner in sorted((o for o in owners if o is not None), key=lambda o: o.name):
                held = {p for p in both(number) if self.owner.get(p) is owner}
                self.hand_over(owner, held)
            self.grant(keeper, both(number))

    def quiesce(self, *, heals: bool = True, within: float = 300.0) -> None:
        """Leave the world alone, with all schemas there, until everything is finished.

        Rokt is well again by then, unless it does not heal: then the carts that fail fail on.
        """
        self.rokt.outage = None
        if heals:
            self.rokt.moods.clear()
        self.unite()
        for schema in sorted(set(self.checks.schema_of.values()) - self.schemas):
            self.learn_schema(schema)
        until = self.at + within
        while self.at < until and not self.is_at_rest():
            self.work(0.5)
            if self.orphans() or self.silent():
                self.unite()
        for _ in range(3):  # the last commits
            self.work(1.0)

    def work(self, seconds: float) -> None:
        """Let everything arrive as on a good day, and time pass."""
        for member in list(self.members):
            for partition in self.consumable(member):
                self.consume(member, partition)
            self.settle_down(member)
        self.pass_time(seconds)

    def is_at_rest(self) -> bool:
        """Whether everything is finished."""
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


class _Exchange:
    """One call of a member, from its plan to its reply."""

    def __init__(self, world: World, member: Member, send: do.Send) -> None:
        """Begin with the plan."""
        self._world = world
        self._member = member
        self._send = send
        self._state, work = _running(member.engine, send.call)
        source = work.record.source
        self.attempt = Attempt((member.name, self._state.epoch), source, send.call)

    def begin(self, reaction: Reaction) -> None:
        """Let the process look at its lease, and write the call if it holds."""
        world, member, attempt = self._world, self._member, self.attempt
        if not member.engine.begin(self._send.call_id, world.now):
            world.tell(member.name, "may not call for", _at(attempt.source))
            return
        world.checks.began(attempt, member.known, world.committed)
        world.tell(member.name, "calls for", _at(attempt.source))
        if world.is_spread:
            member.steps.append(Step(Kind.ARRIVAL, self._arrive, due=world.at + CONNECT))
        else:
            self._arrive(reaction)

    def _arrive(self, reaction: Reaction) -> None:
        world, attempt = self._world, self.attempt
        happening = world.rokt.react(attempt.call, reaction)
        world.tell("rokt", f"has {attempt.owner[0]}'s {_at(attempt.source)}: {happening.name}")
        if happening is not Reaction.UNREACHABLE:
            world.checks.arrived(attempt)
        world.checks.applied[attempt.source] |= applied_items(attempt.call, happening)
        due = world.at + CALL_DEADLINE - CONNECT if world.is_spread else None
        answer = Step(Kind.REPLY, lambda given: self._settle(happening, given), due=due)
        self._member.steps.append(answer)

    def _settle(self, reaction: Reaction, given: Reaction) -> None:
        world, member, attempt = self._world, self._member, self.attempt
        is_lost = world.is_spread and given is Reaction.LOSE_ANSWER
        is_lost &= reaction is not Reaction.UNREACHABLE
        attempt.reaction = Reaction.LOSE_ANSWER if is_lost else reaction
        is_stale = not member.engine.assignments.is_current(self._state)
        world.tell(member.name, f"has the reply to {_at(attempt.source)}")
        reply = reply_to(attempt.call, attempt.reaction)
        effects = member.engine.settle(self._send.call_id, reply, world.now)
        world.checks.settled(attempt, effects, is_stale=is_stale)
        world.apply(member, effects)


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
            "waiting": [each for each in state.inputs.values() if each.waiting],
        }
        held += [f"{name} of {state.number}" for name, part in parts.items() if part]
        if state.running:
            held.append(f"{state.running} running in {state.number}")
    return held


def garbage(number: int) -> Undecodable:
    """What cannot be decoded."""
    return Undecodable(reason=Reason.UNDECODABLE, detail=f"garbage {number}")


def steps_of(world: World) -> Iterator[tuple[Member, Step]]:
    """Go over everything that can be taken; what has left the dead last."""
    for member in [*world.members, *world.dead]:
        for step in member.ready():
            yield member, step


def _p(partition: Partition) -> str:
    return f"{partition.topic}/{partition.number}"


def _at(source: Source) -> str:
    return f"{source.topic}/{source.partition}/{source.offset}"


def _said(content: Content) -> str:
    order_id, cart = getattr(content, "order_id", ""), getattr(content, "cart_id", "")
    items = ",".join(one.cart_item_id for one in getattr(content, "items", ()))
    return f"{type(content).__name__} {order_id} {cart} {items}"


def _came_of(content: Outcome | DeadLetter) -> str:
    outcome = content.outcome if isinstance(content, DeadLetter) else content
    return f"{_at(outcome.source)} {outcome.status} {outcome.effect} {outcome.reason or ''}"
