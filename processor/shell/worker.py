"""The worker: feeds the engine with what happens, and applies the effects that it returns.

All of it runs on the loop's thread. What comes from other threads (records from the poll thread,
outcomes from the restorer, ends from the brokers) arrives as callbacks of the loop.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Final

import structlog
from confluent_kafka import Message

from processor.core import effects as do
from processor.core.assignments import Assigned
from processor.core.events import Content
from processor.core.records import Partition, Record
from processor.core.replies import Failure, FailureKind
from processor.shell.clock import now, steady
from processor.shell.framing import SchemaKey
from processor.shell.http import Withheld
from processor.shell.inputs import Inputs
from processor.shell.kafka.commits import Answer
from processor.shell.kafka.messages import record_of
from processor.shell.kafka.poller import Poller
from processor.shell.kafka.restorer import Restorer
from processor.shell.kafka.sink import Sink
from processor.shell.learning import Learning
from processor.shell.membership import Membership
from processor.shell.parts import Parts
from processor.shell.suspicion import Suspicion

_LOG: Final = structlog.get_logger(__name__)
_TICK: Final = 0.005
_ANSWER_WITHIN: Final = 10.0
_NEVER_SENT: Final = Failure(
    kind=FailureKind.UNREACHABLE, detail="withheld: connecting took longer than the lease"
)


class Worker:
    """One loop's work. `fail` is called once with what must end the process."""

    def __init__(
        self,
        parts: Parts,
        inputs: Inputs,
        fail: Callable[[BaseException], None],
        *,
        drain_deadline: float,
    ) -> None:
        """Begin idle.

        `drain_deadline` is how many seconds a hand-over waits for what is in the air.
        """
        self._engine = parts.engine
        self._traces = parts.traces
        self.parts = parts
        self._inputs = inputs
        self._fail = fail
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._tick_handle: asyncio.TimerHandle | None = None
        self.sink: Sink
        self.poller: Poller
        self.restorer: Restorer
        self.learning = Learning(self._engine, self.apply, fail, self._call_soon)
        self._committing = do.Commit(())
        self._paused: frozenset[Partition] = frozenset()
        self.ticked_at = steady()
        self.commit_trouble: str | None = None
        self.last_commit_at: float | None = None
        self.suspicion = Suspicion(parts, inputs, self._spawn, self._decode_pending)
        self._has_stumbled = False
        self.membership = Membership(parts, self.suspicion, self.apply, drain_deadline)

    def connect(self, sink: Sink, poller: Poller, restorer: Restorer) -> None:
        """Take the parts that call back."""
        self.sink, self.poller, self.restorer = sink, poller, restorer

    def start(self) -> None:
        """Begin to work: tick, and join the group."""
        self._tick()
        self.restorer.start()
        self.poller.start()

    async def finish(self, within: float) -> bool:
        """Begin nothing new, and wait for what is in the air; return whether it has come down."""
        self.membership.hand_over_trouble = None  # what an earlier loss left is of no interest
        owned = tuple(self._engine.look().next_offsets)
        self._engine.assignments.drain(owned)
        for _ in range(int(within / _TICK)):
            if self._engine.assignments.is_drained(owned):
                return True
            await asyncio.sleep(_TICK)
        return False

    def stop(self) -> None:
        """Stop ticking; what is still in the air is abandoned."""
        if self._tick_handle is not None:
            self._tick_handle.cancel()
        for task in self._tasks:
            task.cancel()

    def apply(self, effects: Iterable[do.Effect]) -> None:
        """Do what the engine decided."""
        for effect in self._traces.see(effects):
            match effect:
                case do.Send():
                    self._spawn(self._call(effect))
                case do.Produce():
                    self.sink.produce(effect)
                case do.Commit():
                    self._commit(effect)
                case do.AskEnds(partitions=partitions):
                    self._ask_ends(dict(partitions))
                case do.Restore():
                    self.restorer.restore(effect)
                case do.Pause(partition=partition):
                    self._want_paused(self._paused | {partition})
                case do.Resume(partition=partition):
                    self._want_paused(self._paused - {partition})
                case (
                    do.CallEnded()
                    | do.Retrying()
                    | do.HoldBegan()
                    | do.HoldEnded()
                    | do.PauseBegan()
                    | do.RecordEnded()
                    | do.RecordResolved()
                    | do.ReplaySettled()
                ):
                    self.parts.observers.observe(effect, now().wall)

    def _tick(self) -> None:
        # First of all, so that whatever goes wrong once does not end the time.
        self._tick_handle = self._loop.call_later(_TICK, self._tick)
        self.ticked_at = steady()
        self.sink.poll()
        self.apply(self._engine.tick(now()))
        self.parts.ledgers.checkpoint(self._engine.assignments.ledgers(), self.ticked_at)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    async def _call(self, send: do.Send) -> None:
        if self._engine.begin(send.call_id, now()):
            try:
                reply = await self.parts.rokt.send(
                    self._traces.begin(send), lambda: self._engine.may_write(send.call_id, now())
                )
            except Withheld:
                self._traces.replied(send.call_id, _NEVER_SENT)
                self.apply(self._engine.withdraw(send.call_id, now()))
            else:
                self._traces.replied(send.call_id, reply)
                self.apply(self._engine.settle(send.call_id, reply, now()))

    def _commit(self, commit: do.Commit) -> None:
        self._committing = commit
        self.poller.commit(commit.offsets)

    def committed(self, answer: Answer) -> None:
        """Take the coordinator's answer from the poll thread."""
        self._call_soon(self._take_answer, answer)

    def _take_answer(self, answer: Answer) -> None:
        if answer.trouble != self.commit_trouble and answer.trouble is not None:
            _LOG.warning("offsets not committed", why=answer.trouble)
        self.commit_trouble = answer.trouble
        if not answer.refused:
            self.last_commit_at = now().wall
            self.parts.metrics.committed(self.last_commit_at)
        commit, refused = self._committing, answer.refused
        self.suspicion.committed(commit, refused)
        self.apply(self._engine.committed(commit, refused, answer.sent_at, now()))

    def _ask_ends(self, epochs: dict[int, int]) -> None:
        def answered(partition: Partition, end: int | None) -> None:
            end = None if self.poller.gaps.is_parked(partition) else end  # its gate stays shut
            self._call_soon(self._take_end, partition.number, epochs[partition.number], end)

        asked = [Partition(self._inputs.payments, number) for number in epochs]
        self.parts.broker.ask_ends(asked, _ANSWER_WITHIN, answered)

    def _take_end(self, number: int, epoch: int, end: int | None) -> None:
        self.apply(self._engine.end(number, epoch, end, now()))

    def acknowledged(self, output_id: int, offset: int) -> None:
        """Take an output's acknowledgement from the sink."""
        self.apply(self._engine.acknowledged(output_id, offset, now()))

    # Records and schemas

    def received(self, messages: Sequence[Message]) -> None:
        """Take records from the poll thread."""
        self._call_soon(self._receive, messages)

    def _receive(self, messages: Sequence[Message]) -> None:
        if self._has_stumbled:
            return
        try:
            self._take_in(messages)
        except BaseException:
            # What was not taken in must not be passed by what comes behind it.
            self._has_stumbled = True
            raise
        self.poller.processed()

    def _take_in(self, messages: Sequence[Message]) -> None:
        engine, counts = self._engine, dict.fromkeys(self._inputs, 0)
        for message in messages:
            topic, number, offset = message.topic(), message.partition(), message.offset()
            if topic is None or number is None or offset is None:
                continue
            if message.error() is not None:
                self.apply(engine.reach(Partition(topic, number), offset, now()))
                continue
            counts[topic] += 1
            record = record_of(message, Partition(topic, number), offset)
            self._traces.received(record)
            self.apply(engine.admit(record, self._decode(record), now()))
        for topic, count in counts.items():
            if count:
                self.parts.metrics.received(topic, count)
        self.apply(engine.tick(now()))  # a commit that they wait for is asked for at once

    def _decode(self, record: Record) -> Content:
        return self.suspicion.decode(record)

    def schema_settled(self, schema: SchemaKey) -> None:
        """Decode the records that waited for a schema."""
        self._decode_pending(schema, self._decode)

    def _decode_pending(self, what: SchemaKey, decode: Callable[[Record], Content]) -> None:
        before = self._engine.pending(what)
        self.apply(self._engine.decode_pending(what, decode, now()))
        if 0 < self._engine.pending(what) < before:  # the others wait for it again
            self._loop.call_soon(self._decode_pending, what, decode)  # the rest, in its turn

    # Assignments: called on the poll thread, which waits where the answer matters

    def assigned(self, partitions: Sequence[Assigned]) -> None:
        """Take partitions over."""
        self._call_soon(self.membership.take_over, partitions)

    def revoked(self, partitions: Sequence[Partition]) -> Future[Sequence[do.CommitOffset]]:
        """Begin to hand partitions over; the result is what to commit for them at last."""
        closing: Future[Sequence[do.CommitOffset]] = Future()
        self._call_soon(self.membership.hand_over, partitions, closing)
        return closing

    def lost(self, partitions: Sequence[Partition], trouble: str | None) -> None:
        """Give partitions up."""
        self._call_soon(self._give_up, partitions, trouble)

    def _give_up(self, partitions: Sequence[Partition], trouble: str | None) -> None:
        self.membership.give_up(partitions, trouble)
        self._want_paused(self._paused.difference(partitions))

    def _want_paused(self, partitions: frozenset[Partition]) -> None:
        self._paused = partitions
        self.poller.want_paused(partitions)

    def failed(self, error: BaseException) -> None:
        """End the process: the poll thread cannot go on."""
        self._call_soon(self._fail, error)

    def _call_soon(self, callback: Callable[..., object], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            # A thread that wakes up after the end has nobody to tell any more.
            if not self._loop.is_closed():
                raise
