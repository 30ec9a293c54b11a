"""A reconciliation, for people and for machines: what does not agree, what waits, what to do."""

import shlex
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from processor.cli.texts import lines, new_table, say
from processor.core.moments import show_moment
from processor.core.reconciliation import Finding, NotWorkedYet, Trouble
from processor.core.records import Source
from processor.core.vocabulary import Effect, Reason
from processor.shell.history.reconciliation import Report

_RATIOS: Final = (2, 2, 3)
_TITLES: Final = {
    Trouble.LOST: "paid, neither confirmed nor dead-lettered",
    Trouble.CONFIRMED_AND_RELEASED: "confirmed and released",
    Trouble.RELEASED_BEFORE_PAID: "released before they were paid",
    Trouble.NEVER_REDRIVEN: "dead letters never redriven",
    Trouble.FAILED_AGAIN: "dead letters redriven that failed again",
    Trouble.PARTLY_REJECTED: "orders of which items were rejected",
}


def remedies(report: Report, ids: Path | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what may be done next, each with the commands that plan it.

    `ids` is the file that the lost orders were written to, if they were.
    """
    window = f"--from {exact(report.window.since)} --to {exact(report.window.until)}"
    if writable(report.lost):
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


def writable(orders: Iterable[str]) -> list[str]:
    """Return the orders whose ids a line can hold as it is read back."""
    return [each for each in orders if each.isprintable() and each == each.strip()]


def to_json(report: Report, ids: Path | None) -> dict[str, Any]:
    """Return a report as JSON has it."""
    return {
        "from": exact(report.window.since),
        "to": exact(report.window.until),
        "payments": report.payments,
        "notWorkedYet": report.not_worked_yet,
        "waiting": [_waiting(each) for each in report.waiting],
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
    return {
        "operation": finding.operation,
        "orderId": finding.order_id,
        "cartId": finding.cart_id,
        "origin": _origin(finding.origin),
        "at": finding.at,
        "reason": finding.reason,
        "effect": finding.effect,
        "items": finding.items,
        "detail": finding.detail,
    }


def _waiting(payment: NotWorkedYet) -> dict[str, Any]:
    return {
        "orderId": payment.order_id,
        "cartId": payment.cart_id,
        "origin": _origin(payment.origin),
        "at": payment.at,
        "reservationExpiresAt": payment.expires_at,
    }


def _origin(source: Source) -> dict[str, Any]:
    topic, partition, offset, timestamp = source
    return {"topic": topic, "partition": partition, "offset": offset, "timestamp": timestamp}


def show(report: Report, ids: Path | None, at: int, console: Console) -> None:
    """Print a report; `at` is this moment, in epoch milliseconds."""
    window = f"{exact(report.window.since)} to {exact(report.window.until)}"
    say(console, f"Payments of {window}: {report.payments}")
    summary = new_table("what does not agree", "count")
    summary.columns[1].justify = "right"
    for trouble, title in _TITLES.items():
        count = report.counts[trouble]
        summary.add_row(title, str(count), style="bold" if count else "dim")
    console.print(summary)
    for trouble in Trouble:
        if listed := report.listed.get(trouble):
            console.print(_table(trouble, listed, report.counts[trouble]))
    _show_waiting(report, at, console)
    for what, commands in remedies(report, ids):
        say(console, f"{what}, planning first:")
        for command in commands:
            console.print(f"  {command}", soft_wrap=True)
    for note in report.notes:
        say(console, f"Note: {note}")


def _show_waiting(report: Report, at: int, console: Console) -> None:
    """Print the payments that the live fleet has not come to; they are no finding."""
    if not report.not_worked_yet:
        return
    if not report.waiting:
        say(console, f"Paid and not worked yet, which is no finding: {report.not_worked_yet}")
        return
    listed, all_ = len(report.waiting), report.not_worked_yet
    which = f"the oldest {listed} of {all_}" if all_ > listed else f"{all_}, the oldest first"
    title = f"paid and not worked yet, which is no finding: {which}"
    table = new_table("what", "where and when", "its reservation", title=title, is_wide=True)
    for column, ratio in zip(table.columns, _RATIOS, strict=True):
        column.ratio = ratio
    for each in report.waiting:
        topic, number, offset, _ = each.origin
        table.add_row(
            lines(
                f"order {each.order_id}" if each.order_id else "not readable yet",
                each.cart_id and f"cart {each.cart_id}",
            ),
            lines(
                f"{topic}:{number}:{offset}",
                show_moment(each.at) if each.at else None,
                f"{_span(at - each.at)} ago" if each.at else None,
            ),
            lines(_reservation(each.expires_at, at)),
        )
    console.print(table)


def _reservation(expires_at: int | None, at: int) -> str:
    if expires_at is None:
        return "none, or its end is not known"
    if expires_at <= at:
        return f"ended {show_moment(expires_at)}, {_span(at - expires_at)} ago"
    return f"ends {show_moment(expires_at)}, in {_span(expires_at - at)}"


def _span(milliseconds: int) -> str:
    """Return how long something is, no finer than a person needs it."""
    seconds = max(0, milliseconds) // 1_000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _table(trouble: Trouble, listed: list[Finding], count: int) -> Table:
    left = f", the first {len(listed)} of {count}" if count > len(listed) else ""
    title = _TITLES[trouble] + left
    table = new_table("what", "where and when", "why", title=title, is_wide=True)
    for column, ratio in zip(table.columns, _RATIOS, strict=True):
        column.ratio = ratio
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


def exact(at: int) -> str:
    """Return epoch milliseconds as every command takes them, milliseconds only if there are any."""
    if at % 1_000 == 0:
        return show_moment(at)
    moment = datetime.fromtimestamp(at / 1_000, UTC).isoformat(timespec="milliseconds")
    return moment.replace("+00:00", "Z")
