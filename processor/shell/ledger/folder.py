"""The folder of the ledger's copy: the one that is set, or a temporary one."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PREFIX: Final = "rokt-cart-processor-"
_OURS: Final[set[Path]] = set()


@contextmanager
def ledger_folder(state_dir: Path | None) -> Iterator[Path]:
    """Give a folder for the copy; one below the temporary folder goes with the process.

    What a process that was killed has left there goes with the next one.
    """
    if state_dir is not None:
        yield state_dir / "ledger"
        return
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    _OURS.add(folder)
    try:
        yield folder / "ledger"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _OURS.remove(folder)


def _sweep() -> None:
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdecimal() and left not in _OURS and not _is_running(int(pid)):
            shutil.rmtree(left, ignore_errors=True)


def _is_running(pid: int) -> bool:
    """Whether another process has this id; in a container that was restarted it is our own."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
