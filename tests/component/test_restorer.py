"""The restorer: reads partitions of the results to the end that they had, whatever lies there.

What the brokers answer is staged with a fake consumer; the tests at the end run the real client
against librdkafka's in-process broker.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, Self

import pytest
from confluent_kafka import KafkaError, Message, TopicPartition

from processor.core.effects import Restore
from processor.core.events import Pending, Undecodable
from processor.core.outcomes import OutcomeView
from processor.core.records import Source
from processor.core.replies import ItemVerdict
from processor.core.vocabulary import Effect, ItemResult, Operation, Reason, Status
from processor.errors import RuntimeFailure
from processor.shell.kafka import restorer as module
from processor.shell.kafka.restorer import Restorer
from processor.shell.kafka.results import Results
from processor.shell.outputs import Foreign
from processor.shell.settings import Kafka
from tests.support.mock_kafka import FakeClient, MockKafka, complaint, exception, places, record
from tests.support.programs import wait_until

WITHIN: Final = 10.0
RESULTS = "rokt-results"
PENDING, FOREIGN, UNREADABLE, LARGE = b"pending", b"foreign", b"unreadable", b"large"
EOF: Final = KafkaError._PARTITION_EOF  # noqa: SLF001
GONE: Final = KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001

Readable = OutcomeView | Pending | Foreign | Undecodable


def outcome(value: bytes) -> OutcomeView:
    return OutcomeView(
        outcome_id=value.decode(), operation=Operation.CONFIRM, status=Status.SUCCEEDED,
        effect=Effect.APPLIED, reason=None, cart_id=None, order_id=None,
        source=Source("in", 0, 0, None), origin=None, replay_id=None, request_fingerprint="",
        items=(ItemVerdict("i", None, ItemResult.SUCCEEDED),) * (5_000 if value == LARGE else 0),
    )  # fmt: skip


class Reader:
    """Decodes values: what they are is their name."""

    def __init__(self) -> None:
        self.is_schema_known = threading.Event()
        self.pending = 0
        """How often a schema was not known."""

    def read(self, value: bytes) -> Readable:
        if value == PENDING and not self.is_schema_known.is_set():
            self.pending += 1
            return Pending(schema=9)
        if value == FOREIGN:
            return Foreign(detail="it does not name a schema")
        if value == UNREADABLE:
            return Undecodable(reason=Reason.UNDECODABLE, detail="The bytes end.")
        return outcome(value)


class Recorder:
    """A listener that notes what it is told, in order."""

    def __init__(self) -> None:
        self.log: list[tuple[str, int, Any]] = []
        self.failure: BaseException | None = None
        self.told: dict[int, int] = {}
        self.take: Callable[[Callable[[], None]], None] = lambda learnt: learnt()

    def read(
        self,
        restore: Restore,
        outcomes: Sequence[tuple[int, OutcomeView]],
        span: tuple[int, int],
        learnt: Callable[[], None],
    ) -> None:
        self.take(learnt)
        begin, position = span
        assert begin <= self.told.get(restore.number, restore.position)
        assert all(offset < position for offset, _ in outcomes)
        self.told[restore.number] = position
        self.log += [("read", restore.number, each.outcome_id) for _, each in outcomes]

    def replaced(self, restore: Restore) -> None:
        self.log.append(("replaced", restore.number, restore.position))

    def restored(self, restore: Restore, span: tuple[int, int]) -> None:
        begin, position = span
        assert begin <= self.told.get(restore.number, restore.position)
        self.log.append(("restored", restore.number, position))

    def failed(self, error: BaseException) -> None:
        self.failure = error

    def restored_count(self) -> int:
        return sum(what == "restored" for what, _, _ in self.log)


class FakeConsumer(FakeClient):
    """A consumer whose answers follow a script."""

    def __init__(self) -> None:
        super().__init__()
        self.clients = 0
        """How many clients were taken."""
        self.watermarks: dict[int, deque[tuple[int, int] | Exception]] = {}
        self.batches: deque[Callable[[], list[Message]]] = deque()
        self.log: list[Any] = []

    def __call__(self, properties: dict[str, Any]) -> Self:
        self.clients += 1
        return super().__call__(properties)

    def get_watermark_offsets(self, partition: TopicPartition, **_: Any) -> tuple[int, int]:  # noqa: ANN401
        answers = self.watermarks[partition.partition]
        answer = answers.popleft() if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def assign(self, positions: list[TopicPartition]) -> None:
        self.log.append([(number, offset) for _, number, offset in places(positions)])

    def unassign(self) -> None:
        self.log.append("unassign")

    def consume(self, _: int, __: float) -> list[Message]:
        return self.batches.popleft()() if self.batches else []


class Stage:
    """A restorer on a fake consumer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.consumer, self.reader, self.listener = FakeConsumer(), Reader(), Recorder()
        monkeypatch.setattr(module, "Consumer", self.consumer)
        self.now = 100.0
        kafka = Kafka(bootstrap_servers="b:1")
        self.topic_id = "first"
        topic = Results(name=RESULTS, topic_id="first", ask_id=lambda: self.topic_id)
        self.restorer = Restorer(kafka, topic, self.reader.read, self.listener, lambda: self.now)

    def ends(self, number: int, *answers: tuple[int, int] | Exception) -> None:
        """Say where a partition begins and ends; the last answer stays."""
        self.consumer.watermarks[number] = deque(answers)

    def batch(self, *messages: Message) -> None:
        self.consumer.batches.append(lambda: list(messages))

    def step(self, action: Callable[[], object]) -> None:
        """Do something instead of a batch."""

        def batch() -> list[Message]:
            action()
            return []

        self.consumer.batches.append(batch)

    def run(self, *restores: Restore, until: int | None = None) -> list[tuple[str, int, Any]]:
        """Restore, and return what the listener was told until as many were restored."""
        for restore in restores:
            self.restorer.restore(restore)
        self.restorer.start()
        count = len(restores) if until is None else until
        wait_until(
            lambda: self.listener.failure or self.listener.restored_count() >= count,
            within=WITHIN,
            what="all is restored",
        )
        self.restorer.stop()
        self.restorer.join(WITHIN)
        assert self.listener.failure is None
        return self.listener.log

    def fail(self, *restores: Restore) -> BaseException:
        """Restore, and return what the restorer ended with."""
        for restore in restores:
            self.restorer.restore(restore)
        self.restorer.start()
        self.restorer.join(WITHIN)
        assert self.listener.failure is not None
        return self.listener.failure


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    stage = Stage(monkeypatch)
    yield stage
    stage.restorer.stop()
    stage.restorer.join(WITHIN)


def results(number: int, offset: int, value: bytes | None = b"a") -> Message:
    return record(RESULTS, number, offset, value)


def restore(number: int, position: int = 0, epoch: int = 1) -> Restore:
    return Restore(number, epoch, position)


def test_a_partition_is_read_from_its_position_to_its_end(stage: Stage) -> None:
    stage.ends(0, (0, 7))
    stage.batch(results(0, 5, b"a"))
    stage.batch(results(0, 6, b"b"))
    assert stage.run(restore(0, 5)) == [("read", 0, "a"), ("read", 0, "b"), ("restored", 0, 7)]
    assert stage.consumer.log == [[(0, 5)], "unassign"]
    assert stage.consumer.is_closed


def test_a_partition_already_at_its_end_is_restored_at_once(stage: Stage) -> None:
    stage.ends(0, (0, 5))
    assert stage.run(restore(0, 5)) == [("restored", 0, 5)]


def test_reading_begins_where_the_partition_begins_now(stage: Stage) -> None:
    stage.ends(0, (8, 9))
    stage.batch(results(0, 8))
    assert stage.run(restore(0, 5)) == [("read", 0, "a"), ("restored", 0, 9)]
    assert stage.consumer.log[0] == [(0, 8)]


def test_a_partition_emptied_below_its_position_is_restored(stage: Stage) -> None:
    stage.ends(0, (9, 9))
    assert stage.run(restore(0, 5)) == [("restored", 0, 9)]


def test_a_gap_at_the_end_of_a_partition_does_not_hang_it(stage: Stage) -> None:
    stage.ends(0, (0, 3))
    stage.batch(results(0, 0), complaint(EOF, RESULTS, 0, 3))
    assert stage.run(restore(0)) == [("read", 0, "a"), ("restored", 0, 3)]


def test_a_broker_that_lags_behind_does_not_end_the_reading(stage: Stage) -> None:
    """Its end of the partition is not the one that was told: the rest may still come."""
    stage.ends(0, (0, 3))
    stage.batch(results(0, 0), complaint(EOF, RESULTS, 0, 1))
    stage.step(lambda: setattr(stage, "now", stage.now + 60))
    stage.batch(results(0, 1, b"b"), results(0, 2, b"c"))
    assert stage.run(restore(0)) == [
        ("read", 0, "a"),
        ("read", 0, "b"),
        ("read", 0, "c"),
        ("restored", 0, 3),
    ]


def test_a_topic_of_another_id_is_read_from_its_beginning(stage: Stage) -> None:
    stage.topic_id = "another"
    stage.ends(3, (0, 9))
    stage.batch(results(3, 0), complaint(EOF, RESULTS, 3, 9))
    assert stage.run(restore(3, 7)) == [
        ("replaced", 3, 7),
        ("read", 3, "a"),
        ("restored", 3, 9),
    ]


def test_a_tombstone_counts_as_read(stage: Stage) -> None:
    stage.ends(0, (0, 1))
    stage.batch(results(0, 0, None))
    assert stage.run(restore(0)) == [("restored", 0, 1)]


def test_records_of_a_partition_that_is_restored_are_passed_over(stage: Stage) -> None:
    stage.ends(0, (0, 1))
    stage.ends(1, (0, 1))
    stage.batch(results(0, 0))
    stage.batch(results(0, 1, UNREADABLE), results(1, 0, b"b"))
    log = stage.run(restore(0), restore(1))
    assert log == [("read", 0, "a"), ("restored", 0, 1), ("read", 1, "b"), ("restored", 1, 1)]


def test_a_second_request_is_taken_up_while_the_first_is_read(stage: Stage) -> None:
    stage.ends(0, (0, 9))
    stage.ends(1, (0, 1))
    stage.batch(results(0, 0))
    stage.step(lambda: stage.restorer.restore(restore(1)))
    stage.batch(results(1, 0, b"b"), complaint(EOF, RESULTS, 0, 9))
    log = stage.run(restore(0), until=2)
    assert stage.consumer.log[:2] == [[(0, 0)], [(0, 1), (1, 0)]]
    assert ("restored", 1, 1) in log
    assert ("restored", 0, 9) in log


def test_what_is_left_to_be_read_can_be_seen(stage: Stage) -> None:
    seen: list[int] = []
    stage.ends(0, (2, 10))
    stage.ends(1, (0, 3))
    stage.step(lambda: seen.append(stage.restorer.remaining))
    stage.batch(results(0, 2))
    stage.step(lambda: seen.append(stage.restorer.remaining))
    stage.batch(complaint(EOF, RESULTS, 0, 10), complaint(EOF, RESULTS, 1, 3))
    stage.run(restore(0), restore(1))
    assert seen == [11, 10]
    assert stage.restorer.remaining == 0


# What cannot be read


def test_an_unknown_schema_is_waited_for(stage: Stage) -> None:
    stage.ends(0, (0, 1))
    stage.batch(results(0, 0, PENDING))
    stage.restorer.restore(restore(0))
    stage.restorer.start()
    wait_until(lambda: stage.reader.pending > 1, within=WITHIN, what="it is asked for again")
    assert stage.listener.log == []
    stage.reader.is_schema_known.set()
    wait_until(stage.listener.restored_count, within=WITHIN, what="it is restored")
    assert stage.listener.log == [("read", 0, "pending"), ("restored", 0, 1)]


def test_a_long_wait_for_a_schema_is_said(stage: Stage) -> None:
    stage.ends(0, (0, 1))
    stage.batch(results(0, 0, PENDING))
    stage.restorer.restore(restore(0))
    stage.restorer.start()
    wait_until(lambda: stage.reader.pending, within=WITHIN, what="it is asked for")
    assert stage.restorer.trouble is None
    stage.now += 11.0
    wait_until(lambda: stage.restorer.trouble, within=WITHIN, what="the wait is said")
    assert "schema 9" in str(stage.restorer.trouble)
    stage.reader.is_schema_known.set()
    wait_until(stage.listener.restored_count, within=WITHIN, what="it is restored")
    assert stage.restorer.trouble is None


def test_a_stop_while_a_schema_is_waited_for_restores_nothing(stage: Stage) -> None:
    """A ledger with a hole would let an order be called twice."""
    stage.ends(0, (0, 2))
    stage.batch(results(0, 0), results(0, 1, PENDING))
    stage.restorer.restore(restore(0))
    stage.restorer.start()
    wait_until(lambda: stage.reader.pending, within=WITHIN, what="it is asked for")
    stage.restorer.stop()
    stage.restorer.join(WITHIN)
    assert stage.consumer.is_closed
    assert stage.listener.log == []


def test_what_is_no_outcome_is_passed_over(stage: Stage) -> None:
    stage.ends(0, (0, 2))
    stage.batch(results(0, 0, FOREIGN), results(0, 1))
    assert stage.run(restore(0)) == [("read", 0, "a"), ("restored", 0, 2)]


def test_an_unreadable_outcome_ends_the_process_and_tells_where_it_lies(stage: Stage) -> None:
    stage.ends(3, (0, 9))
    stage.batch(results(3, 7, UNREADABLE))
    failure = stage.fail(restore(3))
    assert isinstance(failure, RuntimeFailure)
    assert "rokt-results [3] offset 7" in str(failure)
    assert "The bytes end." in str(failure)
    assert stage.listener.log == []


# Brokers


def test_the_end_of_a_partition_is_asked_for_until_it_is_told(stage: Stage) -> None:
    stage.ends(0, exception(KafkaError._TIMED_OUT, "no answer"), (0, 1))  # noqa: SLF001
    stage.batch(complaint(EOF, RESULTS, 0, 1))
    assert stage.run(restore(0)) == [("restored", 0, 1)]
    assert stage.restorer.trouble is None


def test_a_stop_ends_the_asking_for_the_end(stage: Stage) -> None:
    stage.ends(0, exception(KafkaError._TIMED_OUT, "no answer"))  # noqa: SLF001
    stage.restorer.restore(restore(0))
    stage.restorer.start()
    wait_until(lambda: stage.restorer.trouble, within=WITHIN, what="it is said")
    assert "no answer" in str(stage.restorer.trouble)
    stage.restorer.stop()
    stage.restorer.join(WITHIN)
    assert stage.consumer.is_closed
    assert stage.listener.log == []


def test_an_error_of_a_partition_is_said_until_reading_goes_on(stage: Stage) -> None:
    seen: list[str | None] = []
    look: Callable[[], None] = lambda: seen.append(stage.restorer.trouble)  # noqa: E731
    stage.ends(0, (0, 2))
    stage.batch(complaint(KafkaError.TOPIC_AUTHORIZATION_FAILED, RESULTS, 0))
    stage.step(look)
    stage.batch(results(0, 0))
    stage.step(look)
    stage.batch(results(0, 1))
    stage.run(restore(0))
    assert seen == ["the results topic cannot be read: told by the test", None]


def test_reading_begins_again_where_records_were_deleted_meanwhile(stage: Stage) -> None:
    stage.ends(0, (0, 9), (4, 6))
    stage.batch(results(0, 0, b"a"))
    stage.batch(complaint(GONE, RESULTS, 0))
    stage.batch(results(0, 4, b"b"), results(0, 5, b"c"))
    log = stage.run(restore(0))
    assert stage.consumer.log[:2] == [[(0, 0)], [(0, 4)]]
    assert log == [("read", 0, "a"), ("read", 0, "b"), ("read", 0, "c"), ("restored", 0, 6)]


def test_a_standstill_is_said_whatever_its_cause_until_something_comes(stage: Stage) -> None:
    seen: list[str | None] = []
    look = partial(setattr, stage, "now")

    def note() -> None:
        seen.append(stage.restorer.trouble)

    stage.ends(3, (0, 2))
    stage.step(lambda: look(109.0))
    stage.step(note)
    stage.step(lambda: look(111.0))
    stage.step(note)
    stage.batch(results(3, 0))
    stage.step(note)
    stage.batch(results(3, 1))
    stage.run(restore(3))
    said = "nothing comes of the results topic, partitions 3: 2 outcomes are left to be read"
    assert seen == [None, said, None]


def test_a_results_topic_that_is_another_one_is_read_from_its_beginning(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.ends(3, (0, 2))
    stage.batch(results(3, 0), results(3, 1))
    stage.run(restore(3, 7))
    assert stage.consumer.log[0] == [(3, 0)]
    assert stage.listener.log[0] == ("replaced", 3, 7)
    assert "results topic replaced" in capsys.readouterr().out


def test_no_more_than_a_few_batches_wait_to_be_learnt(stage: Stage) -> None:
    """Otherwise a long ledger would lie in memory between two threads."""
    stage.ends(0, (0, 9))
    for offset in range(9):
        stage.batch(results(0, offset))
    waiting: list[Callable[[], None]] = []
    stage.listener.take = waiting.append
    stage.restorer.start()
    stage.restorer.restore(restore(0))
    wait_until(lambda: len(waiting) == 4, within=WITHIN, what="a few batches wait")
    assert stage.restorer.remaining == 4  # the fifth has been received, and waits, too
    for learnt in waiting:
        learnt()
    wait_until(lambda: len(waiting) == 8, within=WITHIN, what="as many more have come")
    stage.restorer.stop()
    stage.restorer.join(WITHIN)


def test_large_outcomes_that_came_together_are_learnt_one_by_one(stage: Stage) -> None:
    stage.ends(0, (0, 9))
    stage.batch(*(results(0, offset, LARGE) for offset in range(9)))
    waiting: list[Callable[[], None]] = []
    stage.listener.take = waiting.append
    stage.restorer.start()
    stage.restorer.restore(restore(0))
    wait_until(lambda: len(waiting) == 4, within=WITHIN, what="a few wait")
    assert stage.listener.log == [("read", 0, "large")] * 4
    stage.restorer.stop()
    stage.restorer.join(WITHIN)


def test_what_was_read_is_told_before_another_partition_begins_again(stage: Stage) -> None:
    stage.ends(0, (0, 1))
    stage.ends(1, (0, 9), (9, 9))
    stage.batch(results(0, 0, b"a"), results(1, 0, b"b"), complaint(GONE, RESULTS, 1))
    assert stage.run(restore(0), restore(1)) == [
        ("read", 0, "a"),
        ("read", 1, "b"),
        ("restored", 0, 1),
        ("restored", 1, 9),
    ]


# The real client


def test_real_partitions_are_read_to_the_ends_they_had_when_asked() -> None:
    kafka, reader = MockKafka(), Reader()
    topic = kafka.topic()
    kafka.produce(topic, b"a", b"b", b"c")
    kafka.produce(topic, FOREIGN, PENDING, partition=1)
    listener = Recorder()
    named = Results(name=topic, topic_id=None, ask_id=lambda: None)
    restorer = Restorer(kafka.settings(), named, reader.read, listener, lambda: 100.0)
    for each in (restore(0, 1), restore(1), restore(2)):
        restorer.restore(each)
    restorer.start()
    try:
        wait_until(lambda: reader.pending, within=WITHIN, what="the second is being read")
        restorer.restore(restore(3))
        kafka.produce(topic, b"later", partition=0)
        kafka.produce(topic, b"d", partition=3)
        reader.is_schema_known.set()
        wait_until(lambda: listener.restored_count() == 4, within=WITHIN, what="all are restored")
    finally:
        restorer.stop()
        restorer.join(WITHIN)
    assert listener.failure is None
    assert [each for each in listener.log if each[1] == 0 and each[2] != "later"] == [
        ("read", 0, "b"),
        ("read", 0, "c"),
        ("restored", 0, 3),
    ]
    assert [each for each in listener.log if each[1] == 1] == [
        ("read", 1, "pending"),
        ("restored", 1, 2),
    ]
    assert [each for each in listener.log if each[1] > 1] == [
        ("restored", 2, 0),
        ("read", 3, "d"),
        ("restored", 3, 1),
    ]


def test_a_client_that_finds_no_broker_is_replaced(stage: Stage) -> None:
    stage.ends(0, exception(KafkaError._ALL_BROKERS_DOWN), (0, 0))  # noqa: SLF001
    assert stage.run(restore(0)) == [("restored", 0, 0)]
    assert stage.consumer.clients == 2


def test_a_client_to_which_nothing_comes_is_replaced_and_goes_on_where_it_was(
    stage: Stage,
) -> None:
    stage.ends(0, (0, 2))
    stage.batch(results(0, 0))
    stage.step(lambda: setattr(stage, "now", stage.now + 60))
    stage.batch(results(0, 1))
    stage.run(restore(0))
    assert stage.consumer.clients == 2
    assert stage.consumer.log[:2] == [[(0, 0)], [(0, 1)]]
