"""Partitioners: whether both inputs' producers put a cart into the same partition number.

Java's clients hash keys with murmur2, librdkafka's with CRC-32 by default. When the two topics
disagree, a payment and the release of its cart meet different ledgers. We cannot mend that, but
we can notice it from the keys that come by.
"""

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


class Partitioners:
    """What the first keys of each topic say about its partitioner.

    A stray record proves nothing: what nine of ten keys agree with is the topic's way.
    """

    __slots__ = ("_matches", "_partitions", "_seen")

    def __init__(self, partitions: int) -> None:
        """Begin knowing nothing. `partitions` is how many each topic has."""
        self._partitions = partitions
        self._seen: dict[str, int] = {}
        self._matches: dict[str, dict[str, int]] = {}

    def see(self, topic: str, key: bytes | None, number: int) -> None:
        """Take in where a record lies; after some hundred records of a topic nothing is added."""
        seen = self._seen.get(topic, 0)
        if key is None or seen >= _MOST or self._partitions == 1:
            return
        self._seen[topic] = seen + 1
        matches = self._matches.setdefault(topic, {MURMUR2: 0, CRC32: 0})
        for partitioner in matches:
            matches[partitioner] += place(key, self._partitions, partitioner) == number

    @property
    def disagreement(self) -> str | None:
        """How the topics disagree, None while they do not, or it cannot be told."""
        known = self._known()
        if len(known) <= 1 or not all(known.values()) or set.intersection(*known.values()):
            return None
        told = " and ".join(f"{topic} by {min(names)}" for topic, names in sorted(known.items()))
        return f"the producers of the inputs place carts differently: {told}"

    @property
    def shown(self) -> str | None:
        """Which partitioner the topics show; None while that cannot be told."""
        known = self._known()
        shared = set.intersection(*known.values()) if known else set()
        return min(shared, default=None) if len(shared) == 1 else None

    def _known(self) -> dict[str, set[str]]:
        return {
            topic: {name for name, count in matches.items() if count >= seen * _AGREES}
            for topic, matches in self._matches.items()
            if (seen := self._seen[topic]) >= _ENOUGH
        }
