"""Commits: one at a time, and which answers count. The consumer is a fake."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from processor.core.effects import CommitOffset
from processor.core.records import Partition
from processor.shell.kafka.commits import Answer, Commits
from tests.support.mock_kafka import MockKafka, Position, error, exception

FIRST, SECOND = Partition("in", 0), Partition("in", 1)


def offsets(*positions: tuple[Partition, int]) -> tuple[CommitOffset, ...]:
    return tuple(CommitOffset(partition, offset, "horizon") for partition, offset in positions)


ONE, OTHER, BOTH = offsets((FIRST, 5)), offsets((FIRST, 6)), offsets((FIRST, 7), (SECOND, 8))


@dataclass
class FakeConsumer:
    """Takes commits; `answer` is what a commit that waits returns, or raises."""

    generation: bytes = b"first"
    answer: list[Any] | Exception = field(default_factory=list)
    moves_on_at_commit: bytes | None = None
    """The generation that begins while a commit is on its way."""
    sent: list[tuple[bool, list[int]]] = field(default_factory=list)
    """Whether each commit waited for its answer, and its offsets."""

    def consumer_group_metadata(self) -> bytes:
        return self.generation

    def commit(self, *, offsets: Sequence[TopicPartition], asynchronous: bool) -> Any:  # noqa: ANN401
        self.sent.append((not asynchronous, [each.offset for each in offsets]))
        self.generation = self.moves_on_at_commit or self.generation
        if isinstance(self.answer, Exception):
            raise self.answer
        return None if asynchronous else self.answer


class Stage:
    """Commits under test, their consumer and the answers given."""

    def __init__(self) -> None:
        self.now = 100.0
        self.answers: list[Answer] = []
        self.fake = FakeConsumer()
        self.consumer = cast("Consumer", self.fake)
        self.commits = Commits(lambda: self.now, self.answers.append)

    def send(self, *requests: tuple[CommitOffset, ...]) -> None:
        for request in requests:
            self.commits.request(request)
            self.commits.send_requested(self.consumer)

    def come_back(self, *committed: Position, error: KafkaError | None = None) -> None:
        self.commits.came_back(
            self.consumer, error, cast("Sequence[TopicPartition]", list(committed))
        )

    def wait(self) -> None:
        self.commits.send_and_wait(self.consumer)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def accepted(sent_at: float = 100.0) -> Answer:
    return Answer(refused=set(), sent_at=sent_at, trouble=None)


def test_an_answer_tells_when_its_commit_was_sent(stage: Stage) -> None:
    stage.send(BOTH)
    stage.now = 107.0
    assert stage.answers == []
    stage.come_back(Position("in", 0), Position("in", 1))
    assert stage.fake.sent == [(False, [7, 8])]
    assert stage.answers == [accepted(sent_at=100.0)]


def test_nothing_is_sent_that_was_not_requested(stage: Stage) -> None:
    stage.commits.send_requested(stage.consumer)
    stage.wait()
    assert stage.fake.sent == []
    assert stage.answers == []


def test_a_partition_that_was_refused_is_named(stage: Stage) -> None:
    stage.send(BOTH)
    stage.come_back(
        Position("in", 0), Position("in", 1, error=error(KafkaError.OFFSET_METADATA_TOO_LARGE))
    )
    assert stage.answers == [Answer(refused={SECOND}, sent_at=100.0, trouble="told by the test")]


def test_an_error_of_the_whole_commit_refuses_all_of_it(stage: Stage) -> None:
    stage.send(BOTH)
    stage.come_back(error=error(KafkaError.UNKNOWN_MEMBER_ID))
    assert stage.answers == [
        Answer(refused={FIRST, SECOND}, sent_at=100.0, trouble="told by the test")
    ]


def test_an_answer_of_another_generation_refuses_all_of_it(stage: Stage) -> None:
    stage.send(BOTH)
    stage.fake.generation = b"second"
    stage.come_back(Position("in", 0), Position("in", 1))
    assert stage.answers == [
        Answer(refused={FIRST, SECOND}, sent_at=100.0, trouble="the group has rebalanced")
    ]


def test_a_commit_waited_for_is_refused_when_the_generation_changed(stage: Stage) -> None:
    stage.fake.moves_on_at_commit = b"second"
    answer = stage.commits.commit(stage.consumer, ONE)
    assert answer == Answer(refused={FIRST}, sent_at=100.0, trouble="the group has rebalanced")


@pytest.mark.parametrize("is_waiting", [False, True])
def test_a_commit_that_cannot_be_sent_is_refused(stage: Stage, *, is_waiting: bool) -> None:
    stage.fake.answer = exception(KafkaError._STATE)  # noqa: SLF001
    stage.commits.request(BOTH)
    if is_waiting:
        stage.wait()
    else:
        stage.commits.send_requested(stage.consumer)
    assert stage.answers == [
        Answer(refused={FIRST, SECOND}, sent_at=100.0, trouble="told by the test")
    ]


def test_the_answer_after_a_commit_that_could_not_be_sent_is_its_own(stage: Stage) -> None:
    stage.fake.answer = exception(KafkaError._STATE)  # noqa: SLF001
    stage.send(ONE)
    stage.fake.answer = []
    stage.now = 101.0
    stage.send(OTHER)
    stage.come_back(Position("in", 0))
    assert stage.answers[1:] == [accepted(sent_at=101.0)]


def test_an_unanswered_commit_is_sent_again_at_the_hand_over_and_waited_for(stage: Stage) -> None:
    stage.send(ONE)
    stage.now = 101.0
    stage.wait()
    assert stage.fake.sent == [(False, [5]), (True, [5])]
    assert stage.answers == [accepted(sent_at=101.0)]


def test_commits_are_sent_in_the_order_of_their_requests(stage: Stage) -> None:
    stage.send(ONE)
    stage.commits.request(OTHER)
    stage.wait()
    assert stage.fake.sent == [(False, [5]), (True, [5]), (True, [6])]


def test_a_late_answer_to_a_commit_sent_again_is_passed_over(stage: Stage) -> None:
    stage.send(ONE)
    stage.wait()
    stage.now = 102.0
    stage.send(OTHER)
    stage.come_back(Position("in", 0), error=error(KafkaError.UNKNOWN_MEMBER_ID))
    assert stage.answers == [accepted()]
    stage.come_back(Position("in", 0))
    assert stage.answers == [accepted(), accepted(sent_at=102.0)]


def test_a_commit_is_sent_again_once_only(stage: Stage) -> None:
    stage.send(ONE)
    stage.wait()
    stage.wait()
    assert stage.fake.sent == [(False, [5]), (True, [5])]


def test_a_commit_that_could_not_be_sent_is_not_sent_again(stage: Stage) -> None:
    stage.fake.answer = exception(KafkaError._STATE)  # noqa: SLF001
    stage.send(ONE)
    stage.wait()
    assert stage.fake.sent == [(False, [5])]


def test_an_answer_that_nobody_waits_for_is_passed_over(stage: Stage) -> None:
    stage.come_back(Position("in", 0))
    assert stage.answers == []


def test_partitions_that_a_commit_waited_for_was_refused_are_named(stage: Stage) -> None:
    stage.fake.answer = [
        Position("in", 0, error=error(KafkaError.OFFSET_METADATA_TOO_LARGE)),
        Position("in", 1),
    ]
    answer = stage.commits.commit(stage.consumer, BOTH)
    assert answer == Answer(refused={FIRST}, sent_at=100.0, trouble="told by the test")


@pytest.mark.parametrize("is_waiting", [False, True])
def test_a_commit_of_nothing_is_no_trouble(*, is_waiting: bool) -> None:
    kafka, answers = MockKafka(), list[Answer]()
    commits = Commits(lambda: 100.0, answers.append)
    with kafka.consumer("group") as consumer:
        commits.request(())
        if is_waiting:
            commits.send_and_wait(consumer)
        else:
            commits.send_requested(consumer)
    assert [(set(answer.refused), answer.trouble) for answer in answers] == [(set(), None)]


def test_offset_and_horizon_arrive_at_the_coordinator() -> None:
    kafka = MockKafka()
    topic = kafka.topic()
    partition = Partition(topic, 2)
    commits = Commits(lambda: 100.0, lambda _: None)
    with kafka.consumer("group") as consumer:
        answer = commits.commit(consumer, offsets((partition, 5)))
        (found,) = consumer.committed([TopicPartition(*partition)], timeout=10)
    assert not answer.refused
    assert answer.trouble is None
    assert (found.offset, (found.metadata or "").rstrip("\0")) == (5, "horizon")
