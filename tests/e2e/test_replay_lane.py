"""The replay lane on a real Kafka: copies beside live records, written by hand into the lane."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_END, TopicPartition
from confluent_kafka.admin import AdminClient

from processor.core.pace import LEAST_AHEAD
from processor.fake_rokt.rules import Rule, Then, When
from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.command_line import run
from tests.support.events import cart_abandoned, order_paid
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.world import World, open_world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

RULES = (Rule(when=When(order_id="o-failed", last_attempt=1), then=Then(status=422)),)


@pytest.fixture
def world(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world whose Rokt refuses an order once."""
    with open_world(kafka, registry, tmp_path, rules=RULES) as opened:
        yield opened


def copy_everything(world: World, replay_id: str) -> int:
    """Put a copy of every live record into the lane, its bytes as they are; return how many."""
    count = 0
    for topic in (world.topics.order_paid, world.topics.cart_abandoned):
        for message in oracle.read_topic(world, topic):
            world.shop.producer.produce(
                world.topics.replay,
                message.value(),
                message.key(),
                partition=message.partition() or 0,
                headers={
                    "processor.replay.id": replay_id,
                    "processor.origin.topic": topic,
                    "processor.origin.partition": str(message.partition()),
                    "processor.origin.offset": str(message.offset()),
                },
            )
            count += 1
    world.shop.flush()
    return count


def test_a_day_that_comes_again_calls_only_what_has_failed(world: World) -> None:
    names = [f"o-{number}" for number in range(20)]
    for name in [*names, "o-failed"]:
        world.shop.paid(order_paid(name, f"c-{name}"))
    world.shop.abandoned(cart_abandoned("given-up", "c-given-up"))
    world.shop.flush()
    with world.processor() as processor:
        processor.wait_until_ready()
        world.wait_until_drained()
        copies = copy_everything(world, "again")
        world.shop.paid(order_paid("o-live", "c-live"))
        world.shop.flush()
        wait_until(lambda: world.lane_lag() == 0, within=60, what="the lane is worked off")
        world.wait_until_drained()
        metrics = processor.metrics()
        status = processor.status()
        assert processor.program.stop(within=20) == 0, processor.program.log_text()[-2000:]
    calls = Counter(entry.order_id or entry.cart_id for entry in world.rokt.ledger.entries)
    assert calls == Counter(names) + Counter({"o-failed": 2, "c-given-up": 1, "o-live": 1})
    (outcome,) = [
        each
        for each in oracle.written(world, world.topics.results, "RoktCallOutcome")
        if each.value["replayId"] is not None
    ]
    assert (outcome.value["status"], outcome.value["orderId"]) == ("SUCCEEDED", "o-failed")
    assert outcome.headers["processor.replay.id"] == "again"
    assert outcome.headers["processor.origin.topic"] == world.topics.order_paid
    settled = sum(
        value for name, value in metrics.items() if name.startswith("processor_replay_settled")
    )
    assert settled == copies - 1
    assert world.topics.replay in status["assignment"]


def test_a_lane_that_is_deleted_keeps_live_orders_waiting_no_longer_than_that_is_noticed(
    world: World,
) -> None:
    with world.processor() as processor:
        processor.wait_until_ready()
        world.shop.paid(order_paid("o-before", "c-before"))
        world.shop.flush()
        world.wait_until_drained()
        admin = AdminClient({"bootstrap.servers": world.kafka.bootstrap_servers})
        admin.delete_topics([world.topics.replay])[world.topics.replay].result(30)
        for number in range(15):
            world.shop.paid(order_paid(f"o-{number}", f"c-{number}"))
            world.shop.flush()
            wait_until(
                lambda name=f"o-{number}": name in world.rokt.ledger.orders,  # type: ignore[misc]
                within=45,
                what=f"order {number} is called ({processor.program.log_text()[-1500:]})",
            )
            time.sleep(0.5)
        assert processor.program.stop(within=20) == 0, processor.program.log_text()[-2000:]


def test_a_replay_says_that_its_copies_are_gone_and_live_orders_go_on(world: World) -> None:
    for number in range(40):
        world.shop.paid(order_paid(f"o-{number}", f"c-{number}"))
    world.shop.flush()
    with world.processor(kafka__start="latest") as processor:
        processor.wait_until_ready()
        processor.program.pause()
        with ThreadPoolExecutor(1) as pool:
            asked = ("replay", "--from", "1h", "--allow-stale", "--id", "gone")
            replaying = pool.submit(run, world, *asked, "--execute")
            wait_until(lambda: world.lane_lag() >= LEAST_AHEAD, within=60, what="it has copied")
            delete_all(world, world.topics.replay)
            replayed = replaying.result(60)
        assert (replayed.code, "Copies of this replay are lost" in replayed.err) == (1, True)
        processor.program.resume()
        world.shop.paid(order_paid("o-live", "c-live"))
        world.shop.flush()
        world.wait_until_drained()
        listed = run(world, "replay", "list")
        assert ["gone", "lost"] in [line.split()[:2] for line in listed.out.splitlines()]
        resumed = run(world, "replay", "--resume", "gone")
        assert (resumed.code, "plan anew" in resumed.err) == (2, True)
        assert processor.program.stop(within=20) == 0, processor.program.log_text()[-2000:]
    assert set(world.rokt.ledger.orders) == {"o-live"}


def delete_all(world: World, topic: str) -> None:
    """Delete what lies in a topic."""
    admin = AdminClient({"bootstrap.servers": world.kafka.bootstrap_servers})
    ends = [TopicPartition(topic, number, OFFSET_END) for number in range(world.partitions)]
    for future in admin.delete_records(ends).values():
        future.result(20)
