"""Kafka's first question, asked by hand: which requests and features a broker knows.

librdkafka asks it too and tells nobody. It is answered before anybody says who they are. Source:
the Kafka protocol's ApiVersions, version 3, and version 0 for brokers that do not know that.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

API_VERSIONS: Final = 18
CONSUMER_GROUP_HEARTBEAT: Final = 68
GROUP_VERSION: Final = "group.version"
_CORRELATION: Final = 1
_UNSUPPORTED_VERSION: Final = 35
_FINALIZED_FEATURES: Final = 2
_LARGEST: Final = 1 << 20
_NAME: Final = b"rokt-cart-processor"


class NotKafkaError(Exception):
    """Whatever listens there does not answer as a Kafka broker does."""


class Channel(Protocol):
    """A connected socket, with or without TLS."""

    def sendall(self, data: bytes, /) -> None:
        """Send all of it."""

    def recv(self, size: int, /) -> bytes:
        """Return what has come, nothing at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a broker knows: the keys of its requests, and its features that are switched on."""

    apis: frozenset[int]
    features: Mapping[str, int]

    @property
    def has_consumer_protocol(self) -> bool:
        """Whether groups of the protocol `consumer` (KIP-848) are served."""
        if CONSUMER_GROUP_HEARTBEAT not in self.apis:
            return False
        # Brokers that know features, and not this one, are older than its being switched.
        return not self.features or self.features.get(GROUP_VERSION, 0) > 0


def ask(channel: Channel) -> Abilities:
    """Ask a broker; NotKafkaError or OSError when there is no such answer."""
    channel.sendall(_request())
    size = struct.unpack(">i", _read(channel, 4))[0]
    if not 0 < size <= _LARGEST:
        raise NotKafkaError("the answer is not Kafka's")
    return parse(_read(channel, size))


def parse(answer: bytes) -> Abilities:
    """Return what an answer without its length says; NotKafkaError if it is none."""
    try:
        correlation, error = struct.unpack_from(">ih", answer)
        if correlation != _CORRELATION:
            raise NotKafkaError("the answer is not Kafka's")
        if error == _UNSUPPORTED_VERSION:
            count = struct.unpack_from(">i", answer, 6)[0]
            keys = [struct.unpack_from(">h", answer, 10 + 6 * index)[0] for index in range(count)]
            return Abilities(apis=frozenset(keys), features={})
        reader = _Reader(answer, 6)
        apis = frozenset(_apis(reader))
        reader.skip(4)  # the throttle time
        return Abilities(apis=apis, features=_features(reader.tags()))
    except (struct.error, IndexError, UnicodeDecodeError):
        raise NotKafkaError("the answer is not Kafka's") from None


def _request() -> bytes:
    head = struct.pack(">hhih", API_VERSIONS, 3, _CORRELATION, len(_NAME)) + _NAME + b"\0"
    body = _compact(_NAME) + _compact(b"0") + b"\0"
    return struct.pack(">i", len(head + body)) + head + body


def _compact(text: bytes) -> bytes:
    return bytes([len(text) + 1]) + text


def _read(channel: Channel, size: int) -> bytes:
    read = b""
    while len(read) < size:
        more = channel.recv(size - len(read))
        if not more:
            raise NotKafkaError("the connection ends instead of an answer")
        read += more
    return read


class _Reader:
    """Reads the compact forms of the protocol, front to back."""

    def __init__(self, data: bytes, position: int = 0) -> None:
        self._data = data
        self._position = position

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        taken = self._data[self._position : self._position + size]
        if len(taken) < size:
            raise IndexError
        self._position += size
        return taken

    def skip(self, size: int) -> None:
        """Pass over the next bytes."""
        self.take(size)

    def varint(self) -> int:
        """Return an unsigned number of variable length."""
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004  the last byte has no mark
                return value
            shift += 7

    def short(self) -> int:
        """Return a signed number of two bytes."""
        return int.from_bytes(self.take(2), "big", signed=True)

    def text(self) -> str:
        """Return a compact string."""
        return self.take(self.varint() - 1).decode()

    def tags(self) -> dict[int, bytes]:
        """Return the tagged fields that stand here."""
        return {self.varint(): self.take(self.varint()) for _ in range(self.varint())}


def _apis(reader: _Reader) -> list[int]:
    keys = []
    for _ in range(reader.varint() - 1):
        keys.append(reader.short())
        reader.skip(4)
        reader.tags()
    return keys


def _features(tags: Mapping[int, bytes]) -> dict[str, int]:
    found: dict[str, int] = {}
    if _FINALIZED_FEATURES not in tags:
        return found
    reader = _Reader(tags[_FINALIZED_FEATURES])
    for _ in range(reader.varint() - 1):
        name = reader.text()
        found[name] = reader.short()
        reader.skip(2)
        reader.tags()
    return found
