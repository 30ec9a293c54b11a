"""Logs: one line per event on standard error, JSON or for people.

Log with `structlog.get_logger(__name__)`, the event named in words ("dead letter", "partitions
assigned") and ids beside it. Payloads are never logged: bytes are replaced by their number, and
long texts are cut.
"""

import json
import logging
import re
import sys
from collections.abc import Iterable
from typing import Any, Final, Literal, TextIO

import orjson
import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from processor.core.escapes import escaped, escaped_json, escaped_lines
from processor.core.records import Partition
from processor.shell.tracebacks import traceback_of

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

_LONGEST: Final = 4_096
_MICROSECONDS: Final = re.compile(r"(?<=\.\d{3})\d+")


def configure(
    form: Literal["json", "console"] | None, level: str, stream: TextIO | None = None
) -> None:
    """Send all logs, those of the libraries included, to `stream` (standard error).

    `form` None: for people on a terminal, else JSON. `level` holds for the processor itself; of
    the libraries only warnings and worse are written, because some of them log whole requests,
    with every header, at the levels below.
    """
    stream = stream or sys.stderr
    is_json = form == "json" or (form is None and not stream.isatty())
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        _bounded,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared[:-2], structlog.stdlib.ExtraAdder(), _bounded],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_renderers(is_json=is_json, has_colors=stream.isatty()),
        ],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("processor").setLevel(_LEVELS[level])
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _renderers(*, is_json: bool, has_colors: bool) -> list[Processor]:
    if is_json:
        return [
            structlog.processors.ExceptionRenderer(lambda told: traceback_of(told[1])),
            structlog.processors.JSONRenderer(_dumps),
        ]
    renderer = structlog.dev.ConsoleRenderer(
        colors=has_colors, exception_formatter=_trace, pad_event_to=0
    )
    return [_shortened, _printing, renderer]


def _trace(stream: TextIO, told: ExcInfo) -> None:
    # The default shows the local variables of every frame, secrets and payloads among them.
    stream.write(f"\n{escaped_lines(traceback_of(told[1]))}")


def _printing(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Escape what would act on a terminal or begin a line; what is no text is shown by its repr."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = escaped(value)
    return event


def _shortened(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Leave out what people can do without: microseconds, and which module speaks."""
    event["timestamp"] = _MICROSECONDS.sub("", event["timestamp"])
    if str(event["logger"]).startswith("processor"):
        del event["logger"]
    return event


def _dumps(event: EventDict, **_: Any) -> str:  # noqa: ANN401  structlog's own signature
    # Of what does not print, orjson escapes half, and refuses halves of letters.
    try:
        line = orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        return json.dumps(event, default=str)
    return escaped_json(line)


def _bounded(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for name, value in event.items():
        if isinstance(value, (bytes, bytearray, memoryview)):
            event[name] = f"<{len(value)} bytes>"
        elif isinstance(value, str) and len(value) > _LONGEST:
            event[name] = f"{value[:_LONGEST]}… ({len(value)} characters)"
    return event


def listed(partitions: Iterable[Partition]) -> dict[str, list[int]]:
    """Return partitions as a log line shows them: the numbers of each topic."""
    found: dict[str, list[int]] = {}
    for partition in sorted(partitions):
        found.setdefault(partition.topic, []).append(partition.number)
    return found
