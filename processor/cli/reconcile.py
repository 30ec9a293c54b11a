"""`processor reconcile`: what was paid, compared with what came of it."""

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from processor.cli import ConfigFile
from processor.cli.texts import lines, open_console
from processor.core.moments import EXPECTED, read_moment, show_moment
from processor.core.reconciliation import Finding, Trouble, Window
from processor.core.vocabulary import Effect, Reason
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
_RATIOS: Final = (2, 2, 3)
_TITLES: Final = {
    Trouble.LOST: "paid, neither confirmed nor dead-lettered",
    Trouble.CONFIRMED_AND_RELEASED: "confirmed and released",
    Trouble.RELEASED_BEFORE_PAID: "released before they were paid",
    Trouble.NEVER_REDRIVEN: "dead letters never redriven",
    Trouble.FAILED_AGAIN: "dead letters redriven that failed again",
    Trouble.PARTLY_REJECTED: "orders of which items were rejected",
}


def reconcile(
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
        typer.Option("--list", min=0, help="List so many of each kind; all are counted."),
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
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """Compare what was paid with what came of it; exit with 3 when it does not agree.

    What the live fleet has not come to yet is named, and is no finding.
    All results and dead letters are read, and the payments of the window,
    partition by partition: minutes for many millions.
    Nothing is changed and nothing is called.
    """
    window = _window(since, until)
    if write_ids is not None:
        _check_new(write_ids)
    settings = load_connections(config)
    logs.configure(settings.log.format, settings.log.level)
    report = _reconcile(settings, window, most)
    ids = None if write_ids is None else _write(report, write_ids)
    if as_json:
        typer.echo(json.dumps(to_json(report, ids), indent=2))
    else:
        _print(report, ids, open_console())
    if report.has_findings:
        raise typer.Exit(_FOUND)


def remedies(report: Report, ids: Path | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what may be done next, each with the commands that plan it.

    `ids` is the file that the lost orders were written to, if they were.
    """
    window = f"--from {_exact(report.window.since)} --to {_exact(report.window.until)}"
    if _writable(report):
        file = shlex.quote(str(ids or "lost.txt"))
        replay = f"processor replay --ids {file} {window}"
        write = f"processor reconcile {window} --write-ids {file}"
        yield "Replay what was lost", (replay,) if ids else (write, replay)
    safe = [
        reason for reason in Reason if any(report.redrivable[reason, effect] for effect in _SAFE)
    ]
    if safe:
        named = " ".join(f"--reason {reason}" for reason in safe)
        yield "Redrive the dead letters", (f"processor redrive {window} {named}",)
    if any(effect is Effect.MAYBE_APPLIED for _, effect in report.redrivable):
        yield (
            "Redrive, once somebody has looked at Rokt, what may have been applied",
            (f"processor redrive {window} --effect MAYBE_APPLIED --include-maybe-applied",),
        )


_SAFE: Final = (Effect.NOT_SENT, Effect.NOT_APPLIED)


def _writable(report: Report) -> list[str]:
    """Return the lost orders whose ids a line can hold as it is read back."""
    return [each for each in report.lost if each.isprintable() and each == each.strip()]


def _write(report: Report, path: Path) -> Path | None:
    """Write the ids of the lost orders, one a line; None, and no file, where there are none."""
    ids = _writable(report)
    if len(ids) < len(report.lost):
        report.notes.append(
            f"{len(report.lost) - len(ids)} lost orders have ids that no line can hold: replay "
            "each with --order."
        )
    if not ids:
        report.notes.append(f"{path} is not written: there is no lost order to name in it.")
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


def to_json(report: Report, ids: Path | None) -> dict[str, Any]:
    """Return a report as JSON has it."""
    return {
        "from": _exact(report.window.since),
        "to": _exact(report.window.until),
        "payments": report.payments,
        "notWorkedYet": report.not_worked_yet,
        "counts": {trouble.value: report.counts[trouble] for trouble in Trouble},
        "findings": {
            trouble.value: [_finding(each) for each in report.listed.get(trouble, ())]
            for trouble in Trouble
        },
        "standingDeadLetters": [
            {"reason": reason, "effect": effect, "count": count}
            for (reason, effect), count in sorted(report.standing.items())
        ],
        "remedies": [
            {"what": what, "commands": commands} for what, commands in remedies(report, ids)
        ],
        "notes": report.notes,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    topic, partition, offset, timestamp = finding.origin
    return {
        "operation": finding.operation,
        "orderId": finding.order_id,
        "cartId": finding.cart_id,
        "origin": {
            "topic": topic,
            "partition": partition,
            "offset": offset,
            "timestamp": timestamp,
        },
        "at": finding.at,
        "reason": finding.reason,
        "effect": finding.effect,
        "items": finding.items,
        "detail": finding.detail,
    }


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


def _print(report: Report, ids: Path | None, console: Console) -> None:
    window = f"{_exact(report.window.since)} to {_exact(report.window.until)}"
    console.print(f"Payments of {window}: {report.payments}", soft_wrap=True)
    if report.not_worked_yet:
        console.print(f"{report.not_worked_yet} of them not worked yet, which is no finding")
    summary = Table("what does not agree", "count", box=SIMPLE_HEAD, pad_edge=False)
    summary.columns[1].justify = "right"
    for trouble, title in _TITLES.items():
        count = report.counts[trouble]
        summary.add_row(title, str(count), style="bold" if count else "dim")
    console.print(summary)
    for trouble in Trouble:
        if listed := report.listed.get(trouble):
            console.print(_table(trouble, listed, report.counts[trouble]))
    for what, commands in remedies(report, ids):
        console.print(f"{what}, planning first:", soft_wrap=True)
        for command in commands:
            console.print(f"  {command}", soft_wrap=True)
    for note in report.notes:
        console.print(lines(f"Note: {note}"))


def _table(trouble: Trouble, listed: list[Finding], count: int) -> Table:
    left = f", the first {len(listed)} of {count}" if count > len(listed) else ""
    table = Table(
        "what", "where and when", "why", title=_TITLES[trouble] + left, box=SIMPLE_HEAD, expand=True
    )
    table.title_justify = "left"
    table.pad_edge = False
    for column, ratio in zip(table.columns, _RATIOS, strict=True):
        column.overflow, column.ratio = "fold", ratio
    for finding in listed:
        topic, number, offset, _ = finding.origin
        table.add_row(
            lines(
                finding.order_id and f"order {finding.order_id}",
                finding.cart_id and f"cart {finding.cart_id}",
                f"items {', '.join(finding.items)}" if finding.items else None,
            ),
            lines(
                f"{topic}:{number}:{offset}",
                None if finding.at is None else show_moment(finding.at),
            ),
            lines(
                finding.reason and f"{finding.reason}, {finding.effect or 'no effect known'}",
                finding.detail,
            ),
        )
    return table


def _exact(at: int) -> str:
    """Return epoch milliseconds as every command takes them, milliseconds only if there are any."""
    if at % 1_000 == 0:
        return show_moment(at)
    moment = datetime.fromtimestamp(at / 1_000, UTC).isoformat(timespec="milliseconds")
    return moment.replace("+00:00", "Z")
