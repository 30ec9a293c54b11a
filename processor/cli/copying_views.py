"""Views of a replay that is being copied: a bar, plain lines, or JSON."""

import json
from collections.abc import Callable
from typing import Any, Final, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from processor.cli.texts import new_table, say, visible
from processor.core.headway import Eta
from processor.core.moments import show_moment
from processor.core.pace import Cause
from processor.core.replays import COPIED, Prospect
from processor.core.wording import counted
from processor.shell.clock import steady
from processor.shell.history.report import Observer, Phase, Report, Sight

_LINE_EVERY: Final = 10.0
_MINUTE: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 86_400
_NAMED: Final = 10
_CLOCKS_DIFFER: Final = 60_000
"""How much earlier (milliseconds) dead letters of a replay may be by the fleet's clocks."""


class View(Observer, Protocol):
    """Who shows what happens."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def finished(self, report: Report) -> None:
        """Show what came of it."""

    def failed(self, why: str) -> None:
        """Show that it has failed; the error itself is told by whoever ends the process."""


class _Quiet:
    """What views have in common."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def finished(self, report: Report) -> None:
        """Show nothing: people get a report of their own."""

    def failed(self, why: str) -> None:
        """Show nothing: the error is told by whoever ends the process."""


class JsonLines(_Quiet):
    """One JSON object a line: `event` says what it is."""

    def __init__(self, write: Callable[[str], object], clock: Callable[[], float] = steady) -> None:
        """Write lines; the clock tells when the next progress is due."""
        self._write = write
        self._clock = clock
        self._due_at = float("-inf")

    def progressed(self, sight: Sight) -> None:
        """Write an event every second."""
        if self._clock() >= self._due_at:
            self._due_at = self._clock() + 1.0
            self._event("progress", sight.as_json())

    def noticed(self, notice: str) -> None:
        """Write an event."""
        self._event("notice", {"text": notice})

    def finished(self, report: Report) -> None:
        """Write the report."""
        self._event("finished" if report.is_finished else "paused", {"report": report.as_json()})

    def failed(self, why: str) -> None:
        """Write an event; the same text goes to the standard error."""
        self._event("failed", {"text": why})

    def _event(self, name: str, fields: dict[str, Any]) -> None:
        self._write(json.dumps({"event": name} | fields))


class Lines(_Quiet):
    """A line every ten seconds, and one for each notice."""

    def __init__(self, write: Callable[[str], object], clock: Callable[[], float] = steady) -> None:
        """Write lines; the clock tells when the next one is due."""
        self._write = write
        self._clock = clock
        self._due_at = clock() + 1.0

    def progressed(self, sight: Sight) -> None:
        """Write a line every ten seconds."""
        if self._clock() >= self._due_at:
            self._due_at = self._clock() + _LINE_EVERY
            self._write(f"{_how_far(sight)}; {how_it_goes(sight)}")

    def noticed(self, notice: str) -> None:
        """Write a line."""
        self._write(visible(notice, 1_000))


class TerminalView(_Quiet):
    """A bar that moves, with what happens below it."""

    def __init__(self, console: Console) -> None:
        """Draw on a terminal."""
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._console = console

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def progressed(self, sight: Sight) -> None:
        """Draw it anew."""
        self._live.update(draw(sight), refresh=True)

    def noticed(self, notice: str) -> None:
        """Write a line above the bar."""
        self._console.print(Text(visible(notice, 1_000)))


def draw(sight: Sight) -> RenderableType:
    """Return the bar and what belongs below it."""
    first = Table.grid(padding=(0, 1))
    first.add_column(width=30)
    first.add_column(no_wrap=True)
    first.add_row(ProgressBar(total=max(1, sight.total), completed=sight.done), _how_far(sight))
    rows: list[RenderableType] = [first, Text(how_it_goes(sight))]
    if sight.wait is not None and sight.wait.detail and sight.wait.cause is not Cause.LANE:
        rows.append(Text(visible(f"waiting: {sight.wait.detail}", 1_000), style="yellow"))
    return Group(*rows)


def _how_far(sight: Sight) -> str:
    if sight.phase is Phase.WORKING_OFF:
        copies = "1 copy" if sight.ahead == 1 else f"{sight.ahead:,} copies"
        return f"all {sight.total:,} read, {copies} left in the lane"
    share = 100 * sight.done // max(1, sight.total)
    eta = "" if sight.eta is None else f", {show_eta(sight.eta)} left"
    return f"{sight.done:,} of {sight.total:,} ({share} %){eta}"


def how_it_goes(sight: Sight) -> str:
    """Return speeds and counts, as one line."""
    return (
        f"{sight.events_per_second:.1f} events/s, {sight.calls_per_second:.1f} calls/s; "
        f"copied {sight.copied:,}, called {sight.tallied.called:,}, skipped {sight.skipped:,}, "
        f"dead letters {sight.tallied.failed:,}"
    )


def show_eta(eta: Eta) -> str:
    """Return a range of time for people."""
    soonest, latest = show_seconds(eta.soonest), show_seconds(eta.latest)
    return soonest if soonest == latest else f"{soonest} to {latest}"


def show_seconds(seconds: float) -> str:
    """Return a time for people, no finer than it is known."""
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return (
            f"{whole // _MINUTE} min {whole % _MINUTE} s"
            if whole < 10 * _MINUTE
            else (f"{round(whole / _MINUTE)} min")
        )
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def show_report(console: Console, report: Report) -> None:
    """Print what came of a replay, for people."""
    state = "finished" if report.is_finished else f"paused: {report.reason}"
    say(
        console,
        f"{report.replay_id} is {state}. {report.done:,} of {counted(report.total, 'offset')} "
        f"read, {counted(report.copied, 'record')} copied, in {show_seconds(report.seconds)}.",
    )
    table = new_table("What came of it", "records")
    table.show_edge = False
    table.columns[1].justify = "right"
    for name, number in _rows(report):
        table.add_row(Text(name), f"{number:,}")
    if table.row_count:
        console.print(table)
    _show_orders(console, report)
    failed = report.tallied.failed
    if report.is_finished and failed:
        what = "copy has ended" if failed == 1 else "copies have ended"
        say(
            console,
            f"Something is left to do: {failed:,} {what} in dead letters. Mend the cause, and have "
            "them worked again; planning first:",
        )
        console.print(Text(f"  {_redrive(report)}"), soft_wrap=True)
    if report.deleted:
        what = "offset of the plan was" if report.deleted == 1 else "offsets of the plan were"
        say(
            console,
            f"{report.deleted:,} {what} deleted from Kafka before they could be read: what they "
            "held was not brought back. `processor reconcile --from 7d` tells which payments have "
            "no answer, as far as they are still there; the shop knows the rest.",
        )


def _redrive(report: Report) -> str:
    """Return the command that plans a redrive of what has failed since it began."""
    since = show_moment(report.started_at - _CLOCKS_DIFFER)
    reasons = "".join(f" --reason {reason}" for reason in sorted(report.tallied.dead_letters))
    return f"processor redrive --from {since}{reasons}"


def _rows(report: Report) -> list[tuple[str, int]]:
    tallied = report.tallied
    skipped = [
        (f"not copied: {prospect}", report.counts.get(prospect, 0))
        for prospect in Prospect
        if prospect not in COPIED
    ]
    outcomes = [
        (f"{operation.lower()}: {status}", number)
        for (operation, status), number in sorted(tallied.outcomes.items())
    ]
    dead = [(f"dead letter: {reason}", n) for reason, n in sorted(tallied.dead_letters.items())]
    settled = [("settled before its turn: no call", report.settled or 0)]
    return [row for row in (*skipped, *outcomes, *settled, *dead) if row[1]]


def _show_orders(console: Console, report: Report) -> None:
    tallied = report.tallied
    if not tallied.changed:
        say(console, "No order has changed.")
        return
    named = ", ".join(visible(order) for order in tallied.orders[:_NAMED])
    more = f" and {tallied.changed - _NAMED:,} more" if tallied.changed > _NAMED else ""
    noun = "order has" if tallied.changed == 1 else "orders have"
    say(console, f"{tallied.changed:,} {noun} changed{': ' if named else ''}{named}{more}.")
