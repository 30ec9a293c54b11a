"""The event loop blocked, the poll thread starved: liveness tells, others take over, none errs."""

import signal
import time
from pathlib import Path

import pytest

from processor.fake_rokt.rules import Rule, Then, When
from tests.support import disturbed, oracle
from tests.support.brokers import RealKafka
from tests.support.members import GROUPS, Members, figure, fill, wait_until_shared
from tests.support.oracle_owners import check_owners
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.world import Processor, open_world

pytestmark = pytest.mark.e2e

_SLOW = (Rule(when=When(), then=Then(latency=0.4)),)
_DISTURBED = "tests.support.disturbed"
_CARTS = 24


@pytest.mark.faults
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("protocol", "stands_still"),
    [
        ("classic", signal.SIGUSR1),
        ("consumer", signal.SIGUSR1),
        ("classic", signal.SIGUSR2),
        ("consumer", signal.SIGUSR2),
    ],
    ids=lambda value: {"SIGUSR1": "loop", "SIGUSR2": "poll-thread"}.get(
        getattr(value, "name", ""), value
    ),
)
def test_whoever_stands_still_too_long_is_silent_once_another_one_has_its_carts(
    kafka: RealKafka,
    registry: RealRegistry,
    tmp_path: Path,
    protocol: str,
    stands_still: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(disturbed.VARIABLE, "25")
    with (
        open_world(kafka, registry, tmp_path, partitions=4, rules=_SLOW) as world,
        Members(world, **GROUPS[protocol]) as members,
    ):
        old, new = members.join(_DISTURBED), members.join()
        wait_until_shared(members.all, 4)
        fill(world, _CARTS, 40)
        wait_until(lambda: len(old.in_the_air()) > 4, within=30, what="calls in the air")
        old.processor.program.signal(stands_still)
        stopped, mine = time.monotonic(), {each.cart_id for each in old.calls()}
        # Behind a loop that takes nothing the poll thread comes to a stop a few batches later.
        for lot in range(10):
            fill(world, _CARTS, 1, prefix=f"lot-{lot}")
        wait_until(
            lambda: mine & {each.cart_id for each in new.calls()},
            within=60,
            what="the other one calls its carts",
        )
        figure("takeover", since=stopped)
        assert not old.said("partitions lost"), "it does not know yet"
        wait_until(lambda: old.said("partitions lost"), within=60, what="it learns of its loss")
        figure("it goes on", since=stopped)
        world.wait_until_drained()
        assert old.processor.program.is_running
        check_owners(world, members.logs)
        assert oracle.check(world, may_repeat=True) == {"SUCCEEDED": _CARTS * 50}


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("stands_still", "answer"),
    [
        pytest.param(signal.SIGUSR1, 0, id="loop"),
        pytest.param(signal.SIGUSR2, 503, id="poll-thread", marks=pytest.mark.faults),
    ],
)
def test_what_stands_still_fails_its_liveness_and_a_restart_loses_nothing(
    kafka: RealKafka,
    registry: RealRegistry,
    tmp_path: Path,
    stands_still: signal.Signals,
    answer: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A blocked loop answers no probe at all, which counts as a failure of it."""
    monkeypatch.setenv(disturbed.VARIABLE, "120")
    with open_world(kafka, registry, tmp_path, partitions=2, rules=_SLOW) as world:
        with world.processor(_DISTURBED) as processor:
            processor.wait_until_ready()
            assert processor.answers("/livez") == 200
            fill(world, _CARTS, 5)
            wait_until(lambda: world.rokt.ledger.totals.in_progress > 4, within=30, what="calls")
            processor.program.signal(stands_still)
            began = time.monotonic()
            wait_until(
                lambda: _fails(processor, answer), within=90, what=f"/livez answers {answer}"
            )
            figure("liveness fails", since=began)
            assert world.lag() > 0
            processor.program.kill()
            processor.program.start()
            restarted = time.monotonic()
            world.wait_until_drained()
            figure("drained", since=restarted)
        assert oracle.check(world, may_repeat=True) == {"SUCCEEDED": _CARTS * 5}


def _fails(processor: Processor, answer: int) -> bool:
    """Whether two probes in a row come to nothing, in the way that is expected."""
    return all(processor.answers("/livez") == answer for _ in range(2))
