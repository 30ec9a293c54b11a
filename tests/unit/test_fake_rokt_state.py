import tracemalloc
from random import Random

import pytest
from pydantic import ValidationError

from processor.fake_rokt.contract import Call, Item, Operation
from processor.fake_rokt.ledger import Arrival, Ledger
from processor.fake_rokt.reservations import Reservation, Reservations, State
from processor.fake_rokt.rules import Lie, Rule, Rules, Script, Then, When


def call(operation: str, reservation_id: str | None = "r", **ids: str) -> Call:
    is_confirm = operation == "CONFIRM"
    item = Item(cart_item_id=ids.get("item", "i"), reservation_id=reservation_id)
    return Call(
        operation=Operation(operation),
        cart_id=ids.get("cart", "c"),
        order_id=ids.get("order", "o") if is_confirm else None,
        items=(item,),
    )


def reservations(*, is_strict: bool = False) -> Reservations:
    return Reservations(is_strict=is_strict, limit=1000)


def settle(kept: Reservations, asked: Call) -> tuple[bool, bool]:
    (settled,) = kept.settle(asked, rejected=frozenset(), is_applied=True)
    return settled.is_success, settled.is_repeat


@pytest.mark.parametrize("is_seeded", [True, False])
@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (call("CONFIRM"), call("CONFIRM"), (True, True)),
        (call("CONFIRM"), call("CONFIRM", order="another"), (False, False)),
        (call("CONFIRM"), call("RELEASE"), (False, False)),
        (call("RELEASE"), call("RELEASE"), (True, True)),
        (call("RELEASE"), call("CONFIRM"), (False, False)),
    ],
)
def test_a_unit_is_confirmed_or_released_once(
    first: Call, second: Call, expected: tuple[bool, bool], *, is_seeded: bool
) -> None:
    kept = reservations()
    if is_seeded:
        kept.seed([Reservation(reservation_id="r")])
    assert settle(kept, first) == (True, False)
    assert settle(kept, second) == expected


@pytest.mark.parametrize("operation", ["CONFIRM", "RELEASE"])
def test_an_expired_reservation_is_gone(operation: str) -> None:
    kept = reservations()
    kept.seed([Reservation(reservation_id="r", state=State.EXPIRED)])
    assert settle(kept, call(operation)) == (False, False)


def test_what_is_rejected_or_not_applied_stays_reserved() -> None:
    kept = reservations()
    kept.settle(call("CONFIRM"), rejected=frozenset({"i"}), is_applied=True)
    kept.settle(call("CONFIRM"), rejected=frozenset(), is_applied=False)
    assert settle(kept, call("RELEASE")) == (True, False)


def test_what_fails_changes_nothing() -> None:
    kept = reservations()
    settle(kept, call("RELEASE"))
    assert settle(kept, call("CONFIRM")) == (False, False)
    assert settle(kept, call("RELEASE")) == (True, True)


def test_the_state_of_a_seeded_reservation_can_be_read() -> None:
    kept = reservations()
    kept.seed([Reservation(reservation_id="r", cart_id="c", cart_item_id="i")])
    settle(kept, call("CONFIRM"))
    assert kept.seeded == (
        Reservation(
            reservation_id="r",
            cart_id="c",
            cart_item_id="i",
            state=State.CONFIRMED,
            order_id="o",
        ),
    )


@pytest.mark.parametrize(
    ("asked", "codes"),
    [
        (call("CONFIRM"), []),
        (call("CONFIRM", cart="another"), ["WRONG_CART"]),
        (call("CONFIRM", item="another"), ["WRONG_ITEM"]),
        (call("CONFIRM", "unknown"), ["UNKNOWN_RESERVATION"]),
        (call("CONFIRM", None), ["UNKNOWN_RESERVATION"]),
    ],
)
def test_a_strict_desk_knows_its_reservations(asked: Call, codes: list[str]) -> None:
    kept = reservations(is_strict=True)
    kept.seed([Reservation(reservation_id="r", cart_id="c", cart_item_id="i")])
    assert [problem.code for problem in kept.problems(asked)] == codes


def test_equal_reservation_ids_of_two_carts_do_not_meet_unless_seeded() -> None:
    kept = reservations()
    assert settle(kept, call("CONFIRM")) == (True, False)
    assert settle(kept, call("CONFIRM", cart="another", order="another")) == (True, False)


def decisions(rule: Rule, *attempts: int, seed: int = 0) -> list[bool]:
    rules = Rules([rule], Random(seed))
    return [rules.decide(Operation.CONFIRM, "c", "o", each) is not None for each in attempts]


TEAPOT = Then(status=418)


@pytest.mark.parametrize(
    ("when", "matches"),
    [
        (When(), True),
        (When(operation=Operation.CONFIRM), True),
        (When(operation=Operation.RELEASE), False),
        (When(cart_id="c"), True),
        (When(cart_id="another"), False),
        (When(order_id="o"), True),
        (When(order_id="another"), False),
        (When(cart_id="c", order_id="another"), False),
        (When(probability=0), False),
    ],
)
def test_a_rule_is_for_calls_that_meet_everything_given(when: When, *, matches: bool) -> None:
    assert decisions(Rule(when=when, then=TEAPOT), 1) == [matches]


def test_a_rule_can_be_for_some_attempts() -> None:
    rule = Rule(when=When(first_attempt=2, last_attempt=3), then=TEAPOT)
    assert decisions(rule, 1, 2, 3, 4) == [False, True, True, False]


def test_a_rule_can_be_used_up() -> None:
    assert decisions(Rule(then=TEAPOT, times=2), 1, 2, 3) == [True, True, False]


def test_the_first_rule_that_matches_decides() -> None:
    rules = Rules([Rule(then=Then(status=500)), Rule(then=TEAPOT)], Random(0))
    then = rules.decide(Operation.CONFIRM, "c", "o", 1)
    assert then == Then(status=500)


def test_randomness_is_repeated_by_its_seed() -> None:
    rule = Rule(when=When(probability=0.5), then=TEAPOT)
    first, again, other = (decisions(rule, *range(200), seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert 70 < sum(first) < 130


@pytest.mark.parametrize(
    ("status", "apply", "applies"),
    [
        (200, None, True),
        (201, None, True),
        (302, None, False),
        (500, None, False),
        (200, False, False),
        (500, True, True),
    ],
)
def test_only_a_success_is_applied_unless_the_rule_says_otherwise(
    status: int, *, apply: bool | None, applies: bool
) -> None:
    assert Then(status=status, apply=apply).applies is applies


@pytest.mark.parametrize(
    "script",
    [
        '{"rules":[{"then":{"stauts":500}}]}',
        '{"rules":[{"then":{"status":99}}]}',
        '{"rules":[{"then":{"lies":["fib"]}}]}',
        '{"rules":[{"when":{"cart_id":1},"then":{}}]}',
        '{"rules":[{"then":{},"times":0}]}',
        '{"unknown":1}',
    ],
)
def test_a_script_with_a_mistake_is_refused(script: str) -> None:
    with pytest.raises(ValidationError):
        Script.model_validate_json(script)


def test_a_script_reads_as_it_is_written() -> None:
    script = Script.model_validate_json(
        '{"rules": [{"when": {"operation": "CONFIRM"}, "times": 2,'
        ' "then": {"latency": [0.1, 0.2], "lies": ["missing_item"], "reject": ["i"]}}],'
        ' "reservations": [{"reservation_id": "r", "state": "expired"}]}'
    )
    assert script == Script(
        rules=(
            Rule(
                when=When(operation=Operation.CONFIRM),
                then=Then(latency=(0.1, 0.2), lies=(Lie.MISSING_ITEM,), reject=("i",)),
                times=2,
            ),
        ),
        reservations=(Reservation(reservation_id="r", state=State.EXPIRED),),
    )


def arrival(number: int, body: bytes = b"{}") -> Arrival:
    return Arrival(
        operation=Operation.CONFIRM,
        method="POST",
        path="/v1/Cart/confirm",
        cart_id=f"c{number}",
        order_id=f"o{number}",
        body=body,
    )


def test_an_order_is_tallied() -> None:
    ledger = Ledger(limit=10, keeps_bodies=True)
    for body in (b"1", b"1", b"2"):
        entry = ledger.arrive(arrival(1, body))
        ledger.apply(entry, ("i",), is_repeat=False)
        ledger.end(entry, is_answered=True)
    tally = ledger.orders["o1"]
    assert (tally.arrivals, tally.effects, tally.duplicates, len(tally.bodies)) == (3, 3, 2, 2)
    assert [entry.attempt for entry in ledger.entries] == [1, 2, 3]
    assert [entry.is_duplicate for entry in ledger.entries] == [False, True, True]
    assert ledger.overlaps == {}


def test_calls_of_one_cart_that_overlap_are_noticed() -> None:
    ledger = Ledger(limit=10, keeps_bodies=True)
    first, second = ledger.arrive(arrival(1)), ledger.arrive(arrival(1))
    ledger.end(first, is_answered=True)
    ledger.end(first, is_answered=True)
    third = ledger.arrive(arrival(1))
    for entry in (second, third):
        ledger.end(entry, is_answered=True)
    ledger.end(ledger.arrive(arrival(1)), is_answered=True)
    assert ledger.overlaps == {"c1": 2}


def test_the_ledger_keeps_the_newest_and_counts_everything() -> None:
    ledger = Ledger(limit=3, keeps_bodies=False)
    for number in range(10):
        entry = ledger.arrive(arrival(number))
        ledger.end(entry, is_answered=True)
    assert [entry.sequence for entry in ledger.entries] == [8, 9, 10]
    assert list(ledger.orders) == ["o7", "o8", "o9"]
    assert ledger.totals.arrivals == 10
    assert ledger.entries[0].body is None


def test_a_cleared_ledger_still_knows_what_is_in_progress() -> None:
    ledger = Ledger(limit=3, keeps_bodies=False)
    entry = ledger.arrive(arrival(1))
    ledger.clear()
    assert (ledger.entries, ledger.totals.in_progress) == ((), 1)
    ledger.end(entry, is_answered=True)
    assert ledger.totals.in_progress == 0
    assert ledger.arrive(arrival(1)).sequence == 2


def test_memory_is_bounded_whatever_arrives() -> None:
    ledger = Ledger(limit=10, keeps_bodies=True)
    kept = Reservations(is_strict=False, limit=10)
    tracemalloc.start()
    try:
        for number in range(5000):
            entry = ledger.arrive(arrival(number))
            kept.settle(call("CONFIRM", cart=f"c{number}"), rejected=frozenset(), is_applied=True)
            ledger.end(entry, is_answered=True)
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()
