"""A member that the group has given up makes no call beside the one that has its partitions."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from processor.fake_rokt.rules import Rule, Then, When
from tests.support import oracle
from tests.support.brokers import KafkaProcess, RealKafka
from tests.support.members import GROUPS, Member, Members, figure, fill, wait_until_shared
from tests.support.oracle_owners import check_owners
from tests.support.programs import wait_until
from tests.support.proxy import Proxy, proxied_kafka
from tests.support.registries import RealRegistry
from tests.support.world import World, open_world

pytestmark = pytest.mark.e2e

_CUT_FOR = 25.0
_PERMITS = 6


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[KafkaProcess, Proxy]]:
    """A real Kafka, and a way to it that can be closed."""
    with proxied_kafka(tmp_path_factory.mktemp("proxied")) as both:
        yield both


def _slow(latency: float) -> tuple[Rule, ...]:
    return (Rule(when=When(), then=Then(latency=latency)),)


def _is_given_up(member: Member, times: int = 0) -> bool:
    return len(member.said("partitions lost")) > times


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "protocol", ["consumer", pytest.param("classic", marks=pytest.mark.faults)]
)
def test_a_member_that_was_suspended_is_silent_once_another_one_has_its_carts(
    kafka: RealKafka,
    registry: RealRegistry,
    tmp_path: Path,
    protocol: str,
) -> None:
    """It has few permits, so that many of its carts have not had their first call yet."""
    with (
        open_world(kafka, registry, tmp_path, partitions=4, rules=_slow(0.5)) as world,
        Members(world, **GROUPS[protocol]) as members,
    ):
        old = members.join(calls__max_in_flight=str(_PERMITS))
        new = members.join()
        wait_until_shared(members.all, 4)
        fill(world, 160, 2)
        carts = _carts_of(world, old.owned())
        wait_until(lambda: len(old.calls()) > _PERMITS, within=30, what="calls begin")
        wait_until(lambda: old.has_in_the_air(_PERMITS), within=30, what="calls in the air")
        old.processor.program.pause()
        stopped = time.monotonic()
        assert len(old.in_the_air()) == _PERMITS
        _wait_for_takeover(new, carts, stopped)
        assert carts - _called(old, 0.0), "it has carts left to be tempted by"
        figure("takeover", since=stopped)
        old.processor.program.resume()
        resumed = time.monotonic()
        wait_until(lambda: _is_given_up(old), within=30, what="it learns that it was given up")
        world.wait_until_drained()
        figure("drained", since=resumed)
        assert old.processor.program.is_running
        check_owners(world, members.logs)
        assert oracle.check(world, may_repeat=True) == {"SUCCEEDED": 160 * 2}


def _carts_of(world: World, numbers: set[int]) -> set[str | None]:
    """Return the carts of these partition numbers."""
    inputs = oracle.read_topic(world, world.topics.order_paid)
    return {(each.key() or b"").decode() for each in inputs if each.partition() in numbers}


def _wait_for_takeover(new: Member, carts: set[str | None], since: float) -> None:
    """Return once a member has called, since then, half of the carts that were another's."""
    wait_until(
        lambda: 2 * len(_called(new, since) & carts) >= len(carts),
        within=60,
        what="the other member calls the carts of the one that is away",
    )


def _called(member: Member, since: float) -> set[str | None]:
    return {each.cart_id for each in member.calls() if each.arrived_at > since}


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("protocol", "fault"),
    [
        pytest.param("consumer", Proxy.blackhole, marks=pytest.mark.faults),
        pytest.param("consumer", Proxy.cut, marks=pytest.mark.faults),
        pytest.param("classic", Proxy.blackhole, marks=pytest.mark.faults),
        pytest.param("classic", Proxy.cut, marks=pytest.mark.faults),
    ],
)
def test_a_member_cut_off_from_kafka_alone_is_silent_once_another_one_has_its_carts(
    proxied: tuple[KafkaProcess, Proxy],
    registry: RealRegistry,
    tmp_path: Path,
    protocol: str,
    fault: Callable[[Proxy], None],
) -> None:
    """It has few permits, as above."""
    kafka, proxy = proxied
    with (
        open_world(kafka, registry, tmp_path, partitions=4, rules=_slow(0.5)) as world,
        Members(world, **GROUPS[protocol]) as members,
    ):
        old = members.join(kafka__bootstrap_servers=proxy.address, calls__max_in_flight="2")
        new = members.join(calls__max_in_flight="32")
        wait_until_shared(members.all, 4)
        fill(world, 160, 3)
        wait_until(lambda: len(old.in_the_air()) == 2, within=30, what="calls in the air")
        carts = _carts_of(world, old.owned())
        fault(proxy)
        began, carried = time.monotonic(), proxy.carried
        _wait_for_takeover(new, carts, began)
        figure("takeover", since=began)
        assert carts - _called(old, 0.0), "it has carts left to be tempted by"
        wait_until(lambda: time.monotonic() > began + _CUT_FOR, within=40, what="the cut's end")
        assert proxy.carried == carried, "nothing came through"
        proxy.heal()
        healed = time.monotonic()
        wait_until_shared(members.all, 4)
        figure("rejoined", since=healed)
        fill(world, 16, 1, prefix="later")
        world.wait_until_drained()
        assert _called(old, healed), "it works again"
        check_owners(world, members.logs)
        assert oracle.check(world, may_repeat=True) == {"SUCCEEDED": 160 * 3 + 16}
