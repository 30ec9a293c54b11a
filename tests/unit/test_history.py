"""What recent replies show: an outage, a record's own fault, and for how many carts."""

from collections.abc import Iterable

import pytest

from processor.core.events import Undecodable
from processor.core.history import History
from processor.core.records import Now, Record, Source
from processor.core.vocabulary import Reason
from processor.core.work import Work
from tests.support.stage import carts

MANY = 10_000


def work_of(cart: str, *, sent_at: float = 0.0) -> Work:
    record = Record(Source("t", 0, 0, 0), cart.encode(), b"")
    content = Undecodable(reason=Reason.UNDECODABLE, detail="of no account here")
    work = Work(record, content, arrival=1)
    work.sent(Now(sent_at, sent_at))
    return work


def fail(history: History, works: Iterable[Work], at: float) -> None:
    for work in works:
        work.failed(at)
        history.failed(work, at)


def succeed(history: History, at: float, *, sent_at: float = 0.0, cart: str = "good") -> None:
    history.succeeded(work_of(cart, sent_at=sent_at), at)


# Whose fault


@pytest.mark.parametrize(("sent_at", "is_cleared"), [(9.0, True), (11.0, False)])
def test_at_a_first_failure_any_success_since_the_sending_clears_rokt(
    sent_at: float, *, is_cleared: bool
) -> None:
    history = History()
    work = work_of("bad", sent_at=sent_at)
    succeed(history, 10.0)
    work.failed(12.0)
    assert history.clears_rokt(work) is is_cleared


@pytest.mark.parametrize(("sent_at", "is_cleared"), [(14.0, False), (16.0, True)])
def test_later_a_success_counts_by_its_sending(sent_at: float, *, is_cleared: bool) -> None:
    history = History()
    work = work_of("bad", sent_at=9.0)
    work.failed(15.0)
    succeed(history, 20.0, sent_at=sent_at)
    work.sent(Now(18.0, 18.0))
    work.failed(21.0)
    assert history.clears_rokt(work) is is_cleared


def test_an_old_call_that_succeeds_late_takes_no_proof_back() -> None:
    history = History()
    succeed(history, 11.0, sent_at=10.0)
    succeed(history, 12.0, sent_at=5.0)
    assert (history.last_success, history.proven_until) == (12.0, 10.0)


# An outage


@pytest.mark.parametrize(("failing", "quiet", "shows"), [
    (2, 59.0, False), (2, 1000.0, False), (3, 4.9, False), (3, 5.0, True), (9, 5.0, True),
])  # fmt: skip
def test_three_carts_that_were_well_show_an_outage_after_five_seconds_of_quiet(
    failing: int, quiet: float, *, shows: bool
) -> None:
    history = History()
    succeed(history, 100.0)
    fail(history, map(work_of, carts("c", failing)), 100.0)
    assert history.shows_outage(100.0 + quiet) is shows


def test_a_success_makes_the_failing_no_news() -> None:
    history = History()
    fail(history, map(work_of, carts("c", 3)), 100.0)
    succeed(history, 101.0)
    assert [history.shows_outage(101.0 + quiet) for quiet in (5.0, 59.9)] == [False, False]


def test_carts_that_failed_before_show_an_outage_only_after_a_minute_of_quiet() -> None:
    history = History()
    fail(history, map(work_of, carts("c", 3)), 100.0)
    succeed(history, 101.0)
    fail(history, map(work_of, carts("c", 3)), 102.0)  # their next records
    assert [history.shows_outage(101.0 + quiet) for quiet in (5.0, 59.9, 60.0)] == [
        False, False, True,
    ]  # fmt: skip


def test_a_record_that_failed_before_the_last_success_is_no_news_even_if_forgotten() -> None:
    history = History()
    old = [work_of("old")]
    fail(history, old, 100.0)
    fail(history, map(work_of, ("x", "y")), 450.0)  # by now the old one is long forgotten
    succeed(history, 455.0)
    fail(history, map(work_of, ("d", "e")), 456.0)
    fail(history, old, 457.0)
    assert not history.shows_outage(461.0)
    fail(history, [work_of("f")], 458.0)
    assert history.shows_outage(461.0)


@pytest.mark.parametrize("quiet", [5.0, 60.0])
def test_a_cart_that_rokt_has_refused_in_its_own_words_shows_no_outage(quiet: float) -> None:
    history = History()
    succeed(history, 100.0)
    fail(history, map(work_of, carts("c", 3)), 100.0)
    history.answered(work_of("c-2"))
    assert not history.shows_outage(100.0 + quiet)


# Few or many


@pytest.mark.parametrize(("failing", "seen", "is_few"), [
    (2, 2, True), (3, 60, False), (3, 61, True), (10, 200, False), (10, 201, True),
])  # fmt: skip
def test_few_are_less_than_three_carts_or_less_than_a_twentieth(
    failing: int, seen: int, *, is_few: bool
) -> None:
    history = History()
    for cart in carts("c", seen):
        history.see(cart.encode(), 100.0)
    fail(history, map(work_of, carts("c", failing)), 100.0)
    assert history.fails_for_few(100.0) is is_few


def test_a_cart_that_succeeds_or_is_refused_fails_no_more() -> None:
    history = History()
    fail(history, map(work_of, carts("c", 4)), 100.0)
    assert not history.fails_for_few(100.0)
    succeed(history, 101.0, cart="c-0")
    history.answered(work_of("c-1"))
    assert history.fails_for_few(101.0)


@pytest.mark.parametrize(("at", "is_few"), [(400.0, False), (400.1, True)])
def test_a_cart_that_has_not_failed_for_five_minutes_fails_no_more(
    at: float, *, is_few: bool
) -> None:
    history = History()
    fail(history, map(work_of, carts("c", 2)), 100.0)
    fail(history, [work_of("d")], at)
    assert history.fails_for_few(at) is is_few


@pytest.mark.parametrize(("at", "is_few"), [(400.0, True), (400.1, False)])
def test_carts_count_as_many_for_five_minutes(at: float, *, is_few: bool) -> None:
    history = History()
    for cart in carts("c", 100):
        history.see(cart.encode(), 100.0)
    fail(history, map(work_of, carts("c", 4)), 399.0)
    assert history.fails_for_few(at) is is_few


# What it keeps


def test_what_it_keeps_of_the_carts_seen_is_bounded_in_time_and_number() -> None:
    history = History()
    for second in range(7200):
        history.see(b"c", float(second))
    slices = history._seen  # noqa: SLF001  memory shows nowhere else
    assert len(slices) <= 6
    for number in range(MANY + 5):
        history.see(b"%d" % number, 7200.0)
    assert len(slices[-1][1]) == MANY


def test_what_it_keeps_of_the_failing_is_bounded() -> None:
    history = History()
    fail(history, map(work_of, carts("c", MANY + 5)), 100.0)
    kept = (len(history._fresh), len(history._failing))  # noqa: SLF001  as above
    assert kept == (MANY, MANY)
