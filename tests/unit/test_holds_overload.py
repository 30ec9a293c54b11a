"""Pacing and overload: what asks for less, of whom, and what a single bad order cannot do."""

from collections import Counter
from math import inf

import pytest

from processor.core import effects as do
from processor.core.replies import Reply
from processor.core.scopes import Scope
from processor.core.vocabulary import Reason
from tests.support.simulation_rokt import Reaction
from tests.support.stage import ERROR, OK, REFUSED, TIMEOUT, Stage, carts, http


def test_rokt_that_asks_for_patience_pauses_its_scope_and_opens_no_hold() -> None:
    stage = Stage()
    stage.default = http(429, retry_after="7")
    stage.pay(*carts("c", 5))
    stage.run(0.2)
    stage.default = OK
    made = len(stage.calls)
    stage.pay("later")
    stage.abandon("r")
    stage.run(6.5)
    assert len(stage.calls) == made
    stage.run(5)
    assert len(stage.ended) == 7
    assert stage.holds == set()


@pytest.mark.parametrize("reply", [http(429), http(503), http(504), TIMEOUT])
def test_overload_halves_the_calls_in_flight_once_a_round_trip(reply: Reply) -> None:
    stage = Stage(max_in_flight=32)
    stage.pay("first")
    stage.run(0.2)
    stage.default = reply
    stage.pay(*carts("c", 32))
    limits = stage.permits.limits
    stage.run(0.06, step=0.01)
    assert 14 <= limits[Scope.CONFIRM].allowed <= 17


@pytest.mark.parametrize(
    "reply", [http(429), http(429, retry_after="1"), http(503), http(504), TIMEOUT, ERROR]
)
def test_one_order_that_is_always_told_to_wait_slows_nobody_else_and_is_convicted(
    reply: Reply,
) -> None:
    stage = Stage()
    stage.latency = 0.1
    stage.rules["bad"] = reply
    stage.pay("first")
    stage.run(0.3)
    limits, paces = [], []
    for number in range(1200):
        stage.pay(f"good-{number}", *(["bad"] if number == 40 else []))
        stage.run(0.1)
        limits.append(stage.permits.limits[Scope.CONFIRM].allowed)
        paces.append(stage.permits.paces[Scope.CONFIRM].per_second)
        assert number + 2 - len(stage.ended) <= 4
    assert (min(limits), min(paces)) == (64, inf)
    assert stage.told(do.PauseBegan) == []
    assert stage.dead_letters == {"bad": Reason.RETRIES_EXHAUSTED}


@pytest.mark.parametrize("every", [5, 10])
def test_one_order_that_is_told_to_wait_long_stops_a_quiet_shop_once_at_most(every: int) -> None:
    stage = Stage()
    stage.rules["bad"] = http(429, retry_after="60")
    stage.pay("first")
    stage.run(0.2)
    stage.pay("bad")
    for number in range(700 // every):
        stage.pay(f"good-{number}")
        stage.run(every, step=0.25)
        assert every * number < 70 or len(stage.ended) >= number + 1
    assert len(stage.told(do.PauseBegan)) <= 1
    assert stage.dead_letters == {"bad": Reason.RETRIES_EXHAUSTED}


def test_asked_for_less_a_scope_calls_less_often() -> None:
    stage = Stage()
    for number in range(100):
        stage.pay(f"good-{number}")
        stage.run(0.05)
    stage.run(0.1)
    stage.default = http(429)
    stage.pay("a")
    stage.run(0.1)
    assert stage.permits.paces[Scope.CONFIRM].per_second == pytest.approx(10, abs=1)


def test_the_releases_that_a_hold_of_the_confirms_stopped_do_not_come_all_at_once() -> None:
    stage = Stage()
    stage.default = REFUSED
    stage.pay("a")
    stage.run(1)
    stage.abandon(*carts("r", 200))
    stage.run(30)
    assert stage.holds == {Scope.CONFIRM}
    stage.default = OK
    stage.run(70)
    moments = Counter(at for at, cart in stage.calls if cart.startswith("r"))
    assert list(moments.values())[:4] == [1, 2, 2, 3]
    assert len(stage.ended) == 201


def test_answers_for_other_carts_hold_only_when_two_carts_in_a_row_get_them() -> None:
    stage = Stage()
    stage.pay("first")
    stage.run(1)
    stage.default = Reaction.MISTAKE
    stage.pay("a", "b")
    stage.run(1)
    assert stage.holds == {Scope.CONFIRM}
    stage.default = OK
    stage.run(20)
    assert stage.ended.keys() == {"first", "a", "b"}
    stage.rules["c"] = Reaction.MISTAKE
    stage.pay("c")
    stage.run(0.2)
    stage.pay("good")
    stage.run(1)
    assert stage.holds == set()
    assert len(stage.told(do.HoldBegan)) == 1


def test_a_cart_whose_calls_are_slow_takes_one_of_them_and_delays_no_other() -> None:
    stage = Stage(max_in_flight=4)
    stage.slow["slow"] = 20.0
    stage.pay("first")
    stage.run(0.2)
    stage.pay(*["slow"] * 5, *carts("c", 60))  # 20 rounds for three at once
    stage.run(0.05 * 20 + 0.2, step=0.01)
    assert stage.ended.keys() == {"first", *carts("c", 60)}
    assert stage.called_since(0.0).count("slow") == 1
