"""What the brokers tell of topics, and what is said where they do not."""

from concurrent.futures import Future
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import NewTopic

from processor.core.blueprints import Purpose
from processor.core.topic_plans import Found, plan
from processor.errors import RuntimeFailure
from processor.shell.kafka import topics as module
from processor.shell.kafka.absence import SETTINGS
from processor.shell.settings import Kafka
from tests.support.mock_kafka import exception
from tests.support.programs import free_port
from tests.unit.test_topic_plans import CHOICES, NAMES, NOTHING

KAFKA = Kafka(bootstrap_servers="broker:9092")
MISSING = plan(NAMES, CHOICES, NOTHING).missing
UNKNOWN = exception(KafkaError.UNKNOWN_TOPIC_OR_PART)
FORBIDDEN = exception(KafkaError.TOPIC_AUTHORIZATION_FAILED, "not allowed")


def told(value: object) -> "Future[Any]":
    future: Future[Any] = Future()
    if isinstance(value, KafkaException):
        future.set_exception(value)
    else:
        future.set_result(value)
    return future


def partition(number: int, *brokers: int) -> SimpleNamespace:
    return SimpleNamespace(id=number, replicas=[SimpleNamespace(id=each) for each in brokers])


@dataclass
class FakeAdmin:
    """A client of administration; what it answers is made by the test."""

    described: dict[str, object] = field(default_factory=dict)
    configs: dict[str, object] = field(default_factory=dict)
    refused: dict[str, KafkaException] = field(default_factory=dict)
    trial_refused: dict[str, KafkaException] = field(default_factory=dict)
    created: list[NewTopic] = field(default_factory=list)

    def __call__(self, _: dict[str, Any]) -> "FakeAdmin":
        return self

    def list_topics(self, timeout: float) -> SimpleNamespace:
        assert timeout > 0
        return SimpleNamespace(brokers={3: "c", 1: "a"})

    def describe_topics(self, asked: Any, **_: float) -> dict[str, "Future[Any]"]:  # noqa: ANN401
        return {name: told(self.described.get(name, UNKNOWN)) for name in asked.topic_names}

    def describe_configs(self, asked: list[Any], **_: float) -> dict[Any, "Future[Any]"]:
        return {each: told(self.configs[each.name]) for each in asked}

    def create_topics(self, new: list[NewTopic], *, validate_only: bool, **_: float) -> Any:  # noqa: ANN401
        refused = self.trial_refused if validate_only else self.refused
        if not validate_only:
            self.created += new
            self.described |= {
                each.topic: SimpleNamespace(partitions=[partition(0, 1)])
                for each in new
                if each.topic not in refused
            }
        return {each.topic: told(refused.get(each.topic)) for each in new}


@pytest.fixture
def admin(monkeypatch: pytest.MonkeyPatch) -> FakeAdmin:
    made = FakeAdmin()
    monkeypatch.setattr(module, "AdminClient", made)
    return made


def test_topics_are_told_with_their_settings_and_replicas(admin: FakeAdmin) -> None:
    admin.described["rokt-results"] = SimpleNamespace(
        partitions=[partition(1, 3, 1), partition(0, 1, 3)]
    )
    entries = {"retention.ms": SimpleNamespace(value="-1"), "x": SimpleNamespace(value=None)}
    admin.configs["rokt-results"] = entries
    cluster = module.look(KAFKA, NAMES)
    assert cluster.brokers == (1, 3)
    assert cluster.topics == dict.fromkeys(Purpose) | {
        Purpose.RESULTS: Found(assignment=((1, 3), (3, 1)), config={"retention.ms": "-1"})
    }


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            FORBIDDEN,
            "not allowed. The user needs DESCRIBE on it: `processor topics acls --role topics`.",
        ),
        (
            exception(KafkaError.REQUEST_TIMED_OUT, "too late"),
            f"too late. Check {SETTINGS}, and that the brokers run.",
        ),
    ],
)
def test_what_is_not_told_is_no_missing_topic(
    admin: FakeAdmin, error: KafkaException, said: str
) -> None:
    admin.described["rokt-results"] = error
    with pytest.raises(RuntimeFailure) as failed:
        module.look(KAFKA, NAMES)
    assert str(failed.value) == f"Kafka does not say what rokt-results is like: {said}"


def test_settings_that_may_not_be_read_are_no_difference(admin: FakeAdmin) -> None:
    admin.described["rokt-replay"] = SimpleNamespace(partitions=[partition(0, 1)])
    admin.configs["rokt-replay"] = FORBIDDEN
    with pytest.raises(RuntimeFailure, match="needs DESCRIBE_CONFIGS on it"):
        module.look(KAFKA, NAMES)


def test_topics_are_created_as_planned(admin: FakeAdmin) -> None:
    module.create(KAFKA, MISSING)
    assert [
        (each.topic, each.num_partitions, each.replication_factor, each.config)
        for each in admin.created
    ] == [(each.name, 12, 3, dict(each.config)) for each in MISSING]


def test_where_one_would_be_refused_none_is_created(admin: FakeAdmin) -> None:
    admin.trial_refused = {"rokt-replay": exception(KafkaError.POLICY_VIOLATION, "too many")}
    with pytest.raises(RuntimeFailure) as failed:
        module.create(KAFKA, MISSING)
    assert str(failed.value) == (
        "Kafka refuses to create topics (rokt-replay: too many). Nothing was created."
    )
    assert admin.created == []


def test_what_was_created_beside_a_refusal_is_told(admin: FakeAdmin) -> None:
    admin.refused = {each.name: FORBIDDEN for each in MISSING[1:]}
    with pytest.raises(RuntimeFailure) as failed:
        module.create(KAFKA, MISSING)
    assert str(failed.value).endswith(
        "Created: order-paid. The user needs CREATE on the topics: `processor topics acls --role "
        "topics`."
    )


def test_brokers_that_do_not_answer_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ANSWER_WITHIN", 1.0)
    nobody = f"127.0.0.1:{free_port()}"
    with pytest.raises(RuntimeFailure) as failed:
        module.look(Kafka(bootstrap_servers=nobody), NAMES)
    assert str(failed.value).startswith(f"No broker of {nobody} answers (")
