"""Sentences on a terminal: broken between words, where it would break them anywhere."""

import os
import sys
import textwrap
from typing import TextIO

from processor.core.escapes import escaped_lines


def tell(text: str, *, err: bool = False) -> None:
    """Print sentences, which may quote strangers; they are folded on a terminal only."""
    text = escaped_lines(text)
    stream = sys.stderr if err else sys.stdout
    width = _width(stream)
    stream.write(f"{text if width is None else folded(text, width)}\n")
    stream.flush()


def folded(text: str, width: int) -> str:
    """Return a text whose lines are no longer than `width`, if no word is; all words are kept."""
    return "\n".join(_fold(line, width) for line in text.split("\n"))


def _fold(line: str, width: int) -> str:
    words = line.lstrip()
    indent = " " * (len(line) - len(words) + (2 if words.startswith("- ") else 0))
    return textwrap.fill(
        line,
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )


def _width(stream: TextIO) -> int | None:
    """Return how wide a terminal is; None where there is none."""
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else None
    except (OSError, ValueError):
        return None
