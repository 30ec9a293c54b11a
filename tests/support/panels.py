"""Panels of a dashboard: what one shows, said plainly, and Grafana's form of it.

Expressions are PromQL about all there is. The dashboard's variables are put into them when they
are written, so that each panel is about what was chosen on top of the page.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from string import ascii_uppercase
from typing import Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models import common, dashboard, stat, statetimeline, timeseries

SOURCE: Final = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
_SELECTOR: Final = re.compile(r"\b(processor[\w:]*|up|ALERTS)\b(?:\{([^}]*)\})?")
_OF_THE_GROUP: Final = 'namespace=~"$namespace", job=~"$job"'
_OF_NOBODY: Final = "processor:error_budget"
_PER_MEMBER: Final = re.compile(r"processor_|up$")
_MULTI: Final = common.VizTooltipOptions(
    mode=common.TooltipDisplayMode.MULTI, sort=common.SortOrder.DESCENDING
)
_BY_STEPS: Final = build.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS)


class Look(StrEnum):
    """How a panel shows its series."""

    NUMBER = "number"
    LINES = "lines"
    STACK = "stack"
    COUNTS = "counts"
    STATES = "states"


_HEIGHTS: Final = dict.fromkeys(Look, 8) | {Look.NUMBER: 4}


class Color(StrEnum):
    """What a value means to whoever looks; the words are Grafana's."""

    PLAIN = "text"
    WELL = "green"
    ODD = "yellow"
    BAD = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question to Prometheus; `legend` names its series by their labels, as `{{label}}`."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel. `meaning` is for people who see it for the first time, at night.

    `unit` is Grafana's name of one. `steps` gives colors from a value on; below the first it is
    `base`. `words` stand in place of values. `empty` is said when there is nothing to show;
    `alerts` are sections of the runbook. `width` is of 24; `height` follows from the look.
    """

    title: str
    meaning: str
    look: Look
    queries: tuple[Query, ...]
    unit: str = "short"
    base: Color = Color.PLAIN
    steps: Mapping[float, Color] = field(default_factory=dict)
    words: Mapping[int, tuple[str, Color]] = field(default_factory=dict)
    empty: str = ""
    alerts: tuple[str, ...] = ()
    width: int = 4
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Panels under one title, from left to right."""

    title: str
    panels: tuple[Panel, ...]


def quantiles(histogram: str, matchers: str, by: str = "") -> tuple[Query, ...]:
    """Return the median and the slow ends of a histogram, one series a value of the label `by`."""
    labels, name = (f"le, {by}", f"{{{{{by}}}}} ") if by else ("le", "")
    found = f"{histogram}_bucket{{{matchers}}}" if matchers else f"{histogram}_bucket"
    return tuple(
        Query(
            expression=f"histogram_quantile({quantile}, "
            f"sum by ({labels}) (rate({found}[$__rate_interval])))",
            legend=f"{name}{words}",
        )
        for quantile, words in ((0.5, "half"), (0.95, "95 of 100"), (0.99, "99 of 100"))
    )


def chosen(expression: str) -> str:
    """Return an expression about what the dashboard's variables choose."""

    def choose(found: re.Match[str]) -> str:
        name, matchers = found[1], found[2]
        if name == _OF_NOBODY:
            return found[0]
        which = [_OF_THE_GROUP]
        if _PER_MEMBER.match(name):
            which.append('instance=~"$instance"')
        return f"{name}{{{', '.join([*which, *([matchers] if matchers else [])])}}}"

    return _SELECTOR.sub(choose, expression)


def drawn(panel: Panel, number: int) -> build.Panel:
    """Return a panel in Grafana's form; `number` tells it from the others."""
    drawing = (
        build.Panel()
        .id(number)
        .title(panel.title)
        .description(panel.meaning)
        .datasource(SOURCE)
        .targets([_target(query, letter, panel.look) for query, letter in _lettered(panel)])
        .links([_runbook(alert) for alert in panel.alerts])
        .span(panel.width)
        .height(panel.height or _HEIGHTS[panel.look])
        .unit(panel.unit)
        .thresholds(_thresholds(panel))
        .mappings(_mappings(panel))
        .no_value(panel.empty or "nothing to show")
    )
    match panel.look:
        case Look.NUMBER:
            return _as_number(drawing)
        case Look.LINES:
            return _as_graph(drawing, _lines(has_steps=bool(panel.steps)))
        case Look.STACK:
            return _as_graph(drawing, _STACK)
        case Look.COUNTS:
            # Steps in which there are several scrapes, also where they are a minute apart.
            return _as_graph(drawing.interval("5m").decimals(0), _COUNTS)
        case Look.STATES:
            return _as_states(drawing)


def _lettered(panel: Panel) -> Iterable[tuple[Query, str]]:
    return zip(panel.queries, ascii_uppercase, strict=False)


def _target(query: Query, letter: str, look: Look) -> prometheus.Dataquery:
    target = (
        prometheus.Dataquery()
        .ref_id(letter)
        .datasource(SOURCE)
        .expr(chosen(query.expression))
        .legend_format(query.legend)
    )
    return target.instant() if look is Look.NUMBER else target.range()


def _runbook(alert: str) -> build.DashboardLink:
    return (
        build.DashboardLink(f"Runbook: {alert}")
        .type(dashboard.DashboardLinkType.LINK)
        .url(f"${{runbook:raw}}#{alert.lower()}")
        .target_blank(True)  # noqa: FBT003  how the library has it
    )


def _thresholds(panel: Panel) -> build.ThresholdsConfig:
    steps = [dashboard.Threshold(value=None, color=panel.base)]
    steps += [dashboard.Threshold(value=value, color=color) for value, color in panel.steps.items()]
    return build.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)


def _mappings(panel: Panel) -> list[dashboard.ValueMapping]:
    if not panel.words:
        return []
    options = {
        str(value): dashboard.ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(panel.words.items())
    }
    return [dashboard.ValueMap(options=options)]


def _as_number(drawing: build.Panel) -> build.Panel:
    options = stat.Options(
        graph_mode=common.BigValueGraphMode.NONE,
        color_mode=common.BigValueColorMode.VALUE,
        reduce_options=common.ReduceDataOptions(calcs=["lastNotNull"]),
    )
    return drawing.type("stat").options(options).color_scheme(_BY_STEPS)


def _as_graph(drawing: build.Panel, custom: common.GraphFieldConfig) -> build.Panel:
    legend = common.VizLegendOptions(show_legend=True, calcs=["lastNotNull", "max"])
    legend.display_mode = common.LegendDisplayMode.TABLE
    options = timeseries.Options(legend=legend, tooltip=_MULTI)
    palette = build.FieldColor().mode(dashboard.FieldColorModeId.PALETTE_CLASSIC)
    drawing = drawing.type("timeseries").options(options).custom(custom)
    return drawing.min(0).color_scheme(palette)


def _as_states(drawing: build.Panel) -> build.Panel:
    options = statetimeline.Options(
        show_value=common.VisibilityMode.AUTO,
        legend=common.VizLegendOptions(show_legend=False),
        tooltip=_MULTI,
    )
    custom = statetimeline.FieldConfig(fill_opacity=80)
    return drawing.type("state-timeline").options(options).custom(custom).color_scheme(_BY_STEPS)


def _lines(*, has_steps: bool) -> common.GraphFieldConfig:
    mode = common.GraphTresholdsStyleMode
    return common.GraphFieldConfig(
        draw_style=common.GraphDrawStyle.LINE,
        line_width=1,
        fill_opacity=5,
        show_points=common.VisibilityMode.AUTO,
        thresholds_style=common.GraphThresholdsStyleConfig(
            mode=mode.DASHED if has_steps else mode.OFF
        ),
    )


_STACK: Final = common.GraphFieldConfig(
    draw_style=common.GraphDrawStyle.LINE,
    line_width=1,
    fill_opacity=40,
    show_points=common.VisibilityMode.NEVER,
    stacking=common.StackingConfig(mode=common.StackingMode.NORMAL, group="A"),
)
_COUNTS: Final = common.GraphFieldConfig(
    draw_style=common.GraphDrawStyle.BARS,
    line_width=0,
    fill_opacity=90,
    show_points=common.VisibilityMode.NEVER,
    stacking=common.StackingConfig(mode=common.StackingMode.NORMAL, group="A"),
)
