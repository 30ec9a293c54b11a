"""What an old owner knew, asked or wrote comes late: none of it changes what is settled."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from processor.fake_rokt.rules import Rule, Then, When
from tests.support import oracle
from tests.support.brokers import KafkaProcess, RealKafka
from tests.support.events import order_paid, paid_item
from tests.support.members import GROUPS, Member, Members, figure, fill, wait_until_shared
from tests.support.oracle_owners import check_owners
from tests.support.programs import wait_until
from tests.support.proxy import Proxy, proxied_kafka
from tests.support.registries import RealRegistry
from tests.support.world import World, open_world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[KafkaProcess, Proxy]]:
    """A real Kafka, and a way to it that can be closed."""
    with proxied_kafka(tmp_path_factory.mktemp("proxied")) as both:
        yield both


def _first_then(first: Then, second: Then) -> tuple[Rule, ...]:
    return (Rule(when=When(last_attempt=1), then=first), Rule(when=When(), then=second))


def _pay_eight(world: World, prefix: str) -> None:
    """Produce eight orders of eight carts, the same ones under any prefix of their events."""
    for number in range(8):
        order = f"o-{number}"
        event = order_paid(order, f"c-{number}", paid_item(order), eventId=f"{prefix}-{order}")
        world.shop.paid(event)
    world.shop.flush()


def _rejections(member: Member) -> float:
    """Return how many replies it has read that refused something."""
    return sum(
        value
        for name, value in member.processor.metrics().items()
        if name.startswith("processor_calls_total") and 'status_class="4xx"' in name
    )


def test_a_rejection_that_is_read_after_a_takeover_changes_nothing(
    kafka: RealKafka, registry: RealRegistry, tmp_path: Path
) -> None:
    """Rokt says no to the old owner, which is suspended, and yes to the new one.

    The old owner still reads it only because its deadlines are longer than its suspension, which
    the processor refuses where it knows the session timeout.
    """
    rules = _first_then(Then(latency=1.5, status=422), Then(latency=0.1))
    patient = {
        **GROUPS["consumer"],
        "kafka__properties": "{}",
        "kafka__drain_deadline": "120",
        "http_client__confirm_read_timeout": "120",
        "http_client__confirm_deadline": "120",
    }
    with (
        open_world(kafka, registry, tmp_path, partitions=1, rules=rules) as world,
        Members(world, **patient) as members,
    ):
        old = members.join()
        wait_until_shared([old], 1)
        _pay_eight(world, "first")
        wait_until(lambda: old.has_in_the_air(8), within=20, what="calls in the air")
        old.processor.program.pause()
        new = members.join()
        wait_until(lambda: len(oracle.outcomes(world)) == 8, within=60, what="the new one ends all")
        assert len(new.calls()) == 8
        assert all(each.status == 422 and each.is_answered for each in old.calls())
        old.processor.program.resume()
        wait_until(lambda: _rejections(old) == 8, within=30, what="it reads what Rokt said")
        wait_until(lambda: old.said("partitions lost"), within=30, what="it learns of its loss")
        _pay_eight(world, "again")
        world.wait_until_drained()
        check_owners(world, members.logs)
        assert not oracle.dead_letters(world)
        assert len(oracle.outcomes(world)) == 16, "the old one has written nothing"
        assert oracle.check(world, may_repeat=True) == {"SUCCEEDED": 8, "DUPLICATE": 8}


@pytest.mark.faults
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_success_that_is_written_after_a_takeover_is_not_called_again(
    proxied: tuple[KafkaProcess, Proxy], registry: RealRegistry, tmp_path: Path, protocol: str
) -> None:
    """The old owner's outcome is on its way to Kafka while the new one restores and calls."""
    kafka, proxy = proxied
    rules = _first_then(Then(latency=1.0), Then(latency=0.1, apply=False, status=422))
    with (
        open_world(kafka, registry, tmp_path, partitions=1, rules=rules) as world,
        Members(world, **GROUPS[protocol]) as members,
    ):
        old = members.join(kafka__bootstrap_servers=proxy.address)
        wait_until_shared([old], 1)
        _pay_eight(world, "first")
        wait_until(lambda: len(old.in_the_air()) == 8, within=20, what="calls in the air")
        proxy.blackhole()
        began = time.monotonic()
        new = members.join()
        wait_until(lambda: len(oracle.outcomes(world)) == 8, within=60, what="the new one ends all")
        figure("takeover", since=began)
        assert len(new.calls()) == 8
        assert {each.value["status"] for each in oracle.outcomes(world)} == {"INDETERMINATE"}
        committed = world.committed()
        proxy.heal()
        wait_until(
            lambda: len(oracle.outcomes(world)) == 16, within=60, what="the old one's outcomes land"
        )
        wait_until(lambda: len(old.owned() | new.owned()) == 1, within=60, what="someone owns it")
        _pay_eight(world, "again")
        world.wait_until_drained()
        assert all(offset >= committed[one] for one, offset in world.committed().items())
        assert world.rokt.ledger.totals.arrivals == 16, "each once by either owner"
        check_owners(world, members.logs)
        assert oracle.check(world, may_repeat=True)["DUPLICATE"] == 8


@pytest.mark.faults
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_commit_that_arrives_after_a_rejoin_takes_nothing_back(
    proxied: tuple[KafkaProcess, Proxy], registry: RealRegistry, tmp_path: Path, protocol: str
) -> None:
    """The commit waits on its way until another one has finished everything."""
    kafka, proxy = proxied
    rules = (Rule(when=When(), then=Then(latency=0.4)),)
    with (
        open_world(kafka, registry, tmp_path, partitions=1, rules=rules) as world,
        Members(world, **GROUPS[protocol]) as members,
    ):
        old = members.join(kafka__bootstrap_servers=proxy.address)
        wait_until_shared([old], 1)
        fill(world, 4, 12)
        wait_until(lambda: 0 < world.lag() < 40, within=30, what="it commits, with more to come")
        proxy.blackhole()
        new = members.join()
        world.wait_until_drained()
        assert new.calls()
        committed = world.committed()
        proxy.heal()
        wait_until(
            lambda: old.said("offsets not committed"), within=60, what="its late commit is refused"
        )
        wait_until(lambda: old.said("partitions lost"), within=60, what="it learns of its loss")
        assert world.committed() == committed
        fill(world, 4, 2, prefix="later")
        world.wait_until_drained()
        check_owners(world, members.logs)
        assert oracle.check(world, may_repeat=True) == {"SUCCEEDED": 56}


@pytest.mark.faults
def test_a_member_on_a_slow_way_to_kafka_hands_over_without_calling_twice(
    proxied: tuple[KafkaProcess, Proxy], registry: RealRegistry, tmp_path: Path
) -> None:
    kafka, proxy = proxied
    rules = (Rule(when=When(), then=Then(latency=0.2)),)
    with (
        open_world(kafka, registry, tmp_path, partitions=2, rules=rules) as world,
        Members(world, **GROUPS["classic"]) as members,
    ):
        slow = members.join(kafka__bootstrap_servers=proxy.address)
        wait_until_shared([slow], 2)
        proxy.delay(0.15)
        try:
            fill(world, 20, 15)
            wait_until(lambda: len(slow.calls()) > 20, within=30, what="calls")
            other = members.join()
            wait_until(lambda: len(other.calls()) > 20, within=60, what="the other one's calls")
            assert slow.processor.program.stop(40) == 0
            world.wait_until_drained()
        finally:
            proxy.delay(0)
        check_owners(world, members.logs)
        assert oracle.check(world) == {"SUCCEEDED": 300}
