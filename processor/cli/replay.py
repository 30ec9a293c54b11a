"""`processor replay`: have records of the past worked again, by the live fleet."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from processor.cli import ConfigFile
from processor.cli import plan_options as options
from processor.cli.plan_request import Asked, Doing, Given, moment, offsets
from processor.cli.planning import act
from processor.core.replays import Kind
from processor.core.selection import Selection
from processor.shell.history.files import CART_FIELD
from processor.shell.settings import load_connections

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

Topics = Annotated[
    list[str] | None,
    typer.Option(
        "--topic",
        metavar="TOPIC",
        help="From this topic, payments first, in the place of the inputs.",
        rich_help_panel=options.WHICH,
    ),
]
Files = Annotated[
    list[Path] | None,
    typer.Option(
        "--avro",
        metavar="FILE",
        help="From Avro container files, whose rows are OrderPaid or CartAbandoned events.",
        rich_help_panel=options.WHICH,
    ),
]
CartField = Annotated[
    str,
    typer.Option(
        metavar="FIELD",
        help="Which field of a file's rows gives the cart: its id, or the original key.",
        rich_help_panel=options.WHICH,
    ),
]
Partitioner = Annotated[
    Literal["murmur2", "CRC-32"] | None,
    typer.Option(
        help="How carts are placed that cannot keep their partition, if the inputs do not show it.",
        rich_help_panel=options.WHICH,
    ),
]


@app.callback(invoke_without_command=True)
def replay(  # noqa: PLR0913  the options of the command
    ctx: typer.Context,
    *,
    since: options.Since = None,
    until: options.Until = None,
    at: options.Offsets = None,
    ids: options.Ids = None,
    avro: Files = None,
    cart_field: CartField = CART_FIELD,
    topic: Topics = None,
    operation: options.Operations = None,
    order: options.Orders = None,
    cart: options.Carts = None,
    partition: options.Numbers = None,
    partitioner: Partitioner = None,
    include_maybe_applied: options.MaybeApplied = False,
    allow_stale: options.AllowStale = False,
    yes: options.Yes = False,
    stop_after_failures: options.StopAfter = None,
    execute: options.Execute = False,
    resume_id: options.Resume = None,
    rate: options.Rate = None,
    rate_file: options.RateFile = None,
    most: options.Most = 0,
    as_json: options.AsJson = False,
    save_plan: options.SavePlan = None,
    plan_file: options.PlanFile = None,
    replay_id: options.ReplayId = None,
    config: ConfigFile = None,
) -> None:
    """Have records of the past worked again, by the live fleet.

    Without --execute it only tells what would happen: it exits with 3 when there is something to
    do, with 0 when there is not. Nothing that is settled is called again.
    """
    if ctx.invoked_subcommand is not None:
        return
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
    )
    asked = Asked(
        kind=Kind.REPLAY,
        selection=selection,
        ids_file=ids,
        topics=tuple(topic or ()),
        offsets=offsets(at or ()),
        files=tuple(avro or ()),
        cart_field=cart_field,
        partitioner=partitioner,
        includes_maybe_applied=include_maybe_applied,
        allows_stale=allow_stale,
        replay_id=replay_id,
    )
    given = Given(plan_file=plan_file, resume_id=resume_id)
    raise typer.Exit(act(asked, given, doing, load_connections(config)))


@app.command("list")
def list_replays(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """Show the replays and redrives that are known, and how far they are."""
    from processor.cli import replay_list  # noqa: PLC0415  a plan needs none of it

    replay_list.list_replays(load_connections(config), as_json=as_json)
