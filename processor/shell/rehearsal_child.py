"""The child of a rehearsal: does with each task what its parent would, and says that it lives.

Tasks come pickled by standard input, from the parent alone; each is answered by a byte. It has
no settings, no secrets and no connections, and may take little memory and time.
"""

import os
import pickle
import resource
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Final

from processor.core.calls import CallShape, confirm_call, release_call
from processor.core.events import CartAbandoned, OrderPaid, Pending, Undecodable, problems
from processor.core.records import Record
from processor.shell import schemas
from processor.shell.decoding import Decoder
from processor.shell.vetting import VettedSchema, vet

READY: Final = b"+"
HARMLESS: Final = b"."
RAISED: Final = b"!"
OUT_OF_MEMORY: Final = b"m"

MOST_MEMORY: Final = 256 * 1024 * 1024
"""Bytes for all tasks. The largest records that may be read take less than half of it."""
MOST_SECONDS: Final = 10
"""Seconds of the processor for one task: a twentieth of that is much. A loop that stands still
for so long has its process killed."""

_SHAPE: Final = CallShape(tag_id="tag")


@dataclass(frozen=True, slots=True)
class RecordTask:
    """A record to be decoded, with the name of the event expected, and its writer's schema."""

    record: Record
    expected: str | None
    schema: VettedSchema


@dataclass(frozen=True, slots=True)
class SchemaTask:
    """The text of a schema, to be vetted."""

    text: str


Task = RecordTask | SchemaTask


def answer(task: Task) -> bytes:
    """Do a task; whatever it may raise ends the parent, so it is told."""
    try:
        match task:
            case SchemaTask(text=text):
                vet(text, schemas.readers())
            case RecordTask(record=record, expected=expected, schema=schema):
                _read(record, expected, schema)
    except MemoryError:
        return OUT_OF_MEMORY
    except Exception:  # noqa: BLE001  any at all
        return RAISED
    return HARMLESS


def _read(record: Record, expected: str | None, schema: VettedSchema) -> None:
    """Decode a record, look at it, and build the call that it asks for."""
    content = Decoder(lambda _: schema).decode(record, expected)
    match content:
        case OrderPaid():
            if not problems(content, record.key):
                confirm_call(content, _SHAPE)
        case CartAbandoned():
            if not problems(content, record.key):
                release_call(content, content.items, _SHAPE)
        case Undecodable() | Pending():
            pass


def _limit() -> None:
    """Leave nothing to be found, take little memory, be the first to go when that is short."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    memory = _address_space() + MOST_MEMORY
    with suppress(ValueError):  # it may take less already
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _address_space() -> int:
    """Return how many bytes are mapped by now, most of which may be no memory at all."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[0]
    except OSError:  # there is no such file on macOS, where the limit is none either
        return 0
    return int(pages) * resource.getpagesize()


def _limit_time() -> None:
    """Die by SIGXCPU when the next task takes too long."""
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(process_time()) + 1 + MOST_SECONDS, most))


def main() -> None:
    """Answer tasks until there are no more."""
    tasks, answers = sys.stdin.buffer, sys.stdout.fileno()
    schemas.readers()
    _limit()
    os.write(answers, READY)
    with suppress(EOFError):
        while True:
            task = pickle.load(tasks)  # noqa: S301  the parent's own
            _limit_time()
            os.write(answers, answer(task))
