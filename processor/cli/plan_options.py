"""The options that `replay` and `redrive` share."""

from pathlib import Path
from typing import Annotated, Final

import typer

from processor.core.moments import EXPECTED
from processor.core.pace import DEFAULT_RATE
from processor.core.vocabulary import Operation

WHICH: Final = "Which records"
GUARDS: Final = "Guards"
DOING: Final = "The plan, and what is done with it"

Since = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="TIME",
        help=f"Not before, by the time of the record in Kafka: {EXPECTED}.",
        rich_help_panel=WHICH,
    ),
]
FailedSince = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="TIME",
        help=f"Not before, by the time of the dead letter: {EXPECTED}.",
        rich_help_panel=WHICH,
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="TIME",
        help="Before that time of the record in Kafka.",
        rich_help_panel=WHICH,
    ),
]
FailedUntil = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="TIME", help="Before that time of the dead letter.", rich_help_panel=WHICH
    ),
]
Operations = Annotated[
    list[Operation] | None,
    typer.Option(
        "--operation",
        metavar="OPERATION",
        case_sensitive=False,
        help="CONFIRM, RELEASE, or UNKNOWN for what cannot be read.",
        rich_help_panel=WHICH,
    ),
]
Orders = Annotated[
    list[str] | None,
    typer.Option("--order", metavar="ID", help="Of this order.", rich_help_panel=WHICH),
]
Carts = Annotated[
    list[str] | None,
    typer.Option("--cart", metavar="ID", help="Of this cart.", rich_help_panel=WHICH),
]
Ids = Annotated[
    Path | None,
    typer.Option(
        "--ids", metavar="FILE", help="Of orders or carts, one id a line.", rich_help_panel=WHICH
    ),
]
Numbers = Annotated[
    list[int] | None,
    typer.Option("--partition", min=0, metavar="N", help="Of this one.", rich_help_panel=WHICH),
]
Offsets = Annotated[
    list[str] | None,
    typer.Option(
        "--offsets",
        metavar="TOPIC:N:BEGIN-END",
        help="At offsets of a partition, END not included; without END to where it ends.",
        rich_help_panel=WHICH,
    ),
]
MaybeApplied = Annotated[
    bool,
    typer.Option(
        "--include-maybe-applied",
        help="Call again what Rokt may have applied already, with the same bytes.",
        rich_help_panel=GUARDS,
    ),
]
AllowStale = Annotated[
    bool,
    typer.Option(
        "--allow-stale",
        help="Also events that are too old, or older than the ledger remembers.",
        rich_help_panel=GUARDS,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.", rich_help_panel=GUARDS)]
StopAfter = Annotated[
    int | None,
    typer.Option(
        "--stop-after-failures",
        min=1,
        metavar="N",
        help="Pause when so many have ended in dead letters.",
        rich_help_panel=GUARDS,
    ),
]
Execute = Annotated[
    bool,
    typer.Option(
        "--execute",
        help="Do it; otherwise only plan. Exits with 0 when all is worked, with 3 when copies "
        "ended in dead letters or records were gone, with 1 when it failed or was paused; so does "
        "--resume.",
        rich_help_panel=DOING,
    ),
]
Resume = Annotated[
    str | None,
    typer.Option(
        "--resume",
        metavar="ID",
        help="Go on with one that was stopped, from any machine. It keeps its rate and "
        "--stop-after-failures unless they are given anew.",
        rich_help_panel=DOING,
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        min=0.01,
        max=100_000,
        metavar="N",
        show_default=f"{DEFAULT_RATE:g}",
        help="Records a second, at most.",
        rich_help_panel=DOING,
    ),
]
RateFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A file that holds the rate, and may change meanwhile.",
        rich_help_panel=DOING,
    ),
]
Most = Annotated[
    int,
    typer.Option(
        "--list",
        min=0,
        metavar="N",
        help="List so many of each kind; all are counted.",
        rich_help_panel=DOING,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=DOING)]
SavePlan = Annotated[
    Path | None,
    typer.Option(
        "--save-plan", metavar="FILE", help="Keep the plan, for --plan.", rich_help_panel=DOING
    ),
]
PlanFile = Annotated[
    Path | None,
    typer.Option(
        "--plan", metavar="FILE", help="Take a plan that was saved.", rich_help_panel=DOING
    ),
]
ReplayId = Annotated[
    str | None,
    typer.Option("--id", metavar="ID", help="How to call it.", rich_help_panel=DOING),
]
