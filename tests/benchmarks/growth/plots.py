"""The plots: one an axis, small enough for a page."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.growth.axes import Axis
from tests.benchmarks.growth.bends import WITHIN, Bend
from tests.benchmarks.growth.points import Point, means

_INCHES: Final = (9.0, 3.0)
_DOTS_PER_INCH: Final = 90
_MEGABYTE: Final = 1e6
_COLOURS: Final = ("#1f5fa8", "#c4622d")
_PANELS: Final[Mapping[str, Callable[[Point], float]]] = {
    "events per CPU-second": lambda point: point.per_cpu_second,
    "events per second": lambda point: point.rate,
    "MB at most": lambda point: point.peak / _MEGABYTE,
}


def draw(axis: Axis, points: Sequence[Point], path: Path) -> None:
    """Draw all that was measured on an axis: dots for runs, lines through their means."""
    from matplotlib.figure import Figure  # noqa: PLC0415  (only this needs it)

    figure = Figure(figsize=_INCHES, layout="constrained")
    panels = figure.subplots(1, len(_PANELS))
    for panel, (title, value) in zip(panels, _PANELS.items(), strict=True):
        for line, colour in zip(axis.lines, _COLOURS, strict=False):
            _draw_line(panel, [p for p in points if p.line == line], value, (line, colour))
        _label(panel, axis, title)
    first = next(iter(axis.lines))
    _shade(panels[0], means(points, first, lambda point: point.per_cpu_second))
    if len(axis.lines) > 1:
        panels[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=_DOTS_PER_INCH, metadata={"Software": None})


def _draw_line(
    panel: Any,  # noqa: ANN401  (matplotlib may be missing)
    points: Sequence[Point],
    value: Callable[[Point], float],
    style: tuple[str, str],
) -> None:
    line, colour = style
    middle = means(points, line, value)
    panel.plot(list(middle), list(middle.values()), color=colour, label=line)
    panel.scatter([p.place for p in points], [value(p) for p in points], color=colour, s=10)


def _label(panel: Any, axis: Axis, title: str) -> None:  # noqa: ANN401  (same)
    panel.set_title(title, fontsize=9)
    panel.set_xlabel(axis.title, fontsize=8)
    panel.set_xscale("log")
    places = axis.places
    panel.set_xticks(places, [_short(place) for place in places])
    panel.minorticks_off()
    panel.tick_params(labelsize=8)
    panel.set_ylim(bottom=0)
    panel.grid(visible=True, alpha=0.3)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)


def _shade(panel: Any, middle: Mapping[float, float]) -> None:  # noqa: ANN401  (same)
    """Shade what counts as flat below the best of the first line."""
    if middle:
        best = Bend.of(middle).best
        panel.axhspan((1 - WITHIN) * best, best, color=_COLOURS[0], alpha=0.1, linewidth=0)


def _short(number: int) -> str:
    for size, letter in ((1_000_000, "M"), (10_000, "k")):
        if number >= size:
            return f"{number // (size if letter == 'M' else 1_000)}{letter}"
    return f"{number:,}"
