"""Pacing and overload: what asks for less, of whom, and what a single bad order cannot do."""

import pytest

from processor.core.replies import Reply
from processor.core.scopes import Scope
from tests.support.stage import OK, TIMEOUT, Stage, carts, http


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
