"""Copying, as people and machines follow it: what `--execute` and `--resume` show."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Final

import typer
from rich.console import Console

from processor.cli.copying_views import JsonLines, Lines, TerminalView, View, show_report
from processor.cli.folding import tell
from processor.cli.texts import open_console
from processor.core.pace import Pace
from processor.core.replays import Plan
from processor.errors import ProcessorError
from processor.shell import logs
from processor.shell.clock import steady
from processor.shell.history.control import Control
from processor.shell.history.copier import Stock, how_to_go_on
from processor.shell.history.execution import execute
from processor.shell.settings import Connections

_NOT_FINISHED: Final = 1
_SOMETHING_IS_LEFT: Final = 3
_CUT_SHORT: Final = (
    "Ended at once: what was copied in the last second may not be written down: then it is "
    "copied again, and worked once. If `processor replay list` knows it not, nothing was copied."
)


def copy(
    plan: Plan,
    stock: Stock,
    settings: Connections,
    control: Control,
    *,
    as_json: bool,
    expected: int | None = None,
) -> int:
    """Bring a plan's records into the lane, and tell how it goes; return the exit code.

    0: all is copied and worked. 3: so it is, but copies of it ended in dead letters, or records
    were deleted before they could be copied. 1: it was stopped; the same plan goes on. JSON goes to
    the standard output, one event a line; for people only the report does.
    """
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    view = _view(console, as_json=as_json)
    with view, _stopped_by_signals(control):
        # Only now: what is logged while a bar is drawn goes above it.
        logs.configure(settings.log.format, settings.log.level)
        view.noticed(_what_is_in_force(control.pace(steady())))
        try:
            report = execute(plan, stock, settings, control, view, expected)
        except KeyboardInterrupt:
            view.failed(_CUT_SHORT)
            tell(f"{_CUT_SHORT} {how_to_go_on(plan)}", err=True)
            return _NOT_FINISHED
        except ProcessorError as failure:
            view.failed(str(failure))
            raise
    if as_json:
        view.finished(report)
    else:
        show_report(open_console(), report)
        if not report.is_finished:
            tell(how_to_go_on(plan))
    if not report.is_finished:
        return _NOT_FINISHED
    return _SOMETHING_IS_LEFT if report.tallied.failed or report.deleted else 0


def _what_is_in_force(pace: Pace) -> str:
    limit = pace.stop_after_failures
    stop = "no number of them pauses it" if limit is None else f"{limit} of them pause it"
    return f"at most {pace.rate:g} copies a second; dead letters: {stop}"


def _view(console: Console, *, as_json: bool) -> View:
    if as_json:
        return JsonLines(typer.echo)
    return TerminalView(console) if console.is_terminal else Lines(partial(typer.echo, err=True))


@contextmanager
def _stopped_by_signals(control: Control) -> Iterator[None]:
    """Pause at the first Ctrl-C or SIGTERM, end at once at the second."""

    def stop(number: int, frame: FrameType | None) -> None:
        if control.is_stopping:
            signal.default_int_handler(number, frame)
        control.stop()

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
