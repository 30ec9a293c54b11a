"""The poll thread: what it hands over, pauses, commits and gives up, and in which order.

Races are staged with a fake consumer, whose every poll takes the next step of a script on the poll
thread; two tests at the end run the real client against librdkafka's in-process broker.
"""

import sys
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Final, cast

import pytest
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from processor.core.assignments import Assigned
from processor.core.effects import CommitOffset
from processor.core.records import Partition
from processor.errors import RuntimeFailure
from processor.shell.clock import steady
from processor.shell.kafka import gaps
from processor.shell.kafka import poller as module
from processor.shell.kafka.broker import Broker
from processor.shell.kafka.commits import Answer
from processor.shell.kafka.gaps import Gap
from processor.shell.kafka.marks import Acceptance, write
from processor.shell.kafka.poller import Poller
from processor.shell.settings import Kafka
from tests.support.mock_kafka import (
    FakeClient,
    MockKafka,
    Position,
    complaint,
    error,
    exception,
    places,
    record,
)
from tests.support.programs import wait_until

FIRST, SECOND, THIRD = (Partition("in", number) for number in range(3))
WITHIN: Final = 10.0

Step = Callable[[], Message | None]


class FakeConsumer(FakeClient):
    """A consumer whose polls follow a script; the poller is told to stop at its end.

    Like the client, it keeps a partition paused until it is told to fetch it again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.script: deque[Step] = deque()
        self.at_the_end: Callable[[], None] = lambda: None
        self.also_there: deque[Callable[[], list[Message]]] = deque()
        """What each `consume` after a record does and returns."""
        self.log: list[Any] = []
        self.paused: set[Partition] = set()
        self.stored: dict[Partition, int] = {}
        self.stored_metadata = "horizon"
        self.metadata_sent: list[str | None] = []
        self.is_assigning = False
        self.positions: dict[Partition, int] = {}
        """Where a partition stands from which something was received."""
        self.troubles: list[Exception] = []
        """What the questions for committed offsets raise, from the last one."""
        self.errors: dict[Partition, KafkaError] = {}
        """What the next of these questions says of partitions instead of their offsets."""
        self.metadata: bytes | None = b"CGMDv2:" + (1).to_bytes(4, sys.byteorder) + b"member"
        self.callbacks: dict[str, Callable[..., None]] = {}

    def subscribe(self, topics: list[str], **callbacks: Callable[..., None]) -> None:
        self.log.append(("subscribe", topics))
        self.callbacks = callbacks

    def poll(self, _: float) -> Message | None:
        if self.script:
            return self.script.popleft()()
        self.at_the_end()
        return None

    def consume(self, _: int, __: float) -> list[Message]:
        return self.also_there.popleft()() if self.also_there else []

    def position(self, partitions: list[TopicPartition]) -> list[Position]:
        return [
            Position(*place, self.positions.get(Partition(*place), -1001))
            for place in ((each.topic, each.partition) for each in partitions)
        ]

    def consumer_group_metadata(self) -> bytes | None:
        return self.metadata

    def committed(self, partitions: Sequence[TopicPartition], **_: float) -> list[Position]:
        self.log.append("committed?")
        if self.troubles:
            raise self.troubles.pop()
        names = [Partition(each.topic, each.partition) for each in partitions]
        errors, self.errors = self.errors, {}
        return [
            Position(*name, -1001, error=errors[name])
            if name in errors
            else Position(*name, self.stored.get(name, 0), self.stored_metadata)
            for name in names
        ]

    def commit(
        self, *, offsets: list[TopicPartition], asynchronous: bool
    ) -> list[TopicPartition] | None:
        if self.is_assigning:
            self.log.append(("begin", places(offsets), [each.metadata for each in offsets]))
            return offsets
        self.log.append(("commit", places(offsets)))
        self.metadata_sent += [each.metadata for each in offsets]
        return None if asynchronous else offsets

    def assign(self, positions: list[TopicPartition]) -> None:
        self.log.append(("assign", places(positions)))

    def incremental_assign(self, positions: list[TopicPartition]) -> None:
        self.log.append(("incremental_assign", places(positions)))

    def unassign(self) -> None:
        self.log.append("unassign")

    def incremental_unassign(self, positions: list[TopicPartition]) -> None:
        self.log.append(("incremental_unassign", places(positions)))

    def pause(self, positions: list[TopicPartition]) -> None:
        self.paused |= {Partition(each.topic, each.partition) for each in positions}

    def resume(self, positions: list[TopicPartition]) -> None:
        self.paused -= {Partition(each.topic, each.partition) for each in positions}

    def close(self) -> None:
        super().close()
        self.log.append("close")

    # Steps

    def happens(self, name: str, *partitions: Partition) -> Message | None:
        """Call a rebalance callback, as a poll does."""
        named = [TopicPartition(*partition) for partition in partitions]
        self.is_assigning = name == "on_assign"
        self.callbacks[name](self, named)
        self.is_assigning = False
        return None

    def assigned(self, *partitions: Partition) -> Step:
        return lambda: self.happens("on_assign", *partitions)

    def revoked(self, *partitions: Partition) -> Step:
        return lambda: self.happens("on_revoke", *partitions)

    def lost(self, *partitions: Partition) -> Step:
        return lambda: self.happens("on_lost", *partitions)


class FakeInquiry:
    """The answers of brokers that keep to themselves who the topics are."""

    is_answered = True

    def __init__(self, broker: "FakeBroker", asked: Collection[Partition]) -> None:
        self._broker = broker
        self._asked = asked

    def topic_id(self, _: str) -> str | None:
        return self._broker.topic_id

    def log(self, partition: Partition) -> tuple[int, int] | None:
        return self._broker.log if partition in self._asked else None

    def offset(self, partition: Partition) -> Position | None:
        accepted = self._broker.accepted
        if accepted is None or partition not in self._asked:
            return None
        return Position(*partition, accepted.go_on, write(accepted))


class FakeBroker:
    """Tells that every partition ends at 100."""

    def __init__(self) -> None:
        self.topic_id: str | None = None
        self.log: tuple[int, int] | None = None
        self.accepted: Acceptance | None = None

    def inquire(self, _: object, asked: Collection[Partition], *__: object) -> FakeInquiry:
        return FakeInquiry(self, asked)

    def ends(self, partitions: Sequence[Partition], _: float) -> dict[Partition, int]:
        return dict.fromkeys(partitions, 100)


@dataclass
class Recorder:
    """A listener that notes what it is told; hand-overs are closed at once unless `closes` says.

    `is_slow`: it works no batch through.
    """

    log: list[Any]
    poller: Poller | None = None
    closes: Callable[[Sequence[Partition]], "Future[Sequence[CommitOffset]]"] | None = None
    on_answer: Callable[[], None] = lambda: None
    offset: int = 7
    is_slow: bool = False
    failure: list[BaseException] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    records: list[tuple[int, int]] = field(default_factory=list)
    """Partition number and offset of each record and end that came."""
    owned: set[Partition] = field(default_factory=set)
    beginnings: dict[Partition, int] = field(default_factory=dict)

    def received(self, messages: Sequence[Message]) -> None:
        came = [(each.partition() or 0, each.offset() or 0) for each in messages]
        self.records += came
        self.log.append(("received", came))
        if self.poller is not None and not self.is_slow:
            self.poller.processed()

    def assigned(self, partitions: Sequence[Assigned]) -> None:
        self.owned |= {one.partition for one in partitions}
        self.beginnings |= {one.partition: one.beginning for one in partitions}
        self.log.append(("assigned", [(one.partition, one.committed) for one in partitions]))

    def revoked(self, partitions: Sequence[Partition]) -> "Future[Sequence[CommitOffset]]":
        self.log.append(("revoked", list(partitions)))
        if self.closes is not None:
            return self.closes(partitions)
        closing: Future[Sequence[CommitOffset]] = Future()
        closing.set_result([CommitOffset(each, self.offset, '{"v":1}') for each in partitions])
        return closing

    def lost(self, partitions: Sequence[Partition], trouble: str | None) -> None:
        self.owned -= set(partitions)
        self.log.append(("lost", list(partitions), trouble))

    def committed(self, answer: Answer) -> None:
        self.answers.append(answer)
        self.log.append(("answer", sorted(answer.refused), answer.trouble))
        self.on_answer()

    def failed(self, error: BaseException) -> None:
        self.failure.append(error)


class Stage:
    """A poller on a fake consumer; all that happens to both is in one log."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, protocol: str = "classic") -> None:
        self.consumer = FakeConsumer()
        monkeypatch.setattr(module, "Consumer", self.consumer)
        monkeypatch.setattr(module, "_ASK_AGAIN_AFTER", 0.0)
        self.log = self.consumer.log
        self.listener = Recorder(self.log)
        kafka = Kafka.model_validate({"bootstrap_servers": "b:1", "group_protocol": protocol})
        self.broker = FakeBroker()
        broker = cast("Broker", self.broker)
        monkeypatch.setattr(gaps, "_LOOK_EVERY", 0.0)
        self.time = 100.0
        self.poller = Poller(kafka, ["in"], broker, self.listener, lambda: self.time)
        self.listener.poller = self.poller
        self.consumer.at_the_end = self.poller.stop

    def run(self, *steps: Step) -> None:
        """Let each poll take a step; return when the poller has stopped."""
        self.consumer.script.extend(steps)
        self.poller.start()
        assert self.poller.join(WITHIN)

    def receive(self, message: Message, *also: Message) -> Step:
        def step() -> Message:
            self.consumer.also_there.append(lambda: list(also))
            return message

        return step

    def want_paused(self, *partitions: Partition) -> Step:
        return lambda: self.poller.want_paused(frozenset(partitions))

    def look(self, seen: list[frozenset[Partition]]) -> Step:
        """Note what is paused."""
        return lambda: seen.append(frozenset(self.consumer.paused))

    def complain(self, complaint: KafkaError) -> Step:
        """Let the client complain out of turn, as it does in a poll."""
        return lambda: cast("None", self.consumer.properties["error_cb"](complaint))

    def happened(self, *names: str) -> list[Any]:
        return [each for each in self.log if (each if isinstance(each, str) else each[0]) in names]

    @property
    def failure(self) -> BaseException:
        (failure,) = self.listener.failure
        return failure


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


@pytest.fixture
def incremental(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A member by KIP-848."""
    return Stage(monkeypatch, "consumer")


# Records


def test_a_record_and_what_else_is_there_come_as_one_batch_in_order(stage: Stage) -> None:
    stage.run(stage.consumer.assigned(FIRST), stage.receive(record("in", 0, 3), record("in", 0, 4)))
    assert stage.happened("received") == [("received", [(0, 3), (0, 4)])]


def test_the_end_of_a_partition_is_handed_over_like_a_record(stage: Stage) -> None:
    end = complaint(KafkaError._PARTITION_EOF, "in", 0, 9)  # noqa: SLF001
    stage.run(stage.consumer.assigned(FIRST), stage.receive(end))
    assert stage.listener.records == [(0, 9)]


def test_a_first_record_is_dropped_when_its_partition_began_anew_meanwhile(stage: Stage) -> None:
    consumer = stage.consumer

    def rebalance() -> list[Message]:
        consumer.revoked(FIRST)()
        consumer.assigned(FIRST)()
        return [record("in", 0, 3), record("in", 0, 4)]

    def first() -> Message:
        consumer.also_there.append(rebalance)
        return record("in", 0, 3)

    stage.run(consumer.assigned(FIRST), first)
    assert stage.listener.records == [(0, 3), (0, 4)]


def test_a_first_record_is_dropped_when_its_partition_went_meanwhile(stage: Stage) -> None:
    consumer = stage.consumer

    def first() -> Message:
        consumer.also_there.append(lambda: [cast("Message", consumer.revoked(FIRST)())][:0])
        return record("in", 0, 3)

    stage.run(consumer.assigned(FIRST), first)
    assert stage.listener.records == []


def test_a_first_record_stays_when_only_others_are_assigned_meanwhile(incremental: Stage) -> None:
    consumer = incremental.consumer

    def first() -> Message:
        consumer.also_there.append(lambda: [cast("Message", consumer.assigned(SECOND)())][:0])
        return record("in", 0, 3)

    incremental.run(consumer.assigned(FIRST), first)
    assert incremental.listener.records == [(0, 3)]


def test_no_more_than_two_batches_wait_to_be_worked_through(stage: Stage) -> None:
    has_gone_on, listener = threading.Event(), stage.listener
    listener.is_slow = True
    steps = [stage.receive(record("in", 0, offset)) for offset in range(3)]
    stage.consumer.script.extend([stage.consumer.assigned(FIRST), *steps, has_gone_on.set])
    stage.poller.start()
    assert not has_gone_on.wait(0.2)
    assert listener.records == [(0, 0), (0, 1)]
    stage.poller.processed()
    assert has_gone_on.wait(WITHIN)
    assert stage.poller.join(WITHIN)
    assert listener.records == [(0, 0), (0, 1), (0, 2)]


def test_a_stop_does_not_wait_for_batches_to_be_worked_through(stage: Stage) -> None:
    is_third_polled = threading.Event()
    stage.listener.is_slow = True

    def third() -> Message:
        is_third_polled.set()
        return record("in", 0, 2)

    steps = [stage.receive(record("in", 0, offset)) for offset in range(2)]
    stage.consumer.script.extend([stage.consumer.assigned(FIRST), *steps, third])
    stage.poller.start()
    assert is_third_polled.wait(WITHIN)
    stage.poller.stop()
    assert stage.poller.join(WITHIN)


# Pauses


def test_a_pause_wished_before_a_rebalance_does_not_outlive_it(stage: Stage) -> None:
    consumer, seen = stage.consumer, list[frozenset[Partition]]()
    stage.run(
        consumer.assigned(FIRST, SECOND),
        stage.want_paused(FIRST),
        stage.look(seen),
        consumer.revoked(FIRST, SECOND),
        stage.want_paused(),  # the loop has heard of the loss
        consumer.assigned(FIRST, SECOND),
        stage.look(seen),
    )
    assert seen == [{FIRST}, frozenset()]


def test_a_pause_wished_again_after_a_rebalance_holds(stage: Stage) -> None:
    consumer, seen = stage.consumer, list[frozenset[Partition]]()
    stage.run(
        consumer.assigned(FIRST),
        stage.want_paused(FIRST),
        consumer.revoked(FIRST),
        consumer.assigned(FIRST),
        stage.look(seen),
    )
    assert seen == [{FIRST}]


def test_partitions_that_stay_owned_stay_paused_when_others_are_assigned(
    incremental: Stage,
) -> None:
    consumer, seen = incremental.consumer, list[frozenset[Partition]]()
    incremental.run(
        consumer.assigned(FIRST, SECOND),
        incremental.want_paused(FIRST),
        incremental.look(seen),
        consumer.assigned(THIRD),
        incremental.look(seen),
        incremental.want_paused(),
        incremental.look(seen),
    )
    assert seen == [{FIRST}, {FIRST}, frozenset()]


def test_a_pause_ends_although_others_are_assigned_just_before(incremental: Stage) -> None:
    consumer, seen = incremental.consumer, list[frozenset[Partition]]()

    def assign_and_resume() -> None:
        consumer.assigned(THIRD)()
        incremental.want_paused()()

    incremental.run(
        consumer.assigned(FIRST, SECOND),
        incremental.want_paused(FIRST),
        incremental.look(seen),
        assign_and_resume,
        incremental.look(seen),
    )
    assert seen == [{FIRST}, frozenset()]


def test_only_what_is_owned_is_paused(stage: Stage) -> None:
    seen: list[frozenset[Partition]] = []
    stage.run(stage.consumer.assigned(FIRST), stage.want_paused(FIRST, SECOND), stage.look(seen))
    assert seen == [{FIRST}]


def test_a_wish_told_while_it_was_not_owned_holds_once_a_partition_is(stage: Stage) -> None:
    seen: list[frozenset[Partition]] = []
    stage.run(
        stage.want_paused(FIRST), stage.look(seen), stage.consumer.assigned(FIRST), stage.look(seen)
    )
    assert seen == [frozenset(), {FIRST}]


# Failures and complaints


def test_a_fatal_error_ends_the_poll_thread(stage: Stage) -> None:
    stage.run(stage.complain(error(KafkaError._FATAL, "fenced", fatal=True)))  # noqa: SLF001
    assert isinstance(stage.failure, RuntimeFailure)
    assert "fenced" in str(stage.failure)


def test_a_fatal_error_that_comes_among_the_records_ends_the_poll_thread(stage: Stage) -> None:
    """The client does not mark it as fatal there."""
    stage.run(stage.receive(complaint(KafkaError._FATAL, "in", 0)))  # noqa: SLF001
    assert isinstance(stage.failure, RuntimeFailure)


def test_any_error_of_the_thread_is_told(stage: Stage) -> None:
    def step() -> None:
        raise ValueError

    stage.run(step)
    assert isinstance(stage.failure, ValueError)


def test_what_the_client_complains_about_shows_until_records_come_again(stage: Stage) -> None:
    seen: list[str | None] = []
    look: Step = lambda: seen.append(stage.poller.trouble)  # noqa: E731
    stage.run(
        stage.consumer.assigned(FIRST),
        look,
        stage.complain(error(KafkaError._ALL_BROKERS_DOWN, "all are down")),  # noqa: SLF001
        look,
        stage.receive(complaint(KafkaError.TOPIC_AUTHORIZATION_FAILED, "in", 0)),
        look,
        stage.receive(record("in", 0, 1)),
        look,
    )
    assert seen == [None, "all are down", "told by the test", None]
    assert stage.listener.records == [(0, 1)]


@pytest.mark.parametrize(
    ("code", "is_over"),
    [
        (KafkaError._ALL_BROKERS_DOWN, True),  # noqa: SLF001
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, False),
    ],
)
def test_a_connection_that_failed_is_forgotten_with_the_next_commit_where_inputs_are_quiet(
    stage: Stage, code: int, *, is_over: bool
) -> None:
    seen: list[str | None] = []
    look: Step = lambda: seen.append(stage.poller.trouble)  # noqa: E731
    answer: Step = lambda: stage.consumer.properties["on_commit"](None, [Position("in", 0, 5)])  # noqa: E731
    commit: Step = lambda: stage.poller.commit([CommitOffset(FIRST, 5, "horizon")])  # noqa: E731

    def later() -> None:
        stage.time += 1

    stage.run(
        stage.consumer.assigned(FIRST),
        commit,
        later,
        stage.complain(error(code, "it fails")),
        answer,
        look,  # that commit was sent before
        later,
        commit,
        nothing,
        answer,
        look,
    )
    assert seen == ["it fails", None if is_over else "it fails"]


# Assignments


def gone(offset: int, code: int = KafkaError._AUTO_OFFSET_RESET) -> Message:  # noqa: SLF001
    """Say, as the client does once, that what comes next in the first partition is not there."""
    return complaint(code, "in", 0, offset)


def nothing() -> None:
    """Stand for a poll without news."""


@pytest.mark.parametrize(
    "code",
    [KafkaError._AUTO_OFFSET_RESET, KafkaError._LOG_TRUNCATION],  # noqa: SLF001
)
def test_a_partition_whose_next_record_is_gone_is_parked_and_the_others_go_on(
    stage: Stage, code: int
) -> None:
    seen: list[Mapping[Partition, Gap]] = []
    stage.broker.log = (9, 20)
    stage.run(
        stage.consumer.assigned(FIRST, SECOND),
        stage.receive(record("in", 0, 3), gone(4, code), record("in", 0, 12), record("in", 1, 3)),
        stage.receive(record("in", 0, 13), record("in", 1, 4)),
        nothing,
        nothing,
        lambda: seen.append(stage.poller.gaps.parked),
    )
    assert stage.listener.failure == []
    assert stage.listener.records == [(0, 3), (1, 3), (1, 4)]
    gap = Gap(partition=FIRST, position=4, begin=9, end=20, is_replaced=False)
    assert seen == [{FIRST: gap}]
    assert stage.happened("assign") == [("assign", [("in", 0, 0), ("in", 1, 0)])]


def test_a_gap_that_is_accepted_is_passed_and_the_others_stay_where_they_are(stage: Stage) -> None:
    stage.broker.log = (9, 20)
    stage.broker.accepted = Acceptance(position=2, go_on=9, topic_id=None)
    stage.consumer.positions = {SECOND: 7}
    stage.run(
        stage.consumer.assigned(FIRST, SECOND, THIRD),
        stage.receive(gone(4)),
        nothing,
        nothing,
        stage.receive(record("in", 0, 9)),
    )
    assert stage.happened("assign")[1:] == [("assign", [("in", 0, 9), ("in", 1, 7), ("in", 2, 0)])]
    assert stage.listener.records == [(0, 9)]
    assert stage.poller.gaps.parked == {}
    assert not stage.happened("revoked")[:-1]  # but for the stop: what was received is still worked


def test_a_gap_that_is_accepted_is_passed_under_the_new_protocol(incremental: Stage) -> None:
    incremental.broker.log = (9, 20)
    incremental.broker.accepted = Acceptance(position=2, go_on=9, topic_id=None)
    incremental.run(incremental.consumer.assigned(FIRST, SECOND), lambda: gone(4), nothing, nothing)
    assert incremental.happened("incremental_assign", "incremental_unassign") == [
        ("incremental_assign", [("in", 0, 0), ("in", 1, 0)]),
        ("incremental_unassign", [("in", 0, -1001)]),
        ("incremental_assign", [("in", 0, 9)]),
    ]


def test_what_was_paused_stays_so_when_a_gap_is_passed(stage: Stage) -> None:
    seen: list[frozenset[Partition]] = []
    stage.broker.log = (9, 20)
    stage.broker.accepted = Acceptance(position=2, go_on=9, topic_id=None)
    stage.run(
        stage.consumer.assigned(FIRST, SECOND),
        stage.want_paused(SECOND),
        lambda: gone(4),
        nothing,
        nothing,
        nothing,
        stage.look(seen),
    )
    assert len(stage.happened("assign")) == 2
    assert seen == [frozenset({SECOND})]


def test_a_topic_created_anew_is_handed_over_and_begins_as_if_just_assigned(stage: Stage) -> None:
    stage.consumer.stored_metadata = '{"topic":"old"}'
    stage.broker.topic_id, stage.broker.log = "new", (0, 20)
    stage.broker.accepted = Acceptance(position=3, go_on=0, topic_id="new")
    stage.consumer.stored = {FIRST: 3}
    stage.run(
        stage.consumer.assigned(FIRST),
        nothing,
        stage.receive(record("in", 0, 12)),
        nothing,
        nothing,
        nothing,
        stage.receive(record("in", 0, 0)),
    )
    assert stage.listener.records == [(0, 0)]
    assert stage.happened("revoked", "commit", "lost", "assign", "assigned")[:7] == [
        ("assign", [("in", 0, 3)]),
        ("assigned", [(FIRST, 3)]),
        ("revoked", [FIRST]),
        ("commit", [("in", 0, 7)]),
        ("lost", [FIRST], None),
        ("assign", [("in", 0, 0)]),
        ("assigned", [(FIRST, 0)]),
    ]


def test_a_commit_names_the_topic_that_its_offset_was_for(stage: Stage) -> None:
    stage.consumer.stored_metadata = '{"topic":"old"}'
    stage.broker.topic_id, stage.broker.log = "new", (0, 20)
    stage.run(stage.consumer.assigned(FIRST), nothing, nothing)
    assert stage.consumer.metadata_sent == ['{"v":1,"topic":"old"}']


def test_partitions_begin_at_their_committed_offsets(stage: Stage) -> None:
    stage.consumer.stored = {FIRST: 5, SECOND: 0}
    stage.run(stage.consumer.assigned(FIRST, SECOND))
    assert stage.happened("assign", "assigned") == [
        ("assign", [("in", 0, 5), ("in", 1, 0)]),
        ("assigned", [(FIRST, 5), (SECOND, 0)]),
    ]


def test_a_beginning_is_counted_before_anything_is_fetched(stage: Stage) -> None:
    stage.consumer.stored = {FIRST: 5, SECOND: 100}
    stage.consumer.stored_metadata = '{"v":1,"begun":2}'
    stage.run(stage.consumer.assigned(FIRST, SECOND))
    # Nothing has come where the second one ends, so nothing there has killed anybody.
    noted = ['{"v":1,"begun":3}', '{"v":1,"begun":1}']
    assert stage.happened("begin", "assign") == [
        ("begin", [("in", 0, 5), ("in", 1, 100)], noted),
        ("assign", [("in", 0, 5), ("in", 1, 100)]),
    ]
    assert stage.listener.beginnings == {FIRST: 3, SECOND: 1}


def test_a_beginning_that_is_not_taken_stops_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise exception(KafkaError.REBALANCE_IN_PROGRESS)

    monkeypatch.setattr(stage.consumer, "commit", refuse)
    stage.run(stage.consumer.assigned(FIRST))
    assert stage.happened("assigned") == [("assigned", [(FIRST, 0)])]


def test_a_beginning_is_counted_as_long_as_the_commit_stays_there(stage: Stage) -> None:
    stage.listener.offset = 8
    commits = [[CommitOffset(FIRST, offset, '{"v":1}')] for offset in (7, 8)]
    stage.consumer.stored = {FIRST: 7}
    stage.run(
        stage.consumer.assigned(FIRST),
        *(lambda each=each: stage.poller.commit(each) for each in commits),
    )
    assert [*dict.fromkeys(stage.consumer.metadata_sent)] == ['{"v":1,"begun":1}', '{"v":1}']


@pytest.mark.parametrize(
    ("is_failing", "before", "after"),
    [
        (False, '{"begun":2}', '{"v":1,"begun":2}'),
        (False, "{}", '{"v":1}'),
        (True, "{}", '{"v":1,"begun":1}'),
    ],
)
def test_what_is_handed_back_was_not_begun_unless_an_error_ends_the_process(
    stage: Stage, before: str, after: str, *, is_failing: bool
) -> None:
    stage.consumer.stored, stage.consumer.stored_metadata = {FIRST: 7}, before
    stage.consumer.at_the_end = lambda: stage.poller.stop(is_failing=is_failing)
    stage.run(stage.consumer.assigned(FIRST))
    assert stage.consumer.metadata_sent == [after]


def test_committed_offsets_are_asked_for_until_they_are_told(stage: Stage) -> None:
    stage.consumer.troubles = [
        exception(KafkaError._TIMED_OUT),  # noqa: SLF001
        exception(KafkaError.COORDINATOR_NOT_AVAILABLE),
        TimeoutError(),
    ]
    stage.run(stage.consumer.assigned(FIRST))
    assert stage.happened("committed?", "assigned") == [
        *["committed?"] * 4,
        ("assigned", [(FIRST, 0)]),
    ]


def test_a_partition_whose_offset_is_not_told_is_asked_for_again(stage: Stage) -> None:
    stage.consumer.stored = {FIRST: 5, SECOND: 6}
    stage.consumer.errors = {SECOND: error(KafkaError.TOPIC_AUTHORIZATION_FAILED)}
    stage.run(stage.consumer.assigned(FIRST, SECOND))
    assert stage.happened("committed?", "assigned") == [
        "committed?",
        "committed?",
        ("assigned", [(FIRST, 5), (SECOND, 6)]),
    ]


def test_committed_offsets_are_not_asked_for_without_a_rest(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_asked_again = threading.Event()

    class Troubles(list[Exception]):
        """Fails for ever; notes the second question."""

        def pop(self, *_: Any) -> Exception:  # noqa: ANN401
            self.append(TimeoutError())
            if len(self) == 3:
                is_asked_again.set()
            return self[-1]

    monkeypatch.setattr(module, "_ASK_AGAIN_AFTER", 60.0)
    stage.consumer.troubles = Troubles([TimeoutError()])
    stage.consumer.script.append(stage.consumer.assigned(FIRST))
    stage.poller.start()
    assert not is_asked_again.wait(0.2)
    stage.poller.stop()
    assert stage.poller.join(WITHIN)
    assert stage.happened("committed?") == ["committed?"]


def test_the_thread_is_alive_while_it_asks_for_committed_offsets(stage: Stage) -> None:
    seen: list[float] = []

    class Troubles(list[Exception]):
        """Takes a minute to fail, twice."""

        def pop(self, *_: Any) -> Exception:  # noqa: ANN401
            seen.append(stage.time - stage.poller.polled_at)
            stage.time += 60.0
            return super().pop()

    stage.consumer.troubles = Troubles([TimeoutError(), TimeoutError()])
    stage.run(stage.consumer.assigned(FIRST))
    assert seen == [0.0, 0.0]


def test_a_stop_ends_the_asking_for_committed_offsets(stage: Stage) -> None:
    class Endless(list[Exception]):
        """Fails for ever, and lets the poller be stopped meanwhile."""

        def __bool__(self) -> bool:
            return True

        def pop(self, *_: Any) -> Exception:  # noqa: ANN401
            stage.poller.stop()
            return TimeoutError()

    stage.consumer.troubles = Endless()
    stage.run(stage.consumer.assigned(FIRST))
    assert stage.happened("assigned", "close") == [("assigned", []), "close"]
    assert stage.listener.failure == []


def test_a_partition_without_a_committed_offset_ends_it_with_the_remedy(stage: Stage) -> None:
    stage.consumer.stored = {FIRST: 5, SECOND: -1001}
    stage.run(stage.consumer.assigned(FIRST, SECOND))
    assert isinstance(stage.failure, RuntimeFailure)
    assert "no offset for in [1]" in str(stage.failure)
    assert "PROCESSOR_KAFKA__START" in str(stage.failure)
    assert stage.happened("assign") == []


def test_partitions_come_and_go_one_by_one_under_the_new_protocol(incremental: Stage) -> None:
    consumer = incremental.consumer
    incremental.run(consumer.assigned(FIRST), consumer.assigned(SECOND), consumer.revoked(FIRST))
    assert incremental.happened("incremental_assign", "incremental_unassign", "assign") == [
        ("incremental_assign", [("in", 0, 0)]),
        ("incremental_assign", [("in", 1, 0)]),
        ("incremental_unassign", [("in", 0, -1001)]),
    ]


def test_a_member_without_partitions_knows_that_it_is_one(incremental: Stage) -> None:
    consumer, seen = incremental.consumer, list[bool]()
    consumer.metadata = b"CGMDv2:" + (-1).to_bytes(4, sys.byteorder, signed=True) + b"member"

    def join() -> None:
        seen.append(incremental.poller.member_since is not None)
        consumer.metadata = b"CGMDv2:" + (1).to_bytes(4, sys.byteorder) + b"member"

    incremental.run(join, lambda: seen.append(incremental.poller.member_since is not None))
    assert seen == [False, True]


@pytest.mark.parametrize("metadata", [None, b"", b"CGMDv9:\x01\x00\x00\x00", b"CGMDv2:"])
def test_group_metadata_that_cannot_be_read_makes_no_member(
    incremental: Stage, metadata: bytes | None
) -> None:
    incremental.consumer.metadata = metadata
    incremental.run(lambda: None)
    assert incremental.poller.member_since is None
    assert incremental.listener.failure == []


# Hand-over


def test_a_stop_hands_everything_over_before_it_leaves(stage: Stage) -> None:
    stage.run(stage.consumer.assigned(FIRST, SECOND))
    assert stage.log[-4:] == [
        ("revoked", [FIRST, SECOND]),
        ("commit", [("in", 0, 7), ("in", 1, 7)]),
        ("lost", [FIRST, SECOND], None),
        "close",
    ]


def test_a_revoked_partition_is_handed_over_before_it_is_let_go(stage: Stage) -> None:
    stage.run(stage.consumer.assigned(FIRST), stage.consumer.revoked(FIRST))
    assert stage.log[-5:] == [
        ("revoked", [FIRST]),
        ("commit", [("in", 0, 7)]),
        ("lost", [FIRST], None),
        "unassign",
        "close",
    ]


def test_a_lost_partition_is_given_up_without_a_commit(stage: Stage) -> None:
    stage.run(stage.consumer.assigned(FIRST), stage.consumer.lost(FIRST))
    assert stage.log[-3:] == [
        ("lost", [FIRST], "somebody else may own them by now"),
        "unassign",
        "close",
    ]
    assert stage.happened("commit", "revoked") == []


def test_a_last_commit_that_is_refused_is_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise exception(KafkaError.UNKNOWN_MEMBER_ID, "who are you")

    monkeypatch.setattr(stage.consumer, "commit", refuse)
    stage.run(stage.consumer.assigned(FIRST))
    assert stage.happened("lost") == [("lost", [FIRST], "who are you")]


def test_commits_wanted_during_a_hand_over_are_sent_and_waited_for(stage: Stage) -> None:
    """The call in the air needs its lease: the hand-over ends only after the commit's answer."""
    closing: Future[Sequence[CommitOffset]] = Future()

    def begin(_: Sequence[Partition]) -> "Future[Sequence[CommitOffset]]":
        stage.poller.commit([CommitOffset(FIRST, 5, "lease")])
        return closing

    stage.listener.closes = begin
    stage.listener.on_answer = lambda: closing.set_result([CommitOffset(FIRST, 6, "closing")])
    stage.run(stage.consumer.assigned(FIRST), stage.consumer.revoked(FIRST))
    assert stage.log[-7:] == [
        ("revoked", [FIRST]),
        ("commit", [("in", 0, 5)]),
        ("answer", [], None),
        ("commit", [("in", 0, 6)]),
        ("lost", [FIRST], None),
        "unassign",
        "close",
    ]


def test_a_commit_asked_for_at_the_end_of_a_hand_over_is_answered_before_the_loss(
    stage: Stage,
) -> None:
    def begin(partitions: Sequence[Partition]) -> "Future[Sequence[CommitOffset]]":
        closing: Future[Sequence[CommitOffset]] = Future()
        closing.set_result([CommitOffset(each, 6, "closing") for each in partitions])
        stage.poller.commit([CommitOffset(FIRST, 5, "lease")])
        return closing

    stage.listener.closes = begin
    stage.run(stage.consumer.assigned(FIRST), stage.consumer.revoked(FIRST))
    assert stage.happened("commit", "answer", "lost") == [
        ("commit", [("in", 0, 5)]),
        ("answer", [], None),
        ("commit", [("in", 0, 6)]),
        ("lost", [FIRST], None),
    ]


def test_a_commit_is_sent_with_the_next_poll_and_answered_by_the_clients_callback(
    stage: Stage,
) -> None:
    offset = CommitOffset(FIRST, 5, "horizon")

    def answer() -> None:
        stage.consumer.properties["on_commit"](None, [Position("in", 0, 5)])

    stage.run(
        stage.consumer.assigned(FIRST), lambda: stage.poller.commit([offset]), lambda: None, answer
    )
    assert stage.happened("commit", "answer")[:2] == [
        ("commit", [("in", 0, 5)]),
        ("answer", [], None),
    ]
    assert stage.listener.answers == [Answer(refused=set(), sent_at=100.0, trouble=None)]


# The real client


class Member:
    """A poller of the real client, in a group at the in-process broker."""

    def __init__(self, kafka: Kafka, topic: str, offset: int = 7) -> None:
        self.listener = Recorder([], offset=offset)
        self.poller = Poller(kafka, [topic], Broker(kafka), self.listener, steady)
        self.listener.poller = self.poller
        self.poller.start()

    def stop(self) -> None:
        self.poller.stop()
        assert self.poller.join(WITHIN)
        assert self.listener.failure == []


def test_records_commits_pauses_and_the_hand_over_of_a_real_group() -> None:
    kafka = MockKafka()
    topic = kafka.topic()
    first, settings = Partition(topic, 0), kafka.settings()
    kafka.commit(settings.group_id, topic, 1, 0, 0, 0)
    kafka.produce(topic, b"a", b"b", b"c")
    member = Member(settings, topic)
    listener, poller = member.listener, member.poller
    try:
        wait_until(lambda: (0, 2) in listener.records, within=WITHIN, what="both records came")
        poller.want_paused(frozenset({first}))
        poller.commit([CommitOffset(first, 2, "horizon")])
        wait_until(lambda: listener.answers, within=WITHIN, what="the commit is answered")
        assert not listener.answers[0].refused
        kafka.produce(topic, b"d")
        # What was fetched before the pause may still come; what comes later does not.
        kafka.produce(topic, b"elsewhere", partition=1)
        wait_until(lambda: (1, 0) in listener.records, within=WITHIN, what="another record came")
        assert (0, 3) not in listener.records
        poller.want_paused(frozenset())
        wait_until(lambda: (0, 3) in listener.records, within=WITHIN, what="the pause ended")
    finally:
        member.stop()
    assert (0, 0) not in listener.records
    assert kafka.committed(settings.group_id, topic) == [7, 7, 7, 7]


class Ungrouped(Consumer):
    """The real client, to which the test gives partitions in the group's stead."""

    callbacks: dict[str, Callable[..., None]]
    steps: SimpleQueue[Callable[[], None]]

    def subscribe(self, _: list[str], **callbacks: Callable[..., None]) -> None:  # type: ignore[override]
        self.callbacks = callbacks

    def poll(self, timeout: float = 0) -> Message | None:
        with suppress(Empty):
            self.steps.get_nowait()()
        return super().poll(timeout)

    def soon(self, name: str, *partitions: Partition) -> None:
        """Call a rebalance callback in one of the next polls."""
        named = [TopicPartition(*partition) for partition in partitions]
        self.steps.put(lambda: self.callbacks[name](self, named))


@contextmanager
def ungrouped(
    monkeypatch: pytest.MonkeyPatch, kafka: MockKafka, topic: str, protocol: str = "classic"
) -> Iterator[tuple[Member, Ungrouped]]:
    made: list[Ungrouped] = []

    def make(properties: dict[str, Any]) -> Ungrouped:
        made.append(consumer := Ungrouped(properties))
        consumer.steps = SimpleQueue()
        return consumer

    monkeypatch.setattr(module, "Consumer", make)
    settings = kafka.settings(group_protocol=protocol)
    kafka.commit(settings.group_id, topic, 0, 0, 0, 0)
    member = Member(settings, topic, offset=0)
    try:
        yield member, made[0]
    finally:
        member.stop()


def came(member: Member, *records: tuple[int, int]) -> None:
    """Wait until records, or ends, of these partitions and offsets have come."""
    wait_until(
        lambda: set(records) <= set(member.listener.records), within=WITHIN, what=f"{records} came"
    )


def test_a_real_pause_does_not_outlive_a_rebalance(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka = MockKafka()
    topic = kafka.topic()
    first, second = Partition(topic, 0), Partition(topic, 1)
    with ungrouped(monkeypatch, kafka, topic) as (member, consumer):
        consumer.soon("on_assign", first, second)
        came(member, (0, 0), (1, 0))
        member.listener.records.clear()
        member.poller.want_paused(frozenset({first}))
        kafka.produce(topic, b"b", partition=1)
        came(member, (1, 1))
        member.poller.want_paused(frozenset())
        consumer.soon("on_revoke", first, second)
        consumer.soon("on_assign", first, second)
        kafka.produce(topic, b"a", partition=0)
        came(member, (0, 1))


def test_a_real_pause_stays_when_other_partitions_are_assigned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kafka = MockKafka()
    topic = kafka.topic()
    first, second = Partition(topic, 0), Partition(topic, 1)
    with ungrouped(monkeypatch, kafka, topic, "consumer") as (member, consumer):
        consumer.soon("on_assign", first)
        came(member, (0, 0))
        member.poller.want_paused(frozenset({first}))
        consumer.soon("on_assign", second)
        came(member, (1, 0))
        kafka.produce(topic, b"a", partition=0)
        kafka.produce(topic, b"b", partition=1)
        came(member, (1, 1))
        assert member.listener.records.count((0, 0)) == 1
        member.poller.want_paused(frozenset())
        came(member, (0, 1))
