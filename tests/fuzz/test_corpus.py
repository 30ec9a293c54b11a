"""The corpus, and changes of it, played in a process of its own that may use little."""

import subprocess
import sys

import pytest

from tests.fuzz.corpus import KEPT, ROOT
from tests.fuzz.making import MAKERS


@pytest.mark.parametrize("target", MAKERS)
def test_whatever_was_found_once_breaks_nothing(target: str) -> None:
    assert any((KEPT / target).iterdir())
    played = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.corpus", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert played.returncode == 0, played.stderr[-4_000:]
