from collections.abc import Callable
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
