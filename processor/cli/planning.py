"""Planning, as `replay` and `redrive` share it: the plan, its survey, and what follows."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import typer
from rich.console import Console

from processor.cli.folding import tell
from processor.cli.plan_report import SurveyBar, show, to_json
from processor.cli.plan_request import Asked, Doing, Given, check, read_ids
from processor.cli.texts import open_console
from processor.core.copies import is_replay_name
from processor.core.pace import Pace
from processor.core.replays import COPIED, Guards, Kind, Plan, Prospect
from processor.core.selection import Selection
from processor.core.survey import SAMPLES, Survey
from processor.errors import ConfigurationError
from processor.shell.clock import now
from processor.shell.history import plans
from processor.shell.history.cluster import look
from processor.shell.history.files import ContainerFile, find_files, inspect_files, names_of
from processor.shell.history.planner import Request, draw_up
from processor.shell.history.progress import Cover, Known, check_cover
from processor.shell.history.reader import Reader
from processor.shell.history.stock import PATIENCE, Stock
from processor.shell.history.surveyor import survey as take
from processor.shell.settings import Connections

SOMETHING_TO_DO: Final = 3


def act(asked: Asked, given: Given, doing: Doing, settings: Connections) -> int:
    """Do what a command line says; return the exit code."""
    if given.plan_file is not None and given.resume_id is not None:
        raise typer.BadParameter("Take one of them.", param_hint="--plan and --resume")
    if given.plan_file is None and given.resume_id is None:
        check(asked)
        plan, files = draw(asked, settings)
        return carry_out(plan, files, settings, doing)
    if asked.contradicts_a_plan:
        raise typer.BadParameter(
            "A plan says already which records: leave those options out.",
            param_hint="--plan or --resume",
        )
    if given.plan_file is not None and asked.ids_file is not None:
        raise typer.BadParameter("The plan holds its ids: leave --ids out.", param_hint="--plan")
    if given.plan_file is not None:
        plan, files = load(given.plan_file, asked.kind, settings, asked.files)
        return carry_out(plan, files, settings, doing)
    plan, pace = find(str(given.resume_id), settings, asked.ids_file)
    _check_kind(plan, asked.kind, plan.replay_id)
    files = find_files(asked.files, plan.containers, plan.cart_field)
    return execute(plan, files, settings, replace(doing, kept=pace))


def find(replay_id: str, settings: Connections, ids_file: Path | None) -> tuple[Plan, Pace]:
    """Return the plan of a replay that has begun, if it fits here, and its last run's pace."""
    from processor.shell.history.shelf import Shelf  # noqa: PLC0415  not for plans

    known = Shelf(settings).find(replay_id)
    if known is None:
        raise ConfigurationError(
            f"Group {settings.kafka.group_id} knows no replay {replay_id}: `processor replay list` "
            "shows those that it knows."
        )
    if not isinstance(known, Known):
        raise ConfigurationError(f"Replay {replay_id} cannot be resumed: {known.why}.")
    ids, digest = read_ids(ids_file)
    plan = plans.from_head(dict(known.head), [part.slice for part in known.parts], ids)
    if plan.ids_sha256 != digest:
        raise ConfigurationError(
            f"Replay {replay_id} was begun with a list of ids"
            f"{', and this is another one' if digest else ''}: name the same file with --ids "
            f"(SHA-256 {plan.ids_sha256})."
            if plan.ids_sha256
            else f"Replay {replay_id} was begun without a list of ids: leave --ids out."
        )
    plans.check(plan, look(settings.kafka, list(plan.topic_ids)), settings)
    return plan, known.cover.pace


def _check_kind(plan: Plan, kind: Kind, what: str) -> None:
    if plan.kind is not kind:
        raise ConfigurationError(f"{what} is a {plan.kind}: use `processor {plan.kind}`.")


def draw(asked: Asked, settings: Connections) -> tuple[Plan, tuple[ContainerFile, ...]]:
    """Make a plan of what was asked for. Blocks."""
    files = inspect_files(asked.files, asked.cart_field)
    ids, digest = read_ids(asked.ids_file)
    made_at = now()
    replay_id = asked.replay_id or plans.new_replay_id(
        asked.kind, datetime.fromtimestamp(made_at.wall, UTC)
    )
    if not is_replay_name(replay_id):
        raise typer.BadParameter(
            "An id has up to 48 letters, digits, dots, dashes and underscores.", param_hint="--id"
        )
    request = Request(
        kind=asked.kind,
        replay_id=replay_id,
        selection=with_ids(asked.selection, ids),
        guards=Guards(
            max_age=None if asked.allows_stale else settings.replay.max_age,
            includes_maybe_applied=asked.includes_maybe_applied,
            most_redrives=settings.replay.most_redrives,
        ),
        topics=asked.topics,
        offsets=asked.offsets,
        files=files,
        cart_field=asked.cart_field,
        ids_sha256=digest,
        partitioner=asked.partitioner,
    )
    with Reader(settings.kafka, patience=PATIENCE) as reader:
        plan = draw_up(request, settings, reader, made_at.wall_ms)
    return plan, files


def load(
    path: Path, kind: Kind, settings: Connections, given: Sequence[Path]
) -> tuple[Plan, tuple[ContainerFile, ...]]:
    """Return a plan that was saved, if it fits here, and its files."""
    plan = plans.load(path)
    _check_kind(plan, kind, str(path))
    plans.check(plan, look(settings.kafka, list(plan.topic_ids)), settings)
    return plan, find_files(given, plan.containers, plan.cart_field)


def carry_out(
    plan: Plan, files: Sequence[ContainerFile], settings: Connections, doing: Doing
) -> int:
    """Survey a plan, tell what it would do, and do it if that was asked for.

    Returns the exit code: without --execute 3 when there is something to do.
    """
    if doing.executes or doing.save_to is not None:
        check_cover(len(plan.slices), plans.head_of(plan))
    found = _survey(plan, files, settings, doing.most)
    if doing.save_to is not None:
        plans.save(plan, doing.save_to)
    if doing.as_json:
        report = to_json(plan, found, doing.pace.rate)
        if doing.executes:  # the first of the events that follow, one a line
            typer.echo(json.dumps({"event": "planned"} | report))
        else:
            typer.echo(json.dumps(report, indent=2))
    else:
        show(open_console(), plan, found, doing.pace.rate, names_of(files), doing.most)
    if not doing.executes:
        if found.copies and not doing.as_json:
            tell(_how_to_go_on(plan, doing))
        return _code(found)
    if not found.copies:
        return _code(found)
    _confirm(found, settings, doing)
    return execute(plan, files, settings, doing, found.copies)


def _code(found: Survey) -> int:
    """Return 3 when there is something to do, be it to look for what Kafka has deleted."""
    return SOMETHING_TO_DO if found.copies or found.counts.get(Prospect.DELETED) else 0


def execute(
    plan: Plan,
    files: Sequence[ContainerFile],
    settings: Connections,
    doing: Doing,
    expected: int | None = None,
) -> int:
    """Bring back what a plan names, from where it stands; return the exit code.

    `expected` is how many copies its survey has promised.
    """
    from processor.cli.copying import copy  # noqa: PLC0415  a plan alone needs none of it
    from processor.shell.history.control import Control  # noqa: PLC0415  the same

    with Stock(plan, settings, files, _began_at(plan, settings)) as stock:
        control = Control(doing.pace, doing.rate_file)
        return copy(plan, stock, settings, control, as_json=doing.as_json, expected=expected)


def _began_at(plan: Plan, settings: Connections) -> int | None:
    """Return when a replay began (epoch milliseconds), None when it has not."""
    from processor.shell.history.shelf import Shelf  # noqa: PLC0415  not for plans

    cover = Shelf(settings).cover(plan.replay_id)
    return cover.started_at if isinstance(cover, Cover) else None


def with_ids(selection: Selection, ids: frozenset[str]) -> Selection:
    """Return a selection with the ids of a file."""
    return replace(selection, ids=ids)


def _survey(plan: Plan, files: Sequence[ContainerFile], settings: Connections, most: int) -> Survey:
    console = Console(stderr=True)
    with Stock(plan, settings, files) as stock, SurveyBar(console, plan) as bar:
        return take(
            plan,
            stock,
            lambda done, counts: bar.advance(done, sum(counts.get(each, 0) for each in COPIED)),
            max(most, SAMPLES),
        )


def _how_to_go_on(plan: Plan, doing: Doing) -> str:
    if doing.save_to is None:
        return "Add --execute to do it, or --save-plan FILE to keep the plan."
    files = " with the same --avro" if plan.containers else ""
    return f"Do it with `processor {plan.kind} --plan {doing.save_to} --execute`{files}."


def _confirm(found: Survey, settings: Connections, doing: Doing) -> None:
    """Ask a person when there are many calls."""
    most = found.copies
    if most <= settings.replay.confirm_above or doing.is_confirmed:
        return
    question = f"That makes up to {most:,} calls to Rokt. Go on?"
    if not sys.stdin.isatty():
        raise ConfigurationError(
            f"That makes up to {most:,} calls to Rokt, more than PROCESSOR_REPLAY__CONFIRM_ABOVE "
            f"({settings.replay.confirm_above:,}), and nobody can be asked: add --yes."
        )
    typer.confirm(question, abort=True, err=True)
