from collections.abc import Callable
from itertools import count as counting
from zlib import crc32

import pytest

from processor.core.partitioners import Partitioners, murmur2

# The values of Kafka's own test of its hash (org.apache.kafka.common.utils.UtilsTest).
KNOWN = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
NUMBERS = counting()
KEYS = [f"cart-{number}".encode() for number in range(20)]


@pytest.mark.parametrize("key", KNOWN)
def test_murmur2_is_that_of_the_java_client(key: bytes) -> None:
    assert murmur2(key) == KNOWN[key] & 0x7FFFFFFF


def seen(paid: str, abandoned: str, count: int = 20) -> str | None:
    """Return what is noticed of two topics, each placed by one hash."""
    hashes: dict[str, Callable[[bytes], int]] = {"murmur2": murmur2, "crc32": crc32, "other": len}
    partitioners = Partitioners(8)
    for topic, name in {"paid": paid, "abandoned": abandoned}.items():
        for key in KEYS[:count]:
            partitioners.see(topic, key, hashes[name](key) % 8)
    return partitioners.disagreement


def test_topics_placed_differently_are_noticed() -> None:
    assert seen("murmur2", "crc32") == (
        "the producers of the inputs place carts differently: abandoned by CRC-32 and paid by "
        "murmur2"
    )


@pytest.mark.parametrize("name", ["murmur2", "crc32", "other"])
def test_topics_placed_alike_are_fine(name: str) -> None:
    assert seen(name, name) is None


def test_a_partitioner_of_ones_own_proves_nothing() -> None:
    assert seen("murmur2", "other") is None


def test_a_few_keys_prove_nothing() -> None:
    assert seen("murmur2", "crc32", count=15) is None


def placing(partitioners: Partitioners, topic: str, name: str, count: int) -> list[bool]:
    """Let new carts come, placed by a hash; return after each whether the topics disagree."""
    seen = []
    for _ in range(count):
        key = b"cart-%d" % next(NUMBERS)
        partitioners.see(topic, key, (murmur2 if name == "murmur2" else crc32)(key) % 64)
        seen.append(partitioners.disagreement is not None)
    return seen


@pytest.mark.parametrize(("strays", "good"), [(16, 144), (600, 461)])
def test_strays_that_come_first_are_outvoted_by_the_newest_keys(strays: int, good: int) -> None:
    partitioners = Partitioners(64)
    placing(partitioners, "paid", "murmur2", 600)
    assert placing(partitioners, "abandoned", "crc32", strays)[-1]
    seen = placing(partitioners, "abandoned", "murmur2", 700)
    healed = seen.index(False)
    assert seen == [True] * healed + [False] * (700 - healed)
    assert good - 20 <= healed < good  # some keys are placed alike by both


def test_strays_that_come_first_hide_no_disagreement() -> None:
    partitioners = Partitioners(64)
    placing(partitioners, "paid", "murmur2", 600)
    for _ in range(200):
        placing(partitioners, "abandoned", "crc32", 2)
        placing(partitioners, "abandoned", "murmur2", 1)
    assert partitioners.disagreement is None
    assert placing(partitioners, "abandoned", "crc32", 600)[-1]


def test_a_disagreement_that_was_hidden_for_a_while_is_noticed_again() -> None:
    partitioners = Partitioners(64)
    placing(partitioners, "paid", "murmur2", 600)
    assert placing(partitioners, "abandoned", "crc32", 600)[-1]
    assert not placing(partitioners, "abandoned", "murmur2", 600)[-1]
    assert placing(partitioners, "abandoned", "crc32", 600)[-1]


def test_topics_that_go_on_disagreeing_do_so_for_ever() -> None:
    partitioners = Partitioners(64)
    placing(partitioners, "paid", "murmur2", 20)
    placing(partitioners, "abandoned", "crc32", 20)
    for _ in range(50):
        seen = placing(partitioners, "paid", "murmur2", 30)
        seen += placing(partitioners, "abandoned", "crc32", 30)
        assert all(seen)


def test_while_it_cannot_be_told_whether_they_agree_again_they_do_not() -> None:
    partitioners = Partitioners(64)
    placing(partitioners, "paid", "murmur2", 20)
    placing(partitioners, "abandoned", "crc32", 20)
    for _ in range(500):
        seen = placing(partitioners, "abandoned", "murmur2", 2)
        seen += placing(partitioners, "abandoned", "crc32", 1)
        assert all(seen)
