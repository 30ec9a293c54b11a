"""The dashboard of `deploy/grafana`. `python -m tests.support.dashboard` writes it anew."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from tests.support.dashboard_calls import CALLS, REPLAYS
from tests.support.dashboard_kafka import KAFKA
from tests.support.dashboard_orders import FIRING, ORDERS
from tests.support.dashboard_processes import PROCESSES
from tests.support.panels import SOURCE, Row, chosen, drawn

PATH: Final = Path(__file__).parents[2] / "deploy" / "grafana" / "processor.json"
ROWS: Final = (ORDERS, CALLS, KAFKA, REPLAYS, PROCESSES)
_ALL: Final = dashboard.VariableOption(selected=True, text="All", value="$__all")
_CHOICE: Final = {
    "__rate_interval": "5m",
    "__interval": "5m",
    "__range": "3h",
    "namespace": ".*",
    "job": ".*",
    "instance": ".*",
    "replay_topic": "rokt-replay",
}


def text(rows: tuple[Row, ...] = ROWS) -> str:
    """Return the dashboard as Grafana reads it, as JSON."""
    drawing = (
        build.Dashboard("Rokt cart processor")
        .uid("rokt-cart-processor")
        .description("Made by `python -m tests.support.dashboard`; deploy/README.md explains it.")
        .tags(["rokt-cart-processor"])
        .time("now-3h", "now")
        .timezone("browser")
        .refresh("30s")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .variables(_variables())
        .link(_runbook())
    )
    number = 0
    for row in rows:
        number += 1
        drawing.with_row(build.Row(row.title).id(number))
        for panel in row.panels:
            number += 1
            drawing.with_panel(drawn(panel, number))
    written: dict[str, Any] = json.loads(json.dumps(drawing.build(), cls=JSONEncoder))
    written["annotations"] = {"list": [_annotation()]}
    return json.dumps(written, indent=2, ensure_ascii=False) + "\n"


def asked(expression: str, choice: Mapping[str, str] | None = None) -> str:
    """Return an expression as Prometheus is asked; `choice` gives variables other values."""
    for name, value in {**_CHOICE, **(choice or {})}.items():
        expression = expression.replace(f"${name}", value)
    return expression


def _variables() -> list[Builder[dashboard.VariableModel]]:
    source = dashboard.VariableOption(selected=True, text="Prometheus", value="prometheus")
    return [
        build.DatasourceVariable("datasource")
        .label("Prometheus")
        .type("prometheus")
        .current(source),
        _of_members("namespace", "Namespace", "processor_build_info"),
        _of_members("job", "Group", 'processor_build_info{namespace=~"$namespace"}'),
        _of_members(
            "instance", "Member", 'processor_build_info{namespace=~"$namespace", job=~"$job"}'
        ),
        _text("replay_topic", "Replay lane", "rokt-replay", "PROCESSOR_TOPICS__REPLAY"),
        _text("runbook", "Runbook", "deploy/README.md", "Where people read deploy/README.md"),
    ]


def _of_members(name: str, label: str, series: str) -> build.QueryVariable:
    return (
        build.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(f"label_values({series}, {name})")
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
        .multi(True)  # noqa: FBT003  how the library has it
        .include_all(True)  # noqa: FBT003  the same
        .all_value(".*")  # a member without a namespace is meant too
        .current(_ALL)
    )


def _text(name: str, label: str, value: str, meaning: str) -> build.TextBoxVariable:
    option = dashboard.VariableOption(selected=True, text=value, value=value)
    box = build.TextBoxVariable(name).label(label).description(meaning)
    return box.default_value(value).current(option).options([option])


def _runbook() -> build.DashboardLink:
    link = build.DashboardLink("Runbook").type(dashboard.DashboardLinkType.LINK)
    return link.icon("doc").url("${runbook:raw}").target_blank(True)  # noqa: FBT003  the same


def _annotation() -> dict[str, object]:
    """Return the marks of alerts in all graphs; the library knows some of their fields only.

    Older versions of Grafana read `expr` and `step`, newer ones `target`.
    """
    source, expression, step = SOURCE.to_json(), chosen(FIRING), "60s"
    target = {"refId": "Anno", "datasource": source, "expr": expression, "interval": step}
    return {
        "name": "Alerts",
        "datasource": source,
        "enable": True,
        "iconColor": "red",
        "expr": expression,
        "step": step,
        "target": target | {"range": True, "instant": False},
        "titleFormat": "{{alertname}}",
        "tagKeys": "severity",
        "useValueForTime": False,
    }


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
