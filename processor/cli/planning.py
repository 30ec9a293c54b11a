"""Planning, as `replay` and `redrive` share it: options, the plan, its survey, and what follows."""

import hashlib
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import typer
from rich.console import Console

from processor.cli.plan_report import SurveyBar, show, to_json
from processor.cli.texts import open_console
from processor.core.copies import is_replay_id
from processor.core.moments import read_moment
from processor.core.pace import Pace
from processor.core.records import Partition
from processor.core.replays import COPIED, Guards, Kind, Plan, Slice
from processor.core.selection import Selection
from processor.core.survey import Survey
from processor.errors import ConfigurationError
from processor.shell.clock import now
from processor.shell.history import plans
from processor.shell.history.cluster import look
from processor.shell.history.files import CART_FIELD, ContainerFile, find_files, inspect_files
from processor.shell.history.planner import Request, draw_up
from processor.shell.history.reader import Reader
from processor.shell.history.stock import PATIENCE, Stock
from processor.shell.history.surveyor import survey as take
from processor.shell.settings import Connections

SOMETHING_TO_DO: Final = 3
_OFFSETS: Final = re.compile(r"([^:]+):(\d{1,9}):(\d{1,18})-(\d{0,18})")
_NO_END: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which records somebody has asked for, as options say it."""

    kind: Kind
    selection: Selection
    ids_file: Path | None = None
    topics: tuple[str, ...] = ()
    offsets: tuple[Slice, ...] = ()
    files: tuple[Path, ...] = ()
    cart_field: str = CART_FIELD
    partitioner: str | None = None
    includes_maybe_applied: bool = False
    allows_stale: bool = False
    replay_id: str | None = None

    @property
    def names_records(self) -> bool:
        """Whether any option says which records."""
        return self.selection != Selection() or bool(
            self.topics or self.offsets or self.files or self.ids_file
        )

    @property
    def contradicts_a_plan(self) -> bool:
        """Whether an option says what a plan says already; its files are not in the plan."""
        return self.selection != Selection() or bool(
            self.topics
            or self.offsets
            or self.replay_id
            or self.partitioner
            or self.allows_stale
            or self.includes_maybe_applied
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """What is to be done with a plan."""

    executes: bool
    as_json: bool
    rate: float
    is_confirmed: bool
    stop_after: int | None
    rate_file: Path | None
    save_to: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Where a plan comes from that need not be made."""

    plan_file: Path | None
    resume_id: str | None


def act(asked: Asked, given: Given, doing: Doing, settings: Connections) -> int:
    """Do what a command line says; return the exit code."""
    if given.plan_file is not None and given.resume_id is not None:
        raise typer.BadParameter("Take one of them.", param_hint="--plan and --resume")
    if given.plan_file is None and given.resume_id is None:
        _check(asked)
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
    plan = find(str(given.resume_id), settings, asked.ids_file)
    _check_kind(plan, asked.kind, plan.replay_id)
    files = find_files(asked.files, plan.containers, plan.cart_field)
    return execute(plan, files, settings, doing)


def find(replay_id: str, settings: Connections, ids_file: Path | None) -> Plan:
    """Return the plan of a replay that has begun, if it fits here."""
    from processor.shell.history.progress import Known  # noqa: PLC0415  not for plans
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
    plans.check(plan, look(settings.kafka, list(plan.topic_ids)), settings.kafka.group_id)
    return plan


def _check_kind(plan: Plan, kind: Kind, what: str) -> None:
    if plan.kind is not kind:
        raise ConfigurationError(f"{what} is a {plan.kind}: use `processor {plan.kind}`.")


def _check(asked: Asked) -> None:
    """Refuse what contradicts itself, or says nothing."""
    selection = asked.selection
    if asked.kind is Kind.REPLAY and not asked.names_records:
        raise ConfigurationError(
            "Say what to replay: --from a time (such as --from 2h), --offsets, --ids, --order or "
            "--cart, --avro, a --plan that was saved, or one to --resume. `processor replay "
            "--help` tells more."
        )
    since, until = selection.since, selection.until
    if since is not None and until is not None and since >= until:
        raise typer.BadParameter("The window ends before it begins.", param_hint="--to")
    if asked.files and (asked.topics or asked.offsets or selection.partitions):
        raise typer.BadParameter(
            "Files have no topics, partitions or offsets of Kafka.", param_hint="--avro"
        )
    if asked.offsets and (asked.topics or selection.partitions):
        raise typer.BadParameter(
            "It names topics and partitions already: leave --topic and --partition out.",
            param_hint="--offsets",
        )


def moment(text: str | None, name: str) -> int | None:
    """Return the moment that an option names, epoch milliseconds."""
    if text is None:
        return None
    try:
        return read_moment(text, now().wall_ms)
    except ValueError as wrong:
        raise typer.BadParameter(f"{text!r} {wrong}.", param_hint=name) from None


def offsets(texts: Sequence[str]) -> tuple[Slice, ...]:
    """Return the slices that options name."""
    found = []
    for text in texts:
        parts = _OFFSETS.fullmatch(text)
        if parts is None:
            raise typer.BadParameter(
                f"{text!r} is not TOPIC:PARTITION:BEGIN-END, such as order-paid:3:1200-1300.",
                param_hint="--offsets",
            )
        topic, number, begin, end = parts.groups()
        place = Partition(topic, int(number))
        found.append(Slice(place=place, begin=int(begin), end=int(end) if end else _NO_END))
    if len({part.place for part in found}) < len(found):
        raise typer.BadParameter("Name each partition once.", param_hint="--offsets")
    return tuple(found)


def read_ids(path: Path | None) -> tuple[frozenset[str], str | None]:
    """Return the ids of a file, and its digest."""
    if path is None:
        return frozenset(), None
    try:
        data = path.read_bytes()
        ids = frozenset(line.strip() for line in data.decode("utf-8-sig").splitlines())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is no text in UTF-8.") from None
    ids -= {""}
    if not ids:
        raise ConfigurationError(f"{path} holds no id: it needs one a line.")
    return ids, hashlib.sha256(data).hexdigest()


def draw(asked: Asked, settings: Connections) -> tuple[Plan, tuple[ContainerFile, ...]]:
    """Make a plan of what was asked for. Blocks."""
    files = inspect_files(asked.files, asked.cart_field)
    ids, digest = read_ids(asked.ids_file)
    made_at = now()
    replay_id = asked.replay_id or plans.new_replay_id(
        asked.kind, datetime.fromtimestamp(made_at.wall, UTC)
    )
    if not is_replay_id(replay_id):
        raise typer.BadParameter(
            "An id has up to 64 letters, digits, dots, dashes and underscores.", param_hint="--id"
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
        return draw_up(request, settings, reader, made_at.wall_ms), files


def load(
    path: Path, kind: Kind, settings: Connections, given: Sequence[Path]
) -> tuple[Plan, tuple[ContainerFile, ...]]:
    """Return a plan that was saved, if it fits here, and its files."""
    plan = plans.load(path)
    _check_kind(plan, kind, str(path))
    plans.check(plan, look(settings.kafka, list(plan.topic_ids)), settings.kafka.group_id)
    return plan, find_files(given, plan.containers, plan.cart_field)


def carry_out(
    plan: Plan, files: Sequence[ContainerFile], settings: Connections, doing: Doing
) -> int:
    """Survey a plan, tell what it would do, and do it if that was asked for.

    Returns the exit code: without --execute 3 when there is something to do.
    """
    found = _survey(plan, files, settings)
    if doing.save_to is not None:
        plans.save(plan, doing.save_to)
    if doing.as_json:
        report = to_json(plan, found, doing.rate)
        if doing.executes:  # the first of the events that follow, one a line
            typer.echo(json.dumps({"event": "planned"} | report))
        else:
            typer.echo(json.dumps(report, indent=2))
    else:
        show(open_console(), plan, found, doing.rate)
    if not doing.executes:
        if found.copies and not doing.as_json:
            typer.echo(_how_to_go_on(plan, doing))
        return SOMETHING_TO_DO if found.copies else 0
    if not found.copies:
        return 0
    _confirm(found, settings, doing)
    return execute(plan, files, settings, doing)


def execute(plan: Plan, files: Sequence[ContainerFile], settings: Connections, doing: Doing) -> int:
    """Bring back what a plan names, from where it stands; return the exit code."""
    from processor.cli.copying import copy  # noqa: PLC0415  a plan alone needs none of it
    from processor.shell.history.control import Control  # noqa: PLC0415  the same

    pace = Pace(rate=doing.rate, stop_after_failures=doing.stop_after)
    with Stock(plan, settings, files) as stock:
        control = Control(pace, doing.rate_file)
        return copy(plan, stock, settings, control, as_json=doing.as_json)


def with_ids(selection: Selection, ids: frozenset[str]) -> Selection:
    """Return a selection with the ids of a file."""
    return replace(selection, ids=ids)


def _survey(plan: Plan, files: Sequence[ContainerFile], settings: Connections) -> Survey:
    console = Console(stderr=True)
    with Stock(plan, settings, files) as stock, SurveyBar(console, plan) as bar:
        return take(
            plan,
            stock,
            lambda done, counts: bar.advance(done, sum(counts.get(each, 0) for each in COPIED)),
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
