"""The load for processors that run elsewhere, in the demo's own world."""

import signal
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition

from processor.demo import load
from processor.demo.world import TOPICS, World, world


@pytest.fixture
def around(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Give a world to which the settings of the surroundings point."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with world() as opened:
        for name, value in opened.environment.items():
            monkeypatch.setenv(name, value)
        yield opened
    for number, handler in before.items():
        signal.signal(number, handler)


def count(around: World, topic: str) -> int:
    """Return how many records a topic holds."""
    reader = Consumer({"bootstrap.servers": around.bootstrap_servers, "group.id": "count"})
    try:
        ends = (
            reader.get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1]
            for number in range(around.partitions)
        )
        return sum(ends)
    finally:
        reader.close()


def test_it_produces_events_of_both_kinds_and_tells_rokt_which_to_refuse(
    around: World, capsys: pytest.CaptureFixture[str]
) -> None:
    admin = f"{around.rokt.admin_url}"
    assert load.main(["--rate", "1000", "--seconds", "0.05", "--rokt", admin]) == 0
    assert "50 events produced" in capsys.readouterr().err
    assert (count(around, TOPICS.order_paid), count(around, TOPICS.cart_abandoned)) == (40, 10)
    assert len(around.rokt.rules.in_force) == 10


@pytest.mark.usefixtures("around")
def test_without_a_fake_rokt_it_says_so_and_ends_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    nowhere = "http://127.0.0.1:1/_fake/"
    assert load.main(["--rate", "1000", "--seconds", "0.05", "--rokt", nowhere]) == 1
    assert "The fake Rokt does not take rules" in capsys.readouterr().err


def test_it_ends_when_it_is_told_to(around: World) -> None:
    target = load.open_target(around.rokt.admin_url)
    assert load.run(target, 1_000, 60, lambda _: True) == 1
