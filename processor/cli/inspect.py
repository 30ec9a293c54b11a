"""`processor inspect`: everything that is known of a cart, an order or a record."""

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from processor.cli import ConfigFile
from processor.cli.texts import lines, new_table, open_console, say, visible
from processor.core.moments import moment_of
from processor.core.records import Partition
from processor.core.replays import COPIED, Prospect
from processor.core.timeline import Entry, Fact, Moment, coordinates, where
from processor.errors import RuntimeFailure
from processor.shell import logs
from processor.shell.clock import now
from processor.shell.history.dead_letters import history_readers
from processor.shell.history.lookup import Lookup, as_bytes
from processor.shell.history.reader import Reader
from processor.shell.history.tellings import Coordinates, Found, Teller
from processor.shell.history.timeline import Historian, Redrive, Timeline
from processor.shell.history.writers_schemas import WritersSchemas
from processor.shell.registry import Registry
from processor.shell.settings import Connections, load_connections

_WOULD: Final = {
    Prospect.CONFIRM: "call confirm",
    Prospect.RELEASE: "call release",
    Prospect.REPEAT: "leave it to the live fleet",
    Prospect.SETTLED: "do nothing: settled",
    Prospect.DOUBTFUL: "do nothing, unless told --include-maybe-applied",
    Prospect.CONFLICT: "meet the same conflict",
    Prospect.NOTHING_LEFT: "do nothing: nothing is left to release",
    Prospect.STALE: "refuse it as stale, unless told --allow-stale",
    Prospect.UNDECODABLE: "fail again: it cannot be read",
    Prospect.INVALID: "fail again: it cannot be called",
    Prospect.WAITING: "leave it to the live fleet",
    Prospect.QUARANTINED: "keep it in quarantine",
    Prospect.MISSING: "look for its bytes",
    Prospect.DELETED: "do nothing: it is deleted",
}


def inspect(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="A cart or a record (TOPIC:PARTITION:OFFSET), which take seconds; or an order or "
            "event, with --cart or --everywhere: their ids are no keys.",
        ),
    ],
    *,
    cart: Annotated[
        str | None,
        typer.Option(
            "--cart", metavar="CART", help="The cart of the order or event: seconds as well."
        ),
    ] = None,
    is_everywhere: Annotated[
        bool,
        typer.Option(
            "--everywhere",
            help="Read all partitions of all topics, once: minutes for many millions of records.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """Tell all that is known of a cart, an order or a record; exit with 1 when nothing is.

    A cart is found by its key: one or two partitions of each topic are read.
    An order id is no key: give its cart too, or have everything read.
    Told are events, attempts, outcomes and dead letters in their order,
    what the ledger says, and what a redrive would do.
    Nothing is changed and nothing is called.
    """
    if not subject or cart == "":
        raise typer.BadParameter("Name something: an empty id is nobody's.", param_hint="WHAT")
    settings = load_connections(config)
    logs.configure(settings.log.format, settings.log.level)
    focus, timeline = _look(settings, subject, cart, is_everywhere=is_everywhere)
    if as_json:
        typer.echo(json.dumps(to_json(subject, focus, timeline), indent=2))
    else:
        _print(focus, timeline, open_console())


class _Focus:
    """Which entries were asked for, among all of their cart."""

    def __init__(self, subject: str, origin: Coordinates | None) -> None:
        self._subject = subject
        self._origin = origin

    def is_on(self, entry: Entry) -> bool:
        """Whether an entry was asked for by itself."""
        if self._origin is not None:
            return entry.origin[:3] == self._origin
        event_id = entry.facts.get("eventId", entry.facts.get("sourceEventId"))
        return self._subject in (entry.order_id, entry.cart_id, event_id)


def _look(
    settings: Connections, subject: str, cart: str | None, *, is_everywhere: bool
) -> tuple[_Focus, Timeline]:
    patience = settings.start_timeout
    registry = Registry.of(settings.schema_registry)
    schemas = WritersSchemas(registry, history_readers(), patience=patience)
    try:
        with Reader(settings.kafka, patience=patience) as reader, _progress() as tell:
            lookup = Lookup(settings, reader, schemas, tell)
            origin, found = _find(lookup, subject, cart, is_everywhere=is_everywhere)
            historian = Historian(settings, Teller(settings.topics, schemas), now().wall_ms)
            focus, timeline = _Focus(subject, origin), historian.tell(found)
    finally:
        registry.close()
    if not any(focus.is_on(entry) for entry in timeline.entries):
        note = f"{subject} itself is not among what is known of the cart."
        timeline = replace(timeline, notes=(note, *timeline.notes))
    return focus, timeline


def _find(
    lookup: Lookup, subject: str, cart: str | None, *, is_everywhere: bool
) -> tuple[Coordinates | None, Found]:
    place = lookup.coordinates(subject) if cart is None else None
    if place is not None:
        origin, found = lookup.of_record(place)
    else:
        origin = None
        found = lookup.everywhere(subject) if is_everywhere else lookup.of_cart(cart or subject)
    if not found and place is not None:
        raise RuntimeFailure(visible(lookup.what_is_at(place), 1_000))
    if not found:
        raise RuntimeFailure(_nothing(lookup, subject, cart, is_everywhere=is_everywhere))
    return origin, found


def _nothing(lookup: Lookup, subject: str, cart: str | None, *, is_everywhere: bool) -> str:
    if is_everywhere:
        return f"Nothing is known of {visible(subject)}, in no partition of no topic."
    key = cart or subject
    numbers = sorted(lookup.numbers_of(as_bytes(key)))
    read = " and ".join(map(str, numbers))
    why = None if cart else lookup.why_no_record(subject)
    if why is not None:
        return f"Nothing is known of a cart {visible(key)}. {why}"
    return (
        f"Nothing is known of a cart {visible(key)}, whose records would lie in partition {read}. "
        "If it is an order, give its cart with --cart; or have all partitions read with "
        f"--everywhere: {lookup.size():,} records."
    )


@contextmanager
def _progress() -> Iterator[Callable[[Partition], None]]:
    """Say on a terminal what is being read."""
    with Console(stderr=True).status("") as status:
        yield lambda place: status.update(f"reading {place.topic}, partition {place.number}")


def to_json(subject: str, focus: _Focus, timeline: Timeline) -> dict[str, Any]:
    """Return a timeline as JSON has it."""
    return {
        "subject": subject,
        "timeline": [
            {
                "at": entry.at,
                "moment": entry.moment,
                "isAskedFor": focus.is_on(entry),
                "place": coordinates(entry.place),
                "origin": coordinates(entry.origin),
                "operation": entry.operation,
                "orderId": entry.order_id,
                "cartId": entry.cart_id,
                "replayId": entry.replay_id,
                **entry.facts,
            }
            for entry in timeline.entries
        ],
        "ledger": [
            {"subject": each.subject, "name": each.name, "says": each.says}
            for each in timeline.ledger
        ],
        "redrives": [_redrive(each) for each in timeline.redrives],
        "notes": timeline.notes,
    }


def _redrive(redrive: Redrive) -> dict[str, Fact]:
    return {
        "origin": coordinates(redrive.origin),
        "orderId": redrive.order_id,
        "cartId": redrive.cart_id,
        "reason": redrive.reason,
        "effect": redrive.effect,
        "redriven": redrive.times,
        "prospect": redrive.prospect,
        "detail": redrive.detail,
    }


def _print(focus: _Focus, timeline: Timeline, console: Console) -> None:
    console.print(_entries(focus, timeline))
    ledger = new_table("the ledger", "says", is_wide=True)
    for each in timeline.ledger:
        ledger.add_row(lines(f"{each.subject} {each.name}"), lines(each.says))
    console.print(ledger)
    if timeline.redrives:
        redrives = new_table("dead letter of", "failed", "a redrive would", is_wide=True)
        for redrive in timeline.redrives:
            redrives.add_row(
                lines(where(redrive.origin)),
                lines(redrive.reason, redrive.effect),
                lines(_WOULD[redrive.prospect], redrive.detail),
            )
        console.print(redrives)
    for command in _commands(timeline):
        console.print("To bring back what can be, planning first:")
        console.print(f"  {command}", soft_wrap=True)
    for note in timeline.notes:
        say(console, f"Note: {note}")


def _entries(focus: _Focus, timeline: Timeline) -> Table:
    table = new_table("when (UTC)", "what", "what it says, and where", is_wide=True)
    for column in table.columns[:2]:
        column.no_wrap = True
    table.columns[2].ratio = 1
    day = None
    is_everything = all(focus.is_on(entry) for entry in timeline.entries)
    for entry in timeline.entries:
        moment = None if entry.at is None else moment_of(entry.at)
        is_new_day = moment is not None and moment.date() != day
        day = moment.date() if moment else day
        mark = "" if is_everything or not focus.is_on(entry) else "> "
        table.add_row(
            lines(
                day.isoformat() if is_new_day and day else None,
                moment.strftime("%H:%M:%S.%f")[:-3] if moment else "unknown",
            ),
            mark + entry.moment,
            Text("\n").join([lines(*entry.told), Text(_where(entry), style="dim")]),
        )
    return table


def _where(entry: Entry) -> str:
    """Tell where an entry is written and what it is about; attempts are written nowhere else."""
    match entry.moment:
        case Moment.EVENT | Moment.COPY:
            return visible(where(entry.place))
        case Moment.ATTEMPTS:
            return visible(f"of {where(entry.origin)}")
        case Moment.OUTCOME | Moment.DEAD_LETTER:
            return visible(f"{where(entry.place)} of {where(entry.origin)}", 1_000)


def _commands(timeline: Timeline) -> Iterator[str]:
    """Yield the command that plans a redrive of what can be brought back, where there is any."""
    wanted = [each for each in timeline.redrives if each.prospect in COPIED]
    carts = sorted({each.cart_id for each in wanted if each.cart_id and each.cart_id.isprintable()})
    if carts:
        yield "processor redrive " + " ".join(f"--cart {shlex.quote(cart)}" for cart in carts)
