"""Texts on a terminal: strangers' words cannot move its cursor, colour it, or hide anything."""

from rich.console import Console
from rich.text import Text

_PLAIN_WIDTH = 120


def open_console() -> Console:
    """Return a console as wide as the terminal, or of a fixed width where there is none."""
    console = Console(highlight=False, markup=False, emoji=False)
    if console.is_terminal:
        return console
    return Console(highlight=False, markup=False, emoji=False, width=_PLAIN_WIDTH)


def visible(text: str, most: int = 200) -> str:
    """Return a text with all that does not print escaped, and no longer than `most`."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in cut
    )


def lines(*texts: str | None) -> Text:
    """Return texts below each other, empty ones left out."""
    return Text("\n".join(visible(text, 1_000) for text in texts if text))
