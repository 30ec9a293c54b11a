"""Lasting ledgers: those of all partitions, kept on one disk.

What a ledger learns stays in memory until the next checkpoint, which writes it together with how
far the results were read. So the disk always holds all outcomes below its checkpoint, and perhaps
some more, which does no harm: an outcome may be learnt any number of times.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import structlog

from processor.core.done import Done
from processor.core.ledger import Ledger
from processor.core.ledgers import Kept
from processor.core.shelves import Shelves
from processor.shell.ledger import codec
from processor.shell.ledger.codec import Checkpoint
from processor.shell.ledger.disk import Disk

K = TypeVar("K")
V = TypeVar("V")

_LOG: Final = structlog.get_logger(__name__)
_LOOK_EVERY: Final = 0.1
_WRITE_EVERY: Final = 5.0
_MOST_UNWRITTEN: Final = 5_000
_MOST_RECENT: Final = 1_000  # about as many as may be unfinished in a partition
_CHECKPOINT: Final = b"p"
_NOTHING: Final = Checkpoint(position=0, floors={})


@dataclass(frozen=True, slots=True)
class _Form(Generic[K, V]):
    """How the entries of one shelf are written. `mark` keeps the keys of shelves apart."""

    mark: bytes
    key: Callable[[K], bytes]
    write: Callable[[V], bytes]
    read: Callable[[bytes], V]


_ORDERS: Final = _Form(b"o", codec.text_key, codec.write_order, codec.read_order)
_CARTS: Final = _Form(b"c", codec.text_key, codec.write_cart, codec.read_cart)
_UNREADABLE: Final = _Form(b"u", codec.text_key, codec.write_sources, codec.read_sources)
_READABLE: Final = _Form(b"r", codec.source_key, codec.write_yes, codec.read_yes)
_REPLAYED: Final = _Form(b"y", codec.replayed_key, codec.write_yes, codec.read_yes)


class _Shelf(Generic[K, V]):
    """A shelf on the disk. What was put lately is in memory, too: it is soon asked for again."""

    __slots__ = ("_disk", "_form", "_older", "_prefix", "_recent", "unwritten")

    def __init__(self, disk: Disk, partition: bytes, form: _Form[K, V]) -> None:
        self._disk = disk
        self._form = form
        self._prefix = partition + form.mark
        self.unwritten: dict[K, V] = {}
        self._recent: dict[K, V] = {}
        self._older: dict[K, V] = {}

    def get(self, key: K, /) -> V | None:
        for entries in (self.unwritten, self._recent, self._older):
            if (known := entries.get(key)) is not None:
                return known
        return self._disk.get(self._prefix + self._form.key(key), self._form.read)

    def __setitem__(self, key: K, value: V, /) -> None:
        self.unwritten[key] = value

    def entries(self) -> Iterator[tuple[bytes, bytes]]:
        """Return what is to be written."""
        prefix, form = self._prefix, self._form
        for key, value in self.unwritten.items():
            yield prefix + form.key(key), form.write(value)

    def written(self) -> None:
        """Note that it was."""
        self._recent.update(self.unwritten)
        self.unwritten = {}
        if len(self._recent) > _MOST_RECENT:
            self._older, self._recent = self._recent, {}


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
        self._all: tuple[_Shelf[Any, Any], ...] = (orders, carts, unreadable, readable, replayed)
        self.shelves = Shelves(
            orders=orders,
            carts=carts,
            unreadable=unreadable,
            readable=readable,
            replayed=replayed,
        )

    @property
    def unwritten(self) -> int:
        """How many entries are in memory only."""
        return sum(len(shelf.unwritten) for shelf in self._all)

    def entries(self, checkpoint: Checkpoint) -> Iterator[tuple[bytes, bytes]]:
        """Return what is to be written, with a checkpoint that holds once it is."""
        for shelf in self._all:
            yield from shelf.entries()
        if checkpoint != self.checkpoint:
            yield self._key, codec.write_checkpoint(checkpoint)

    def written(self, checkpoint: Checkpoint) -> None:
        """Note that it was."""
        self.checkpoint = checkpoint
        for shelf in self._all:
            shelf.written()


class LastingLedgers:
    """Opens ledgers from a disk, and writes them back there."""

    def __init__(self, disk: Disk, release_topic: str) -> None:
        """See `Ledger` for `release_topic`."""
        self._disk = disk
        self._release_topic = release_topic
        self._copies: dict[int, _Copy] = {}
        self._written_at = self._looked_at = 0.0
        self.trouble: str | None = None
        """Why nothing can be written, None while it can. Meanwhile the ledgers grow in memory."""

    def open(self, number: int) -> Kept:
        """Return the ledger of a partition as it lay on the disk."""
        copy = self._copies[number] = _Copy(self._disk, number)
        kept = copy.checkpoint
        ledger = Ledger(self._release_topic, copy.shelves, Done(kept.floors))
        return Kept(ledger, kept.position)

    def anew(self, number: int) -> Ledger:
        """Return a ledger that does not know yet which records have outcomes.

        What it knows of orders and items stays true.
        """
        return Ledger(self._release_topic, self._copies[number].shelves)

    def let_go(self, number: int, kept: Kept) -> None:
        """Write a ledger that is not worked with any more, and take it out of memory."""
        self._write([(number, kept)])
        del self._copies[number]

    def checkpoint(self, ledgers: Iterable[tuple[int, Kept]], at: float) -> None:
        """Write what was learnt, if it is time: after some seconds, or when there is much of it."""
        if at - self._looked_at < _LOOK_EVERY:
            return
        self._looked_at = at
        unwritten = sum(copy.unwritten for copy in self._copies.values())
        if at - self._written_at >= _WRITE_EVERY or unwritten >= _MOST_UNWRITTEN:
            self._written_at = at
            self._write(ledgers)

    def close(self, ledgers: Iterable[tuple[int, Kept]]) -> None:
        """Write everything, and let go of the disk."""
        self._write(ledgers)
        self._disk.close()

    def _write(self, ledgers: Iterable[tuple[int, Kept]]) -> None:
        """Write ledgers with their checkpoints; what cannot be written is tried again."""
        marks = {number: _mark(kept) for number, kept in ledgers if number in self._copies}
        copies = [(self._copies[number], mark) for number, mark in marks.items()]
        entries = [entry for copy, mark in copies for entry in copy.entries(mark)]
        trouble = self._disk.put(entries) if entries else None
        if trouble != self.trouble:
            self._say(trouble)
        self.trouble = trouble
        if trouble is None:
            for copy, mark in copies:
                copy.written(mark)

    def _say(self, trouble: str | None) -> None:
        if trouble is None:
            _LOG.info("the ledger's copy is written again")
            return
        _LOG.error(
            "the ledger's copy cannot be written: it grows in memory",
            why=trouble,
            do="make room in PROCESSOR_STATE_DIR; a restart reads the rest from the results",
        )


def _mark(kept: Kept) -> Checkpoint:
    done = kept.ledger.done
    return Checkpoint(position=done.first_at(kept.position), floors=dict(done.floors))
