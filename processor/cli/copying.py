"""Copying, as people and machines follow it: what `--execute` and `--resume` show."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

import typer
from rich.console import Console

from processor.cli.copying_views import JsonLines, Lines, TerminalView, View, show_report
from processor.core.replays import Plan
from processor.errors import ProcessorError
from processor.shell import logs
from processor.shell.history.control import Control
from processor.shell.history.copier import Stock, execute, how_to_go_on
from processor.shell.settings import Connections

_NOT_FINISHED = 1


def copy(
    plan: Plan, stock: Stock, settings: Connections, control: Control, *, as_json: bool
) -> int:
    """Bring a plan's records into the lane, and tell how it goes; return the exit code.

    0: all is copied and worked. 1: it was stopped; the same plan goes on where it stands. JSON
    goes to the standard output, one event a line; for people only the report does.
    """
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    view = _view(console, as_json=as_json)
    with view, _stopped_by_signals(control):
        # Only now: what is logged while a bar is drawn goes above it.
        logs.configure(settings.log.format, settings.log.level)
        try:
            report = execute(plan, stock, settings, control, view)
        except ProcessorError as failure:
            view.failed(str(failure))
            raise
    if as_json:
        view.finished(report)
    else:
        show_report(Console(highlight=False, markup=False, emoji=False), report)
        if not report.is_finished:
            typer.echo(how_to_go_on(plan))
    return 0 if report.is_finished else _NOT_FINISHED


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
