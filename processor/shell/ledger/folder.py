"""The folder of the ledger's copy: the one that is set, or a temporary one."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from processor.errors import ConfigurationError

_PREFIX: Final = "rokt-cart-processor-"
_OURS: Final[set[Path]] = set()


@contextmanager
def ledger_folder(state_dir: Path | None) -> Iterator[Path]:
    """Give a folder for the copy; one below the temporary folder goes with the process.

    What a process that was killed has left there goes with the next one. ConfigurationError where
    there is no temporary folder that can be written.
    """
    if state_dir is not None:
        yield state_dir / "ledger"
        return
    try:
        _sweep()
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    except OSError as error:
        message = (
            f"The ledger's copy has no place: {error.strerror}. Set PROCESSOR_STATE_DIR to a "
            "folder of this process, or give it a temporary one (docker run --tmpfs /tmp)."
        )
        raise ConfigurationError(message) from None
    _OURS.add(folder)
    try:
        yield folder / "ledger"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _OURS.remove(folder)


def _sweep() -> None:
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if left not in _OURS and _is_left(left / "ledger" / "LOCK"):
            shutil.rmtree(left, ignore_errors=True)


def _is_left(lock: Path) -> bool:
    """Whether nobody holds a lock of RocksDB: not another container either, on the same disk."""
    try:
        with lock.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False  # held, or not there yet
    return True
