"""Texts on a terminal: strangers' words cannot move its cursor, colour it, or hide anything."""

import io
import os
import re
import sys
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from processor.core.escapes import escaped

_PLAIN_WIDTH: Final = 120
_TRAILING: Final = re.compile(r" +(?=\n|$)")


def open_console() -> Console:
    """Return a console as wide as the terminal; where there is none, as COLUMNS says, or 120.

    What it writes where there is no terminal has no blanks at the ends of its lines.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    if console.is_terminal:
        return console
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isascii() and columns.isdecimal() else 0
    return Console(
        file=_Trimmed(), highlight=False, markup=False, emoji=False, width=width or _PLAIN_WIDTH
    )


class _Trimmed(io.StringIO):
    """The standard output, without the blanks that fill the cells of tables up; keeps nothing."""

    def write(self, text: str, /) -> int:
        sys.stdout.write(_TRAILING.sub("", text))
        return len(text)

    def flush(self) -> None:
        sys.stdout.flush()


def new_table(*columns: str, title: str | None = None, is_wide: bool = False) -> Table:
    """Return a table that folds what is too wide, and cuts nothing; `is_wide`: as the console."""
    table = Table(*columns, title=title, box=SIMPLE_HEAD, pad_edge=False, expand=is_wide)
    table.title_justify = "left"
    for column in table.columns:
        column.overflow = "fold"
    return table


def say(console: Console, text: str | None) -> None:
    """Print a sentence, if there is one: a terminal breaks it between words, nothing else does."""
    if text:
        console.print(lines(text), soft_wrap=not console.is_terminal)


def visible(text: str, most: int = 200) -> str:
    """Return a text with all that does not print escaped, and no longer than `most`."""
    return escaped(text if len(text) <= most else text[: most - 1] + "…")


def lines(*texts: str | None) -> Text:
    """Return texts below each other, empty ones left out."""
    return Text("\n".join(visible(text, 1_000) for text in texts if text))
