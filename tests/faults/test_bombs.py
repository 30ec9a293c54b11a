"""Records that cost as much as records can: nobody else waits for long, and memory is bounded."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.events import order_paid, paid_item
from tests.support.registries import RealRegistry
from tests.support.world import Processor, open_world

pytestmark = [pytest.mark.e2e, pytest.mark.faults, pytest.mark.timeout(300)]

BOMBS = 40
LARGEST = 990_000  # what the topics of a test take
MEGABYTES = 600


@contextmanager
def looked_at(processor: Processor) -> Iterator[list[int]]:
    """Ask whether it lives, all the time; give the answers."""
    is_over, seen = threading.Event(), list[int]()

    def look() -> None:
        while not is_over.wait(0.2):
            seen.append(processor.answers("/livez"))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        is_over.set()
        looking.join()


def most_memory(processor: Processor) -> int:
    """Return the most that the process has taken, in megabytes."""
    told = Path(f"/proc/{processor.program.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", told)
    assert found is not None
    return int(found[1]) // 1024


def test_a_topic_full_of_bombs_stops_nobody(
    kafka: RealKafka, registry: RealRegistry, tmp_path: Path
) -> None:
    with open_world(kafka, registry, tmp_path, partitions=2) as world:
        topic = world.topics.order_paid
        short = paid_item("", catalogItemId=None, itemReservationId=None, currency="")
        bombs = [
            order_paid("o", "c", *[short] * 50_000),  # more items than are looked at
            order_paid("o", "c", *[short] * 9_900, attributes={"a": "x" * 700_000}),
            order_paid("o", "c", short, attributes={str(each): "" for each in range(90_000)}),
        ]
        values = [world.shop.value(topic, bomb) for bomb in bombs]
        assert all(0.5 * LARGEST < len(value) < LARGEST for value in values)
        for number in range(BOMBS):
            world.shop.raw(topic, "c", values[number % len(values)])
        orders = [order_paid(f"o-{number}", f"c-{number}") for number in range(20)]
        for order in orders:
            world.shop.paid(order)
        world.shop.flush()
        with world.processor() as processor:
            processor.wait_until_ready()
            with looked_at(processor) as seen:
                world.wait_until_drained()
            taken = most_memory(processor)
            assert processor.program.stop(20) == 0
        print(f"{BOMBS} bombs: at most {taken} MB, {len(seen)} looks")  # noqa: T201
        assert set(seen) == {200}
        assert taken < MEGABYTES
        assert oracle.check(world) == {"REJECTED": BOMBS, "SUCCEEDED": len(orders)}
