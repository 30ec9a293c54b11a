"""What happens to nodes of a cluster, every record of which lies on three and must lie on two."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.brokers import Node
from tests.support.cluster import Cluster
from tests.support.load import Load, under_load
from tests.support.members import GROUPS
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry

pytestmark = [pytest.mark.e2e, pytest.mark.faults, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes that each of these tests leaves running and in sync."""
    with Cluster(tmp_path_factory.mktemp("cluster")) as own:
        yield own


@pytest.fixture
def load(cluster: Cluster, registry: RealRegistry, tmp_path: Path) -> Iterator[Load]:
    """Two members at work on the cluster."""
    with under_load(cluster, registry, tmp_path, **GROUPS["classic"]) as at_work:
        cluster.wait_until_in_sync()
        yield at_work
        cluster.wait_until_in_sync()


@pytest.mark.parametrize("which", ["order_paid", "results"])
def test_the_death_of_the_node_that_leads_a_topic_costs_nothing(
    cluster: Cluster, load: Load, which: str
) -> None:
    topic = getattr(load.world.topics, which)
    dead = cluster.leader_of(topic)
    dead.kill()
    _wait_until_another_leads(cluster, topic, dead)
    _wait_until_it_works(load)
    dead.start()


def test_the_death_of_the_coordinator_costs_nothing(cluster: Cluster, load: Load) -> None:
    dead = cluster.coordinator_of(load.world.group)
    dead.kill()
    _wait_until_it_works(load)
    assert cluster.coordinator_of(load.world.group) is not dead
    dead.start()


def test_while_too_few_nodes_are_in_sync_it_waits_and_says_so(cluster: Cluster, load: Load) -> None:
    dead = list(cluster.nodes.values())[:2]
    for node in dead:
        node.kill()
    wait_until(load.is_said_to_be_away, within=60, what="/status says that Kafka is away")
    before = load.outcomes()
    for node in dead:
        node.start()
    wait_until(lambda: load.outcomes() > before, within=60, what="outcomes are written again")


def _wait_until_another_leads(cluster: Cluster, topic: str, dead: Node) -> None:
    wait_until(
        lambda: cluster.leader_of(topic) is not dead, within=30, what="another node leads it"
    )


def _wait_until_it_works(load: Load) -> None:
    """Return once outcomes are written while the node is dead."""
    before = load.outcomes()
    wait_until(lambda: load.outcomes() > before + 50, within=60, what="outcomes are written")
