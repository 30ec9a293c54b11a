"""Sentences on a terminal."""

import fcntl
import os
import pty
import struct
import termios

import pytest

from processor.cli.folding import folded, tell

TEXT = (
    "Kafka stayed away: set PROCESSOR_KAFKA__BOOTSTRAP_SERVERS (broker-1:9092).\n  And more of it."
)


@pytest.mark.parametrize("width", [1, 10, 34, 60, 200])
def test_no_word_is_broken_and_none_is_lost(width: int) -> None:
    assert folded(TEXT, width).split() == TEXT.split()


def test_lines_are_no_longer_than_the_place_is_wide_and_keep_their_indent() -> None:
    assert folded(TEXT, 40).split("\n") == [
        "Kafka stayed away: set",
        "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS",
        "(broker-1:9092).",
        "  And more of it.",
    ]
    assert folded("  a b\n\nc", 3) == "  a\n  b\n\nc"
    assert folded("  - a b", 5) == "  - a\n    b"


def test_without_a_terminal_a_text_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    tell(TEXT * 9)
    tell(TEXT, err=True)
    assert capsys.readouterr() == (TEXT * 9 + "\n", TEXT + "\n")


def test_a_terminal_gets_lines_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 40, 0, 0))
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        tell(TEXT, err=True)
        shown = os.read(ours, 1_000).decode().splitlines()
    os.close(ours)
    assert shown == folded(TEXT, 40).split("\n")
