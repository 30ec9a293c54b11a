"""Topics that were created with one replica get more by the command that is printed."""

from pathlib import Path

import pytest

from tests.support.cluster import Cluster
from tests.support.kafka_tools import run_script
from tests.support.planned import Place
from tests.support.programs import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.faults, pytest.mark.timeout(180)]


def test_topics_of_one_replica_come_to_lie_on_three_brokers(tmp_path: Path) -> None:
    with Cluster(tmp_path) as cluster:
        careless = Place(cluster, "--replication-factor", "1")
        assert careless.run("create", "--partitions", "4", "--yes").code == 0
        careful = Place(cluster)
        careful.names = careless.names
        planned = careful.run("plan", "--format", "json").report
        assert {topic["replicas"] for topic in planned["topics"]} == {3}
        told = [[each["what"] for each in topic["differences"]] for topic in planned["topics"]]
        assert told == [["replicas", "min.insync.replicas"]] * 5
        run_script(careful.run("plan", "--format", "commands").out, tmp_path)
        wait_until(
            lambda: careful.run("plan").code == 0, within=60, what="nothing is left to be done"
        )
