"""The dashboard asks for what there is, is complete, and is the one that is committed.

Whether its queries find something is a real Prometheus' to say: `make alerts-check`.
"""

import json
import re
from itertools import combinations
from typing import Any

import pytest
from grafana_foundation_sdk.models.dashboard import Dashboard

from processor.shell.metrics_table import TABLE
from tests.support import dashboard
from tests.support.alert_rules import alerts, records
from tests.support.panels import Query, chosen
from tests.support.promql import TARGET, labels_of, names_of, series_of

SERIES = series_of()
for name, expression in records().items():
    SERIES[name] = dict.fromkeys(labels_of(expression, SERIES), ())
SERIES["ALERTS"] = {
    **dict.fromkeys(TARGET, ()),
    "alertname": tuple(alert.name for alert in alerts()),
    "alertstate": ("pending", "firing"),
    "severity": (),
}

PANELS = [panel for row in dashboard.ROWS for panel in row.panels]
QUERIES = [query for panel in PANELS for query in panel.queries]


@pytest.fixture
def written() -> dict[str, Any]:
    """Give the dashboard as Grafana reads it."""
    found: dict[str, Any] = json.loads(dashboard.PATH.read_text())
    return found


def test_the_committed_dashboard_is_the_one_that_is_made() -> None:
    assert dashboard.PATH.read_text() == dashboard.text(), "python -m tests.support.dashboard"


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.expression)
def test_a_query_asks_for_metrics_labels_and_values_that_there_are(query: Query) -> None:
    labels = labels_of(dashboard.asked(chosen(query.expression)), SERIES)
    assert set(re.findall(r"{{(\w+)}}", query.legend)) <= labels


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.expression)
def test_each_series_of_a_query_has_a_name_of_its_own(query: Query) -> None:
    labels = labels_of(dashboard.asked(chosen(query.expression)), SERIES)
    named = set(re.findall(r"{{(\w+)}}", query.legend))
    assert labels - {"namespace", "job"} <= named


def test_every_metric_is_on_the_dashboard() -> None:
    asked = frozenset[str]().union(
        *(names_of(dashboard.asked(query.expression)) for query in QUERIES)
    )
    bare = {re.sub("_(bucket|sum|count)$", "", name) for name in asked} | asked
    assert {row.name for row in TABLE} - bare == set()


def test_every_section_of_the_runbook_is_linked_and_no_other() -> None:
    linked = {alert for panel in PANELS for alert in panel.alerts}
    assert linked == {alert.name for alert in alerts()}


def test_every_panel_says_what_it_means_and_the_same_title_stands_once_in_a_row() -> None:
    for row in dashboard.ROWS:
        titles = [panel.title for panel in row.panels]
        assert len(set(titles)) == len(titles)
    assert [panel.title for panel in PANELS if not panel.meaning.endswith(".")] == []


def test_variables_choose_among_the_labels_of_members(written: dict[str, Any]) -> None:
    asked = [each for each in written["templating"]["list"] if each["type"] == "query"]
    for each in asked:
        series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", each["query"]).groups()  # type: ignore[union-attr]
        assert label == each["name"]
        assert label in labels_of(series, SERIES)
    assert [each["name"] for each in asked] == ["namespace", "job", "instance"]


def test_panels_do_not_overlap_and_fill_each_line(written: dict[str, Any]) -> None:
    places = [each["gridPos"] for each in written["panels"]]
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    widths = dict.fromkeys((place["y"] for place in places), 0)
    for place in places:
        widths[place["y"]] += place["w"]
    assert set(widths.values()) == {24}


def test_grafanas_own_types_read_it(written: dict[str, Any]) -> None:
    read = Dashboard.from_json(written)
    assert read.uid == "rokt-cart-processor"
    assert len({panel["id"] for panel in written["panels"]}) == len(written["panels"])


def test_everything_is_asked_of_the_data_source_that_is_chosen(written: dict[str, Any]) -> None:
    found = re.findall(r'"uid": "([^"]+)"', json.dumps(written))
    assert set(found) == {"rokt-cart-processor", "${datasource}"}
    (source,) = (each for each in written["templating"]["list"] if each["type"] == "datasource")
    assert source["current"]["value"] == "prometheus"


def test_what_was_chosen_is_asked_for() -> None:
    about = 'namespace=~"$namespace", job=~"$job"'
    assert chosen('max(processor_hold{scope="confirm"}) + up / processor:error_budget') == (
        f'max(processor_hold{{{about}, instance=~"$instance", scope="confirm"}})'
        f' + up{{{about}, instance=~"$instance"}} / processor:error_budget'
    )
    assert chosen("processor:orders_late") == f"processor:orders_late{{{about}}}"
