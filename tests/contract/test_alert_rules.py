"""The alert rules ask for what there is, say what they have to, and are all tested.

What they come to is promtool's to find out: `make alerts-check`.
"""

import re

import pytest

from tests.support.alert_rules import ROOT, Alert, alerts, cases, records
from tests.support.promql import AskedInVainError, labels_of, names_of, series_of

ALERTS = alerts()
SERIES = series_of()
for name, expression in records().items():
    SERIES[name] = dict.fromkeys(labels_of(expression, SERIES), ())

each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)


@each_alert
def test_an_alert_asks_for_metrics_labels_and_values_that_there_are(alert: Alert) -> None:
    assert labels_of(alert.expression, SERIES) >= set(
        re.findall(r"\$labels\.(\w+)", " ".join(alert.annotations.values()))
    )


def test_every_recorded_series_is_asked_for() -> None:
    expressions = [*records().values(), *(alert.expression for alert in ALERTS)]
    asked = frozenset().union(*map(names_of, expressions))
    assert records().keys() - asked == set()


@each_alert
def test_an_alert_says_how_bad_it_is_what_it_is_and_where_to_read_on(alert: Alert) -> None:
    assert alert.labels.keys() == {"severity"}
    assert alert.labels["severity"] in {"critical", "warning"}
    assert alert.annotations.keys() == {"summary", "description", "runbook_url"}
    page, _, anchor = alert.annotations["runbook_url"].partition("#")
    titles = re.findall(r"^#+ (\w+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert anchor == alert.name.lower()
    assert alert.name in titles, "no section of the runbook has its name"


def test_no_section_of_the_runbook_is_about_an_alert_that_there_is_not() -> None:
    runbook = (ROOT / "deploy" / "README.md").read_text()
    sections = re.findall(r"^#### (\w+)$", runbook, re.MULTILINE)
    assert sorted(sections) == sorted(alert.name for alert in ALERTS)


@each_alert
def test_an_alert_is_seen_to_fire_to_clear_and_not_to_fire(alert: Alert) -> None:
    found = cases()[alert.name]
    clears = [fires for fires in found if any(fires) and not fires[-1]]
    assert clears, "no test sees it clear"
    assert [fires for fires in found if not any(fires)], "no test sees that it does not fire"


def test_replays_alert_nobody() -> None:
    """Whatever has a lane is asked for the live one."""
    lanes = {name for name, labels in SERIES.items() if "lane" in labels}
    expressions = [*records().values(), *(alert.expression for alert in ALERTS)]
    for asked in re.findall(r"(\w+)(\{[^}]*\})?", " ".join(expressions)):
        assert asked[0] not in lanes or 'lane="live"' in asked[1], asked[0]


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("processor_record_total", "processor_record_total is no metric"),
        ('processor_hold{scop="confirm"}', "processor_hold has no label scop"),
        ('processor_hold{scope="confirms"}', "scope of processor_hold is never confirms"),
        ('processor_hold{scope=~"confirm|live"}', "scope of processor_hold is never live"),
        ('processor_call_seconds_bucket{le="60"}', "le of processor_call_seconds_bucket is never"),
        ("sum by (lane) (rate(processor_records_total[5m]))", "there is no lane in"),
        ("processor_hold and processor_away", "the sides have other labels"),
        ("processor_hold and on (reason) processor_away", "there is no reason in"),
        ("sum(processor_hold) / on (scope) processor_hold", "there is no scope in"),
    ],
)
def test_what_is_asked_in_vain_is_found(expression: str, why: str) -> None:
    with pytest.raises(AskedInVainError, match=why):
        labels_of(expression, SERIES)
