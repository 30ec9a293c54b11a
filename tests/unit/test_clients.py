"""Clients: every consumer can be made with what a member of the group may be told."""

import json

import pytest
from confluent_kafka import Consumer

from processor.shell.kafka import clients
from processor.shell.settings import load_connections


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
