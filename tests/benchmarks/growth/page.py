"""The page beside the plots: what was measured on each axis, and where it bends."""

from collections.abc import Iterator, Mapping, Sequence

from tests.benchmarks.growth.axes import AXES, Axis
from tests.benchmarks.growth.bends import Bend, cost
from tests.benchmarks.growth.points import Point, means

BEGIN, END = "<!-- growth: begin -->", "<!-- growth: end -->"
_MEGABYTE = 1e6


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
        f"{AXES[name].title} ({line}, at {bend.last:,g})": bend.end
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
    rows = "\n".join(_rows(axis, points))
    return (
        f"## {axis.title.capitalize()}\n\n![{axis.title}]({name}.png)\n\n{said}\n\n"
        f"| | {axis.title} | events/CPU-s | events/s | CPU cores | MB | MB, peak | load | runs |\n"
        f"|---|---|---|---|---|---|---|---|---|\n{rows}"
    )


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


def _rows(axis: Axis, points: Sequence[Point]) -> Iterator[str]:
    for line in axis.lines:
        speeds = means(points, line, lambda point: point.per_cpu_second)
        rates = means(points, line, lambda point: point.rate)
        cores = means(points, line, lambda point: point.cores)
        residents = means(points, line, lambda point: point.resident / _MEGABYTE)
        peaks = means(points, line, lambda point: point.peak / _MEGABYTE)
        loads = means(points, line, lambda point: point.load)
        for place, speed in speeds.items():
            runs = sum((point.line, point.place) == (line, place) for point in points)
            yield (
                f"| {line} | {place:,g} | {speed:,.0f} | {rates[place]:,.0f} | "
                f"{cores[place]:.2f} | {residents[place]:,.0f} | {peaks[place]:,.0f} | "
                f"{loads[place]:.1f} | {runs} |"
            )
