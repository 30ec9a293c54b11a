"""The ledger's copy beside a real Kafka: a restart reads only what came since, whoever wrote it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.events import order_paid
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.world import World, open_world

pytestmark = pytest.mark.e2e

ORDERS = 300


@pytest.fixture
def world(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    with open_world(kafka, registry, tmp_path) as opened:
        yield opened


def _pay(world: World, begin: int, end: int) -> None:
    for number in range(begin, end):
        world.shop.paid(order_paid(f"o-{number}", f"c-{number}"))
    world.shop.flush()


def _written(state: Path) -> int:
    return sum(each.stat().st_size for each in state.rglob("*.log"))


def test_a_killed_process_reads_only_what_came_since_its_checkpoint(
    world: World, tmp_path: Path
) -> None:
    _pay(world, 0, ORDERS)
    with world.processor(state_dir=str(tmp_path / "state")) as first:
        first.wait_until_ready()
        world.wait_until_drained()
        before = _written(tmp_path / "state")
        wait_until(
            lambda: _written(tmp_path / "state") > before, within=20, what="another checkpoint"
        )
        first.program.kill()
    _pay(world, ORDERS, ORDERS + 5)
    with world.processor(state_dir=str(tmp_path / "state")) as second:
        second.wait_until_ready()
        assert second.outcomes_to_read() < ORDERS / 10
        _pay(world, 0, ORDERS)  # all of it again: nothing of it is called
        world.wait_until_drained()
    assert oracle.check(world)["DUPLICATE"] == ORDERS


def test_what_another_member_did_meanwhile_is_read_and_no_more(
    world: World, tmp_path: Path
) -> None:
    _pay(world, 0, ORDERS)
    for name, begin in (("one", ORDERS), ("another", ORDERS + 20)):
        with world.processor(state_dir=str(tmp_path / name)) as member:
            member.wait_until_ready()
            world.wait_until_drained()
            assert member.program.stop() == 0
        _pay(world, begin, begin + 20)
    with world.processor(state_dir=str(tmp_path / "one")) as again:
        again.wait_until_ready()
        assert again.outcomes_to_read() == 20
        _pay(world, 0, ORDERS + 40)
        world.wait_until_drained()
    assert oracle.check(world)["DUPLICATE"] == ORDERS + 40
