"""`processor redrive`: have the records of dead letters worked again, by the live fleet."""

from typing import Annotated

import typer

from processor.cli import ConfigFile
from processor.cli import plan_options as options
from processor.cli.plan_request import Asked, Doing, Given, moment, offsets
from processor.cli.planning import act
from processor.core.replays import Kind
from processor.core.selection import Selection
from processor.core.vocabulary import Effect, Reason
from processor.shell.settings import load_connections

Reasons = Annotated[
    list[Reason] | None,
    typer.Option(
        "--reason",
        metavar="REASON",
        case_sensitive=False,
        help=f"That failed for this reason: {', '.join(Reason)}.",
        rich_help_panel=options.WHICH,
    ),
]
Effects = Annotated[
    list[Effect] | None,
    typer.Option(
        "--effect",
        metavar="EFFECT",
        case_sensitive=False,
        help=f"Whose call had this effect: {', '.join(Effect)}.",
        rich_help_panel=options.WHICH,
    ),
]
HttpStatuses = Annotated[
    list[int] | None,
    typer.Option(
        "--http-status",
        min=100,
        max=599,
        metavar="N",
        help="That Rokt answered so.",
        rich_help_panel=options.WHICH,
    ),
]
Topics = Annotated[
    list[str] | None,
    typer.Option(
        "--topic",
        metavar="TOPIC",
        help="From this topic of dead letters, in the place of today's.",
        rich_help_panel=options.WHICH,
    ),
]
All = Annotated[
    bool,
    typer.Option("--all", help="Every dead letter.", rich_help_panel=options.WHICH),
]


def redrive(  # noqa: PLR0913  the options of the command
    *,
    all_letters: All = False,
    reason: Reasons = None,
    effect: Effects = None,
    http_status: HttpStatuses = None,
    since: options.FailedSince = None,
    until: options.FailedUntil = None,
    at: options.Offsets = None,
    ids: options.Ids = None,
    topic: Topics = None,
    operation: options.Operations = None,
    order: options.Orders = None,
    cart: options.Carts = None,
    partition: options.Numbers = None,
    include_maybe_applied: options.MaybeApplied = False,
    allow_stale: options.AllowStale = False,
    yes: options.Yes = False,
    stop_after_failures: options.StopAfter = None,
    execute: options.Execute = False,
    resume_id: options.Resume = None,
    rate: options.Rate = None,
    rate_file: options.RateFile = None,
    most: options.Most = 20,
    as_json: options.AsJson = False,
    save_plan: options.SavePlan = None,
    plan_file: options.PlanFile = None,
    replay_id: options.ReplayId = None,
    config: ConfigFile = None,
) -> None:
    """Have the records of dead letters worked again, by the live fleet.

    Without --execute it only tells what would happen: it exits with 3 when there is something to
    do, with 0 when there is not. Times are those of the dead letters.
    """
    doing = Doing(
        executes=execute,
        as_json=as_json,
        rate=rate,
        is_confirmed=yes,
        stop_after=stop_after_failures,
        rate_file=rate_file,
        save_to=save_plan,
        most=most,
    )
    selection = Selection(
        operations=frozenset(operation or ()),
        orders=frozenset(order or ()),
        carts=frozenset(cart or ()),
        partitions=frozenset(partition or ()),
        since=moment(since, "--from"),
        until=moment(until, "--to"),
        reasons=frozenset(reason or ()),
        effects=frozenset(effect or ()),
        http_statuses=frozenset(http_status or ()),
    )
    asked = Asked(
        kind=Kind.REDRIVE,
        selection=selection,
        ids_file=ids,
        topics=tuple(topic or ()),
        offsets=offsets(at or ()),
        includes_maybe_applied=include_maybe_applied,
        allows_stale=allow_stale,
        replay_id=replay_id,
        is_all=all_letters,
    )
    given = Given(plan_file=plan_file, resume_id=resume_id)
    raise typer.Exit(act(asked, given, doing, load_connections(config)))
