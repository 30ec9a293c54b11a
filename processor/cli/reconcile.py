"""`processor reconcile`: what was paid, compared with what came of it."""

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from processor.cli import ConfigFile
from processor.cli.reconcile_report import show, to_json, writable
from processor.cli.texts import open_console
from processor.core.moments import EXPECTED, read_moment, show_moment
from processor.core.reconciliation import Window
from processor.core.wording import counted
from processor.errors import ConfigurationError
from processor.shell import logs
from processor.shell.clock import now
from processor.shell.history.dead_letters import history_readers
from processor.shell.history.reader import Reader
from processor.shell.history.reconciliation import Reconciler, Report
from processor.shell.history.writers_schemas import WritersSchemas
from processor.shell.registry import Registry
from processor.shell.settings import Connections, load_connections

_FOUND: Final = 3


def reconcile(  # noqa: PLR0913  each is an option of the command
    since: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="TIME",
            help=f"Payments, results and dead letters written since: {EXPECTED}.",
        ),
    ],
    until: Annotated[
        str, typer.Option("--to", metavar="TIME", help="And before that time.")
    ] = "now",
    *,
    most: Annotated[
        int,
        typer.Option(
            "--list", min=0, metavar="N", help="List so many of each kind; all are counted."
        ),
    ] = 20,
    write_ids: Annotated[
        Path | None,
        typer.Option(
            "--write-ids",
            metavar="FILE",
            help="Write all orders that are paid and not answered into a new file, one id a line, "
            "for replay --ids.",
        ),
    ] = None,
    write_waiting: Annotated[
        Path | None,
        typer.Option(
            "--write-waiting",
            metavar="FILE",
            help="Write all orders that are paid and not worked yet into a new file, one id a "
            "line.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """Compare what was paid with what came of it; exit with 3 when it does not agree.

    What the live fleet has not come to yet is listed, and is no finding.
    All results and dead letters are read, and the payments of the window,
    partition by partition: minutes for many millions.
    Nothing is changed and nothing is called.
    """
    window = _window(since, until)
    for path in (write_ids, write_waiting):
        if path is not None:
            _check_new(path)
    settings = load_connections(config)
    logs.configure(settings.log.format, settings.log.level)
    report = _reconcile(settings, window, most)
    ids = write_ids and _write(report, report.lost, "lost", write_ids)
    if write_waiting is not None:
        _write(report, report.waiting_orders, "waiting", write_waiting)
    if as_json:
        typer.echo(json.dumps(to_json(report, ids), indent=2))
    else:
        show(report, ids, now().wall_ms, open_console())
    if report.has_findings:
        raise typer.Exit(_FOUND)


def _write(report: Report, orders: Collection[str], what: str, path: Path) -> Path | None:
    """Write the ids of orders, one a line; None, and no file, where there are none."""
    ids = writable(orders)
    if len(ids) < len(orders):
        report.notes.append(
            f"{counted(len(orders) - len(ids), f'{what} order')} cannot be written, as no line can "
            "hold the id: name each with --order."
        )
    if not ids:
        report.notes.append(f"{path} is not written: there is no {what} order to name in it.")
        return None
    try:
        with path.open("x", encoding="utf-8") as file:
            file.writelines(f"{each}\n" for each in ids)
    except OSError as error:
        raise _unwritable(path, error) from None
    return path


def _check_new(path: Path) -> None:
    """Refuse a file that could not be written in the end, before everything is read."""
    if path.exists():
        raise _unwritable(path, FileExistsError())
    if not path.parent.is_dir():
        raise ConfigurationError(f"{path} cannot be written: {path.parent} is no folder.")


def _unwritable(path: Path, error: OSError) -> ConfigurationError:
    if isinstance(error, FileExistsError):
        return ConfigurationError(f"{path} is there already: name a new file.")
    return ConfigurationError(f"{path} cannot be written: {error.strerror}.")


def _window(since: str, until: str) -> Window:
    now_ms = now().wall_ms
    window = Window(since=_moment("--from", since, now_ms), until=_moment("--to", until, now_ms))
    if window.since >= window.until:
        raise ConfigurationError(
            f"The window is empty: --from ({show_moment(window.since)}) is not before --to "
            f"({show_moment(window.until)})."
        )
    return window


def _moment(option: str, text: str, now_ms: int) -> int:
    try:
        return read_moment(text, now_ms)
    except ValueError as wrong:
        raise ConfigurationError(f"{option} {wrong}.") from None


def _reconcile(settings: Connections, window: Window, most: int) -> Report:
    registry = Registry.of(settings.schema_registry)
    patience = settings.start_timeout
    schemas = WritersSchemas(registry, history_readers(), patience=patience)
    try:
        with Reader(settings.kafka, patience=patience) as reader, _progress() as tell:
            return Reconciler(settings, reader, schemas).reconcile(window, most, tell)
    finally:
        registry.close()


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Say on a terminal which partition is being read."""
    with Console(stderr=True).status("") as status:
        yield lambda number, count: status.update(f"reading partition {number} of {count}")
