"""`processor topics` on a real Kafka: what it creates, what it tells, what its commands do."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import TopicCollection
from confluent_kafka.admin import ConfigResource, ResourceType

from tests.support.brokers import RealKafka
from tests.support.command_line import Said
from tests.support.kafka_tools import run_script

pytestmark = pytest.mark.e2e

_ROOT = Path(__file__).parents[2]
_PURPOSES = ("order_paid", "cart_abandoned", "results", "dead_letters", "replay")
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


class Place:
    """Topics of one test: their names by what they are for, and the commands about them."""

    def __init__(self, kafka: RealKafka) -> None:
        suffix = uuid4().hex[:8]
        self.names = {each: f"{each}-{suffix}" for each in _PURPOSES}
        self._kafka = kafka
        self._admin = kafka.admin()

    def run(self, *arguments: str) -> Said:
        """Run `processor topics`, with no more settings than it needs."""
        foreign = {k: v for k, v in os.environ.items() if not k.startswith("PROCESSOR_")}
        own = {f"PROCESSOR_TOPICS__{each.upper()}": name for each, name in self.names.items()}
        own["PROCESSOR_KAFKA__BOOTSTRAP_SERVERS"] = self._kafka.bootstrap_servers
        done = subprocess.run(
            [sys.executable, "-m", "processor", "topics", *arguments, "--replication-factor", "1"],
            env=foreign | own,
            cwd=_ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def make(self, config: Mapping[str, Mapping[str, str]], **partitions: int) -> None:
        """Create topics, by what they are for."""
        for purpose, count in partitions.items():
            made = self._kafka.create_topics({purpose: count}, config=config.get(purpose))
            self.names[purpose] = made[purpose]

    def partitions(self) -> dict[str, int]:
        """Return how many partitions each topic has."""
        asked = self._admin.describe_topics(TopicCollection([*self.names.values()]))
        return {each: len(asked[name].result(20).partitions) for each, name in self.names.items()}

    def config(self, purpose: str) -> dict[str, str]:
        """Return what was set on a topic itself."""
        resource = ConfigResource(ResourceType.TOPIC, self.names[purpose])
        entries = self._admin.describe_configs([resource])[resource].result(20).values()
        return {each.name: each.value for each in entries if each.source == _OF_THE_TOPIC}


_OF_THE_TOPIC = 1  # where a setting comes from, as Kafka counts


def test_what_is_missing_is_created_as_it_was_planned(kafka: RealKafka) -> None:
    place = Place(kafka)
    planned = place.run("plan", "--partitions", "3", "--format", "json")
    assert planned.code == 3
    assert [topic["exists"] for topic in planned.report["topics"]] == [False] * 5
    assert place.run("create", "--partitions", "3", "--yes").code == 0
    assert place.partitions() == dict.fromkeys(_PURPOSES, 3)
    made = {each: place.config(each) for each in _PURPOSES}
    assert made == {each: _SHARED | own for each, own in _OWN.items()}
    assert {t["name"]: t["config"] for t in planned.report["topics"]} == {
        place.names[each]: config for each, config in made.items()
    }
    assert (place.run("plan").code, place.run("create").code) == (0, 0)


def test_the_printed_commands_create_the_same(kafka: RealKafka, tmp_path: Path) -> None:
    place = Place(kafka)
    planned = place.run("plan", "--partitions", "2", "--format", "commands")
    assert planned.code == 3
    run_script(planned.out, tmp_path)
    assert place.partitions() == dict.fromkeys(_PURPOSES, 2)
    made = {each: place.config(each) for each in _PURPOSES}
    assert made == {each: _SHARED | own for each, own in _OWN.items()}


def test_what_differs_is_told_and_left_as_it_is_until_somebody_runs_the_commands(
    kafka: RealKafka, tmp_path: Path
) -> None:
    place = Place(kafka)
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
    assert place.partitions() == dict.fromkeys(_PURPOSES, 4) | {"results": 3}
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
