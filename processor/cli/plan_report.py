"""What a plan would do, for people and for machines."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from processor.cli.plan_samples import name, show_samples
from processor.cli.texts import say, visible
from processor.core.moments import show_moment
from processor.core.replays import COPIED, Candidate, Kind, Plan, Prospect
from processor.core.survey import Survey
from processor.core.wording import counted

_MOST_SHOWN: Final = 20
_MOST_OF_A_REASON: Final = 60
_EXPLAINED: Final = frozenset({Prospect.UNDECODABLE, Prospect.INVALID, Prospect.STALE})
_MEANINGS: Final = {
    Prospect.CONFIRM: "would be confirmed with Rokt",
    Prospect.RELEASE: "would be released with Rokt",
    Prospect.REPEAT: "name an order or items named earlier here; the fleet decides",
    Prospect.SETTLED: "are settled: no call",
    Prospect.DOUBTFUL: "may be applied already: only with --include-maybe-applied",
    Prospect.CONFLICT: "contradict a settled order: no call",
    Prospect.NOTHING_LEFT: "have nothing left to release: no call",
    Prospect.STALE: "are too old, or older than all outcomes: only with --allow-stale",
    Prospect.UNDECODABLE: "cannot be read",
    Prospect.INVALID: "can be read, but not be called",
    Prospect.WAITING: "of the window are not worked yet; the live fleet will work them anyway",
    Prospect.QUARANTINED: "were brought back too often, and failed each time",
    Prospect.MISSING: "have no bytes any more",
    Prospect.DELETED: "offsets that were deleted before they were read",
}


def to_json(plan: Plan, survey: Survey, rate: float) -> dict[str, Any]:
    """Return the report for machines; every prospect has its count."""
    return {
        "replayId": plan.replay_id,
        "runId": plan.run_id,
        "kind": plan.kind,
        "createdAt": show_moment(plan.created_at),
        "clusterId": plan.cluster_id,
        "group": plan.group,
        "topics": {
            name: {"id": topic_id, "partitions": plan.counts[name]}
            for name, topic_id in plan.topic_ids.items()
        },
        "slices": [
            {
                "topic": part.place.topic,
                "partition": part.place.number,
                "begin": part.begin,
                "end": part.end,
            }
            for part in plan.slices
        ],
        "counts": {prospect: survey.counts.get(prospect, 0) for prospect in Prospect},
        "samples": {
            prospect: [_sample(each) for each in survey.samples[prospect]]
            for prospect in Prospect
            if prospect in survey.samples
        },
        "failures": [
            {"reason": reason, "effect": effect, "count": number}
            for (reason, effect), number in survey.failures.items()
        ],
        "copies": survey.copies,
        "calls": survey.calls,
        "rate": rate,
        "seconds": round(survey.seconds(rate), 1),
        "read": survey.read,
        "absent": survey.absent,
        "unknown": list(survey.unknown),
        "notes": list(plan.notes),
    }


def _sample(candidate: Candidate) -> dict[str, Any]:
    origin, failure = candidate.origin, candidate.failure
    return {
        "topic": origin.topic,
        "partition": origin.partition,
        "offset": origin.offset,
        "timestamp": None if origin.timestamp is None else show_moment(origin.timestamp),
        "operation": candidate.operation,
        "cartId": candidate.cart_id,
        "orderId": candidate.order_id,
        "detail": candidate.detail,
        "reason": failure and failure.reason,
        "effect": failure and failure.effect,
        "httpStatus": failure and failure.http_status,
    }


def show(
    console: Console,
    plan: Plan,
    survey: Survey,
    rate: float,
    files: Mapping[str, str] = MappingProxyType({}),
    most: int = 0,
) -> None:
    """Print the report for people; `files` names the container files, by their topic.

    Of each prospect up to `most` records are listed, or one is there as an example.
    """
    console.print(
        f"{plan.kind.capitalize()} {visible(plan.replay_id)}, for group {visible(plan.group)}: "
        f"{counted(survey.read, 'record')} of {_sources(plan)} read",
        soft_wrap=True,
    )
    if survey.counts:
        console.print(_table(survey, files, has_examples=not most))
    if survey.failures:
        console.print()
        console.print(_failures(survey))
    console.print()
    show_samples(console, survey, most, files)
    for line in _lines(plan, survey, rate, files):
        say(console, line)


def _sources(plan: Plan) -> str:
    if plan.containers:
        return counted(len(plan.containers), "container file")
    topics = dict.fromkeys(visible(part.place.topic) for part in plan.slices)
    return " and ".join(topics) or "no partition"


def _table(survey: Survey, files: Mapping[str, str], *, has_examples: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("prospect", no_wrap=True)
    table.add_column("records", justify="right")
    table.add_column("which", overflow="fold")
    if has_examples:
        table.add_column("for example", overflow="fold")
    for prospect in Prospect:
        number = survey.counts.get(prospect, 0)
        if not number:
            continue
        examples = survey.samples.get(prospect, ()) if has_examples else ()
        shown = [name(examples[0], files)] if examples else []
        style = "bold" if prospect in COPIED else ""
        table.add_row(prospect, f"{number:,}", _MEANINGS[prospect], *shown, style=style)
        if prospect in _EXPLAINED and examples and examples[0].detail:
            table.add_row("", "", "", visible(examples[0].detail, _MOST_OF_A_REASON), style="dim")
    return table


def _failures(survey: Survey) -> Table:
    """Return how the records of the dead letters have failed, the most frequent first."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("failed for", "effect"):
        table.add_column(head, overflow="fold")
    table.add_column("records", justify="right")
    for (reason, effect), number in sorted(survey.failures.items(), key=lambda each: -each[1]):
        table.add_row(reason, effect, f"{number:,}")
    return table


def _lines(plan: Plan, survey: Survey, rate: float, files: Mapping[str, str]) -> Iterator[str]:
    if survey.copies:
        more = survey.counts.get(Prospect.REPEAT, 0)
        and_more = f" (and up to {more:,} more)" if more else ""
        yield (
            f"To do: bring back {counted(survey.copies, 'record')}; about "
            f"{counted(survey.calls, 'call')}{and_more}, {_duration(survey.seconds(rate))} at "
            f"{rate:g} a second."
        )
    elif not survey.counts.get(Prospect.DELETED):
        yield "Nothing is to be done."
    selection = plan.selection
    is_window = selection.since is not None or selection.until is not None
    if is_window and not plan.containers and plan.kind is Kind.REPLAY and not survey.counts:
        yield (
            "The window holds none: it is compared with the time of the record in Kafka, not "
            "with when the event occurred."
        )
    yield from _named("Quarantined", survey.samples.get(Prospect.QUARANTINED, ()), files)
    yield from _named("Without bytes", survey.samples.get(Prospect.MISSING, ()), files)
    if survey.unknown:
        listed = ", ".join(visible(each) for each in survey.unknown[:_MOST_SHOWN])
        more = len(survey.unknown) - _MOST_SHOWN
        yield f"Not found in what was read: {listed}{f' and {more:,} more' if more > 0 else ''}"
    if survey.absent:
        yield (
            f"Note: {counted(survey.absent, 'offset')} without a record: markers of transactions, "
            "or records that compaction has removed."
        )
    for note in plan.notes:
        yield f"Note: {note}"


def _named(what: str, candidates: Sequence[Candidate], files: Mapping[str, str]) -> Iterator[str]:
    for each in candidates[:_MOST_SHOWN]:
        yield f"{what}: {name(each, files)}: {visible(each.detail or '')}"
    if len(candidates) > _MOST_SHOWN:
        yield f"{what}: {len(candidates) - _MOST_SHOWN:,} more; --json names up to 1,000."


def _duration(seconds: float) -> str:
    if seconds < 90:  # noqa: PLR2004  below that, minutes say too little
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"  # noqa: PLR2004


class SurveyBar:
    """A bar on the terminal while a plan is surveyed; where there is none it says nothing."""

    def __init__(self, console: Console, plan: Plan) -> None:
        """Show it on `console`, as long as the context lasts."""
        self._progress = Progress(
            TextColumn("reading"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[found]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=plan.size, found="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def advance(self, done: int, copies: int) -> None:
        """Show how many offsets are behind, and how many records are to be brought back."""
        self._progress.update(self._task, completed=done, found=f"{copies:,} to bring back")
