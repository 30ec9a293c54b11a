"""Start-up: what has to be there, and where a new group begins, at the in-process broker.

That broker knows neither topic settings nor the offsets of a time; those are staged with fakes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

import pytest
from confluent_kafka import KafkaError, TopicPartition
from structlog.testing import capture_logs

from processor.core import horizon
from processor.core.records import Partition
from processor.errors import ConfigurationError, RuntimeFailure
from processor.shell import startup as module
from processor.shell.kafka.broker import Broker
from processor.shell.registry import Registry
from processor.shell.settings import Kafka, Rokt, SchemaRegistry, Settings, Topics
from processor.shell.startup import Prepared, prepare
from tests.support.mock_kafka import FakeClient, MockKafka, Position, error, exception, places

SINCE = datetime(2026, 1, 31, tzinfo=UTC)
TOPICS = Topics(
    order_paid="paid", cart_abandoned="abandoned", results="results", dead_letters="dead"
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let questions that the in-process broker never answers end at once."""
    monkeypatch.setattr(module, "_CONFIG_WITHIN", 0.1)
    monkeypatch.setattr(module, "_AGAIN_AFTER", 0.0)


def settings_of(kafka: Kafka, topics: Topics = TOPICS, **changes: Any) -> Settings:  # noqa: ANN401
    given: dict[str, Any] = {"start_timeout": 5.0, "topics": topics} | changes
    return Settings(
        kafka=kafka,
        schema_registry=SchemaRegistry(url=f"mock://{uuid4().hex}", auto_register=True),
        rokt=Rokt.model_validate(
            {"base_url": "http://127.0.0.1:9", "api_key": "key", "tag_id": "tag"}
        ),
        **given,
    )


def prepared(settings: Settings, broker: Broker | None = None) -> Prepared:
    registry = Registry.of(settings.schema_registry)
    try:
        return prepare(settings, broker or Broker(settings.kafka), registry, lambda: False)
    finally:
        registry.close()


# The real client


class World:
    """An in-process broker with all topics, and the settings that lead there."""

    def __init__(self, start: str | None) -> None:
        self.kafka = MockKafka()
        names = ("order_paid", "cart_abandoned", "results", "dead_letters")
        self.topics = Topics(**{name: self.kafka.topic(name) for name in names})
        self.settings = settings_of(
            self.kafka.settings(**({"start": start} if start else {})), self.topics
        )
        self.group = self.settings.kafka.group_id

    def committed(self) -> list[list[int]]:
        topics = self.topics.order_paid, self.topics.cart_abandoned
        return [self.kafka.committed(self.group, topic) for topic in topics]


def test_a_group_that_starts_earliest_begins_where_the_topics_do() -> None:
    world = World("earliest")
    world.kafka.produce(world.topics.order_paid, b"a", b"b", partition=1)
    found = prepared(world.settings)
    assert found.partitions == 4
    assert found.outcome_schema_id != found.dead_letter_schema_id
    assert world.committed() == [[0] * 4, [0] * 4]


def test_a_group_that_starts_latest_begins_where_the_topics_end() -> None:
    world = World("latest")
    world.kafka.produce(world.topics.order_paid, b"a", b"b", partition=1)
    world.kafka.produce(world.topics.cart_abandoned, b"a", partition=3)
    prepared(world.settings)
    assert world.committed() == [[0, 2, 0, 0], [0, 0, 0, 1]]


def test_partitions_that_have_an_offset_keep_it() -> None:
    world = World("latest")
    world.kafka.produce(world.topics.order_paid, b"a", b"b", b"c", partition=0)
    world.kafka.produce(world.topics.order_paid, b"a", b"b", b"c", partition=2)
    world.kafka.commit(world.group, world.topics.order_paid, 1, 0)
    prepared(world.settings)
    assert world.committed() == [[1, 0, 3, 0], [0] * 4]


def test_a_group_without_offsets_needs_to_be_told_where_to_begin() -> None:
    world = World(None)
    with pytest.raises(ConfigurationError, match="has no offsets yet: set PROCESSOR_KAFKA__START"):
        prepared(world.settings)
    assert world.committed() == [[-1001] * 4] * 2


def test_a_group_that_misses_some_offsets_is_told_which() -> None:
    world = World(None)
    world.kafka.commit(world.group, world.topics.order_paid, 0, 0)
    with pytest.raises(ConfigurationError, match=r"order_paid-\w+ \[2\] and 5 more"):
        prepared(world.settings)


def test_a_group_with_all_offsets_needs_no_start() -> None:
    world = World(None)
    for topic in (world.topics.order_paid, world.topics.cart_abandoned):
        world.kafka.commit(world.group, topic, 0, 0, 0, 0)
    assert prepared(world.settings).partitions == 4


def test_a_first_offset_says_that_nothing_was_called_yet_and_how_many_partitions() -> None:
    world = World("latest")
    world.kafka.produce(world.topics.order_paid, b"a", b"b")
    prepared(world.settings)
    with world.kafka.consumer(world.group) as consumer:
        (found,) = consumer.committed([TopicPartition(world.topics.order_paid, 0)], timeout=10)
    assert horizon.read(found.metadata) == horizon.Horizon(offset=2, partitions=4)


def test_a_replay_lane_that_is_new_to_a_group_is_worked_from_its_beginning() -> None:
    world = World(None)
    lane = world.kafka.topic("replay")
    world.kafka.produce(lane, b"a", partition=1)
    for topic in (world.topics.order_paid, world.topics.cart_abandoned):
        world.kafka.commit(world.group, topic, 0, 0, 0, 0)
    topics = world.topics.model_copy(update={"replay": lane})
    found = prepared(world.settings.model_copy(update={"topics": topics}))
    assert found.replay == lane
    assert world.kafka.committed(world.group, lane) == [0] * 4


def test_a_group_from_before_the_partitions_changed_is_refused() -> None:
    world = World(None)
    metadata = horizon.write(horizon.Horizon(offset=0, partitions=2))
    world.kafka.commit(world.group, world.topics.order_paid, 0, 0, metadata=metadata)
    with pytest.raises(ConfigurationError, match=r"had 2 partitions .* and have 4 now"):
        prepared(world.settings)


def test_a_name_that_nobody_resolves_is_said_at_once_and_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_FIRST_ANSWER_WITHIN", 0.3)
    monkeypatch.setattr(module, "_ANSWER_WITHIN", 0.3)
    kafka = Kafka.model_validate({"bootstrap_servers": "nowhere.invalid:9092", "start": "latest"})
    with (
        capture_logs() as logs,
        pytest.raises(RuntimeFailure, match="Failed to resolve 'nowhere") as ended,
    ):
        prepared(settings_of(kafka, start_timeout=0.5))
    assert str(ended.value).endswith(". `processor check` finds out why.")
    (said,) = [log for log in logs if log["event"] == "no answer yet, it is asked again"]
    assert "Failed to resolve 'nowhere.invalid:9092'" in said["why"]


def test_missing_topics_are_named() -> None:
    kafka = MockKafka()
    settings = settings_of(kafka.settings(start="earliest"))
    with pytest.raises(ConfigurationError, match="Missing topics: paid, abandoned, results, dead"):
        prepared(settings)


# Fakes


@dataclass
class FakeBroker:
    """Tells what the test says of topics; every partition ends at 100."""

    counts: dict[str, int | None] = field(
        default_factory=lambda: dict.fromkeys(("paid", "abandoned", "results", "dead"), 1)
    )
    policy: str | None = "delete"
    retention: str | None = "-1"
    troubles: list[Exception] = field(default_factory=list)
    asked: int = 0

    def partitions(self, topics: Collection[str], _: float) -> Mapping[str, int | None]:
        self.asked += 1
        if self.troubles:
            raise self.troubles.pop()
        return {topic: self.counts.get(topic) for topic in topics}

    def topic_id(self, *_: object) -> None:
        """Tell none, as old brokers do."""

    def config(self, _: str, __: float) -> Mapping[str, str | None]:
        return {"cleanup.policy": self.policy, "retention.ms": self.retention}

    def ends(self, partitions: Collection[Partition], _: float) -> Mapping[Partition, int]:
        return dict.fromkeys(partitions, 100)


class FakeConsumer(FakeClient):
    """A consumer of a group that has no offsets, but what the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.times: dict[str, int] = {}
        self.errors: dict[str, KafkaError] = {}
        self.troubles: list[Exception] = []
        self.log: list[Any] = []

    def committed(self, partitions: Sequence[TopicPartition], **_: float) -> list[Position]:
        if self.troubles:
            raise self.troubles.pop()
        return [
            Position(each.topic, each.partition, -1001, error=self.errors.get(each.topic))
            for each in partitions
        ]

    def offsets_for_times(self, asked: Sequence[TopicPartition], **_: float) -> list[Position]:
        self.log.append(("at", {each.offset for each in asked}))
        return [Position(each.topic, each.partition, self.times[each.topic]) for each in asked]

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        assert not asynchronous
        self.log.append(("commit", places(offsets)))


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> FakeConsumer:
    fake = FakeConsumer()
    monkeypatch.setattr(module, "Consumer", fake)
    return fake


def start(broker: FakeBroker, start: str | datetime | None = "latest", **changes: Any) -> Prepared:  # noqa: ANN401
    kafka = Kafka.model_validate({"bootstrap_servers": "b:1", "start": start})
    return prepared(settings_of(kafka, **changes), cast("Broker", broker))


def test_a_group_that_starts_at_a_time_begins_with_the_first_record_since_then(
    consumer: FakeConsumer,
) -> None:
    consumer.times = {"paid": 42, "abandoned": -1}
    start(FakeBroker(), SINCE)
    assert consumer.log == [
        ("at", {int(SINCE.timestamp() * 1000)}),
        ("commit", [("paid", 0, 42), ("abandoned", 0, 100)]),
    ]
    assert consumer.is_closed


def test_what_the_brokers_do_not_tell_is_asked_again(consumer: FakeConsumer) -> None:
    broker = FakeBroker(
        troubles=[exception(KafkaError._TRANSPORT), TimeoutError()]  # noqa: SLF001
    )
    consumer.troubles = [exception(KafkaError.COORDINATOR_NOT_AVAILABLE)]
    start(broker)
    assert broker.asked == 3
    assert consumer.log == [("commit", [("paid", 0, 100), ("abandoned", 0, 100)])]


def test_brokers_that_stay_away_are_named_with_what_was_last_heard(
    consumer: FakeConsumer,
) -> None:
    broker = FakeBroker(troubles=[exception(KafkaError._TRANSPORT, "refused")])  # noqa: SLF001
    with pytest.raises(RuntimeFailure, match=r"\(b:1\) answered .* refused"):
        start(broker, start_timeout=0.0)
    assert consumer.log == []


@pytest.mark.parametrize(
    ("away", "heard"),
    [
        (RuntimeFailure("No answer. Check that it runs."), "No answer. Check that it runs"),
        (TimeoutError(), "nothing"),
    ],
)
def test_what_was_last_heard_is_one_whole_sentence(
    consumer: FakeConsumer, away: Exception, heard: str
) -> None:
    with pytest.raises(RuntimeFailure) as ended:
        start(FakeBroker(troubles=[away]), start_timeout=0.0)
    said = str(ended.value).partition("The last thing heard: ")[2]
    assert said == f"{heard}. `processor check` finds out why."
    assert consumer.log == []


def test_the_wish_to_stop_ends_the_patience(consumer: FakeConsumer) -> None:
    broker = FakeBroker(troubles=[exception(KafkaError._TRANSPORT)] * 100)  # noqa: SLF001
    kafka = Kafka.model_validate({"bootstrap_servers": "b:1", "start": "latest"})
    settings = settings_of(kafka, start_timeout=3_600.0)
    registry = Registry.of(settings.schema_registry)
    with pytest.raises(RuntimeFailure):
        prepare(settings, cast("Broker", broker), registry, lambda: broker.asked == 3)
    assert broker.asked == 3
    assert consumer.log == []


@pytest.mark.parametrize(
    ("count", "why"),
    [(None, "rokt-replay is missing"), (3, "rokt-replay has 3 partitions, the inputs 1")],
)
def test_a_replay_lane_that_cannot_be_worked_is_off_and_payments_go_on(
    consumer: FakeConsumer, count: int | None, why: str
) -> None:
    broker = FakeBroker()
    broker.counts["rokt-replay"] = count
    with capture_logs() as said:
        assert start(broker).replay is None
    assert ("the replay lane is off", why) in [(each["event"], each.get("why")) for each in said]
    assert "rokt-replay" not in repr(consumer.log)


def test_topics_of_different_sizes_are_refused(consumer: FakeConsumer) -> None:
    counts: dict[str, int | None] = {"paid": 4, "abandoned": 4, "results": 3, "dead": 4}
    with pytest.raises(ConfigurationError, match="results has 3"):
        start(FakeBroker(counts=counts))
    assert consumer.log == []


@pytest.mark.parametrize("policy", ["compact", "compact,delete"])
def test_a_compacted_results_topic_is_refused(consumer: FakeConsumer, policy: str) -> None:
    with pytest.raises(ConfigurationError, match=r"cleanup\.policy=delete"):
        start(FakeBroker(policy=policy))
    assert consumer.log == []


@pytest.mark.parametrize(
    ("retention", "lines"),
    [("604800000", 1), ("-1", 0), (str(2**63 - 1), 0), (None, 0)],
)
def test_results_that_will_be_deleted_are_warned_of(
    consumer: FakeConsumer, retention: str | None, lines: int
) -> None:
    with capture_logs() as said:
        start(FakeBroker(retention=retention))
    assert len([line for line in said if "retention" in str(line["event"])]) == lines
    assert len(consumer.log) == 1


def test_topic_settings_that_cannot_be_read_are_passed_over(consumer: FakeConsumer) -> None:
    start(FakeBroker(policy=None))
    assert len(consumer.log) == 1


def test_schemas_that_are_not_registered_are_named(consumer: FakeConsumer) -> None:
    kafka = Kafka.model_validate({"bootstrap_servers": "b:1", "start": "latest"})
    settings = settings_of(kafka).model_copy(
        update={"schema_registry": SchemaRegistry(url=f"mock://{uuid4().hex}")}
    )
    with pytest.raises(ConfigurationError, match="results-value and dead-value"):
        prepared(settings, cast("Broker", FakeBroker()))
    assert consumer.log == []


def test_a_partition_whose_offset_is_not_told_is_not_begun_anew(consumer: FakeConsumer) -> None:
    consumer.errors = {"paid": error(KafkaError.UNSTABLE_OFFSET_COMMIT)}
    with pytest.raises(RuntimeFailure):
        start(FakeBroker(), "latest", start_timeout=0.0)
    assert consumer.log == []
