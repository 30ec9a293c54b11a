"""Partitioners: whether both inputs' producers put a cart into the same partition number.

Java's clients hash keys with murmur2, librdkafka's with CRC-32 by default. When the two topics
disagree, a payment and the release of its cart meet different ledgers. We cannot mend that, but
we can notice it from the keys that come by.
"""

from collections import Counter, deque
from typing import Final
from zlib import crc32

MURMUR2: Final = "murmur2"
CRC32: Final = "CRC-32"

_ENOUGH: Final = 16
_MOST: Final = 512
_AGREES: Final = 0.9
_MASK: Final = 0xFFFFFFFF
_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995


def murmur2(key: bytes) -> int:
    """Return the hash that Kafka's Java clients take of a key, its sign bit cleared."""
    length = len(key)
    whole = length & ~3
    digest = _SEED ^ length
    for start in range(0, whole, 4):
        block = int.from_bytes(key[start : start + 4], "little") * _M & _MASK
        block = (block ^ (block >> 24)) * _M & _MASK
        digest = (digest * _M & _MASK) ^ block
    if rest := key[whole:]:
        digest = (digest ^ int.from_bytes(rest, "little")) * _M & _MASK
    digest = (digest ^ (digest >> 13)) * _M & _MASK
    return (digest ^ (digest >> 15)) & 0x7FFFFFFF


def place(key: bytes, partitions: int, partitioner: str) -> int:
    """Return the partition number that a partitioner gives a key."""
    return (murmur2(key) if partitioner == MURMUR2 else crc32(key)) % partitions


class _Newest:
    """The newest keys of one topic: how many each partitioner would have placed as they are."""

    __slots__ = ("_placed", "counts")

    def __init__(self) -> None:
        self._placed: deque[frozenset[str]] = deque()
        self.counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._placed)

    def add(self, placed: frozenset[str]) -> None:
        self._placed.append(placed)
        self.counts.update(placed)
        if len(self._placed) > _MOST:
            self.counts.subtract(self._placed.popleft())


class Partitioners:
    """What the keys of each topic say about its partitioner.

    A stray record proves nothing: what nine of ten keys agree with is the topic's way. The newest
    keys count. Of a topic that shows its way after some hundred keys no more are looked at, unless
    the topics have ever disagreed.
    """

    __slots__ = ("_has_disagreed", "_newest", "_partitions", "_ways", "disagreement")

    def __init__(self, partitions: int) -> None:
        """Begin knowing nothing. `partitions` is how many each topic has."""
        self._partitions = partitions
        self._newest: dict[str, _Newest] = {}
        self._ways: dict[str, set[str]] = {}
        self._has_disagreed = False
        self.disagreement: str | None = None
        """How the topics disagree, None while they do not, or it could not be told yet."""

    def see(self, topic: str, key: bytes | None, number: int) -> None:
        """Take in where a record lies."""
        newest = self._newest.get(topic)
        if newest is None:
            newest = self._newest[topic] = _Newest()
        shows_its_way = len(newest) >= _MOST and bool(self._ways.get(topic))
        is_enough = shows_its_way and not self._has_disagreed
        if key is None or is_enough or self._partitions == 1:
            return
        ways = (way for way in (MURMUR2, CRC32) if place(key, self._partitions, way) == number)
        newest.add(frozenset(ways))
        self._compare()

    def _compare(self) -> None:
        known = self._ways = self._known()
        if len(known) <= 1 or not all(known.values()):
            return
        self.disagreement = None
        if not set.intersection(*known.values()):
            told = " and ".join(
                f"{topic} by {min(names)}" for topic, names in sorted(known.items())
            )
            self._has_disagreed = True
            self.disagreement = f"the producers of the inputs place carts differently: {told}"

    @property
    def shown(self) -> str | None:
        """Which partitioner the topics show; None while that cannot be told."""
        known = self._known()
        shared = set.intersection(*known.values()) if known else set()
        return min(shared, default=None) if len(shared) == 1 else None

    def _known(self) -> dict[str, set[str]]:
        return {
            topic: {way for way in (MURMUR2, CRC32) if newest.counts[way] >= len(newest) * _AGREES}
            for topic, newest in self._newest.items()
            if len(newest) >= _ENOUGH
        }
