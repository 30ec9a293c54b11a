"""The tables of `deploy/SIZING.md`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf

from tests.benchmarks.capacity.bends import MARKS, first
from tests.benchmarks.capacity.checks import Check, Pair, checks, spread
from tests.benchmarks.capacity.constants import Constants, Cost
from tests.benchmarks.capacity.fit import CPU_FROM, Measured
from tests.benchmarks.capacity.model import Load, Plan, plan
from tests.benchmarks.growth.axes import AXES

EXAMPLES: Sequence[Load] = tuple(
    Load(orders=orders) for orders in (10.0, 1_000.0, 100_000.0, 1_000_000.0)
)
LIMITS: Sequence[float] = (10.0, 12.0, 15.0, 20.0, inf)
_UNITS = ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "KB"))
_TIMES = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))
_FIGURES: Mapping[str, Callable[[Plan], str]] = {
    "calls a second": lambda plan: f"{plan.calls:,.0f}",
    "calls in flight": lambda plan: number(plan.in_flight),
    "`MAX_IN_FLIGHT`": lambda plan: f"{plan.max_in_flight:,}",
    "members": lambda plan: f"{plan.members:,}",
    "partitions of each topic": lambda plan: f"{plan.partitions:,}",
    "cores of all members": lambda plan: number(plan.cores),
    "memory of a member": lambda plan: size(plan.memory),
    "written to Kafka a second": lambda plan: size(plan.written),
    "offsets committed a second": lambda plan: f"{plan.commits:,.0f}",
    "inputs of 7 days, on all brokers": lambda plan: size(plan.inputs),
    "results of 30 days, on all brokers": lambda plan: size(plan.results),
    "dead letters of 90 days, on all brokers": lambda plan: size(plan.dead_letters),
    "ledger of 30 days, on a member's disk": lambda plan: size(plan.copy),
    "start without that disk": lambda plan: time(plan.restore_cold),
    "start with a copy 5 minutes old": lambda plan: time(plan.restore_warm),
    "takeover by members without a copy": lambda plan: time(plan.takeover),
    "results that are read in 10 minutes, days": lambda plan: number(plan.restorable),
    "catching up after an hour's outage": lambda plan: time(plan.catch_up),
}


def renew(page: str, parts: Mapping[str, str]) -> str:
    """Return the page with each part between its marks."""
    for name, text in parts.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n{text}\n{end}{after}"
    return page


def parts(constants: Constants, measured: Measured) -> dict[str, str]:
    """Return all parts by their names."""
    found = [*checks(measured, constants)]
    return {
        "constants": _table(("", "", "an order", "each item"), _constants(constants)),
        "sizes": _table(("", *(f"{load.orders:,.0f}/s" for load in EXAMPLES)), _sizes(constants)),
        "bends": _table(("orders", "past its mark, times"), _bends(constants)),
        "limits": _table(("limit", "an hour's outage is caught up after"), _limits(constants)),
        "marks": _table(
            ("of", "", "no trouble up to"), ((each.part, each.name, each.said) for each in MARKS)
        ),
        "spread": "\n".join(_spreads(found)),
        "checks": _table(_CHECKED, map(_checked, found)),
    }


def _constants(constants: Constants) -> Iterator[Sequence[str]]:
    running, sizes = constants.running, constants.sizes

    def row(sign: str, name: str, cost: Cost, form: Callable[[float], str]) -> Sequence[str]:
        return f"`{sign}`", name, form(cost.once), form(cost.item)

    yield row("e", "CPU of an order", running.event, time)
    yield "`a`", "CPU of a member with work, whatever its rate", f"{running.awake:.3f} cores", ""
    yield "", "CPU of a member without work", f"{running.idle:.3f} cores", ""
    yield "", "and for each of its partitions", f"{running.idle_partition:.4f} cores", ""
    yield "`h`", "a call's time beside the API's", time(running.own_time), ""
    yield "`b`", "memory of an empty member", size(running.base), ""
    yield "`g`", "memory that its caches fill, about 30,000 orders later", size(running.filling), ""
    yield row("u", "memory of an unfinished record", running.unfinished, size)
    yield row("i", "Kafka: the event", sizes.paid, size)
    yield row("o", "Kafka: its outcome", sizes.outcome, size)
    yield row("d", "Kafka: its dead letter", sizes.dead_letter, size)
    yield row("l", "disk: its place in the ledger", sizes.copy, size)
    yield row("r", "CPU to restore it from its outcome", sizes.restore, time)
    yield "", "memory of a ledger of 200,000 orders, a part of `g`", size(sizes.copy_memory), ""


def _sizes(constants: Constants) -> Iterator[Sequence[str]]:
    plans = [plan(load, constants) for load in EXAMPLES]
    for name, say in _FIGURES.items():
        yield (name, *map(say, plans))


def _bends(constants: Constants) -> Iterator[Sequence[str]]:
    for load in EXAMPLES:
        passed = first(plan(load, constants))
        said = ", ".join(f"{mark.part}: {mark.name} {number(times)}" for mark, times in passed)
        yield f"{load.orders:,.0f}/s", said or "nothing"


def _limits(constants: Constants) -> Iterator[Sequence[str]]:
    for limit in LIMITS:
        load = replace(EXAMPLES[0], rate_limit=limit)
        said = "none" if limit == inf else f"{limit:,.0f}/s"
        yield said, time(plan(load, constants).catch_up)


_CHECKED = (
    *("axis", "", "at"),
    *("calls/s at most", "measured", "ratio"),
    *("cores", "measured", "ratio"),
    *("MB", "measured", "ratio"),
)


def _checked(check: Check) -> Sequence[str]:
    return (
        *(AXES[check.axis].title, check.line, f"{check.place:,}"),
        *_pair(check.rate, "{:,.0f}"),
        *_pair(check.cores, "{:.2f}"),
        *_pair(check.memory, "{:,.0f}", 1e6),
    )


def _pair(pair: Pair | None, form: str, unit: float = 1.0) -> Sequence[str]:
    if pair is None:
        return "-", "-", "-"
    figures = (form.format(each / unit) for each in (pair.predicted, pair.measured))
    ratio = f"{pair.ratio:.2f}"
    return (*figures, f"*{ratio}*" if pair.is_fitted else ratio)


def _spreads(found: Sequence[Check]) -> Iterator[str]:
    others = [each for each in found if each.axis not in CPU_FROM]
    replicas = [each for each in found if each.axis == "replicas"]
    for name, pairs in {
        "CPU, on axes that it was not fitted to": [each.cores for each in others],
        "CPU, everywhere": [each.cores for each in found],
        "memory, of 1 to 4 replicas, to which it was not fitted": [
            each.memory for each in replicas
        ],
        "memory, everywhere": [each.memory for each in found],
    }.items():
        low, high = spread(pairs)
        yield f"- {name}: {low:.2f} to {high:.2f} times what was measured"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (titles, ["---"] * len(titles), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float) -> str:
    """Return a number with as many digits as matter."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def size(value: float) -> str:
    """Return bytes as people say them."""
    for unit, name in _UNITS:
        if value >= unit:
            return f"{number(value / unit)} {name}"
    return f"{value:.0f} B"


def time(value: float) -> str:
    """Return seconds as people say them."""
    if value == inf:
        return "never"
    for unit, name in _TIMES:
        if value >= unit:
            return f"{number(value / unit)} {name}"
    return f"{number(value * 1e3)} ms" if value >= 1e-3 else f"{value * 1e6:.0f} µs"
