"""The report: what was produced, what came of it, and where to look next."""

import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

import processor
from processor.core.vocabulary import Status
from processor.demo.findings import Finding
from processor.demo.samples import Section
from processor.fake_rokt import Entry, Totals

_CHECKOUT: Final = Path(processor.__file__).parents[1]
_PLAIN_WIDTH: Final = 120
_COLOURS: Final = {
    Status.SUCCEEDED: "green",
    Status.PARTIALLY_SUCCEEDED: "yellow",
    Status.REJECTED: "magenta",
    Status.INDETERMINATE: "magenta",
    Status.SKIPPED: "cyan",
    Status.DUPLICATE: "cyan",
    Status.CONFLICT: "magenta",
}
_METRICS: Final = (
    ("processor_records_total", "topic"),
    ("processor_calls_total", "operation"),
    ("processor_calls_total", "status_class"),
    ("processor_retries_total", "operation"),
    ("processor_outcomes_total", "status"),
    ("processor_dead_letters_total", "reason"),
)
_NEXT: Final = (
    ("demo --keep", "the same, then more events, with metrics and status to look at"),
    ("--help", "all commands"),
)
_OUTPUTS: Final = (
    "Their headers can be read as they are (processor.status, processor.reason ...). Their values "
    "are Avro after 5 bytes; the registry is this process's own and answers nobody else, so decode "
    "them with what `processor schemas show RoktCallOutcome` prints."
)
_COLUMNS: Final = ("what was produced", "calls", "status and effect", "dead letter")
_LINE_WIDTHS: Final = (34, 8, 21, 13)


def open_console() -> Console:
    """Return a console as wide as the terminal, or of a fixed width where there is none."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PLAIN_WIDTH)


def table(sections: Sequence[Section], findings: Iterable[Finding]) -> Table:
    """Return one row for each sample: its calls, outcome and dead letter, and what is wrong."""
    found = {finding.sample: finding for finding in findings}
    shown = Table(*_COLUMNS, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for section in sections:
        shown.add_row(Text(section.title, style="bold"))
        for sample in section.samples:
            title, *others = _cells(found[sample])
            shown.add_row(Padding(title, (0, 0, 0, 2)), *others)
    return shown


def line(finding: Finding) -> Table:
    """Return the row of one sample that stands alone."""
    shown = Table.grid(*(Column(width=width) for width in _LINE_WIDTHS), padding=(0, 1, 0, 0))
    shown.add_row(*_cells(finding))
    return shown


def summary(findings: Sequence[Finding], totals: Totals, metrics: str, seconds: float) -> Table:
    """Return the sums, as the topics, Rokt's ledger and the processor's metrics have them."""
    wrong = sum(bool(finding.deviations) for finding in findings)
    shown = _pairs()
    shown.add_row(
        "records",
        Text(f"{len(findings)} in {seconds:.1f} s, ").append(
            f"{wrong} not as they should be" if wrong else "all as they should be",
            style="bold red" if wrong else "bold green",
        ),
    )
    shown.add_row(
        "Rokt",
        f"{totals.arrivals} calls: {totals.effects - totals.duplicates} took effect, "
        f"{totals.duplicates} repeated one whose answer got lost, "
        f"{totals.arrivals - totals.effects} had no effect",
    )
    for name, by in _METRICS:
        shown.add_row(Text(f"{name} by {_words(by)}", style="dim"), _sums(metrics, name, by))
    return shown


def where_next() -> Table:
    """Return where to look when the demo is over."""
    shown = _pairs()
    if _CHECKOUT.joinpath("pyproject.toml").is_file():  # an installed package has no README
        readme = "README.md" if Path.cwd() == _CHECKOUT else str(_CHECKOUT / "README.md")
        shown.add_row(Text(readme, style="bold"), "what it promises, how it is set up and run")
    for arguments, what in _NEXT:
        shown.add_row(Text(f"{program()} {arguments}", style="bold"), what)
    return shown


def program() -> str:
    """Return how this program was started, as it can be typed here."""
    started = Path(sys.argv[0])
    if started.name != "processor":
        return f"{_from_here(Path(sys.executable))} -m processor"
    found = shutil.which("processor")
    if found is not None and Path(found).absolute() == started.absolute():
        return "processor"
    return _from_here(started)


def _from_here(path: Path) -> str:
    path = path.absolute()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def addresses(
    bootstrap_servers: str, topics: Iterable[str], server_url: str, admin_url: str
) -> Table:
    """Return where to look while the demo goes on."""
    shown = _pairs()
    for place, what in (
        (f"{server_url}/", "what it is doing, as a page"),
        (f"{server_url}/status", "the same as JSON"),
        (f"{server_url}/metrics", "the processor's metrics"),
        (f"{admin_url}ledger", "what has reached Rokt"),
        (bootstrap_servers, f"the broker, for clients of your own: {', '.join(topics)}"),
        ("", _OUTPUTS),
        ("Ctrl-C", "ends it"),
    ):
        shown.add_row(Text(place, style="bold"), what)
    return shown


def reminder(server_url: str) -> Text:
    """Return what is said again now and then while the demo goes on."""
    return Text(f"what it is doing: {server_url}/ (Ctrl-C ends it)", style="dim")


def _pairs() -> Table:
    return Table.grid(padding=(0, 2, 0, 0))


def _cells(finding: Finding) -> tuple[Text, ...]:
    """Return what is shown of one sample, column by column."""
    outcome, letter, wrong = finding.outcome, finding.dead_letter, finding.deviations
    title = "\n".join((finding.sample.title, *(f"! {each}" for each in wrong)))
    came_of_it = Text(_words(outcome.status), style=_COLOURS[outcome.status]) if outcome else Text()
    return (
        Text(title, style="bold red" if wrong else ""),
        Text(", ".join(map(_told, finding.calls))),
        came_of_it.append(f", {_words(outcome.effect)}" if outcome else "none", style="default"),
        Text(_words(letter.reason) if letter else ""),
    )


def _told(call: Entry) -> str:
    """Return what Rokt answered to a call."""
    return str(call.status) if call.is_answered else "no answer"


def _sums(metrics: str, name: str, by: str) -> str:
    """Return a metric's values, added up by one of its labels."""
    sums: Counter[str] = Counter()
    for family in text_string_to_metric_families(metrics):
        for each in family.samples:
            if each.name == name and each.value:
                sums[_words(each.labels[by])] += int(each.value)
    return ", ".join(f"{value} {count}" for value, count in sorted(sums.items()))


def _words(symbol: str) -> str:
    return symbol.lower().replace("_", " ")
