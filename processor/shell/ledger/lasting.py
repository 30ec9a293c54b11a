"""Lasting ledgers: those of all partitions, kept on one disk.

What a ledger learns stays in memory until the next checkpoint, which writes it together with how
far the results were read. So the disk always holds all outcomes below its checkpoint, and perhaps
some more, which does no harm: an outcome may be learnt any number of times.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import structlog

from processor.core.done import Done
from processor.core.ledger import Ledger
from processor.core.ledgers import Kept
from processor.core.records import Topics
from processor.core.shelves import Shelves
from processor.shell.ledger import codec
from processor.shell.ledger.codec import Checkpoint
from processor.shell.ledger.disk import Disk

K = TypeVar("K")
V = TypeVar("V")

_LOG: Final = structlog.get_logger(__name__)
_LOOK_EVERY: Final = 0.1
_WRITE_EVERY: Final = 5.0
# Weights: a cart may have thousands of units, all else counts as one.
_MOST_UNWRITTEN: Final = 10_000
_SLICE: Final = 15_000
_MOST_RECENT: Final = 1_000  # entries: about as many as may be unfinished in a partition
_MOST_RECENT_WEIGHT: Final = 10_000
_TOO_HEAVY: Final = 1_000  # to be kept in memory when it is written
_CHECKPOINT: Final = b"p"
_NOTHING: Final = Checkpoint(position=0, floors={})


@dataclass(frozen=True, slots=True)
class _Form(Generic[K, V]):
    """How the entries of one shelf are written. `mark` keeps the keys of shelves apart.

    `weigh` tells how much an entry takes in memory, and of the time to write it.
    """

    mark: bytes
    key: Callable[[K], bytes]
    write: Callable[[V], bytes]
    read: Callable[[bytes], V]
    weigh: Callable[[V], int] = lambda _: 1


_ORDERS: Final = _Form(b"o", codec.text_key, codec.write_order, codec.read_order)
_CARTS: Final = _Form(b"c", codec.text_key, codec.write_cart, codec.read_cart, len)
_UNREADABLE: Final = _Form(b"u", codec.text_key, codec.write_sources, codec.read_sources)
_READABLE: Final = _Form(b"r", codec.source_key, codec.write_yes, codec.read_yes)
_REPLAYED: Final = _Form(b"y", codec.replayed_key, codec.write_yes, codec.read_yes)


class _Shelf(Generic[K, V]):
    """A shelf on the disk. What was put lately is in memory, too: it is soon asked for again."""

    __slots__ = (
        "_disk",
        "_form",
        "_older",
        "_prefix",
        "_recent",
        "_recent_weight",
        "unwritten",
        "weight",
    )

    def __init__(self, disk: Disk, partition: bytes, form: _Form[K, V]) -> None:
        self._disk = disk
        self._form = form
        self._prefix = partition + form.mark
        self.unwritten: dict[K, V] = {}
        self.weight = 0  # of what is unwritten
        self._recent: dict[K, V] = {}
        self._recent_weight = 0
        self._older: dict[K, V] = {}

    def get(self, key: K, /) -> V | None:
        for entries in (self.unwritten, self._recent, self._older):
            if (known := entries.get(key)) is not None:
                return known
        return self._disk.get(self._prefix + self._form.key(key), self._form.read)

    def __setitem__(self, key: K, value: V, /) -> None:
        before = self.unwritten.get(key)
        self.weight += self._form.weigh(value)
        if before is not None:
            self.weight -= self._form.weigh(before)
        self.unwritten[key] = value

    def slice(self, most: int) -> tuple[dict[K, V], int]:
        """Return a part of what is to be written, of about so much weight, and what it weighs."""
        part, weight = {}, 0
        for key, value in self.unwritten.items():
            if weight >= most:
                break
            part[key] = value
            weight += self._form.weigh(value)
        return part, weight

    def entries(self, part: Mapping[K, V]) -> Iterator[tuple[bytes, bytes]]:
        """Return a part of what is to be written as bytes."""
        prefix, form = self._prefix, self._form
        for key, value in part.items():
            yield prefix + form.key(key), form.write(value)

    def written(self, part: Mapping[K, V]) -> None:
        """Note that it was."""
        for key, value in part.items():
            weight = self._form.weigh(value)
            self.weight -= weight
            del self.unwritten[key]
            if weight > _TOO_HEAVY:
                self._recent.pop(key, None)
                self._older.pop(key, None)
                continue
            self._recent[key] = value
            self._recent_weight += weight
            if len(self._recent) > _MOST_RECENT or self._recent_weight > _MOST_RECENT_WEIGHT:
                self._older, self._recent, self._recent_weight = self._recent, {}, 0


class _Copy:
    """The ledger of one partition, as far as it lies on the disk."""

    def __init__(self, disk: Disk, number: int) -> None:
        partition = b"n" + number.to_bytes(4, "big")
        self._key = partition + _CHECKPOINT
        self.checkpoint = disk.get(self._key, codec.read_checkpoint) or _NOTHING
        orders, carts = _Shelf(disk, partition, _ORDERS), _Shelf(disk, partition, _CARTS)
        unreadable = _Shelf(disk, partition, _UNREADABLE)
        readable = _Shelf(disk, partition, _READABLE)
        replayed = _Shelf(disk, partition, _REPLAYED)
        self.all: tuple[_Shelf[Any, Any], ...] = (orders, carts, unreadable, readable, replayed)
        self.shelves = Shelves(
            orders=orders,
            carts=carts,
            unreadable=unreadable,
            readable=readable,
            replayed=replayed,
        )

    @property
    def unwritten(self) -> int:
        """What all that is in memory only weighs."""
        return sum(shelf.weight for shelf in self.all)

    def mark(self, checkpoint: Checkpoint) -> tuple[bytes, bytes]:
        """Return a checkpoint as it is written."""
        return self._key, codec.write_checkpoint(checkpoint)


class LastingLedgers:
    """Opens ledgers from a disk, and writes them back there."""

    def __init__(self, disk: Disk, topics: Topics) -> None:
        """Keep on `disk` what is learnt of records of `topics`."""
        self._disk = disk
        self._topics = topics
        self._consumed = topics.live if topics.replay is None else {*topics.live, topics.replay}
        self._copies: dict[int, _Copy] = {}
        self._written_at = self._looked_at = 0.0
        self.trouble: str | None = None
        """Why nothing can be written, None while it can. Meanwhile the ledgers grow in memory."""

    def open(self, number: int) -> Kept:
        """Return the ledger of a partition as it lay on the disk."""
        copy = self._copies[number] = _Copy(self._disk, number)
        done = Done(self._consumed, copy.checkpoint.floors)
        ledger = Ledger(self._topics.abandonments, copy.shelves, done)
        return Kept(ledger, copy.checkpoint.position)

    def anew(self, number: int) -> Ledger:
        """Return a ledger that does not know yet which records have outcomes.

        What it knows of orders and items stays true.
        """
        done = Done(self._consumed)
        return Ledger(self._topics.abandonments, self._copies[number].shelves, done)

    def let_go(self, number: int, kept: Kept) -> None:
        """Write a ledger that is not worked with any more, and take it out of memory.

        What cannot be written is read again from the results when the partition returns.
        """
        self._write_all([(number, kept)])
        del self._copies[number]

    def checkpoint(self, ledgers: Iterable[tuple[int, Kept]], at: float) -> None:
        """Write what was learnt, if it is time: after some seconds, or when there is much of it.

        So much at a time as holds nobody up.
        """
        if at - self._looked_at < _LOOK_EVERY:
            return
        self._looked_at = at
        unwritten = sum(copy.unwritten for copy in self._copies.values())
        is_much = unwritten >= _MOST_UNWRITTEN and self.trouble is None
        if is_much or at - self._written_at >= _WRITE_EVERY:
            self._written_at = at
            if not self._write(ledgers) and self.trouble is None:
                self._looked_at = 0.0  # the rest at the next tick, or it would grow

    def close(self, ledgers: Iterable[tuple[int, Kept]]) -> None:
        """Write everything, and let go of the disk."""
        self._write_all(list(ledgers))
        self._disk.close()

    def _write_all(self, ledgers: Collection[tuple[int, Kept]]) -> None:
        while not self._write(ledgers) and self.trouble is None:
            pass

    def _write(self, ledgers: Iterable[tuple[int, Kept]]) -> bool:
        """Write a slice, and with the last one how far the ledgers go; return whether it was."""
        self._say(self._disk.ready())
        if self.trouble is not None:
            return False
        left, parts = _SLICE, []
        for shelf in (shelf for copy in self._copies.values() for shelf in copy.all):
            if shelf.unwritten and left > 0:
                part, weight = shelf.slice(left)
                parts.append((shelf, part))
                left -= weight
        marks = self._marks(ledgers) if left > 0 else {}
        entries = [entry for shelf, part in parts for entry in shelf.entries(part)]
        entries += [self._copies[number].mark(mark) for number, mark in marks.items()]
        self._say(self._disk.put(entries) if entries else None)
        if self.trouble is None:
            for shelf, part in parts:
                shelf.written(part)
            for number, mark in marks.items():
                self._copies[number].checkpoint = mark
        return left > 0

    def _marks(self, ledgers: Iterable[tuple[int, Kept]]) -> dict[int, Checkpoint]:
        """Return the checkpoints that have moved."""
        marks = {number: _mark(kept) for number, kept in ledgers if number in self._copies}
        copies = self._copies
        return {number: mark for number, mark in marks.items() if mark != copies[number].checkpoint}

    def _say(self, trouble: str | None) -> None:
        if trouble is not None and self.trouble is None:
            _LOG.error(
                "the ledger's copy cannot be written: it grows in memory",
                why=trouble,
                do="give PROCESSOR_STATE_DIR more room, and delete nothing there; a restart reads "
                "the rest from the results",
            )
        elif trouble is None and self.trouble is not None:
            _LOG.info("the ledger's copy is written again")
        self.trouble = trouble


def _mark(kept: Kept) -> Checkpoint:
    done = kept.ledger.done
    return Checkpoint(position=done.first_at(kept.position), floors=dict(done.floors))
