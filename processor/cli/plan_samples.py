"""The records that a plan speaks of, by name: so many of each prospect."""

from collections.abc import Mapping
from typing import Final

from rich.console import Console

from processor.cli.texts import lines, new_table, visible
from processor.core.moments import show_moment
from processor.core.replays import Candidate, Prospect
from processor.core.survey import Survey

NAMED: Final = frozenset({Prospect.QUARANTINED, Prospect.MISSING})
"""What a report names one by one, with sentences."""
_RATIOS: Final = (2, 4, 4)


def show_samples(console: Console, survey: Survey, most: int, files: Mapping[str, str]) -> None:
    """Print up to `most` records of each prospect; `files` names the container files by topic.

    Those that need a person are named with sentences of their own.
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
    title = f"the first {most} of each (--list)" if total > len(listed) else "all of them"
    table = new_table("prospect", "record", "why", title=title, is_wide=True)
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


def name(candidate: Candidate, files: Mapping[str, str]) -> str:
    """Return what a record is about and where it lies; `files` names the container files."""
    origin = candidate.origin
    about = (
        f"order {candidate.order_id}"
        if candidate.order_id
        else f"cart {candidate.cart_id}"
        if candidate.cart_id
        else "unknown"
    )
    topic = files.get(origin.topic, origin.topic)
    return f"{visible(about, 60)} ({visible(topic, 60)}:{origin.partition}:{origin.offset})"
