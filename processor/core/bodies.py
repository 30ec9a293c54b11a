"""Bodies: what a response says, read as strictly as money deserves, kept within bounds."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, NoReturn

from processor.core.replies import RoktError

_LONGEST_TEXT: Final = 1_000
_MOST_ERRORS: Final = 20
_LONGEST_EXCERPT: Final = 8 * 1024

# Control characters, line separators, marks that reorder text, and lone surrogates: what no log,
# terminal or topic should be given.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBody:
    """Rokt's documented error body, bounded and cleaned."""

    description: str | None
    errors: tuple[RoktError, ...]


def cleaned(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Return `text` on one line, fit to be shown, at most `longest` characters."""
    short = text if len(text) <= longest else text[: longest - 1] + "…"
    return _UNSAFE.sub(" ", short)


def excerpt(body: bytes) -> str:
    """Return the first 8 KiB as text, whatever they are."""
    return body[:_LONGEST_EXCERPT].decode(errors="replace")


def text_of(value: object, longest: int = _LONGEST_TEXT) -> str | None:
    """Return a member that should be a string as one: null is None, anything else its JSON."""
    if value is None:
        return None
    return cleaned(value, longest) if isinstance(value, str) else _json(value, longest)


def json_object(body: bytes) -> dict[str, object] | None:
    """Return the JSON object that `body` is, or None: no NaN, no key twice, no second value."""
    try:
        value = _DECODER.decode(body.decode().removeprefix("\ufeff"))
    except (ValueError, RecursionError):  # hostile nesting is just another kind of not JSON
        return None
    return value if isinstance(value, dict) else None


def error_body(body: bytes) -> ErrorBody | None:
    """Return the documented error body that `body` is: an object with a description or errors.

    The page documents `errors` as an array; an object, as other frameworks write it, will do.
    """
    answer = json_object(body)
    if answer is None:
        return None
    description, errors = answer.get("description"), answer.get("errors")
    if not isinstance(description, str) and not isinstance(errors, list | dict):
        return None
    return ErrorBody(
        description=text_of(description), errors=tuple(islice(_errors(errors), _MOST_ERRORS))
    )


def _errors(errors: object) -> Iterator[RoktError]:
    match errors:
        case list():
            for entry in errors:
                yield _error(entry)
        case {"code": _} | {"message": _} | {"value": _}:
            yield _error(errors)
        case dict():
            for name, value in errors.items():
                yield RoktError(code=text_of(name), message=text_of(value), value_json=None)
        case _:
            pass


def _error(entry: object) -> RoktError:
    if not isinstance(entry, Mapping):
        return RoktError(code=None, message=text_of(entry), value_json=None)
    value = entry.get("value")
    return RoktError(
        code=text_of(entry.get("code")),
        message=text_of(entry.get("message")),
        value_json=None if value is None else _json(value),
    )


def _json(value: object, longest: int = _LONGEST_TEXT) -> str | None:
    try:
        literal = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return None
    return cleaned(literal, longest)


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key occurs twice")
    return members


def _refuse_constant(literal: str) -> NoReturn:
    raise ValueError(f"{literal} is not JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_refuse_constant)
