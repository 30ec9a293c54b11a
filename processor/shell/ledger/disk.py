"""Disk: a folder with entries by their keys, RocksDB's, that belongs to one results topic.

What is written together is there together or not at all, after a kill as after a crash of the
machine. What does not belong to the topic, has another form or cannot be read is thrown away: it
is a copy of what the results say.
"""

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, TypeVar

import orjson
import structlog
from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
)

from processor.errors import ConfigurationError, RuntimeFailure
from processor.shell.ledger.codec import FORMAT

V = TypeVar("V")
Identity = Mapping[str, str | int | None]
"""What a copy is of; `topic_id` None: not known, so that nothing kept can be trusted."""

_LOG: Final = structlog.get_logger(__name__)
_IDENTITY: Final = b"\x00identity"
_SERIAL: Final = b"\x00serial"  # of the last batch
_LOCKED: Final = ("lock hold", "lock file", "LOCK:")
_DAMAGED: Final = "DAMAGED"
_MEGABYTE: Final = 1 << 20
_BITS_A_KEY: Final = 10  # one miss in a hundred is looked up in vain
_ROOM: Final = 256 * _MEGABYTE


class Disk:
    """One open folder. Nothing here raises what RocksDB raises."""

    def __init__(self, folder: Path, identity: Identity) -> None:
        """Open `folder`, and empty it where it is not a sound copy of what `identity` names.

        ConfigurationError when it cannot be written to, or another process uses it.
        """
        self._folder = folder
        self._trouble: str | None = None
        self._is_closed = False
        self._entries = _open(folder)
        self._serial = 0
        wanted = orjson.dumps({"format": FORMAT, **identity})
        if identity["topic_id"] is None or not self._is_of(wanted):
            self._entries.close()
            _empty(folder)
            self._entries = _open(folder)
            if (trouble := self.put([(_IDENTITY, wanted)])) is not None:
                raise _unusable(folder, trouble)
        else:
            self._serial = self.get(_SERIAL, int) or 0

    def _is_of(self, identity: bytes) -> bool:
        try:
            kept = self._entries.get(_IDENTITY)
        except Exception as error:  # noqa: BLE001  the library raises nothing more special
            _LOG.warning("the ledger's copy cannot be read: it begins anew", why=str(error))
            return False
        if kept is not None and kept != identity:
            _LOG.warning("the ledger's copy is of another topic or form: it begins anew")
        return bool(kept == identity)

    def get(self, key: bytes, read: Callable[[bytes], V]) -> V | None:
        """Return an entry, None if there is none.

        RuntimeFailure when it cannot be read: the copy is thrown away at the next start then.
        """
        try:
            value = self._entries.get(key)
            return None if value is None else read(value)
        except Exception as error:  # noqa: BLE001  the library raises nothing more special
            if not self._is_closed:
                _mark(self._folder)
            raise RuntimeFailure(
                f"The ledger's copy in {self._folder} cannot be read: {error}. The next start "
                "throws it away, and reads the results topic instead."
            ) from None

    def put(self, entries: Iterable[tuple[bytes, bytes]]) -> str | None:
        """Write entries, all or none; return what went wrong, if anything did.

        After an error it has to be `ready` first.
        """
        if self._trouble is not None:
            return self._trouble
        batch = WriteBatch(raw_mode=True)
        for key, value in entries:
            batch.put(key, value)
        serial = self._serial + 1
        batch.put(_SERIAL, b"%d" % serial)
        try:
            self._entries.write(batch)
        except Exception as error:  # noqa: BLE001  the library raises nothing more special
            self._trouble = str(error)
        else:
            self._serial = serial
        return self._trouble

    def ready(self) -> str | None:
        """Prepare to write after an error; return why that is of no use yet, if so.

        RocksDB takes nothing more until it is opened again. RuntimeFailure when it cannot be, or
        what is found then is not what was written.
        """
        if self._trouble is None:
            return None
        try:
            if shutil.disk_usage(self._folder).free < _ROOM:
                return self._trouble
        except OSError as error:
            return str(error)
        self._open_again()
        return None

    def _open_again(self) -> None:
        self.close()
        try:
            self._entries = Rdict(str(self._folder), _options(makes_it=False))
            self._is_closed = False
            found = self._entries.get(_SERIAL)
        except Exception as error:  # noqa: BLE001  the library raises nothing more special
            found, self._trouble = None, str(error)
        if found != b"%d" % self._serial:
            self.close()
            _mark(self._folder)
            raise RuntimeFailure(
                f"The ledger's copy in {self._folder} could not be written ({self._trouble}), and "
                "is not what it was now that it was opened again. The next start throws it away, "
                "and reads the results topic instead."
            )
        self._trouble = None

    def close(self) -> None:
        """Write out what is in memory still, and let go of the folder."""
        self._is_closed = True
        try:
            self._entries.close()
        except Exception as error:  # noqa: BLE001  what was not written is in its log, or read anew
            _LOG.warning("the ledger's copy was not closed in order", why=str(error))


def _open(folder: Path) -> Rdict:
    if (folder / _DAMAGED).exists():
        _empty(folder)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Rdict(str(folder), _options())
    except Exception as error:  # noqa: BLE001  the library raises nothing more special
        text = str(error)
        if any(sign in text for sign in _LOCKED):
            raise ConfigurationError(
                f"Another process uses {folder}: give each its own PROCESSOR_STATE_DIR."
            ) from None
        if isinstance(error, OSError) or "Permission denied" in text or "No space" in text:
            raise _unusable(folder, text) from None
        _LOG.warning("the ledger's copy cannot be opened: it begins anew", why=text)
    _empty(folder)
    try:
        return Rdict(str(folder), _options())
    except Exception as error:  # noqa: BLE001  the library raises nothing more special
        raise _unusable(folder, str(error)) from None


def _unusable(folder: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The ledger's copy cannot be written to {folder}: {why}. PROCESSOR_STATE_DIR needs a "
        "folder with room, which this user may write to."
    )


def _options(*, makes_it: bool = True) -> Options:
    """Return what keeps misses in memory: some 4 bytes an order, beside some 25 MB."""
    table = BlockBasedOptions()
    table.set_block_cache(Cache(8 * _MEGABYTE))
    table.set_block_size(16 * 1024)
    table.set_bloom_filter(_BITS_A_KEY, block_based=False)
    options = Options(raw_mode=True)
    options.create_if_missing(create_if_missing=makes_it)
    options.set_block_based_table_factory(table)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_write_buffer_size(4 * _MEGABYTE)
    options.set_max_write_buffer_number(3)
    options.set_max_background_jobs(2)
    options.set_keep_log_file_num(2)
    options.set_max_total_wal_size(32 * _MEGABYTE)
    return options


def _empty(folder: Path) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=False)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _unusable(folder, str(error)) from None


def _mark(folder: Path) -> None:
    try:
        (folder / _DAMAGED).touch()
    except OSError as error:
        _LOG.warning("remove the ledger's copy by hand", folder=str(folder), why=str(error))
