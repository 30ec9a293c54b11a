"""`processor check`: the doctor. What can break this deployment, and what to do about it."""

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from processor import __version__
from processor.cli import ConfigFile
from processor.cli.texts import lines, new_table, open_console
from processor.cli.topics_plan import names_of
from processor.core.rights import Groups
from processor.shell import logs
from processor.shell.checks.course import run
from processor.shell.checks.findings import Finding, Level
from processor.shell.history.progress import group_of
from processor.shell.kafka.marks import acceptances
from processor.shell.settings import load_in_part

_STYLES: Final = {
    Level.OK: "green",
    Level.WARNING: "yellow",
    Level.ERROR: "bold red",
    Level.UNKNOWN: "dim",
}
_COUNTED: Final = (Level.ERROR, Level.WARNING)
_SUBJECT_WIDTH: Final = 30
_ERRORS: Final = 2
_WARNINGS: Final = 3


class FailOn(StrEnum):
    """From which level on the exit code is not 0."""

    WARNING = "warning"
    ERROR = "error"


def check(
    config: ConfigFile = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
    timeout: Annotated[
        float,
        typer.Option(min=0.5, max=60, metavar="SECONDS", help="How long each step may take."),
    ] = 5.0,
    fail_on: Annotated[
        FailOn, typer.Option(help="`error`: the exit code is 0 with warnings, too.")
    ] = FailOn.WARNING,
) -> None:
    """Look at all that this deployment stands on; nothing is changed, nothing confirmed.

    Exit code 0: all is well. 3: warnings. 2: errors, so `run` would fail, or break a promise.

    Rokt is asked by HEAD, without the key: whether the key is right, only a call shows.
    """
    found = examine(config, timeout)
    if as_json:
        typer.echo(json.dumps(to_json(found, fail_on), indent=2))
    else:
        show(found, open_console())
    raise typer.Exit(exit_code(found, fail_on))


def examine(
    config: Path | None, timeout: float, environ: Mapping[str, str] = os.environ
) -> list[Finding]:
    """Return all findings, in the order in which things were looked at."""
    loaded = load_in_part(config, environ)
    logs.configure(loaded.settings.log.format, "error")
    group = loaded.settings.kafka.group_id
    groups = Groups(own=group, accepted_gaps=acceptances(group), replays=group_of(group, ""))
    return [*run(loaded, names_of(loaded.settings.topics), groups, timeout)]


def exit_code(found: Sequence[Finding], fail_on: FailOn = FailOn.WARNING) -> int:
    """Return how the process ends: the worst finding counts, if it is bad enough."""
    levels = {each.level for each in found}
    if Level.ERROR in levels:
        return _ERRORS
    return _WARNINGS if Level.WARNING in levels and fail_on is FailOn.WARNING else 0


def show(found: Sequence[Finding], console: Console) -> None:
    """Print a table of everything, then what is wrong with its remedies, and the sums."""
    problems = [each for each in found if each.level in _COUNTED]
    if len(problems) < len(found):
        console.print(_table(found))
    if problems:
        console.print(_table(problems, title="What is wrong, and what to do", has_remedies=True))
    console.print(summary(found))


def _table(
    found: Sequence[Finding], *, title: str | None = None, has_remedies: bool = False
) -> Table:
    """Return a table; without the remedies of what is told once more below."""
    table = new_table("", "of", "what", "found", title=title)
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    table.columns[2].max_width = _SUBJECT_WIDTH
    area = None
    for each in found:
        remedy = each.remedy if has_remedies or each.level not in _COUNTED else None
        table.add_row(
            Text(each.level, _STYLES[each.level]),
            "" if each.area is area else each.area,
            lines(*_parted(each.subject)),
            lines(_sentence(each.found), f"→ {_sentence(remedy)}" if remedy else None),
        )
        area = each.area
    return table


def _parted(subject: str) -> Sequence[str]:
    """Return the lines of a subject: the name of a setting that is too wide has two."""
    group, mark, name = subject.partition("__")
    is_wide = mark and " " not in subject and len(subject) > _SUBJECT_WIDTH
    return (group + mark, name) if is_wide else (subject,)


def _sentence(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


def summary(found: Sequence[Finding]) -> str:
    """Return how often there was what, the worst first."""
    counts = Counter(each.level for each in found)
    listed = ", ".join(
        f"{counts[level]} {level}{'s' if level in _COUNTED and counts[level] > 1 else ''}"
        for level in (Level.ERROR, Level.WARNING, Level.UNKNOWN, Level.OK)
        if counts[level]
    )
    return f"{listed}."


def to_json(found: Sequence[Finding], fail_on: FailOn = FailOn.WARNING) -> dict[str, Any]:
    """Return the findings as JSON has them."""
    counts = Counter(each.level for each in found)
    return {
        "version": __version__,
        "exitCode": exit_code(found, fail_on),
        "counts": {level: counts[level] for level in Level},
        "findings": [
            {
                "area": each.area,
                "subject": each.subject,
                "level": each.level,
                "found": each.found,
                "remedy": each.remedy,
            }
            for each in found
        ],
    }
