"""The alert rules and their tests, as they lie under `deploy/prometheus`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "deploy" / "prometheus"
RULES: Final = tuple(sorted(FOLDER.glob("*.rules.yml")))
TESTS: Final = tuple(sorted((FOLDER / "tests").glob("*.test.yml")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert rule; `expression` is its PromQL."""

    name: str
    expression: str
    labels: dict[str, str]
    annotations: dict[str, str]


def alerts() -> list[Alert]:
    """Return all alert rules."""
    return [
        Alert(
            name=rule["alert"],
            expression=rule["expr"],
            labels=rule["labels"],
            annotations=rule["annotations"],
        )
        for rule in _rules()
        if "alert" in rule
    ]


def records() -> dict[str, str]:
    """Return the expression of each recording rule, those that others need first."""
    return {rule["record"]: rule["expr"] for rule in _rules() if "record" in rule}


def cases() -> dict[str, list[list[bool]]]:
    """Return of each alert whether it is to fire, at all times of each test that asks for it."""
    found: dict[str, list[list[bool]]] = {}
    for path in TESTS:
        for test in yaml.safe_load(path.read_text())["tests"]:
            fires: dict[str, list[bool]] = {}
            for check in test["alert_rule_test"]:
                fires.setdefault(check["alertname"], []).append(bool(check["exp_alerts"]))
            for name, each in fires.items():
                found.setdefault(name, []).append(each)
    return found


def _rules() -> list[dict[str, Any]]:
    return [
        rule
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]
