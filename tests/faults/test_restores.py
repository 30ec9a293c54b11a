"""Long ledgers: read whole before the first call, whoever dies or writes meanwhile."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from processor.fake_rokt.rules import Rule, Then
from tests.support import oracle, oracle_owners
from tests.support.brokers import KafkaProcess, RealKafka
from tests.support.events import order_paid
from tests.support.members import GROUPS, Member, Members, wait_until_shared
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.traffic import Traffic
from tests.support.world import Processor, World, open_world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

LONG = 50_000


@pytest.fixture
def world(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world of one partition: its ledger is read, or it is not."""
    with open_world(kafka, registry, tmp_path, partitions=1) as opened:
        yield opened


def pay(world: World, name: str, count: int, **changes: object) -> None:
    for number in range(count):
        world.shop.paid(order_paid(f"{name}-{number}", f"c-{name}-{number}", **changes))
    world.shop.flush()


def work_off(world: World) -> None:
    """Let a processor work until nothing is left, and stop."""
    with world.processor() as processor:
        world.wait_until_drained()
        assert processor.program.stop() == 0


def lengthen(world: World, count: int) -> None:
    """Write outcomes that there are again, so many more in each partition: they change nothing."""
    last = {each.partition() or 0: each for each in oracle.read_topic(world, world.topics.results)}
    producer = Producer(
        {
            "bootstrap.servers": world.kafka.bootstrap_servers,
            "linger.ms": 20,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    for number, outcome in last.items():
        for _ in range(count):
            producer.produce(
                world.topics.results,
                outcome.value(),
                outcome.key(),
                number,
                headers=outcome.headers() or [],
            )
            producer.poll(0)
    assert producer.flush(60) == 0
    assert len(last) == world.partitions


def is_reading(processor: Processor) -> bool:
    """Whether outcomes are left to be read."""
    return bool(processor.answers("/livez") and processor.status()["restore_remaining"])


def calls_while_reading(world: World, processor: Processor) -> tuple[set[int], set[int]]:
    """Return how many calls Rokt had seen, and what `/readyz` said, until the ledger was read.

    What is seen before an outcome is left to be read was so while one was left.
    """
    calls, ready = set[int](), set[int]()
    while True:
        seen, told = len(world.rokt.ledger.entries), processor.answers("/readyz")
        if not is_reading(processor):
            return calls, ready
        calls.add(seen)
        ready.add(told)


@pytest.mark.faults
def test_a_reading_of_a_long_ledger_that_is_killed_begins_again_and_nothing_is_called_before(
    world: World, tmp_path: Path
) -> None:
    """On disks that are empty: what a copy spares is tried in `e2e/test_ledger_copy.py`."""
    folders = [str(tmp_path / name) for name in ("one", "another")]
    pay(world, "early", 4)
    work_off(world)
    lengthen(world, LONG)
    pay(world, "last", 4)
    work_off(world)  # what it writes lies behind everything else in the ledger
    for name in ("early", "last"):
        pay(world, name, 4, eventId=f"again-{name}")
    pay(world, "new", 4)
    made = len(world.rokt.ledger.entries)
    with world.processor(state_dir=folders[0]) as processor:
        wait_until(lambda: is_reading(processor), within=30, what="the ledger is being read")
        wait_until(
            lambda: processor.status()["restore_remaining"] < LONG * 3 / 4,
            within=30,
            what="a part of the ledger is read",
        )
        processor.program.kill()
    assert len(world.rokt.ledger.entries) == made
    with world.processor(state_dir=folders[1]) as processor:
        wait_until(lambda: is_reading(processor), within=30, what="the ledger is read again")
        assert processor.outcomes_to_read() > LONG
        assert calls_while_reading(world, processor) == ({made}, {503})
        processor.wait_until_ready()
        world.wait_until_drained()
        assert processor.program.stop() == 0
    assert all(tally.arrivals == 1 for tally in world.rokt.ledger.orders.values())
    assert oracle.check(world, may_repeat=True) == {"SUCCEEDED": 12, "DUPLICATE": 8}


def outcomes_of(member: Member) -> float:
    """Return how many outcomes a member has written."""
    metrics = member.processor.metrics().items()
    return sum(value for name, value in metrics if name.startswith("processor_outcomes_total{"))


@pytest.mark.faults
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_long_ledger_is_read_while_its_old_owner_still_writes_to_it(
    kafka: RealKafka, registry: RealRegistry, tmp_path: Path, protocol: str
) -> None:
    """One joins under load; then the other is suspended, and wakes up while its part is read."""
    rules = (Rule(then=Then(latency=(0.3, 0.9))),)
    with (
        open_world(kafka, registry, tmp_path, partitions=4, rules=rules) as world,
        Members(world, **GROUPS[protocol]) as members,
    ):
        old = members.join()
        pay(world, "early", 40)
        world.wait_until_drained()
        lengthen(world, 4 * LONG)
        with Traffic(world.shop, 1, 40.0).flowing():
            wait_until(old.in_the_air, within=30, what="calls of the first member")
            new = members.join()
            wait_until(lambda: is_reading(new.processor), within=30, what="the second one reads")
            wait_until_shared(members.all, 4)
            wait_until(lambda: new.calls() and old.in_the_air(), within=30, what="calls of both")
            written = outcomes_of(old)
            old.processor.program.pause()
            wait_until(lambda: len(new.owned()) == 4, within=40, what="the second one owns all")
            wait_until(lambda: is_reading(new.processor), within=5, what="it reads them")
            old.processor.program.resume()
            wait_until(lambda: outcomes_of(old) > written, within=30, what="a late outcome")
            wait_until(
                lambda: all(each.processor.answers("/readyz") == 200 for each in members.all),
                within=60,
                what="everything is read",
            )
        world.wait_until_drained()
        assert all(member.processor.program.is_running for member in members.all)
        oracle.check(world, may_repeat=True)
        oracle_owners.check_owners(world, members.logs)


@pytest.mark.faults
@pytest.mark.timeout(240)
def test_a_restore_after_an_idle_time_in_which_the_broker_went_and_came_back(
    own_kafka: KafkaProcess, registry: RealRegistry, tmp_path: Path
) -> None:
    with open_world(own_kafka, registry, tmp_path, partitions=2) as world:
        with world.processor() as old:
            old.wait_until_ready()
            pay(world, "before", 5)
            world.wait_until_drained()
            for _ in range(3):
                own_kafka.kill()
                wait_until(lambda: old.status()["away"], within=60, what="it knows")
                own_kafka.start()
                with world.processor() as young:
                    young.wait_until_ready(60)
                    assert young.program.stop() == 0
                pay(world, f"after-{uuid4().hex[:4]}", 5)
                world.wait_until_drained(60)
        oracle.check(world, may_repeat=True)
