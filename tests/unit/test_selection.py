"""Selections: which records a replay or redrive names."""

import pytest

from processor.core.selection import Failure, Selection, Subject
from processor.core.vocabulary import Effect, Operation, Reason

ORDER = Subject(operation=Operation.CONFIRM, cart_id="c-1", order_id="o-1", at=100)
REFUSED = Failure(reason=Reason.BAD_REQUEST, effect=Effect.NOT_APPLIED, http_status=400)


@pytest.mark.parametrize(
    ("selection", "is_named"),
    [
        (Selection(), True),
        (Selection(operations=frozenset({Operation.CONFIRM})), True),
        (Selection(operations=frozenset({Operation.RELEASE})), False),
        (Selection(orders=frozenset({"o-1", "o-2"})), True),
        (Selection(orders=frozenset({"o-2"})), False),
        (Selection(carts=frozenset({"c-1"})), True),
        (Selection(carts=frozenset({"c-1"}), orders=frozenset({"o-2"})), False),
        (Selection(ids=frozenset({"o-1"})), True),
        (Selection(ids=frozenset({"c-1"})), True),
        (Selection(ids=frozenset({"x"})), False),
    ],
)
def test_a_record_is_named_by_all_filters_at_once(*, selection: Selection, is_named: bool) -> None:
    assert selection.names(ORDER) is is_named


@pytest.mark.parametrize(
    ("since", "until", "at", "is_covered"),
    [
        (None, None, None, True),
        (None, None, 5, True),
        (5, None, 5, True),
        (6, None, 5, False),
        (None, 5, 5, False),
        (None, 6, 5, True),
        (1, None, None, False),
    ],
)
def test_a_window_holds_its_beginning_and_not_its_end(
    *, since: int | None, until: int | None, at: int | None, is_covered: bool
) -> None:
    assert Selection(since=since, until=until).covers(at) is is_covered


@pytest.mark.parametrize(
    ("selection", "is_wanted"),
    [
        (Selection(), True),
        (Selection(reasons=frozenset({Reason.BAD_REQUEST})), True),
        (Selection(reasons=frozenset({Reason.FORBIDDEN})), False),
        (Selection(effects=frozenset({Effect.MAYBE_APPLIED})), False),
        (Selection(http_statuses=frozenset({400, 422})), True),
        (Selection(http_statuses=frozenset({422})), False),
    ],
)
def test_a_failure_is_wanted_by_all_filters_at_once(
    *, selection: Selection, is_wanted: bool
) -> None:
    assert selection.wants(REFUSED) is is_wanted
