"""Change one thing of one alert rule, and see promtool's tests turn red.

    python -m tests.mutations.alerts                  # all changes of all rules; takes long
    python -m tests.mutations.alerts -k HoldLong      # those of rules whose names contain a word

It fails when promtool's tests stay green, but for what `UNSEEN` has reasons for.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from tests.mutations.alert_changes import Rule, mutants
from tests.support.alert_rules import RULES, TESTS
from tests.support.prometheus_parts import program
from tests.support.promql import names_of

_LANE, _NOT_RELEASED = 'lane="live"', 'operation!="RELEASE"'
_FAILED = 'status=~"INDETERMINATE|CONFLICT|PARTIALLY_SUCCEEDED"'
_SIDES: Final = {
    "processor:orders_failed:increase1d": (_LANE, _NOT_RELEASED, _FAILED),
    "processor:released_before_paid:increase1d": (_LANE,),
    "processor:dead_letters:increase1d": (_LANE,),
}
"""Sums of what a day added and what was there before: the matchers of their three sides."""


def _without(matchers: tuple[str, ...], one: str) -> str:
    before = ", ".join(matchers)
    return f"{{{before}}} → {{{', '.join(each for each in matchers if each != one)}}}"


UNSEEN: Final[Mapping[tuple[str, str], str]] = {
    **{
        (rule, f"matchers {side}: {_without(matchers, one)}"): "the other sides have it, too"
        for rule, matchers in _SIDES.items()
        for side in (1, 2, 3)
        for one in matchers
    },
    **{
        (alert, "sum 1: sum → max"): "the recorded series is a sum already"
        for alert in ("OrdersIndeterminate", "OrdersConflict", "OrdersPartlyConfirmed")
    },
    (
        "NoProgress",
        "number 1: 0 → -1",
    ): "ranges of Prometheus 2 begin with the value that is asked for; those of 3 do not",
    (
        "NothingCommitted",
        "number 1: 0 → 1",
    ): "nobody has committed in the first second of 1970",
    (
        "processor:started_within_day",
        "time 1: 1d → 172800s",
    ): "who started within a day was seen within it",
}
"""Changes that no test can see, by the rule's name and what is changed: why."""

Test = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trial:
    """A test of promtool, cut down to what concerns a rule, and all rules that it needs."""

    test: Test
    interval: str
    rules: list[Rule]


class _Loader(yaml.SafeLoader):  # type: ignore[misc] # it carries no types
    """Reads promtool's tests, where `0x30` is no number but zero, and 30 times the same."""


def _series_or_int(loader: _Loader, node: yaml.ScalarNode) -> int | str:
    value: int | str = node.value if "x" in node.value else loader.construct_yaml_int(node)
    return value


_Loader.add_constructor("tag:yaml.org,2002:int", _series_or_int)


def name_of(rule: Rule) -> str:
    """Return the name of a rule."""
    name: str = rule.get("alert") or rule["record"]
    return name


def rules() -> list[Rule]:
    """Return all rules, those that others need first."""
    groups = (group for path in RULES for group in yaml.safe_load(path.read_text())["groups"])
    return [rule for group in groups for rule in group["rules"]]


def _needed(name: str, known: Mapping[str, Rule]) -> set[str]:
    """Return the names of the rules that a rule stands on, its own among them."""
    below = names_of(known[name]["expr"]) & known.keys()
    return {name}.union(*(_needed(each, known) for each in below))


@cache
def _tests() -> list[tuple[Test, str]]:
    """Return all tests, and at what interval rules are evaluated in each; the short ones first."""
    found: list[tuple[Test, str]] = []
    for path in TESTS:
        loaded = yaml.load(path.read_text(), _Loader)  # noqa: S506  a SafeLoader
        found += [(test, loaded["evaluation_interval"]) for test in loaded["tests"]]
    return sorted(found, key=lambda one: _seconds(_end(one[0])) / _seconds(one[1]))


def _end(test: Test) -> str:
    """Return the last moment that a test looks at."""
    asked = [*test["alert_rule_test"], *test.get("promql_expr_test", ())]
    times: list[str] = [each["eval_time"] for each in asked]
    return max(times, key=_seconds)


def _seconds(duration: str) -> int:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    parts = re.findall(r"(\d+)([smhd])", duration)
    return sum(int(count) * units[unit] for count, unit in parts)


def _tests_of(name: str, known: Mapping[str, Rule]) -> Iterator[Trial]:
    """Give the tests that may see a rule, the short ones first."""
    needs = {each: _needed(each, known) for each in known}
    for test, interval in _tests():
        alerts = [
            each
            for each in test["alert_rule_test"]
            if each["alertname"] in known and name in needs[each["alertname"]]
        ]
        queries = [
            each
            for each in test.get("promql_expr_test", ())
            if name in set[str]().union(*(needs.get(one, ()) for one in names_of(each["expr"])))
        ]
        if alerts or queries:
            asked = {each["alertname"] for each in alerts}.union(
                *(names_of(each["expr"]) & known.keys() for each in queries)
            )
            wanted = set[str]().union(*(needs[each] for each in asked))
            chosen = [rule for each, rule in known.items() if each in wanted]
            kept = {**test, "alert_rule_test": alerts, "promql_expr_test": queries}
            yield Trial(kept, interval, chosen)


def _is_red(trial: Trial, changed: Rule | None, folder: Path) -> bool:
    """Return whether a test fails, a rule having been changed."""
    rules = [
        changed if changed and name_of(rule) == name_of(changed) else rule for rule in trial.rules
    ]
    groups = {"groups": [{"name": "all", "rules": rules}]}
    tried = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": trial.interval,
        "tests": [trial.test],
    }
    (folder / "rules.yml").write_text(yaml.safe_dump(groups, sort_keys=False))
    (folder / "test.yml").write_text(yaml.safe_dump(tried, sort_keys=False))
    command = [str(program("promtool")), "test", "rules", str(folder / "test.yml")]
    done = subprocess.run(command, capture_output=True, check=False)
    return done.returncode != 0


def _unseen(name: str, known: Mapping[str, Rule], folder: Path) -> Iterator[str]:
    """Give the changes of a rule with which every test stays green, as it is without."""
    trials = list(_tests_of(name, known))
    for trial in trials:
        if _is_red(trial, None, folder):
            sys.exit(f"{name} is red as it is: {trial.test['name']}")
    for mutant in mutants(known[name]):
        if not any(_is_red(trial, mutant.rule, folder) for trial in trials):
            yield mutant.said


def main() -> int:
    """Go through all rules; return 1 when a change is not seen that could be."""
    parser = argparse.ArgumentParser(description="Change alert rules, see promtool's tests red.")
    parser.add_argument("-k", default="", help="only of rules whose names contain this")
    asked = parser.parse_args()
    known = {name_of(rule): rule for rule in rules()}
    green = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in (each for each in known if asked.k in each):
            unseen = {*_unseen(name, known, Path(folder))}
            missed = sorted(said for said in unseen if (name, said) not in UNSEEN)
            count = sum(1 for _ in mutants(known[name]))
            lines = [f"{name}: {count} changes, {count - len(unseen)} seen"]
            lines += [f"  GREEN {said}" for said in missed]
            sys.stdout.write("\n".join((*lines, "")))
            sys.stdout.flush()
            green += len(missed)
    return bool(green)


if __name__ == "__main__":
    sys.exit(main())
