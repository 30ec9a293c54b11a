"""The ledger's copy holds ids of orders: it is for its own user. It needs a place, too."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from processor.errors import ConfigurationError
from processor.shell.ledger.disk import Disk
from processor.shell.ledger.folder import ledger_folder


def test_nobody_else_may_look_into_the_copy(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "ledger"
    before = os.umask(0)
    try:
        Disk(folder, {"results": "r", "topic_id": "t", "partitions": 1, "releases": "x"}).close()
    finally:
        os.umask(before)
    assert stat.filemode(folder.stat().st_mode) == "drwx------"


def test_without_a_place_for_it_the_settings_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that may write nowhere is one without `--tmpfs /tmp`."""
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with (
        pytest.raises(ConfigurationError, match="PROCESSOR_STATE_DIR to a folder") as found,
        ledger_folder(None),
    ):
        pass
    assert "no such file or directory" in str(found.value).lower()
