"""Hold, probe, convict: what a reply means among the others, played through the engine."""

from itertools import pairwise

import pytest

from processor.core import effects as do
from processor.core.records import Partition
from processor.core.replies import Reply
from processor.core.scopes import Scope
from processor.core.vocabulary import Reason, Status
from tests.support.simulation_events import PAYMENTS
from tests.support.stage import (
    DOCUMENTED,
    ERROR,
    FORBIDDEN,
    OK,
    REFUSED,
    TIMEOUT,
    Stage,
    What,
    carts,
    http,
)  # fmt: skip

# It opens


@pytest.mark.parametrize("reply", [REFUSED, FORBIDDEN, http(401), http(302), http(200), http(400)])
def test_a_systemic_reply_holds_when_nothing_has_succeeded_since_it_was_sent(
    reply: Reply,
) -> None:
    stage = Stage()
    stage.default = reply
    stage.pay("a")
    stage.run(0.2)
    assert stage.holds == {Scope.CONFIRM}


def test_a_systemic_reply_after_a_success_is_a_suspect_and_holds_nothing() -> None:
    stage = Stage()
    stage.rules["bad"] = FORBIDDEN
    for number in range(40):
        stage.pay(f"good-{number}", *(["bad"] if number == 5 else []))
        stage.run(0.05)
    assert stage.holds == set()
    assert len(stage.ended) == 40


def test_what_was_in_the_air_at_the_onset_clears_nobody() -> None:
    stage = Stage()
    stage.latency = 0.2
    stage.pay("early")
    stage.run(0.1)
    stage.rules["onset"] = REFUSED
    stage.pay("onset")
    stage.run(0.5)  # early succeeds between the sending and the failure of onset
    assert stage.ended.keys() == {"early"}
    stage.default = REFUSED
    stage.run(1.5)
    assert stage.holds == {Scope.CONFIRM}


@pytest.mark.parametrize(("failing", "is_held"), [(2, False), (3, True)])
def test_three_carts_that_were_well_hold_with_what_may_be_their_own_fault(
    failing: int, *, is_held: bool
) -> None:
    stage = Stage()
    stage.default = ERROR
    stage.pay(*carts("c", failing))
    stage.run(10)
    assert (stage.holds == {Scope.CONFIRM}) is is_held


def test_three_failing_carts_hold_nothing_while_others_succeed() -> None:
    stage = Stage()
    stage.rules = dict.fromkeys(carts("bad", 5), ERROR)
    stage.pay("first")
    stage.run(0.2)
    stage.pay(*carts("bad", 5))
    for number in range(99):
        stage.pay(f"good-{number}")
        stage.run(0.5)
    assert not [each for each in stage.seen if isinstance(each, do.HoldBegan)]
    assert len(stage.ended) == 100


def test_refusals_in_rokts_own_words_never_hold() -> None:
    stage = Stage()
    stage.default = http(422, DOCUMENTED)
    stage.pay(*carts("c", 50))
    stage.run(5)
    assert not [each for each in stage.seen if isinstance(each, do.HoldBegan)]
    assert len(stage.dead_letters) == 50


# While it lasts


def test_a_hold_sends_one_call_at_a_time_after_growing_pauses_in_turn() -> None:
    stage = Stage()
    stage.default = REFUSED
    stage.pay(*carts("c", 4))
    stage.run(1000, step=0.25)
    probes = stage.calls[4:]  # those went out before anything was known
    pauses = [after[0] - before[0] for before, after in pairwise(probes)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(60, abs=1)
    assert [cart for _, cart in probes[:8]] == carts("c", 4) * 2
    assert stage.dead_letters == {}


def test_what_was_in_the_air_when_a_hold_began_puts_no_probe_off() -> None:
    stage = Stage()
    stage.default = REFUSED
    stage.pay(*carts("c", 50))
    stage.run(1)
    made = len(stage.calls)
    stage.run(0.3)
    assert len(stage.calls) == made + 1


@pytest.mark.parametrize(("reply", "longest"), [(REFUSED, 60), (http(401), 300)])
def test_probes_come_at_least_so_often(reply: Reply, longest: int) -> None:
    stage = Stage()
    stage.default = reply
    stage.pay("a")
    stage.run(1500, step=0.25)
    times = [at for at, _ in stage.calls]
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses[:3] == pytest.approx([1.25, 2.25, 4.25], abs=0.3)
    assert max(pauses) == pytest.approx(longest, abs=1)


def test_a_full_outage_dead_letters_nothing_however_long() -> None:
    stage = Stage()
    stage.default = ERROR
    stage.pay(*carts("c", 20))
    stage.abandon(*carts("r", 20))
    stage.run(3 * 3600, step=0.5)
    assert stage.ended == {}
    stage.default = OK
    stage.run(130, step=0.1)
    assert {each.status for each in stage.ended.values()} == {Status.SUCCEEDED}
    assert len(stage.ended) == 40


def test_every_second_probe_goes_to_an_order_that_was_never_tried() -> None:
    stage = Stage(max_in_flight=12)
    stage.default = FORBIDDEN
    stage.pay(*carts("bad", 12))
    stage.run(3)
    stage.default = OK
    stage.rules = dict.fromkeys(carts("bad", 12), FORBIDDEN)
    stage.pay("good")
    stage.run(70, step=0.1)
    assert "good" in stage.ended


def test_a_hold_of_the_confirms_stops_the_releases_and_not_the_reverse() -> None:
    stage = Stage()
    stage.default = REFUSED
    stage.abandon("r")
    stage.run(1)
    assert stage.holds == {Scope.RELEASE}
    stage.default = OK
    stage.rules["r"] = REFUSED
    stage.pay("p")
    stage.run(0.3)
    assert "p" in stage.ended
    held = Stage()
    held.default = REFUSED
    held.pay("p")
    held.run(0.5)
    held.rules["r"] = OK
    held.abandon("r")
    held.run(5)
    assert "r" not in held.called_since(0.0)


def test_a_hold_says_so_once_at_each_end() -> None:
    stage = Stage()
    stage.default = http(401)
    stage.pay(*carts("c", 5))
    stage.run(20)
    stage.default = OK
    stage.run(60)
    told = [each for each in stage.seen if isinstance(each, do.HoldBegan | do.HoldEnded)]
    assert [type(each) for each in told] == [do.HoldBegan, do.HoldEnded]
    assert isinstance(told[0], do.HoldBegan)
    assert told[0].reason is Reason.UNAUTHORIZED


def test_a_look_at_a_hold_tells_all_of_it() -> None:
    stage = Stage()
    stage.default = http(401)
    stage.pay(*carts("c", 5))
    stage.run(10)
    hold = stage.engine.look().holds[Scope.CONFIRM]
    assert (hold.reason, hold.waiting) == (Reason.UNAUTHORIZED, 5)
    assert hold.next_probe is not None
    assert hold.since < stage.now.wall < hold.next_probe
    assert "401" in hold.why


def test_a_new_key_is_probed_at_once() -> None:
    stage = Stage()
    stage.default = http(401)
    stage.pay("a")
    stage.run(400, step=0.5)
    stage.default = OK
    stage.hasten()
    stage.run(0.2)
    assert "a" in stage.ended
    assert stage.holds == set()


def test_a_partition_full_of_failed_orders_still_finds_the_good_one_behind() -> None:
    stage = Stage(max_unfinished=5)
    stage.rules = dict.fromkeys(carts("bad", 5), FORBIDDEN)
    stage.pay("first")
    stage.run(0.2)
    stage.pay(*carts("bad", 5))
    assert stage.paused == {Partition(PAYMENTS, 0)}
    stage.run(1)
    assert stage.paused == set()
    stage.pay("good")
    stage.run(20)
    assert "good" in stage.ended


def test_a_partition_full_of_failed_orders_takes_no_more_than_twice_its_limit() -> None:
    stage = Stage(max_unfinished=5)
    stage.default = FORBIDDEN
    stage.pay("first")
    for number in range(40):
        if not stage.paused:
            stage.pay(f"bad-{number}")
        stage.run(130, step=0.5)
    assert stage.engine.look().unfinished[PAYMENTS] == 10
    assert stage.paused == {Partition(PAYMENTS, 0)}


# It closes


@pytest.mark.parametrize("reply", [OK, http(422, DOCUMENTED), http(400, DOCUMENTED)])
def test_a_hold_ends_with_the_first_reply_that_only_rokt_gives(reply: What) -> None:
    stage = Stage()
    stage.default = REFUSED
    stage.pay("a")
    stage.run(2)
    stage.default = reply
    stage.run(10)
    assert stage.holds == set()


@pytest.mark.parametrize("reply", [ERROR, http(410), http(202), TIMEOUT])
def test_a_hold_goes_on_at_any_other_reply(reply: Reply) -> None:
    stage = Stage()
    stage.default = REFUSED
    stage.pay(*carts("c", 3))
    stage.run(2)
    stage.rules["c-0"] = reply
    stage.run(30)
    assert stage.holds == {Scope.CONFIRM}


def test_after_a_hold_calls_grow_back_from_one_at_a_time() -> None:
    stage = Stage()
    stage.default = REFUSED
    stage.pay("a")
    stage.run(2)
    stage.default = OK
    stage.pay(*carts("c", 200))
    stage.run(8)
    moments: dict[float, int] = {}
    for at, cart in stage.calls:
        if cart in stage.ended and cart != "a":
            moments[at] = moments.get(at, 0) + 1
    at_once = list(moments.values())
    assert at_once[0] <= 2
    assert max(at_once) > 5


# Convicted or not


@pytest.mark.parametrize(("reply", "reason"), [
    (ERROR, Reason.RETRIES_EXHAUSTED),
    (FORBIDDEN, Reason.FORBIDDEN),
    (http(405), Reason.OTHER_CLIENT_ERROR),
])  # fmt: skip
def test_one_poison_order_is_convicted_within_ninety_seconds_and_stops_nobody(
    reply: Reply, reason: Reason
) -> None:
    stage = Stage()
    stage.rules["bad"] = reply
    stage.pay("first")
    stage.run(0.5)
    stage.pay("bad")
    for number in range(180):
        stage.pay(f"good-{number}")
        stage.run(0.5)
        assert (
            len(stage.ended) >= number - 3
        )  # until it is known as a suspect it may hold for a second
    assert len(stage.ended) == 182
    assert stage.dead_letters == {"bad": reason}


def test_a_poison_order_is_convicted_in_a_shop_with_one_order_in_ten_seconds() -> None:
    stage = Stage()
    stage.rules["bad"] = FORBIDDEN
    stage.pay("first")
    stage.run(1)
    stage.pay("bad")
    started = stage.at
    while "bad" not in stage.ended and stage.at < started + 300:
        stage.pay(f"good-{stage.at}")
        stage.run(10)
    assert stage.dead_letters == {"bad": Reason.FORBIDDEN}
    assert stage.at - started <= 100


def test_many_failing_carts_are_not_convicted_before_they_are_given_up() -> None:
    stage = Stage()
    bad = carts("bad", 10)
    stage.rules = dict.fromkeys(bad, ERROR)
    stage.pay(*bad)
    for number in range(100):
        stage.pay(f"good-{number}")
        stage.run(3, step=0.25)
    assert stage.dead_letters == {}
    for number in range(300):
        stage.pay(f"later-{number}")
        stage.run(3, step=0.25)
    assert stage.dead_letters.keys() == set(bad)


def test_a_few_of_very_many_carts_are_convicted() -> None:
    stage = Stage()
    bad = carts("bad", 4)
    stage.rules = dict.fromkeys(bad, ERROR)
    stage.pay(*bad)
    for number in range(130):
        stage.pay(f"good-{number}")
        stage.run(1, step=0.1)
    assert stage.dead_letters.keys() == set(bad)


def test_nothing_is_convicted_when_nobody_has_succeeded_since() -> None:
    stage = Stage()
    stage.pay("early")
    stage.run(1)
    stage.default = ERROR
    stage.pay("a", "b")  # too few for a hold
    stage.run(800, step=0.5)
    assert stage.dead_letters == {}


# Without holds


def test_without_holds_everything_systemic_is_dead_lettered_at_once() -> None:
    stage = Stage(holds=False)
    stage.default = REFUSED
    stage.pay(*carts("c", 5))
    stage.run(0.2)
    assert stage.dead_letters == dict.fromkeys(carts("c", 5), Reason.UNREACHABLE)


def test_without_holds_what_may_be_its_own_fault_ends_when_its_attempts_are_used_up() -> None:
    stage = Stage(holds=False)
    stage.default = ERROR
    stage.pay(*carts("c", 5))
    stage.run(30)
    assert stage.dead_letters == {}
    stage.run(90)
    assert stage.dead_letters == dict.fromkeys(carts("c", 5), Reason.RETRIES_EXHAUSTED)
