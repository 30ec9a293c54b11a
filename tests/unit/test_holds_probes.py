"""When a hold is probed, and by whom: the holds by themselves, and the turns that obey them."""

import pytest

from processor.core import effects as do
from processor.core.events import Pending
from processor.core.holds import Hold, Holds
from processor.core.records import Now
from processor.core.replies import Reply
from processor.core.scopes import Scope
from processor.core.vocabulary import Reason
from tests.support.simulation_events import PAYMENTS
from tests.support.stage import (
    DOCUMENTED,
    ERROR,
    FORBIDDEN,
    OK,
    REFUSED,
    Stage,
    carts,
    http,
)  # fmt: skip
from tests.unit.test_permits import FAILED, moment

C = Scope.CONFIRM


def begun(at: float = 100.0) -> tuple[Holds, Hold]:
    """Return a hold of the confirms that began at a moment and is probed a second later."""
    seen: list[do.Observation] = []
    holds = Holds(seen.append)
    holds.fail(C, FAILED, at, moment(at))
    return holds, holds.by_scope[C]


def probe(holds: Holds, hold: Hold) -> None:
    """Probe when it is due, and fail."""
    at = hold.next_probe.at
    holds.fail(C, FAILED, at, Now(at, hold.next_probe.wall))


# The next probe


def test_each_failed_probe_puts_the_next_one_off_further() -> None:
    holds, hold = begun()
    dues = [hold.next_probe.at]
    for _ in range(4):
        probe(holds, hold)
        dues.append(hold.next_probe.at)
    assert dues == [101, 103, 107, 115, 131]


def test_what_went_out_before_a_probe_was_due_puts_none_off() -> None:
    holds, hold = begun()
    for sent_at in (99.0, 100.0, 100.9):
        holds.fail(C, FAILED, sent_at, moment(101.5))
        holds.put_off(C, FAILED, sent_at, moment(101.5))
    assert (hold.failures, hold.next_probe.at) == (1, 101.0)
    holds.put_off(C, FAILED, 101.0, moment(101.5))
    assert (hold.failures, hold.next_probe.at) == (2, 103.5)


def test_a_hold_tells_the_last_reply() -> None:
    holds, hold = begun()
    later = FAILED._replace(reason=Reason.FORBIDDEN, detail="no entry")
    holds.fail(C, later, 101.0, moment(101.0))
    assert (hold.reason, hold.why) == (Reason.FORBIDDEN, "no entry")


def test_a_hastened_hold_is_probed_at_once_whatever_is_in_the_air() -> None:
    holds, hold = begun()
    holds.hasten(moment(101.5))  # while a probe of 101 is in the air
    holds.put_off(C, FAILED, 101.0, moment(102.0))
    assert (hold.failures, hold.next_probe.at) == (1, 101.5)


def test_every_second_probe_prefers_what_was_never_tried() -> None:
    holds, hold = begun()
    preferred = []
    for _ in range(6):
        preferred.append(hold.prefers_untried)
        probe(holds, hold)
    assert preferred == [True, False, True, False, True, False]


def test_the_first_record_that_was_never_tried_is_probed_soon_and_the_next_ones_are_not() -> None:
    holds, hold = begun()
    for _ in range(5):
        probe(holds, hold)
    assert (hold.failed_at, hold.next_probe.at) == (131.0, 163.0)
    holds.see_untried(C, moment(131.5))
    assert (hold.next_probe, hold.prefers_untried) == (moment(132.0), True)
    probe(holds, hold)
    due = hold.next_probe
    holds.see_untried(C, moment(140.0))
    assert hold.next_probe == due


def test_a_record_that_was_never_tried_puts_no_probe_off() -> None:
    holds, hold = begun()
    holds.hasten(moment(100.2))
    holds.see_untried(C, moment(100.3))
    assert hold.next_probe.at <= 100.3


def test_a_probe_in_the_air_does_not_put_off_that_of_a_record_that_was_never_tried() -> None:
    holds, hold = begun()
    holds.see_untried(C, moment(101.2))  # while a probe of 101 is in the air
    holds.put_off(C, FAILED, 101.0, moment(102.0))
    assert (hold.failures, hold.next_probe.at) == (1, 101.2)


@pytest.mark.parametrize(("at", "expected"), [(160.9, ()), (161.0, (C,))])
def test_nobody_probes_a_hold_whose_probe_is_a_minute_late(
    at: float, expected: tuple[Scope, ...]
) -> None:
    holds, _ = begun()
    assert holds.unprobed(at) == expected


# Through the engine


def test_an_order_that_was_tried_is_probed_even_while_new_ones_come() -> None:
    stage = Stage()
    stage.default = REFUSED
    stage.pay("old", *carts("c", 20))
    stage.run(1)
    began = stage.at
    for number in range(60):
        stage.pay(f"new-{number}")
        stage.run(5)
    probed = stage.called_since(began)
    tried = [cart for cart in probed if not cart.startswith("new")]
    assert len(tried) == pytest.approx(len(probed) / 2, abs=2)


def test_where_orders_are_rare_a_good_one_is_probed_within_seconds() -> None:
    stage = Stage()
    stage.rules["bad"] = FORBIDDEN
    stage.pay("bad")
    stage.run(900, step=0.25)
    assert stage.holds == {C}
    stage.pay("good")
    stage.run(3)
    assert stage.ended.keys() == {"good"}


def test_so_is_the_next_one_that_comes_much_later() -> None:
    stage = Stage()
    stage.default = FORBIDDEN
    stage.pay("bad")
    for cart in ("new-1", "new-2", "new-3"):
        stage.run(900, step=0.25)
        stage.pay(cart)
        stage.run(3)
        assert cart in stage.called_since(0.0)


def test_calls_that_were_only_written_after_a_hold_began_put_no_probe_off() -> None:
    stage = Stage()
    stage.default = http(401)
    stage.slow = dict.fromkeys(carts("c", 30), 0.2)
    stage.pay("first")
    stage.run(0.01, step=0.01)
    stage.is_writing = False
    stage.pay(*carts("c", 30))
    while not stage.holds:
        stage.run(0.01, step=0.01)
    assert len(stage.unwritten) == 30
    stage.write()
    stage.is_writing = True
    stage.run(0.9)
    hold = stage.permits.holds.by_scope[C]
    assert len(stage.calls) == 31
    assert hold.failures == 1
    assert hold.next_probe.at == pytest.approx(hold.since.at + 1)


@pytest.mark.parametrize("reply", [http(410, b"<html>gone</html>"), http(409)])
def test_a_reply_in_a_hold_that_may_end_its_record_is_a_failed_probe(reply: Reply) -> None:
    stage = Stage()
    stage.default = REFUSED
    stage.pay(*carts("c", 200))
    stage.run(20)
    began = stage.at
    stage.default = reply
    stage.run(30)
    assert 1 <= len(stage.called_since(began)) <= 2
    assert len(stage.dead_letters) <= 2
    assert stage.holds == {C}


def test_a_conflict_in_a_hold_is_a_failed_probe_and_ends_its_record_at_the_second() -> None:
    stage = Stage()
    stage.default = REFUSED
    stage.pay("a")
    stage.run(20)
    began = stage.at
    stage.default = http(409)
    stage.run(200, step=0.25)
    assert len(stage.called_since(began)) == 2
    assert stage.dead_letters == {"a": Reason.INDETERMINATE}


def test_conflicts_alone_hold_nothing() -> None:
    stage = Stage()
    stage.default = http(409)
    stage.pay(*carts("c", 10))
    stage.run(30)
    assert stage.told(do.HoldBegan) == []
    assert len(stage.dead_letters) == 10


def test_orders_that_rokt_has_refused_by_now_are_no_outage_together_with_another() -> None:
    stage = Stage()
    stage.rules = dict.fromkeys(("a", "b", "c"), ERROR)
    stage.pay("first")
    stage.run(0.5)
    stage.pay("a", "b")
    stage.run(0.1)
    stage.rules |= dict.fromkeys(("a", "b"), http(422, DOCUMENTED))
    stage.run(3)
    assert stage.dead_letters.keys() == {"a", "b"}
    stage.pay("c")
    stage.run(100)
    assert stage.told(do.HoldBegan) == []


def test_lanes_of_lost_partitions_are_forgotten() -> None:
    stage = Stage()
    stage.default = REFUSED
    stage.pay("a")
    stage.abandon(*carts("r", 50))
    stage.run(2)
    for _ in range(10):
        stage.lose()
        stage.take()
        stage.pay("a")
        stage.abandon(*carts("r", 50))
        stage.run(2)
    assert sum(map(len, stage.turns._ready)) <= 51  # noqa: SLF001  memory shows nowhere else


def test_a_hold_whose_partitions_are_gone_ends_and_begins_again_with_one_call() -> None:
    stage = Stage()
    stage.default = REFUSED
    stage.pay("a")
    stage.run(1)
    stage.lose()
    stage.run(130)
    (ended,) = stage.told(do.HoldEnded)
    assert isinstance(ended, do.HoldEnded)
    assert not ended.is_proven
    stage.take()
    stage.run(2)
    made = len(stage.calls)
    stage.pay(*carts("c", 100))
    stage.run(0.9)
    assert len(stage.calls) == made + 1


def test_a_hold_with_nothing_left_but_what_cannot_be_read_yet_ends() -> None:
    stage = Stage()
    stage.default = REFUSED
    stage.pay("a")
    stage.run(1)
    stage.default = OK
    stage.rules["a"] = http(410)
    stage.admit(PAYMENTS, "p", Pending(schema=7))
    stage.run(5)
    assert stage.holds == {C}
    assert stage.dead_letters.keys() == {"a"}
    stage.run(200, step=0.5)
    assert stage.holds == set()


# Who failed before


@pytest.mark.parametrize(("before", "after"), [(FORBIDDEN, http(401)), (ERROR, ERROR)])
def test_carts_that_failed_before_an_outage_are_not_convicted_in_it(
    before: Reply, after: Reply
) -> None:
    stage = Stage()
    bad = carts("c", 10)
    stage.rules = dict.fromkeys(bad, before)
    for number in range(60):
        stage.pay(f"good-{number}", *(bad if number == 20 else []))
        stage.run(0.05)
    assert stage.told(do.HoldBegan) == []
    stage.rules = {}
    stage.default = after
    stage.run(1800, step=0.25)
    assert stage.holds == {C}
    assert stage.dead_letters == {}


def test_a_late_success_of_before_the_outage_costs_nobody_an_end() -> None:
    stage = Stage()
    stage.slow["slow"] = 3.0
    stage.rules["slow"] = OK
    stage.pay("slow")
    stage.run(0.1)
    stage.default = ERROR
    stage.pay(*carts("c", 20))
    stage.run(1200, step=0.25)
    assert stage.holds == {C}
    assert stage.ended.keys() == {"slow"}
    assert stage.dead_letters == {}
