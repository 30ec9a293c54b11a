"""A reconciliation's payments that wait, as people and machines read them."""

import io
from typing import Final

import pytest
from rich.console import Console

from processor.cli.reconcile_report import show, to_json
from processor.core.reconciliation import NotWorkedYet, Window
from processor.core.records import Source
from processor.shell.history.reconciliation import Report

NOW: Final = 1_764_500_000_000
MINUTE: Final = 60_000


def waiting(name: str, minutes: int, ends_in: int | None = None) -> NotWorkedYet:
    at = NOW - minutes * MINUTE
    return NotWorkedYet(
        order_id=f"o-{name}",
        cart_id=f"c-{name}",
        origin=Source("order-paid", 3, minutes, at),
        at=at,
        expires_at=None if ends_in is None else NOW + ends_in * MINUTE,
    )


def report(*payments: NotWorkedYet, most: int = 20) -> Report:
    made = Report(window=Window(since=NOW - 120 * MINUTE, until=NOW), most=most)
    for payment in payments:
        made.wait(payment)
    return made


def shown(made: Report) -> str:
    written = io.StringIO()
    show(made, None, NOW, Console(file=written, width=100))
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines())


def test_the_oldest_are_listed_first_and_all_are_counted() -> None:
    made = report(waiting("new", 1), waiting("old", 30), waiting("mid", 9), most=2)
    assert [each.order_id for each in made.waiting] == ["o-old", "o-mid"]
    assert (made.not_worked_yet, list(made.waiting_orders)) == (3, ["o-new", "o-old", "o-mid"])
    assert "which is no finding: the oldest 2 of 3\n" in shown(made)
    assert "which is no finding: 1, the oldest first\n" in shown(report(waiting("new", 1)))


def test_each_is_told_with_its_cart_its_age_and_its_reservation() -> None:
    words = " ".join(shown(report(waiting("a", 31, 4), waiting("b", 5, -3))).split())
    assert "order o-a order-paid:3:31 ends 2025-11-30T10:57:20Z, in 4 min" in words
    assert "cart c-a 2025-11-30T10:22:20Z 31 min ago" in words
    assert "ended 2025-11-30T10:50:20Z, 3 min ago" in words


@pytest.mark.parametrize("ends_in", [2**53, -(2**53)])
def test_a_reservation_beyond_the_calendar_is_shown_as_it_is(ends_in: int) -> None:
    told = " ".join(shown(report(waiting("a", 31, ends_in))).split())
    assert f"{NOW + ends_in * MINUTE} ms" in told


def test_nothing_is_listed_where_nobody_asks_for_a_list() -> None:
    told = shown(report(waiting("a", 1), most=0))
    assert "Paid and not worked yet, which is no finding: 1" in told
    assert "o-a" not in told


def test_machines_read_the_same() -> None:
    told = to_json(report(waiting("a", 2, 4)), None)
    assert (told["notWorkedYet"], told["waiting"]) == (
        1,
        [
            {
                "orderId": "o-a",
                "cartId": "c-a",
                "origin": {
                    "topic": "order-paid",
                    "partition": 3,
                    "offset": 2,
                    "timestamp": NOW - 2 * MINUTE,
                },
                "at": NOW - 2 * MINUTE,
                "reservationExpiresAt": NOW + 4 * MINUTE,
            }
        ],
    )
