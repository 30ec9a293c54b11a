"""The ways in which a rule about alerts can be wrong: each changes one thing of its text."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

Rule = dict[str, Any]
_SECONDS: Final = {"m": 60, "h": 3600, "d": 86400}
_OTHER_SIDE: Final = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}
_OTHER_SUM: Final = {"min": "max", "max": "min", "sum": "max"}
_MATCHER: Final = re.compile(r'(\w+)([=!]~|!?=)"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Change:
    """One kind of change: the places that it finds in a text, and what each may become."""

    name: str
    places: re.Pattern[str]
    become: Callable[[re.Match[str]], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule in which one thing is changed; `said` tells what."""

    rule: Rule
    said: str


def _number(found: re.Match[str]) -> Iterator[str]:
    """Give the neighbours of a small whole number; of others, what is a fifth off."""
    value = float(found[0])
    is_small = value.is_integer() and value < 10
    yield from (
        (f"{value + by:g}" for by in (-1, 1))
        if is_small
        else (f"{value * by:.10g}" for by in (0.8, 1.2))
    )


def _duration(found: re.Match[str]) -> Iterator[str]:
    seconds = int(found[1]) * _SECONDS[found[2]]
    yield from (f"{seconds // 2}s", f"{seconds * 2}s")


def _without_one(found: re.Match[str]) -> Iterator[str]:
    """Give a list of names without each of them."""
    names = found[2].split(", ")
    for name in names:
        yield f"{found[1]} ({', '.join(each for each in names if each != name)})"


def _matchers(found: re.Match[str]) -> Iterator[str]:
    """Give all matchers of a metric with one left out, turned round, or without an alternative."""
    matchers = [each.groups() for each in _MATCHER.finditer(found[0])]
    for place, (label, operator, value) in enumerate(matchers):
        others = [[], [(label, _OTHER_SIDE[operator], value)]]
        if "|" in value:
            others += [[(label, operator, each)] for each in value.split("|")]
        for other in others:
            given = [*matchers[:place], *other, *matchers[place + 1 :]]
            yield "{" + ", ".join(f'{a}{b}"{c}"' for a, b, c in given) + "}"


CHANGES: Final = (
    Change("number", re.compile(r'(?<![\w.:"])\d+(\.\d+)?(?![\w.:"|])'), _number),
    Change("time", re.compile(r"(?<=\[)(\d+)([mhd])(?=\])"), _duration),
    Change("offset", re.compile(r"(?<=offset )(\d+)([mhd])"), _duration),
    Change("labels", re.compile(r"\b(by|on) \(([^)]+)\)"), _without_one),
    Change("matchers", re.compile(r"\{[^}]+\}"), _matchers),
    Change("sum", re.compile(r"\b(min|max|sum)(?= by)"), lambda found: [_OTHER_SUM[found[1]]]),
    Change("equal", re.compile(r"=="), lambda _: ["!="]),
)
"""What is changed in an expression."""


def mutants(rule: Rule) -> Iterator[Mutant]:
    """Give all mutants of a rule."""
    for expression, said in _changed(rule["expr"]):
        yield Mutant({**rule, "expr": expression}, said)
    if "for" in rule:
        (minutes,) = re.fullmatch(r"(\d+)m", rule["for"]).groups()  # type: ignore[union-attr]
        for other in (int(minutes) - 1, int(minutes) + 1):
            yield Mutant({**rule, "for": f"{other}m"}, f"for: {rule['for']} → {other}m")
    for name, value in rule.get("labels", {}).items():
        yield Mutant({**rule, "labels": {**rule["labels"], name: "x"}}, f"{name}: {value} → x")


def _changed(text: str) -> Iterator[tuple[str, str]]:
    for change in CHANGES:
        for number, found in enumerate(change.places.finditer(text), 1):
            for other in change.become(found):
                said = f"{change.name} {number}: {found[0]} → {other}"
                yield text[: found.start()] + other + text[found.end() :], said
