"""`processor topics` on a real Kafka: what it creates, what it tells, what its commands do."""

from pathlib import Path

import pytest

from tests.support.brokers import RealKafka
from tests.support.kafka_tools import run_script
from tests.support.planned import PURPOSES, Place

pytestmark = pytest.mark.e2e

# What all topics are to be like with one replica.
_SHARED = {
    "cleanup.policy": "delete",
    "retention.bytes": "-1",
    "min.insync.replicas": "1",
    "unclean.leader.election.enable": "false",
}
_OWN = {
    "order_paid": {"retention.ms": "604800000", "max.message.bytes": "1048588"},
    "cart_abandoned": {"retention.ms": "604800000", "max.message.bytes": "1048588"},
    "results": {"retention.ms": "-1", "max.message.bytes": "2162700"},
    "dead_letters": {"retention.ms": "7776000000", "max.message.bytes": "3211288"},
    "replay": {"retention.ms": "604800000", "max.message.bytes": "1114124"},
}


@pytest.fixture
def place(kafka: RealKafka) -> Place:
    """Topics that are to have one replica, as many as every Kafka can give."""
    return Place(kafka, "--replication-factor", "1")


def test_what_is_missing_is_created_as_it_was_planned(place: Place) -> None:
    planned = place.run("plan", "--partitions", "3", "--format", "json")
    assert planned.code == 3
    assert [topic["exists"] for topic in planned.report["topics"]] == [False] * 5
    assert place.run("create", "--partitions", "3", "--yes").code == 0
    assert place.partitions() == dict.fromkeys(PURPOSES, 3)
    made = {each: place.config(each) for each in PURPOSES}
    assert made == {each: _SHARED | own for each, own in _OWN.items()}
    assert {t["name"]: t["config"] for t in planned.report["topics"]} == {
        place.names[each]: config for each, config in made.items()
    }
    assert (place.run("plan").code, place.run("create").code) == (0, 0)


def test_the_printed_commands_create_the_same(place: Place, tmp_path: Path) -> None:
    planned = place.run("plan", "--partitions", "2", "--format", "commands")
    assert planned.code == 3
    run_script(planned.out, tmp_path)
    assert place.partitions() == dict.fromkeys(PURPOSES, 2)
    made = {each: place.config(each) for each in PURPOSES}
    assert made == {each: _SHARED | own for each, own in _OWN.items()}


def test_what_differs_is_told_and_left_as_it_is_until_somebody_runs_the_commands(
    place: Place, tmp_path: Path
) -> None:
    have = {
        "order_paid": {"retention.ms": "3600000", "max.message.bytes": "2000000"},
        "cart_abandoned": {"retention.ms": "-1"},
        "results": {"cleanup.policy": "compact", "retention.ms": "3600000"},
        "dead_letters": {"retention.ms": "-1", "max.message.bytes": "9000000"},
    }
    place.make(have, order_paid=4, cart_abandoned=4, results=3, dead_letters=4)
    before = {each: place.config(each) for each in have}
    created = place.run("create", "--yes")
    assert created.code == 3
    assert {each: place.config(each) for each in have} == before
    assert place.partitions() == dict.fromkeys(PURPOSES, 4) | {"results": 3}
    planned = place.run("plan", "--format", "json")
    assert planned.code == 3
    differing = {
        topic["purpose"]: [each["what"] for each in topic["differences"]]
        for topic in planned.report["topics"]
        if topic["differences"]
    }
    assert differing == {
        "order_paid": ["retention.ms"],
        "results": ["partitions", "retention.ms", "max.message.bytes", "cleanup.policy"],
    }
    told = (each for topic in planned.report["topics"] for each in topic["differences"])
    assert all(each["command"] in created.out for each in told)
    run_script(place.run("plan", "--format", "commands").out, tmp_path)
    after = place.run("plan")
    assert (after.code, after.out.count("well")) == (0, 5)
    # Room for the larger of the two inputs' records, and the ledger's reply beside it.
    assert place.config("results")["max.message.bytes"] == str(2_000_000 + 1_048_576 + 65_536)
    assert place.config("dead_letters") == have["dead_letters"]
