"""YAML, written plainly: what Kubernetes reads, of texts, numbers, truths, lists and tables."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9./_-]*")
_SPECIAL: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})

Value = str | int | bool | Sequence["Value"] | Mapping[str, "Value"]


def document(value: Mapping[str, Value]) -> str:
    """Return a table as a document of its own; texts are quoted where they could be misread."""
    return "---\n" + "".join(f"{line}\n" for line in _table(value))


def _table(value: Mapping[str, Value]) -> Iterator[str]:
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            yield f"{_text(key)}:"
            yield from (f"  {line}" for line in _table(inner))
        elif isinstance(inner, Sequence) and not isinstance(inner, str):
            yield f"{_text(key)}:"
            yield from (f"  {line}" for line in _list(inner))
        else:
            yield f"{_text(key)}: {_scalar(inner)}"


def _list(values: Sequence[Value]) -> Iterator[str]:
    for value in values:
        if isinstance(value, Mapping):
            for number, line in enumerate(_table(value)):
                yield f"{'  ' if number else '- '}{line}"
        elif isinstance(value, str | int):
            yield f"- {_scalar(value)}"
        else:
            raise TypeError("a list right in a list is not needed so far")


def _scalar(value: str | int) -> str:
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    is_plain = _PLAIN.fullmatch(text) and text.lower() not in _SPECIAL
    return text if is_plain else json.dumps(text)
