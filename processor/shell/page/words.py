"""Words: small texts of the page."""

from collections.abc import Sequence
from typing import Final

from processor.core.escapes import escaped

_LONGEST: Final = 100


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its noun, such as `1 call` or `2,000 calls`."""
    return f"{number:,} {one if number == 1 else many}"


def listed(texts: Sequence[str]) -> str:
    """Return texts as they are told: `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(texts[:-1]), *texts[-1:])))


def shortened(text: str | None) -> str | None:
    """Return a text of a stranger, cut off where it becomes longer than any id is.

    What does not print is escaped: marks that turn the direction of writing act in browsers, too.
    """
    if text is None:
        return None
    return escaped(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
