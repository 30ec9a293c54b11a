"""The records that a plan speaks of, by name: so many of each prospect."""

from collections.abc import Mapping
from typing import Final

from rich.console import Console

from processor.cli.plan_report import NAMED, name
from processor.cli.texts import lines, new_table
from processor.core.moments import show_moment
from processor.core.replays import Candidate, Prospect
from processor.core.survey import Survey

_RATIOS: Final = (2, 4, 4)


def show_samples(console: Console, survey: Survey, most: int, files: Mapping[str, str]) -> None:
    """Print up to `most` records of each prospect; `files` names the container files by topic.

    Those that need a person are named above already.
    """
    listed = [
        (prospect, each)
        for prospect in Prospect
        if prospect not in NAMED
        for each in survey.samples.get(prospect, ())[:most]
    ]
    if not listed:
        return
    total = sum(survey.counts.get(prospect, 0) for prospect in {each for each, _ in listed})
    left = f"the first {most} of each prospect (--list)" if total > len(listed) else "all of them"
    title = f"which, {left}"
    table = new_table("prospect", "which", "why", title=title, is_wide=True)
    for column, ratio in zip(table.columns, _RATIOS, strict=True):
        column.ratio = ratio
    for prospect, each in listed:
        cart = f"cart {each.cart_id}" if each.order_id and each.cart_id else None
        about = lines(name(each, files), cart, _when(each))
        table.add_row(prospect, about, lines(_why(each), each.detail))
    console.print(table)


def _when(candidate: Candidate) -> str | None:
    at = candidate.origin.timestamp
    return None if at is None else show_moment(at)


def _why(candidate: Candidate) -> str | None:
    failure = candidate.failure
    if failure is None:
        return None
    status = f", HTTP {failure.http_status}" if failure.http_status else ""
    return f"{failure.reason}, {failure.effect}{status}"
