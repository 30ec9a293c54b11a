"""A ledger whose disk is full, then has room again: run as a program, it prints what is known."""

import resource
import tempfile
from pathlib import Path

from tests.component.test_ledger_copy import Copy

_ROOM = 64 * 1024


def _limit(size: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))


def main() -> None:
    """Learn 3,000 outcomes on a full disk and 3,000 with room; ask for all of them."""
    with tempfile.TemporaryDirectory() as temporary:
        copy = Copy(Path(temporary) / "ledger")
        _limit(_ROOM)
        copy.learn(3_000)
        copy.checkpoint()
        assert copy.ledgers.trouble is not None, "the disk was not full"
        assert all(copy.knows(number) for number in range(3_000))
        _limit(resource.RLIM_INFINITY)
        copy.learn(3_000)
        copy.checkpoint()
        known = sum(copy.knows(number) for number in range(6_000))
        is_written = copy.ledgers.trouble is None
        copy.close()
        again = Copy(Path(temporary) / "ledger")
        is_written &= all(again.knows(number) for number in range(6_000))
        again.close()
    print(f"known: {known}; written after all: {is_written}")  # noqa: T201  the answer


if __name__ == "__main__":
    main()
