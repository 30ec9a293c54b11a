"""Deadly bytes: a Python process that has this folder on its path dies of decoding them.

Python loads it at its start, so it stands in for a fault in the decoder, in the processor as in
the children that it starts. Production knows nothing of it. The bytes say how: see WAYS. One way
more is a body that cannot be built, "deadly: raise".
"""

import os
import signal
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import fastavro
import orjson

_decoded = count()


def _die(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def _spin() -> None:
    while True:
        pass


def _die_after_others() -> None:
    if next(_decoded):
        _die(signal.SIGSEGV)


def _take_memory() -> None:
    taken = [bytearray(2**26) for _ in range(2**10)]
    taken.clear()


WAYS: dict[bytes, Callable[[], object]] = {
    b"deadly: segfault": lambda: _die(signal.SIGSEGV),
    b"deadly_segfault": lambda: _die(signal.SIGSEGV),
    b"deadly: killed by others": lambda: _die(signal.SIGKILL),
    b"deadly: spin": _spin,
    b"deadly: sleep": lambda: time.sleep(60),
    b"deadly: memory": _take_memory,
    b"deadly: only after others": _die_after_others,
}
"""What happens, by a piece of the value, or of a schema's text."""

_read, _parse = fastavro.schemaless_reader, fastavro.parse_schema
_dumps = orjson.dumps


def _look(at: bytes) -> None:
    for piece, way in WAYS.items():
        if piece in at:
            way()


def _deadly_read(source: Any, schema: Any, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
    if "DeadLetter" not in schema["name"]:  # in there they are only carried
        _look(source.getvalue())
    next(_decoded)
    return _read(source, schema, *arguments, **named)


def _deadly_parse(schema: Any, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401  as the library
    _look(str(schema).encode())
    return _parse(schema, *arguments, **named)


def _deadly_dumps(*arguments: Any, **named: Any) -> bytes:  # noqa: ANN401  as the library
    body = _dumps(*arguments, **named)
    if b"deadly: raise" in body:
        raise TypeError("a body that cannot be built")
    return body


fastavro.schemaless_reader = _deadly_read  # type: ignore[assignment]
fastavro.parse_schema = _deadly_parse
orjson.dumps = _deadly_dumps
