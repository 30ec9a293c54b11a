"""The ledger's copy holds ids of orders: it is for its own user."""

import os
import stat
from pathlib import Path

from processor.shell.ledger.disk import Disk


def test_nobody_else_may_look_into_the_copy(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "ledger"
    before = os.umask(0)
    try:
        Disk(folder, {"results": "r", "topic_id": "t", "partitions": 1, "releases": "x"}).close()
    finally:
        os.umask(before)
    assert stat.filemode(folder.stat().st_mode) == "drwx------"
