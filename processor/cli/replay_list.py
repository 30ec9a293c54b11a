"""`processor replay list`: the replays and redrives of the live group, and how far they are."""

import json
from collections.abc import Sequence
from typing import Any, Final

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from processor.cli.texts import visible
from processor.core.moments import show_moment
from processor.core.replays import Kind
from processor.shell.history.plans import resuming
from processor.shell.history.progress import Known, State, Unreadable
from processor.shell.history.shelf import Shelf
from processor.shell.settings import Connections

_INTERRUPTED: Final = "interrupted"
_NO_EDGE: Final = 10_000
"""An id is never cut, whatever the width: a terminal breaks the line itself."""


def list_replays(settings: Connections, *, as_json: bool) -> None:
    """Print what Kafka knows of replays. Takes some seconds when one may be running."""
    shelf = Shelf(settings)
    found = list(shelf.all())
    running = shelf.being_copied(found)
    if as_json:
        typer.echo(json.dumps([_as_json(each, running) for each in found], indent=2))
    elif found:
        console = Console(highlight=False, markup=False, emoji=False, width=_NO_EDGE)
        _show(console, found, running)
    else:
        typer.echo(f"Group {settings.kafka.group_id} has no replays.")


def state_of(known: Known, running: frozenset[str]) -> str:
    """Return what a replay is doing; one that stopped without a word was interrupted."""
    if known.state is State.COPYING and known.replay_id not in running:
        return _INTERRUPTED
    return known.state


def _as_json(found: Known | Unreadable, running: frozenset[str]) -> dict[str, Any]:
    if isinstance(found, Unreadable):
        return {"replayId": found.replay_id, "state": "unreadable", "why": found.why}
    return {
        "replayId": found.replay_id,
        "kind": _kind(found),
        "state": state_of(found, running),
        "done": found.done,
        "total": found.total,
        "copied": found.copied,
        "found": dict(found.counts),
        "startedAt": show_moment(found.cover.started_at),
        "writtenAt": show_moment(found.cover.written_at),
    }


def _show(console: Console, found: Sequence[Known | Unreadable], running: frozenset[str]) -> None:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in ("Replay", "State", "Read", "Copied", "Last written"):
        right = name in ("Read", "Copied")
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    below = []
    for each in found:
        if isinstance(each, Unreadable):
            table.add_row(Text(visible(each.replay_id)), "unreadable")
            below.append(f"{each.replay_id} cannot be resumed: {each.why}.")
            continue
        state = state_of(each, running)
        if state in (_INTERRUPTED, State.PAUSED):
            command = resuming({**each.head, "replay_id": each.replay_id})
            below.append(f"Go on: {command}")
        table.add_row(
            Text(visible(each.replay_id)),
            state,
            f"{100 * each.done // each.total if each.total else 100} %",
            f"{each.copied:,}",
            show_moment(each.cover.written_at),
        )
    console.print(table)
    for line in below:
        console.print(Text(visible(line, 1_000)))


def _kind(known: Known) -> str:
    kind = known.head.get("kind")
    return kind if kind in set(Kind) else Kind.REPLAY
