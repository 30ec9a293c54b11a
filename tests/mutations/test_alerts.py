"""What the changes of alert rules are: each changes one thing, and is PromQL still."""

import promql_parser
import pytest

from tests.mutations.alert_changes import Rule, mutants
from tests.mutations.alerts import UNSEEN, name_of, rules

RULES = rules()


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_every_change_of_a_rule_is_another_rule_and_can_be_read(rule: Rule) -> None:
    found = [mutant.rule for mutant in mutants(rule)]
    assert found
    assert rule not in found
    for other in found:
        promql_parser.parse(other["expr"])


def test_each_thing_is_changed_by_itself() -> None:
    rule = {
        "alert": "Some",
        "expr": 'sum by (a, b) (rate(x{c="d|e", f!="g"}[5m] offset 1h)) > 300 == 1',
        "for": "5m",
        "labels": {"severity": "critical"},
    }
    assert [each.said.partition(": ")[2] for each in mutants(rule)] == [
        "300 → 240",
        "300 → 360",
        "1 → 0",
        "1 → 2",
        "5m → 150s",
        "5m → 600s",
        "1h → 1800s",
        "1h → 7200s",
        "by (a, b) → by (b)",
        "by (a, b) → by (a)",
        '{c="d|e", f!="g"} → {f!="g"}',
        '{c="d|e", f!="g"} → {c!="d|e", f!="g"}',
        '{c="d|e", f!="g"} → {c="d", f!="g"}',
        '{c="d|e", f!="g"} → {c="e", f!="g"}',
        '{c="d|e", f!="g"} → {c="d|e"}',
        '{c="d|e", f!="g"} → {c="d|e", f="g"}',
        "sum → max",
        "== → !=",
        "5m → 4m",
        "5m → 6m",
        "critical → x",
    ]


def test_what_cannot_be_seen_is_a_change_that_there_is() -> None:
    there = {(name_of(rule), each.said) for rule in RULES for each in mutants(rule)}
    assert UNSEEN.keys() - there == set()
