"""Topics of one test that `processor topics` plans and creates."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from confluent_kafka import TopicCollection
from confluent_kafka.admin import ConfigResource, ResourceType

from tests.support.brokers import RealKafka
from tests.support.command_line import Said

PURPOSES = ("order_paid", "cart_abandoned", "results", "dead_letters", "replay")
_ROOT = Path(__file__).parents[2]
_OF_THE_TOPIC = 1  # where a setting comes from, as Kafka counts


class Place:
    """Topics of one test: their names by what they are for, and the commands about them."""

    def __init__(self, kafka: RealKafka, *always: str) -> None:
        """`always`: options of each `plan` and `create`."""
        suffix = uuid4().hex[:8]
        self.names = {each: f"{each}-{suffix}" for each in PURPOSES}
        self._kafka, self._always = kafka, always
        self._admin = kafka.admin()

    def run(self, *arguments: str) -> Said:
        """Run `processor topics`, with no more settings than it needs."""
        foreign = {k: v for k, v in os.environ.items() if not k.startswith("PROCESSOR_")}
        own = {f"PROCESSOR_TOPICS__{each.upper()}": name for each, name in self.names.items()}
        own["PROCESSOR_KAFKA__BOOTSTRAP_SERVERS"] = self._kafka.bootstrap_servers
        done = subprocess.run(
            [sys.executable, "-m", "processor", "topics", *arguments, *self._always],
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
