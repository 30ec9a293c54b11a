"""The wall clock jumps by an hour: nothing stops and nothing is lost."""

import signal
from pathlib import Path

import pytest

from processor.fake_rokt.rules import Rule, Then, When
from tests.support import disturbed, oracle
from tests.support.brokers import RealKafka
from tests.support.members import fill
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.world import open_world

pytestmark = pytest.mark.e2e

_SLOW = (Rule(when=When(), then=Then(latency=0.3)),)
_CARTS = 20
_ORDERS = 10


@pytest.mark.parametrize("hours", [1, pytest.param(-1, marks=pytest.mark.faults)])
def test_work_goes_on_when_the_clock_jumps(
    kafka: RealKafka,
    registry: RealRegistry,
    tmp_path: Path,
    hours: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(disturbed.VARIABLE, str(hours * 3600))
    with open_world(kafka, registry, tmp_path, partitions=2, rules=_SLOW) as world:
        fill(world, _CARTS, _ORDERS)
        with world.processor("tests.support.disturbed") as processor:
            wait_until(lambda: len(world.rokt.ledger.orders) > 2 * _CARTS, within=30, what="calls")
            before = processor.metrics()["processor_last_commit_timestamp_seconds"]
            processor.program.signal(signal.SIGHUP)
            assert len(world.rokt.ledger.orders) < _CARTS * _ORDERS
            wait_until(
                lambda: (
                    abs(
                        processor.metrics()["processor_last_commit_timestamp_seconds"]
                        - before
                        - hours * 3600
                    )
                    < 600
                ),
                within=20,
                what="it commits, and its clock has jumped",
            )
            world.wait_until_drained()
            assert processor.program.is_running
            assert processor.answers("/livez") == 200
            assert processor.answers("/readyz") == 200
        # An attempt of each order, and not one more.
        assert oracle.check(world) == {"SUCCEEDED": _CARTS * _ORDERS}
