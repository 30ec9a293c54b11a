"""Tracebacks: where an error came from, in words of ours.

What an error of somebody else says may quote what it was given: a payload, a key.
"""

import traceback
from collections.abc import Iterator
from typing import Final

from processor.errors import ProcessorError

_TRUSTED: Final = (ProcessorError, OSError)
_BEGIN: Final = "Traceback (most recent call last):\n"
_LED_TO: Final = "\nThis led to another one:\n\n"


def words_of(error: BaseException) -> str:
    """Return the kind of an error, and what it says if that quotes nobody."""
    kind = type(error).__name__
    return f"{kind}: {error}" if isinstance(error, _TRUSTED) else kind


def traceback_of(error: BaseException) -> str:
    """Return where an error, and those before it, came from: no values, no words of others."""
    return "".join(_lines(error, set())).rstrip()


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _lines(before, seen)
        yield _LED_TO
    yield _BEGIN
    yield from traceback.format_tb(error.__traceback__)
    yield f"{words_of(error)}\n"
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield _LED_TO
            yield from _lines(inner, seen)
