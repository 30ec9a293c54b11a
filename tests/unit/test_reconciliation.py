"""What was paid, compared with what came of it: each case as outcomes, dead letters, payments."""

from dataclasses import replace
from typing import Any, Final

import pytest

from processor.core.books import Books, Letter
from processor.core.encounters import Encounters, Written
from processor.core.events import Content, Undecodable
from processor.core.outcomes import OutcomeView
from processor.core.reconciliation import (
    Finding,
    NotWorkedYet,
    Trouble,
    Window,
    compare_payment,
    findings,
)
from processor.core.records import Source
from processor.core.replies import ItemVerdict
from processor.core.vocabulary import CartId, Effect, ItemResult, Operation, OrderId, Reason, Status
from tests.support.codec import PAID

PAYMENTS, ABANDONMENTS, LANE = "order-paid", "cart-abandoned", "rokt-replay"
MOST: Final = 3
EVER: Final = Window(since=0, until=10_000)
BYTES: Final = Undecodable(reason=Reason.UNDECODABLE, detail="no")


def item(name: str, result: ItemResult = ItemResult.SUCCEEDED) -> ItemVerdict:
    return ItemVerdict(cart_item_id=name, item_reservation_id=f"r-{name}", result=result)


def named(name: str, reservation: str) -> ItemVerdict:
    return ItemVerdict(
        cart_item_id=name, item_reservation_id=reservation, result=ItemResult.SUCCEEDED
    )


def confirmed(offset: int = 0, *items: ItemVerdict, **changes: Any) -> OutcomeView:  # noqa: ANN401
    """Return the outcome of the payment at an offset: unless changed, of o-1, which is fine."""
    outcome = OutcomeView(
        outcome_id=f"id-{offset}",
        operation=Operation.CONFIRM,
        status=Status.SUCCEEDED,
        effect=Effect.APPLIED,
        reason=None,
        cart_id="c-1",
        order_id="o-1",
        source=Source(PAYMENTS, 0, offset, 100),
        origin=None,
        replay_id=None,
        request_fingerprint="f",
        items=items or (item("a"),),
    )
    return outcome._replace(**changes)


def released(*items: ItemVerdict) -> OutcomeView:
    """Return the outcome of a release of the cart."""
    return confirmed(
        0,
        *items,
        operation=Operation.RELEASE,
        order_id=None,
        source=Source(ABANDONMENTS, 0, 0, 100),
    )


def failed(offset: int = 0, **changes: Any) -> OutcomeView:  # noqa: ANN401
    """Return the outcome of a payment that was refused."""
    given: dict[str, Any] = {
        "status": Status.REJECTED,
        "effect": Effect.NOT_APPLIED,
        "reason": Reason.UNPROCESSABLE,
    }
    return confirmed(offset, **{"items": (item("a", ItemResult.UNKNOWN),)} | given | changes)


def letter(offset: int = 0, **changes: Any) -> Letter:  # noqa: ANN401
    """Return the dead letter of the payment at an offset."""
    found = Letter(
        operation=Operation.CONFIRM,
        reason=Reason.UNPROCESSABLE,
        effect=Effect.NOT_APPLIED,
        order_id="o-1",
        cart_id="c-1",
        origin=Source(PAYMENTS, 0, offset, 100),
        replay_id=None,
        items=(item("a", ItemResult.UNKNOWN),),
        at=200,
    )
    return replace(found, **changes)


def books(*told: OutcomeView | Letter) -> Books:
    """Return books that have taken in outcomes and dead letters, in that order."""
    kept = Books()
    for offset, each in enumerate(told):
        if isinstance(each, Letter):
            kept.learn_letter(each)
        else:
            kept.learn_outcome(each, 1_000 + offset)
    return kept


def found_in(*told: OutcomeView | Letter, window: Window = EVER) -> list[Finding]:
    """Return what does not agree; outcomes are read a second time for what is suspected."""
    kept = books(*told)
    encounters = Encounters(kept.suspects())
    for offset, each in enumerate(told):
        if isinstance(each, OutcomeView):
            encounters.learn(each, Written(offset, 1_000 + offset))
    return [*findings(kept, encounters, window, MOST)]


def troubles(*told: OutcomeView | Letter, window: Window = EVER) -> dict[Trouble, list[str]]:
    """Return what does not agree: by trouble, which orders (or carts) and which items."""
    found: dict[Trouble, list[str]] = {}
    for each in found_in(*told, window=window):
        who = f"{each.order_id or each.cart_id}: {' '.join(each.items)}"
        found.setdefault(each.trouble, []).append(who)
    return found


def payment(
    *told: OutcomeView | Letter, content: Content = PAID, committed: int = 10
) -> str | None:
    """Return why a payment of o-1 is lost, `waits` when it is not worked yet, None if all is well.

    It lies at offset 5; the group is beyond, unless `committed` says otherwise.
    """
    found = compare_payment(books(*told), Source(PAYMENTS, 0, 5, 100), "c-1", content, committed)
    match found:
        case Finding(trouble=Trouble.LOST):
            return found.detail
        case NotWorkedYet():
            return "waits"
        case _:
            return None


ANSWERS: Final[dict[str, tuple[OutcomeView | Letter, ...]]] = {
    "confirmed": (confirmed(5),),
    "confirmed in part": (confirmed(5, effect=Effect.PARTIALLY_APPLIED),),
    "confirmed by another record of its order": (confirmed(2),),
    "confirmed by its copy": (
        confirmed(
            0, source=Source(LANE, 0, 0, 1), origin=Source(PAYMENTS, 0, 5, 100), replay_id="r"
        ),
    ),
    "confirmed, and refused by a call that came later": (confirmed(2), failed(3)),
    "dead-lettered": (failed(5), letter(5)),
    "of an order that is dead-lettered": (failed(2), letter(2)),
    "doubtful, and its dead letter stands": (
        failed(2, effect=Effect.MAYBE_APPLIED),
        letter(2, effect=Effect.MAYBE_APPLIED),
    ),
}
NEVER: Final = "no outcome was ever written of it"
GONE: Final = "it failed (UNPROCESSABLE), and its dead letter is gone"
LOST: Final[dict[str, tuple[tuple[OutcomeView | Letter, ...], str]]] = {
    "passed over": ((), NEVER),
    "passed over, where another order conflicts": (
        (letter(2, reason=Reason.CONFLICTING_DUPLICATE),),
        NEVER,
    ),
    "failed, its letter gone": ((failed(5),), GONE),
    "doubtful by another record, whose letter is gone": (
        (failed(2, effect=Effect.MAYBE_APPLIED),),
        "its order ended MAYBE_APPLIED, and the dead letter is gone",
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_a_payment_that_is_answered_is_no_finding(case: str) -> None:
    assert payment(*ANSWERS[case]) is None


@pytest.mark.parametrize("case", LOST)
def test_a_payment_that_is_not_answered_is_lost(case: str) -> None:
    told, expected = LOST[case]
    assert payment(*told) == expected


def test_a_payment_above_the_committed_offset_waits_unless_it_has_ended() -> None:
    assert payment(committed=5) == "waits"
    assert payment(committed=6) == NEVER
    assert payment(confirmed(5), committed=5) is None
    assert payment(failed(5), committed=5) == GONE


def test_a_payment_that_waits_is_named_with_the_end_of_its_first_reservation() -> None:
    origin = Source(PAYMENTS, 0, 5, 100)
    items = [replace(PAID.items[0], reservation_expires_at=end) for end in (None, 700, 600)]
    paid = replace(PAID, order_id=OrderId("o-9"), cart_id=CartId("c-9"), items=tuple(items))
    assert compare_payment(books(), origin, "key", paid, 5) == NotWorkedYet(
        order_id="o-9", cart_id="c-9", origin=origin, at=100, expires_at=600
    )
    assert compare_payment(books(), origin, "key", BYTES, 5) == NotWorkedYet(
        order_id=None, cart_id="key", origin=origin, at=100, expires_at=None
    )


@pytest.mark.parametrize(
    "other",
    [
        confirmed(2, status=Status.CONFLICT, effect=Effect.NOT_SENT),
        failed(2, request_fingerprint="", reason=Reason.INVALID_EVENT),
    ],
)
def test_what_says_nothing_of_its_order_answers_no_other_payment_of_it(other: OutcomeView) -> None:
    assert payment(other) == NEVER
    assert payment(other, committed=5) == "waits"


def test_a_payment_that_cannot_be_read_is_looked_for_by_where_it_lies() -> None:
    assert payment(content=BYTES) == NEVER
    assert payment(content=BYTES, committed=5) == "waits"
    assert payment(letter(5, order_id=None), content=BYTES) is None


def test_what_lay_at_the_same_place_of_an_earlier_topic_is_another_payment() -> None:
    now = Source(PAYMENTS, 0, 5, 9_100)
    paid = replace(PAID, order_id=OrderId("o-9"), cart_id=CartId("c-9"))
    found = compare_payment(books(letter(5)), now, "c-9", paid, 10)
    assert isinstance(found, Finding)
    assert found.trouble is Trouble.LOST


def test_a_lost_payment_is_named_with_all_that_is_known_of_it() -> None:
    origin = Source(PAYMENTS, 0, 5, 100)
    paid = replace(PAID, order_id=OrderId("o-9"), cart_id=CartId("c-9"))
    assert compare_payment(books(failed(5)), origin, "key", paid, 10) == Finding(
        trouble=Trouble.LOST,
        operation=Operation.CONFIRM,
        order_id="o-9",
        cart_id="c-9",
        origin=origin,
        at=100,
        detail=GONE,
        reason=Reason.UNPROCESSABLE,
    )


def test_items_confirmed_and_then_released_are_found() -> None:
    found = found_in(confirmed(1, item("a"), item("b")), released(item("b")))
    assert [(each.trouble, each.order_id, each.items, each.detail, each.at) for each in found] == [
        (Trouble.CONFIRMED_AND_RELEASED, "o-1", ("b",), "confirmed, then released", 1_001)
    ]


def test_items_released_and_then_confirmed_are_found_as_both() -> None:
    found = found_in(released(item("a")), confirmed(1, item("a")))
    assert [(each.trouble, each.items, each.detail) for each in found] == [
        (Trouble.CONFIRMED_AND_RELEASED, ("a",), "released, then confirmed"),
        (Trouble.RELEASED_BEFORE_PAID, ("a",), "released, then confirmed"),
    ]


def test_an_item_matches_by_its_reservation_alone() -> None:
    assert troubles(confirmed(1), released(named("renamed", "r-a"))) == {
        Trouble.CONFIRMED_AND_RELEASED: ["o-1: renamed"]
    }


def test_of_two_orders_that_an_item_matches_the_confirmed_one_counts() -> None:
    told = (
        failed(1, items=(named("a", "r-1")._replace(result=ItemResult.UNKNOWN),), reason=None),
        confirmed(2, named("b", "r-2"), order_id="o-2"),
        released(named("a", "r-2")),
    )
    assert troubles(*told) == {Trouble.CONFIRMED_AND_RELEASED: ["o-2: a"]}


RELEASES: Final[dict[str, tuple[tuple[OutcomeView, ...], set[Trouble]]]] = {
    "of another cart": ((released(item("a"))._replace(cart_id="c-2"), confirmed(1)), set()),
    "refused": ((released(item("a", ItemResult.REJECTED)), confirmed(1)), set()),
    "not called": ((released(item("a", ItemResult.UNKNOWN)), confirmed(1)), set()),
    "maybe before": (
        (released(item("a", ItemResult.INDETERMINATE)), confirmed(1)),
        {Trouble.RELEASED_BEFORE_PAID},
    ),
    "maybe after": ((confirmed(1), released(item("a", ItemResult.INDETERMINATE))), set()),
    "after a failed payment": ((failed(1), released(item("a"))), set()),
    "before a failed payment": (
        (released(item("a")), failed(1, reason=None)),
        {Trouble.RELEASED_BEFORE_PAID},
    ),
    "between payment and confirm": (
        (failed(1, reason=None), released(item("a")), confirmed(2)),
        {Trouble.CONFIRMED_AND_RELEASED},
    ),
}


@pytest.mark.parametrize("case", RELEASES)
def test_what_a_release_means_depends_on_what_is_certain(case: str) -> None:
    told, expected = RELEASES[case]
    assert set(troubles(*told)) == expected


LETTERS: Final[dict[str, tuple[tuple[OutcomeView | Letter, ...], set[Trouble]]]] = {
    "failed": ((failed(), letter()), {Trouble.NEVER_REDRIVEN}),
    "confirmed since by a corrected event": ((failed(), confirmed(1), letter()), set()),
    "confirmed by its redrive": (
        (
            failed(),
            confirmed(
                0, source=Source(LANE, 0, 0, 1), origin=Source(PAYMENTS, 0, 0, 100), replay_id="r"
            ),
            letter(),
        ),
        set(),
    ),
    "redriven and failed again": (
        (failed(), letter(), letter(replay_id="r")),
        {Trouble.FAILED_AGAIN},
    ),
    "replayed and failed for the first time": ((letter(replay_id="r"),), {Trouble.NEVER_REDRIVEN}),
    "a conflict, of a settled order": (
        (confirmed(), letter(1, reason=Reason.CONFLICTING_DUPLICATE)),
        {Trouble.NEVER_REDRIVEN},
    ),
    "unreadable": (
        (letter(operation=Operation.UNKNOWN, order_id=None, reason=Reason.UNDECODABLE),),
        {Trouble.NEVER_REDRIVEN},
    ),
    "unreadable, read by its redrive": (
        (
            confirmed(0, origin=Source(PAYMENTS, 0, 3, 100), replay_id="r"),
            letter(3, operation=Operation.UNKNOWN, order_id=None, reason=Reason.UNDECODABLE),
        ),
        set(),
    ),
    "unreadable, and read by its redrive, which failed": (
        (
            failed(0, origin=Source(PAYMENTS, 0, 3, 100), replay_id="r", order_id="o-3"),
            letter(3, operation=Operation.UNKNOWN, order_id=None, reason=Reason.UNDECODABLE),
        ),
        {Trouble.NEVER_REDRIVEN},
    ),
    "unreadable, redriven well, and badly the next time": (
        (
            confirmed(0, origin=Source(PAYMENTS, 0, 3, 100), replay_id="a", order_id="o-3"),
            failed(0, origin=Source(PAYMENTS, 0, 3, 100), replay_id="b", order_id="o-3"),
            letter(3, operation=Operation.UNKNOWN, order_id=None, reason=Reason.UNDECODABLE),
        ),
        {Trouble.NEVER_REDRIVEN},
    ),
    "a release": (
        (letter(operation=Operation.RELEASE, order_id=None),),
        {Trouble.NEVER_REDRIVEN},
    ),
    "a release whose items are paid since": (
        (confirmed(), letter(operation=Operation.RELEASE, order_id=None)),
        set(),
    ),
    "a release whose items are released since": (
        (released(item("a")), letter(operation=Operation.RELEASE, order_id=None)),
        set(),
    ),
    "a release of which an item is left": (
        (
            released(item("a")),
            letter(operation=Operation.RELEASE, order_id=None, items=(item("a"), item("b"))),
        ),
        {Trouble.NEVER_REDRIVEN},
    ),
}


@pytest.mark.parametrize("case", LETTERS)
def test_a_dead_letter_stands_until_somebody_has_seen_to_it(case: str) -> None:
    told, expected = LETTERS[case]
    assert set(troubles(*told)) == expected


ADVICE: Final[dict[str, tuple[tuple[Letter, ...], str, bool]]] = {
    "refused": ((letter(),), "a redrive brings it back", True),
    "doubtful": (
        (letter(effect=Effect.MAYBE_APPLIED),),
        "it may have been applied: look at Rokt",
        True,
    ),
    "in conflict": (
        (letter(reason=Reason.CONFLICTING_DUPLICATE),),
        "the same bytes will fail again",
        False,
    ),
    "invalid": (
        (letter(reason=Reason.INVALID_EVENT, is_hopeless=True),),
        "a redrive does not help: it needs a corrected event",
        False,
    ),
    "invalid, and valid by now": (
        (letter(reason=Reason.INVALID_EVENT),),
        "a redrive brings it back",
        True,
    ),
    "unreadable": (
        (letter(reason=Reason.UNDECODABLE, is_hopeless=True),),
        "it needs a corrected event from the producer; a redrive helps only once",
        False,
    ),
    "unreadable, and readable by now": (
        (letter(reason=Reason.UNDECODABLE),),
        "a redrive brings it back",
        True,
    ),
    "redriven twice": (
        (letter(), letter(replay_id="a"), letter(replay_id="b")),
        "it may be redriven; it was brought back 2 times already, and failed again",
        True,
    ),
    "redriven three times": (
        (letter(), *(letter(replay_id=name) for name in "abc")),
        "quarantined: it was brought back 3 times",
        False,
    ),
}


@pytest.mark.parametrize("case", ADVICE)
def test_a_redrive_is_advised_only_where_it_may_help(case: str) -> None:
    told, expected, is_redrivable = ADVICE[case]
    (found,) = found_in(*told)
    assert found.detail.startswith(expected)
    assert found.is_redrivable is is_redrivable


def partial(offset: int = 0, **changes: Any) -> OutcomeView:  # noqa: ANN401
    return confirmed(
        offset,
        item("a", ItemResult.REJECTED),
        item("b"),
        status=Status.PARTIALLY_SUCCEEDED,
        effect=Effect.PARTIALLY_APPLIED,
        reason=Reason.ITEMS_REJECTED,
        **changes,
    )


def test_an_order_confirmed_in_part_names_the_items_that_are_left() -> None:
    told = partial(), letter(reason=Reason.ITEMS_REJECTED, effect=Effect.PARTIALLY_APPLIED)
    assert troubles(*told) == {Trouble.PARTLY_REJECTED: ["o-1: a"]}


def test_an_order_confirmed_in_part_is_fine_once_a_new_order_has_the_rest() -> None:
    assert troubles(partial(), confirmed(1, item("a"), order_id="o-2")) == {}


def test_only_what_was_written_in_the_window_is_found() -> None:
    told = (
        partial(),
        released(item("c")),
        confirmed(1, item("c"), order_id="o-2"),
        letter(7, at=50, order_id="o-7"),
    )
    everything = {
        Trouble.CONFIRMED_AND_RELEASED,
        Trouble.RELEASED_BEFORE_PAID,
        Trouble.PARTLY_REJECTED,
    }
    assert set(troubles(*told, window=Window(since=1_000, until=1_003))) == everything
    assert set(troubles(*told, window=Window(since=1_001, until=1_002))) == set()
    assert set(troubles(*told, window=Window(since=50, until=51))) == {Trouble.NEVER_REDRIVEN}
    assert set(troubles(*told, window=Window(since=1_000, until=1_001))) == {
        Trouble.PARTLY_REJECTED
    }
