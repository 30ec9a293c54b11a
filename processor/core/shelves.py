"""Shelves: where a ledger keeps what it knows. In memory they are dictionaries.

They may as well lie on a disk: a ledger takes an entry, and puts another one in its place. It never
changes one in place.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from processor.core.records import Source
from processor.core.vocabulary import Effect

K_contra = TypeVar("K_contra", contravariant=True)
V = TypeVar("V")


class Unit(NamedTuple):
    """What is known of an item unit: bits, see `ledger`, and the orders that it belongs to."""

    known: int
    claims: tuple[str, ...]  # hardly ever more than one


class Order(NamedTuple):
    """What an order has come to."""

    fingerprint: str
    effect: Effect
    cart_id: str


class Shelf(Protocol[K_contra, V]):
    """Entries by their key."""

    def get(self, key: K_contra, /) -> V | None:
        """Return an entry, None if there is none."""

    def __setitem__(self, key: K_contra, value: V, /) -> None:
        """Put an entry, in place of the one that is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelves:
    """All that a ledger knows for good.

    `carts` have the item units of a cart by their ids; `unreadable` the records of a cart that
    could not be decoded, `readable` those that could later; `replayed` the originals of which
    copies were worked, by replay id and coordinates.
    """

    orders: Shelf[str, Order] = field(default_factory=dict)
    carts: Shelf[str, Mapping[str, Unit]] = field(default_factory=dict)
    unreadable: Shelf[str, tuple[Source, ...]] = field(default_factory=dict)
    readable: Shelf[Source, bool] = field(default_factory=dict)
    replayed: Shelf[tuple[str, str, int, int], bool] = field(default_factory=dict)
