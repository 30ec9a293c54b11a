"""Sight: since when live records wait, and until when their reservations hold."""

from dataclasses import replace

import pytest

from processor.core.copies import Copy
from processor.core.events import OrderPaid
from processor.core.records import Partition, Source
from processor.core.scopes import Scope
from processor.core.vocabulary import Operation
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, item, order
from tests.support.stage import FORBIDDEN, Stage, http

COPY = Copy(replay_id="again", origin=Source(PAYMENTS, 0, 999, 1))


def reserved(cart: str, *expiries: int | None) -> OrderPaid:
    """Return an order of one item for each of these ends of a reservation."""
    items = [
        replace(item(chr(ord("a") + place)), reservation_expires_at=expiry)
        for place, expiry in enumerate(expiries)
    ]
    return replace(order(f"order of {cart}", cart), items=tuple(items))


def first_expiry(stage: Stage) -> int | None:
    """Return when the first reservation of a late order ends."""
    return stage.engine.look().first_expiry(stage.at)


@pytest.fixture
def stage() -> Stage:
    """A stage on which no call is answered for a while."""
    stage = Stage()
    stage.latency = 100.0
    return stage


def test_every_live_record_that_waits_is_seen_and_none_that_is_done(stage: Stage) -> None:
    stage.pay("one", "two")
    stage.abandon("three")
    stage.replay(order("old", "old"), "old", COPY)
    stage.run(1.0)
    assert stage.engine.look().timestamps == {Operation.CONFIRM: [1, 1], Operation.RELEASE: [1]}
    stage.run(150.0)
    assert stage.engine.look().timestamps == {}


def test_the_first_reservation_that_ends_is_told_while_its_live_order_is_late(stage: Stage) -> None:
    stage.admit(PAYMENTS, "one", reserved("one", None, 900, 700))
    stage.admit(PAYMENTS, "two", reserved("two", 800))
    stage.admit(PAYMENTS, "three", reserved("three", None))
    stage.replay(reserved("old", 5), "old", COPY)
    stage.run(61.0)
    assert first_expiry(stage) == 700
    stage.run(150.0)
    assert first_expiry(stage) is None


def test_orders_that_have_just_come_are_not_late_however_soon_their_reservations_end(
    stage: Stage,
) -> None:
    stage.admit(PAYMENTS, "one", reserved("one", 700))
    stage.run(30.0)
    stage.admit(PAYMENTS, "two", reserved("two", 600))
    stage.run(29.0)
    assert first_expiry(stage) is None
    stage.run(2.0)
    assert first_expiry(stage) == 700
    stage.run(30.0)
    assert first_expiry(stage) == 600


def test_an_order_is_as_late_as_before_when_its_cart_loses_its_other_input(stage: Stage) -> None:
    stage.admit(PAYMENTS, "one", reserved("one", 700))
    stage.run(50.0)
    stage.engine.lose([Partition(ABANDONMENTS, 0)], stage.now)
    assert first_expiry(stage) is None
    stage.run(11.0)
    assert first_expiry(stage) == 700


def test_records_that_fail_are_seen_with_the_last_reply_until_they_are_done(stage: Stage) -> None:
    stage.latency = 0.05
    stage.pay("well")
    stage.rules = {"one": http(503), "two": http(502)}
    stage.pay("one")
    stage.run(0.1)
    stage.pay("two")
    stage.run(0.2)
    retrying = stage.engine.look().retrying
    assert (retrying and (retrying.records, retrying.last), stage.holds) == ((2, "HTTP 502"), set())
    stage.rules = {}
    stage.run(30.0)
    assert stage.engine.look().retrying is None


def test_what_is_held_is_told_as_held_and_not_as_tried_again(stage: Stage) -> None:
    stage.latency, stage.default = 0.05, FORBIDDEN
    stage.pay("one")
    stage.run(1.0)
    assert (stage.holds, stage.engine.look().retrying) == ({Scope.CONFIRM}, None)
