"""`processor topics accept-gap` as people meet it: what it says, what it asks, what it does."""

import io
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from processor.cli import main as cli
from processor.cli import topics as module
from processor.core.records import Partition
from processor.shell.kafka.broker import Inquiry
from processor.shell.kafka.marks import Acceptance, read, write
from tests.support.mock_kafka import FakeClient, exception

PLACE: Final = Partition("order-paid", 3)
ENOUGH: Final = {
    "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS": "broker:9092",
    "PROCESSOR_KAFKA__GROUP_ID": "shop",
    "PROCESSOR_SCHEMA_REGISTRY__URL": "http://registry:8081",
}
TOPIC_ID, OTHER_ID = "topic-id", "other-id"
QUESTION: Final = "Go on at offset 105, without what is missing? [y/N]: "


def told(value: object) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_result(value)
    return future


@dataclass
class Cluster(FakeClient):
    """Brokers that tell where a log begins and ends, and take what is accepted."""

    committed: int = 100
    committed_for: str = TOPIC_ID
    log: tuple[int, int] | None = (105, 140)
    refusal: KafkaException | None = None
    is_away: bool = False
    count: int | None = 4
    accepted: list[TopicPartition] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    def partitions(self, topics: Sequence[str], _: float) -> dict[str, int | None]:
        if self.is_away:
            raise exception(KafkaError._TRANSPORT, "timed out")  # noqa: SLF001
        return dict.fromkeys(topics, self.count)

    def inquire(
        self, topics: Sequence[str], places: Sequence[Partition], group: str, _: float
    ) -> Inquiry:
        assert (topics, places, group) == ([PLACE.topic], [PLACE], "shop")
        metadata = write(Acceptance(position=0, go_on=0, topic_id=self.committed_for))
        offset = TopicPartition(*PLACE, self.committed, metadata)
        begin, end = self.log or (None, None)
        return Inquiry(
            {PLACE.topic: told(SimpleNamespace(topic_id=TOPIC_ID))},
            {} if self.log is None else {PLACE: told(SimpleNamespace(offset=begin))},
            {} if self.log is None else {PLACE: told(SimpleNamespace(offset=end))},
            told([offset]),
        )

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> list[TopicPartition]:
        assert not asynchronous
        if self.refusal is not None:
            raise self.refusal
        self.groups.append(self.properties["group.id"])
        self.accepted += offsets
        return offsets


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    monkeypatch.setattr(module, "Broker", lambda _: made)
    monkeypatch.setattr(module, "Consumer", made)
    monkeypatch.setattr(module, "_COMMITTED_WITHIN", 0.0)
    for name, value in ENOUGH.items():
        monkeypatch.setenv(name, value)
    return made


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command for a topic; `answer` is what is typed."""

    def run_it(*arguments: str, topic: str = PLACE.topic, answer: str = "") -> Ran:
        line = ["processor", "topics", "accept-gap", "--topic", topic, "--partition", "3"]
        monkeypatch.setattr(sys, "argv", [*line, *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = capsys.readouterr()
        return Ran(int(ended.value.code or 0), shown.out, shown.err)

    return run_it


def test_it_says_what_is_missing_and_does_nothing_when_told_no(cluster: Cluster, run: Run) -> None:
    done = run(answer="n\n")
    assert (done.code, cluster.accepted) == (1, [])
    assert done.out.startswith(
        "order-paid [3], group shop: records were deleted before they were received: "
        f"5 offsets, from 100 to 104.\n{QUESTION}"
    )
    assert done.err == "Aborted.\n"


def test_it_does_nothing_when_nobody_answers(cluster: Cluster, run: Run) -> None:
    assert (run().code, cluster.accepted) == (1, [])


@pytest.mark.parametrize(("arguments", "answer"), [(("--yes",), ""), ((), "y\n")])
def test_once_confirmed_it_is_accepted_in_the_group_beside_ours(
    cluster: Cluster, run: Run, arguments: tuple[str, ...], answer: str
) -> None:
    done = run(*arguments, answer=answer)
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("Accepted: order-paid [3] goes on at offset 105.\n")
    assert (QUESTION in done.out) == (not arguments)
    (taken,) = cluster.accepted
    assert (taken.topic, taken.partition, taken.offset) == (*PLACE, 105)
    assert read(taken.metadata, taken.offset) == Acceptance(
        position=100, go_on=105, topic_id=TOPIC_ID
    )
    assert cluster.groups == ["shop.accepted-gaps"]
    assert cluster.is_closed


@pytest.mark.parametrize("committed", [105, 120, 140])
def test_where_nothing_is_missing_it_says_so_and_asks_nothing(
    cluster: Cluster, run: Run, committed: int
) -> None:
    cluster.committed = committed
    done = run()
    assert (done.code, done.err, cluster.accepted) == (0, "", [])
    assert done.out.startswith("Nothing is missing in order-paid [3]")


def test_a_log_that_was_cut_back_is_told_as_such(cluster: Cluster, run: Run) -> None:
    cluster.committed = 141
    done = run("--yes")
    assert "the log ends at offset 140, below 141, which was next" in done.out
    assert [each.offset for each in cluster.accepted] == [105]


def test_a_topic_created_anew_is_told_as_such(cluster: Cluster, run: Run) -> None:
    cluster.committed, cluster.committed_for = 120, OTHER_ID
    done = run("--yes")
    assert "the topic was deleted and created anew" in done.out
    assert [each.offset for each in cluster.accepted] == [105]


def test_what_is_no_input_ends_with_code_2_and_names_the_inputs(cluster: Cluster, run: Run) -> None:
    done = run("--yes", topic="orders")
    assert (done.code, done.out, cluster.accepted) == (2, "", [])
    assert done.err == "orders is no input: those are order-paid, cart-abandoned, rokt-replay.\n"


def test_a_group_without_an_offset_ends_with_code_2_and_the_remedy(
    cluster: Cluster, run: Run
) -> None:
    cluster.committed = -1001
    done = run("--yes")
    assert (done.code, done.out, cluster.accepted) == (2, "", [])
    assert "set PROCESSOR_KAFKA__START" in done.err


def test_a_log_that_is_not_told_ends_with_code_1(cluster: Cluster, run: Run) -> None:
    cluster.log = None
    done = run("--yes")
    assert (done.code, done.out, cluster.accepted) == (1, "", [])
    assert "does not tell where order-paid [3] begins and ends" in done.err


def test_an_acceptance_that_is_refused_ends_with_code_1(cluster: Cluster, run: Run) -> None:
    cluster.refusal = exception(KafkaError.GROUP_AUTHORIZATION_FAILED, "not allowed")
    done = run("--yes")
    assert (done.code, done.err) == (1, "Kafka did not take it: not allowed\n")
    assert "Accepted" not in done.out
    assert cluster.is_closed


@pytest.mark.parametrize(
    ("count", "why"),
    [
        (3, "order-paid has no partition 3: it has 0 to 2."),
        (None, "There is no topic order-paid: check PROCESSOR_TOPICS__…."),
    ],
)
def test_a_partition_that_there_is_not_ends_with_code_2(
    cluster: Cluster, run: Run, count: int | None, why: str
) -> None:
    cluster.count = count
    done = run("--yes")
    assert (done.code, done.err) == (2, f"{why}\n")
    assert not cluster.accepted


def test_brokers_that_do_not_answer_are_named(cluster: Cluster, run: Run) -> None:
    cluster.is_away = True
    done = run("--yes")
    assert done.code == 1
    assert "No broker of broker:9092 answers" in done.err
