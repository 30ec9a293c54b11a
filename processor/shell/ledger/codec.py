"""Entries of a ledger as bytes, and back. Whoever changes a form raises `FORMAT`.

Keys hold the ids as they are; of values, JSON is the quickest form at hand that anybody can read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from processor.core.records import Source
from processor.core.shelves import Order, Unit
from processor.core.vocabulary import Effect

FORMAT: Final = 1
_EFFECTS: Final = {str(effect): effect for effect in Effect}
_YES: Final = b"\x01"
_END: Final = "\x00"  # of a part of a key: no name of a topic holds it


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far a copy goes: all outcomes below `position` are in it.

    Reading on from there also brings back which records at or above `floors` have outcomes;
    offsets by topic.
    """

    position: int
    floors: Mapping[str, int]


def text_key(key: str) -> bytes:
    """Return the key of an order or a cart."""
    return key.encode()


def source_key(source: Source) -> bytes:
    """Return the key of a record."""
    topic, partition, offset, timestamp = source
    return f"{topic}{_END}{partition}{_END}{offset}{_END}{timestamp}".encode()


def replayed_key(original: tuple[str, str, int, int]) -> bytes:
    """Return the key of what a replay has copied."""
    replay_id, topic, partition, offset = original
    return f"{replay_id}{_END}{topic}{_END}{partition}{_END}{offset}".encode()


def write_yes(_: bool) -> bytes:  # noqa: FBT001  the value of an entry
    """Return the value of an entry whose key says all."""
    return _YES


def read_yes(_: bytes) -> bool:
    """Return that there is an entry."""
    return True


def write_order(order: Order) -> bytes:
    """Return the value of an order."""
    return orjson.dumps([*order])


def read_order(value: bytes) -> Order:
    """Return an order."""
    fingerprint, effect, cart_id = orjson.loads(value)
    return Order(fingerprint, _EFFECTS[effect], cart_id)


def write_cart(cart: Mapping[str, Unit]) -> bytes:
    """Return the value of a cart."""
    return orjson.dumps({unit: [known, claims] for unit, (known, claims) in cart.items()})


def read_cart(value: bytes) -> Mapping[str, Unit]:
    """Return the units of a cart."""
    units = orjson.loads(value).items()
    return {unit: Unit(known, tuple(claims)) for unit, (known, claims) in units}


def write_sources(sources: tuple[Source, ...]) -> bytes:
    """Return the value of several records."""
    return orjson.dumps([[*source] for source in sources])


def read_sources(value: bytes) -> tuple[Source, ...]:
    """Return several records."""
    return tuple(Source(*each) for each in orjson.loads(value))


def write_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Return the value of a checkpoint."""
    return orjson.dumps([checkpoint.position, checkpoint.floors])


def read_checkpoint(value: bytes) -> Checkpoint:
    """Return a checkpoint."""
    position, floors = orjson.loads(value)
    return Checkpoint(position=position, floors=floors)
