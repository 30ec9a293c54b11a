"""The page beside the plots: what was measured on each axis, and where it bends."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.benchmarks.growth.axes import AXES, Axis
from tests.benchmarks.growth.bends import Bend, cost
from tests.benchmarks.growth.points import Point, means, runs

BEGIN, END = "<!-- growth: begin -->", "<!-- growth: end -->"
_MEGABYTE = 1e6
_COLUMNS: Mapping[str, tuple[Callable[[Point], float | None], str]] = {
    "events/CPU-s": (lambda point: point.per_cpu_second, "{:,.0f}"),
    "events/s": (lambda point: point.rate, "{:,.0f}"),
    "CPU cores": (lambda point: point.cores, "{:.2f}"),
    "idle": (lambda point: point.idle_cores, "{:.3f}"),
    "MB": (lambda point: point.resident / _MEGABYTE, "{:,.0f}"),
    "MB, peak": (lambda point: point.peak / _MEGABYTE, "{:,.0f}"),
    "load": (lambda point: point.load, "{:.1f}"),
}


def renew(page: str, measured: Mapping[str, Sequence[Point]]) -> str:
    """Return the page with what was measured put between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{text(measured)}\n{END}{after}"


def text(measured: Mapping[str, Sequence[Point]]) -> str:
    """Return all axes that have points, each with its plot, its bend and its table."""
    parts = [_summary(measured)]
    for name, points in measured.items():
        if points:
            parts.append(_axis(name, AXES[name], points))
    return "\n\n".join(parts)


def bends(axis: Axis, points: Sequence[Point]) -> dict[str, Bend]:
    """Return how the events per CPU-second of each line behave."""
    found = {line: means(points, line, lambda point: point.per_cpu_second) for line in axis.lines}
    return {line: Bend.of(middle) for line, middle in found.items() if middle}


def _summary(measured: Mapping[str, Sequence[Point]]) -> str:
    ends = {
        f"{AXES[name].title} ({line}, at {bend.last:,.0f})": bend.end
        for name, points in measured.items()
        for line, bend in bends(AXES[name], points).items()
        if not bend.is_flat_to_the_end
    }
    if not ends:
        return "Events per CPU-second are flat to the end of every axis that was measured."
    ordered = sorted(ends.items(), key=lambda end: end[1])
    listed = "; ".join(f"{name} {end:.2f}" for name, end in ordered)
    return f"What is left of the best events per CPU-second where an axis bends: {listed}."


def _axis(name: str, axis: Axis, points: Sequence[Point]) -> str:
    said = "\n".join(_sentences(axis, points))
    titles = ("", axis.title, *_COLUMNS, "runs")
    rows = [titles, ["---"] * len(titles), *_rows(axis, points)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"## {axis.title.capitalize()}\n\n![{axis.title}]({name}.png)\n\n{said}\n\n{table}"


def _sentences(axis: Axis, points: Sequence[Point]) -> Iterator[str]:
    for line, bend in bends(axis, points).items():
        yield f"- {line}: {bend}"
        speeds = means(points, line, lambda point: point.per_cpu_second)
        if axis.adds and len(speeds) > 1:
            event, more = cost(speeds)
            yield (
                f"- {line}: an event takes about {event * 1e6:.0f} µs of the CPU, and "
                f"{more * 1e6:.0f} µs more for each {axis.adds}."
            )


def _rows(axis: Axis, points: Sequence[Point]) -> Iterator[Sequence[str]]:
    for line in axis.lines:
        columns = [(means(points, line, value), form) for value, form in _COLUMNS.values()]
        for place in means(points, line, lambda point: point.events):
            cells = (
                form.format(found[place]) if place in found else "-" for found, form in columns
            )
            yield (line, f"{place:,.0f}", *cells, str(runs(points, line, int(place))))
