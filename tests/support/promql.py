"""PromQL: whether what an expression asks for can be there, and by which labels it answers."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import promql_parser as promql

from processor.shell.metrics_form import Labels, Metric, MetricType
from processor.shell.metrics_table import TABLE

TARGET: Final[Mapping[str, Labels]] = dict.fromkeys(("namespace", "job", "instance"), ())
"""The labels that Prometheus gives to whatever it scrapes; their values are not ours."""

_SCALARS: Final = frozenset({"time", "scalar", "pi"})
_NO_LABELS: Final = frozenset({"absent", "absent_over_time", "vector"})
_CHOICES: Final = frozenset({"topk", "bottomk"})
_SETS: Final = frozenset({"and", "or", "unless"})
_REGULAR: Final = (promql.MatchOp.Re, promql.MatchOp.NotRe)


class AskedInVainError(ValueError):
    """An expression asks for what is never there; the text says for what."""


def series_of(table: Iterable[Metric] = TABLE) -> dict[str, Mapping[str, Labels]]:
    """Return the labels of each series that a scrape finds, and the values they can have.

    A label without values can have any.
    """
    found: dict[str, Mapping[str, Labels]] = {"up": TARGET}
    for row in table:
        labels = {**row.labels, **TARGET}
        if row.type is not MetricType.HISTOGRAM:
            found[row.name] = labels
            continue
        bounds = (*(str(float(bound)) for bound in row.buckets), "+Inf")
        found[f"{row.name}_bucket"] = {**labels, "le": bounds}
        found[f"{row.name}_sum"] = found[f"{row.name}_count"] = labels
    return found


def labels_of(expression: str, series: Mapping[str, Mapping[str, Labels]]) -> frozenset[str]:
    """Return the labels of what an expression answers with; of a scalar there are none.

    AskedInVainError where it names a metric, a label or a value that is not in `series`, or joins
    two sides that have no label set in common. ValueError where it is no PromQL.
    """
    return _labels(promql.parse(expression), series) or frozenset()


def names_of(expression: str) -> frozenset[str]:
    """Return the names of all series that an expression asks for."""
    found: set[str] = set()

    def see(part: promql.Expr) -> bool:
        if isinstance(part, promql.MatrixSelector):
            part = part.vector_selector
        if isinstance(part, promql.VectorSelector):
            found.add(part.name or "")
        return True

    promql.walk(promql.parse(expression), pre_visit=see)
    return frozenset(found)


def _labels(part: promql.Expr, series: Mapping[str, Mapping[str, Labels]]) -> frozenset[str] | None:
    """Return the labels of a part, None for a scalar."""
    match part:
        case promql.VectorSelector():
            return _selected(part, series)
        case promql.MatrixSelector():
            return _selected(part.vector_selector, series)
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            return _labels(part.expr, series)
        case promql.AggregateExpr():
            return _grouped(part, series)
        case promql.BinaryExpr():
            return _joined(part, series)
        case promql.Call():
            sides = [_labels(each, series) for each in part.args]
            if part.func.name in _SCALARS:
                return None
            if part.func.name in _NO_LABELS:
                return frozenset()
            labels = next(side for side in sides if side is not None)
            return labels - {"le"} if part.func.name == "histogram_quantile" else labels
        case _:
            return None


def _selected(
    selector: promql.VectorSelector, series: Mapping[str, Mapping[str, Labels]]
) -> frozenset[str]:
    labels = series.get(selector.name or "")
    if labels is None:
        raise AskedInVainError(f"{selector.name} is no metric")
    for matcher in selector.matchers.matchers:
        if matcher.name not in labels:
            raise AskedInVainError(f"{selector.name} has no label {matcher.name}")
        for value in _values(matcher):
            if labels[matcher.name] and value not in labels[matcher.name]:
                raise AskedInVainError(f"{matcher.name} of {selector.name} is never {value}")
    return frozenset(labels)


def _values(matcher: promql.Matcher) -> Iterator[str]:
    """Go over the values that a matcher names."""
    if matcher.op not in _REGULAR:
        yield matcher.value
    elif re.fullmatch(r"[\w|]*", matcher.value):
        yield from matcher.value.split("|")


def _grouped(
    part: promql.AggregateExpr, series: Mapping[str, Mapping[str, Labels]]
) -> frozenset[str]:
    inner = _labels(part.expr, series) or frozenset()
    if str(part.op) in _CHOICES:
        return inner
    if part.modifier is None:
        return frozenset()
    named = frozenset(part.modifier.labels)
    _must_have(inner, named, part)
    is_by = part.modifier.type == promql.AggModifierType.By
    return named if is_by else inner - named


def _joined(
    part: promql.BinaryExpr, series: Mapping[str, Mapping[str, Labels]]
) -> frozenset[str] | None:
    left, right = _labels(part.lhs, series), _labels(part.rhs, series)
    if left is None or right is None:
        return right if left is None else left
    operator, modifier = str(part.op), part.modifier
    if modifier is None or modifier.matching is None:
        if operator == "or":
            return left | right
        if left != right:
            raise AskedInVainError(f"the sides have other labels: {part}")
        return left
    named = frozenset(modifier.matching.labels)
    _must_have(left, named, part)
    _must_have(right, named, part)
    if operator in _SETS or modifier.group_labels is not None:
        return left | frozenset(modifier.group_labels or ())
    is_on = modifier.matching.type == promql.LabelModifierType.Include
    return named if is_on else left - named


def _must_have(labels: frozenset[str], named: frozenset[str], part: promql.Expr) -> None:
    if missing := named - labels:
        raise AskedInVainError(f"there is no {', '.join(sorted(missing))} in {part}")
