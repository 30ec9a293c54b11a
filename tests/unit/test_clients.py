"""Clients: every consumer can be made with what a member of the group may be told."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer

import processor
from processor.shell.kafka import clients
from processor.shell.settings import Kafka, load_connections


@pytest.mark.parametrize(
    ("protocol", "properties"),
    [
        pytest.param("consumer", {"max.poll.interval.ms": 7000}, id="a short interval, KIP-848"),
        pytest.param(
            "classic",
            {"max.poll.interval.ms": 900_000, "session.timeout.ms": 600_000},
            id="a long session, classic",
        ),
    ],
)
def test_a_consumer_outside_the_group_does_not_mind_the_patience_of_the_group(
    protocol: str, properties: dict[str, int]
) -> None:
    kafka = load_connections(
        None,
        {
            "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "PROCESSOR_KAFKA__DRAIN_DEADLINE": "5",
            "PROCESSOR_KAFKA__GROUP_PROTOCOL": protocol,
            "PROCESSOR_KAFKA__PROPERTIES": json.dumps(properties),
            "PROCESSOR_SCHEMA_REGISTRY__URL": "http://127.0.0.1:1",
        },
    ).kafka
    for configure in (clients.consumer, clients.reader, clients.offsets_only):
        Consumer(configure(kafka)).close()


@pytest.mark.parametrize("configure", [clients.producer, clients.admin])
def test_who_is_no_member_is_not_bothered_with_what_only_a_member_keeps_to(
    configure: Callable[[Kafka], clients.Properties],
) -> None:
    properties = {"session.timeout.ms": 6_000, "heartbeat.interval.ms": 500, "linger.ms": 7}
    kafka = load_connections(
        None,
        {
            "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "PROCESSOR_KAFKA__PROPERTIES": json.dumps(properties),
            "PROCESSOR_SCHEMA_REGISTRY__URL": "http://127.0.0.1:1",
        },
    ).kafka
    assert properties.keys() & configure(kafka).keys() == {"linger.ms"}


@pytest.mark.parametrize(
    ("call", "asked_by"),
    [
        ("list_consumer_group_offsets", []),
        # A command that ends soon anyway, just after a consumer got an answer (decision 0013).
        ("describe_consumer_groups", ["checks/rights.py"]),
    ],
)
def test_no_admin_client_is_asked_what_ends_the_process_when_a_coordinator_goes(
    call: str, asked_by: list[str]
) -> None:
    sources = Path(processor.__file__).parent.rglob("*.py")
    found = [path for path in sources if f".{call}(" in path.read_text("utf-8")]
    assert [f"{path.parent.name}/{path.name}" for path in found] == asked_by
