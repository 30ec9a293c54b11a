"""The replay lane: what the engine makes of copies, beside live records."""

from dataclasses import replace
from typing import Final

import pytest

from processor.core import effects as do
from processor.core.copies import Copy
from processor.core.events import Content, Pending, Undecodable
from processor.core.outcomes import Outcome
from processor.core.records import Partition, Record, Source
from processor.core.scopes import Scope
from processor.core.vocabulary import Effect, Operation, Reason, Status
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, REPLAY, order, release
from tests.support.stage import DOCUMENTED, TIMEOUT, Stage, carts, http

ORIGIN: Final = Source("order-paid.old", 0, 7, 1)
COPY: Final = Copy(replay_id="first", origin=ORIGIN)
UNREADABLE: Final = Undecodable(reason=Reason.UNDECODABLE, detail="nobody can read it")
REFUSED: Final = http(422, DOCUMENTED)
SAYS_NO: Final = http(408)


def of(offset: int, topic: str = PAYMENTS, replay_id: str = "first") -> Copy:
    return Copy(replay_id=replay_id, origin=Source(topic, 0, offset, 1))


def settled(stage: Stage) -> list[do.Effect]:
    return stage.told(do.ReplaySettled)


def outcomes(stage: Stage) -> list[Outcome]:
    return [
        each.content
        for each in stage.seen
        if isinstance(each, do.Produce) and isinstance(each.content, Outcome)
    ]


def test_an_order_that_is_not_known_is_called_and_its_outcome_tells_of_the_replay() -> None:
    stage = Stage()
    stage.replay(order(), "cart", COPY)
    stage.run(1.0)
    (outcome,) = outcomes(stage)
    assert (outcome.status, outcome.origin, outcome.replay_id, outcome.source.topic) == (
        Status.SUCCEEDED,
        ORIGIN,
        "first",
        REPLAY,
    )


def test_a_copy_with_other_content_than_the_settled_order_is_a_conflict() -> None:
    stage = Stage()
    stage.admit(PAYMENTS, "cart", order())
    stage.run(1.0)
    stage.replay(order(items="ab"), "cart", of(1))
    stage.admit(ABANDONMENTS, "cart", release(items="b"))
    stage.run(2.0)
    assert [each.status for each in outcomes(stage)] == [
        Status.SUCCEEDED,
        Status.CONFLICT,
        Status.SKIPPED,
    ]


def test_a_settled_order_is_passed_over_without_an_outcome() -> None:
    stage = Stage()
    stage.admit(PAYMENTS, "cart", order())
    stage.run(1.0)
    stage.replay(order(), "cart", of(0))
    stage.run(1.0)
    assert (len(stage.calls), len(outcomes(stage))) == (1, 1)
    assert settled(stage) == [do.ReplaySettled(Operation.CONFIRM, Partition(REPLAY, 0), 0)]
    assert stage.engine.look().next_offsets[Partition(REPLAY, 0)] == 1


def test_an_order_that_has_failed_clean_is_called_again() -> None:
    stage = Stage()
    stage.rules["cart"] = REFUSED
    stage.admit(PAYMENTS, "cart", order())
    stage.run(1.0)
    del stage.rules["cart"]
    stage.replay(order(), "cart", of(0))
    stage.run(1.0)
    assert [each.status for each in outcomes(stage)] == [Status.REJECTED, Status.SUCCEEDED]


def doubtful(stage: Stage) -> None:
    """Have an order end in doubt."""
    stage.rules["cart"] = http(299)
    stage.admit(PAYMENTS, "cart", order())
    stage.run(1.0)
    assert stage.ended["cart"].effect is Effect.MAYBE_APPLIED
    del stage.rules["cart"]


@pytest.mark.parametrize(
    ("content", "is_authorised", "calls"),
    [(order(), False, 0), (order(), True, 1), (order(price=2), True, 0)],
    ids=["not asked for", "asked for", "asked for with other content"],
)
def test_a_doubtful_order_is_called_again_only_when_a_person_asks_for_the_same(
    content: Content, *, is_authorised: bool, calls: int
) -> None:
    stage = Stage()
    doubtful(stage)
    before = len(stage.calls)
    stage.replay(content, "cart", replace(of(0), is_authorised=is_authorised))
    stage.run(1.0)
    assert len(stage.calls) - before == calls
    is_other = content != order()
    assert len(settled(stage)) == 1 - calls - is_other


def test_what_was_doubtful_stays_so_when_the_authorised_call_is_refused() -> None:
    stage = Stage()
    doubtful(stage)
    stage.rules["cart"] = REFUSED
    stage.replay(order(), "cart", replace(of(0), is_authorised=True))
    stage.run(2.0)
    last = outcomes(stage)[-1]
    assert (last.status, last.effect) == (Status.INDETERMINATE, Effect.MAYBE_APPLIED)


def test_one_original_is_worked_once_in_a_replay_and_again_in_another() -> None:
    stage = Stage()
    stage.default = REFUSED
    for replay_id in ("first", "first", "second"):
        stage.replay(order(), "cart", of(0, "order-paid.old", replay_id))
        stage.run(1.0)
    assert len(stage.calls) == len(outcomes(stage)) == 2


def test_an_order_that_is_taken_by_another_still_is_a_conflict() -> None:
    stage = Stage()
    stage.admit(PAYMENTS, "cart", order("order-1"))
    stage.run(1.0)
    stage.replay(order("order-2"), "cart", of(1))
    stage.run(1.0)
    assert outcomes(stage)[-1].status is Status.CONFLICT


def test_a_release_with_nothing_left_is_passed_over_without_an_outcome() -> None:
    stage = Stage()
    stage.admit(PAYMENTS, "cart", order())
    stage.run(1.0)
    stage.replay(release(), "cart", of(0, ABANDONMENTS))
    stage.run(2.0)
    assert (len(stage.calls), len(outcomes(stage)), len(settled(stage))) == (1, 1, 1)


def test_a_release_waits_for_the_payments_in_the_log_as_a_live_one_does() -> None:
    stage = Stage()
    stage.replay(release(), "cart", of(0, ABANDONMENTS))
    assert stage.calls == []
    stage.run(1.0)
    assert [cart for _, cart in stage.calls] == ["cart"]


def test_a_release_of_a_cart_whose_payment_could_not_be_read_says_so() -> None:
    stage = Stage()
    stage.admit(PAYMENTS, "cart", UNREADABLE)
    stage.run(1.0)
    stage.replay(release(), "cart", of(0, ABANDONMENTS))
    stage.run(2.0)
    assert outcomes(stage)[-1].status is Status.SKIPPED


def test_a_payment_that_is_read_after_all_is_written_though_its_order_is_settled() -> None:
    stage = Stage()
    stage.admit(PAYMENTS, "cart", UNREADABLE)
    stage.admit(PAYMENTS, "cart", order(items="b"))
    stage.run(1.0)
    stage.replay(order(items="b"), "cart", of(0))
    stage.admit(ABANDONMENTS, "cart", release())
    stage.run(3.0)
    assert [each.status for each in outcomes(stage)][2:] == [Status.DUPLICATE, Status.SUCCEEDED]


def test_a_record_that_no_replay_has_written_is_dead_lettered() -> None:
    stage = Stage()
    stage.admit(REPLAY, "cart", order())
    stage.run(1.0)
    assert stage.calls == []
    assert stage.dead_letters == {"cart": Reason.UNDECODABLE}
    assert "processor.replay.id" in (stage.ended["cart"].detail or "")


def test_a_copy_whose_order_a_live_record_has_settled_meanwhile_is_passed_over() -> None:
    stage = Stage()
    stage.rules["cart"] = SAYS_NO
    stage.replay(order(), "cart", COPY)
    stage.run(0.2)
    stage.rules.clear()
    stage.admit(PAYMENTS, "cart", order())
    stage.run(30.0)
    assert [each.source.topic for each in outcomes(stage)] == [PAYMENTS]
    assert (len(stage.calls), len(settled(stage))) == (2, 1)


def test_a_copy_in_doubt_is_not_overtaken_for_its_order_may_have_been_applied() -> None:
    stage = Stage()
    stage.rules["cart"] = TIMEOUT
    stage.replay(order(), "cart", COPY)
    stage.run(0.2)
    stage.rules.clear()
    stage.admit(PAYMENTS, "cart", order(price=2))
    stage.run(30.0)
    assert [(each.source.topic, each.status) for each in outcomes(stage)] == [
        (REPLAY, Status.SUCCEEDED),
        (PAYMENTS, Status.CONFLICT),
    ]


def test_a_live_record_of_the_cart_goes_before_a_copy_that_waits() -> None:
    stage = Stage()
    stage.rules["cart"] = SAYS_NO
    stage.replay(order("old"), "cart", COPY)
    stage.run(0.2)
    stage.rules.clear()
    stage.admit(PAYMENTS, "cart", order("new", items="b"))
    stage.run(5.0)
    assert [each.order_id for each in outcomes(stage)] == ["new", "old"]


def test_a_waiting_copy_of_a_payment_goes_before_a_release() -> None:
    stage = Stage()
    stage.admit(ABANDONMENTS, "cart", release(items="ab"))
    stage.replay(order(), "cart", COPY)
    stage.run(2.0)
    assert [each.operation for each in outcomes(stage)] == [Operation.CONFIRM, Operation.RELEASE]


def test_a_copy_waits_for_its_original_that_is_still_in_the_log() -> None:
    stage = Stage()
    stage.lose()
    stage.take(end=1)
    stage.replay(order(), "cart", of(0))
    stage.run(3.0)
    assert stage.calls == []
    stage.admit(PAYMENTS, "cart", order())
    stage.run(3.0)
    assert [each.source.topic for each in outcomes(stage)] == [PAYMENTS]
    assert len(settled(stage)) == 1


@pytest.mark.parametrize(
    "origin",
    [Source(PAYMENTS, 0, 9, 1), Source(PAYMENTS, 1, 0, 1), Source("file:00", 0, 0, 1)],
    ids=["beyond the log", "another partition", "a file"],
)
def test_a_copy_waits_for_no_original_that_cannot_come(origin: Source) -> None:
    stage = Stage()
    stage.lose()
    stage.take(end=1)
    stage.replay(order(), "cart", Copy(replay_id="first", origin=origin))
    stage.run(1.0)
    assert len(stage.calls) == 1


def test_a_copy_of_unknown_kind_that_turns_out_a_release_takes_its_place() -> None:
    stage = Stage()
    copy = Copy(replay_id="first", origin=Source("file:00", 0, 0, None))
    stage.replay(Pending(schema=1), "cart", copy)
    stage.replay(order(items="b"), "cart", of(0, "order-paid.old"))
    stage.run(1.0)
    assert stage.calls == []

    def decode(_: Record) -> Content:
        return release()

    stage.decode(1, decode)
    stage.run(2.0)
    assert [each.operation for each in outcomes(stage)] == [Operation.CONFIRM, Operation.RELEASE]


def test_copies_leave_permits_to_live_calls() -> None:
    stage = Stage(max_in_flight=16)
    stage.latency = 100.0
    for number, cart in enumerate(carts("old", 20)):
        stage.replay(order(f"order of {cart}", cart), cart, of(number, "order-paid.old"))
    stage.run(2.0)
    assert len(stage.calls) == 4
    stage.pay(*carts("new", 12))
    stage.run(1.0)
    assert len(stage.calls) == 16


def test_copies_wait_while_half_of_the_permits_are_taken() -> None:
    stage = Stage(max_in_flight=16)
    stage.latency = 100.0
    stage.pay(*carts("new", 8))
    stage.run(1.0)
    stage.replay(order("old", "old"), "old", COPY)
    stage.run(1.0)
    assert len(stage.calls) == 8


def test_an_outage_that_only_the_replay_meets_holds_only_the_replay() -> None:
    stage = Stage()
    for number, cart in enumerate(carts("old", 4)):
        stage.rules[cart] = TIMEOUT
        stage.replay(order(f"order of {cart}", cart), cart, of(number, "order-paid.old"))
    stage.run(20.0)
    assert stage.holds == {Scope.REPLAY}
    stage.pay("new")
    stage.run(1.0)
    assert stage.ended["new"].status is Status.SUCCEEDED


def test_a_hold_of_confirms_stops_the_replay() -> None:
    stage = Stage()
    stage.default = TIMEOUT
    stage.pay(*carts("new", 4))
    stage.run(20.0)
    before = len(stage.called_since(0.0))
    stage.replay(order("old", "old"), "old", COPY)
    stage.run(1.0)
    assert "old" not in stage.called_since(0.0)[before:]


def test_a_copy_that_is_unfinished_is_no_old_live_record() -> None:
    stage = Stage()
    stage.latency = 100.0
    stage.replay(order(), "cart", COPY)
    stage.run(1.0)
    assert stage.engine.look().oldest == {}


def test_what_was_in_flight_when_the_lane_was_lost_may_have_been_applied() -> None:
    stage = Stage()
    stage.slow["cart"] = 5.0
    stage.rules["cart"] = TIMEOUT
    stage.replay(order(), "cart", COPY)
    stage.run(1.0)
    stage.lose(REPLAY)
    stage.take(REPLAY, end=1, reach=1)
    stage.replay(order(), "cart", COPY)
    stage.run(3.0)
    assert len(stage.calls) == 1, "two calls of one cart at once"
    stage.rules["cart"] = REFUSED
    stage.run(10.0)
    assert [each.status for each in outcomes(stage)] == [Status.INDETERMINATE]


def test_live_records_go_on_while_the_lane_is_away_and_comes_back() -> None:
    stage = Stage()
    stage.replay(order("old", "old"), "old", COPY)
    stage.run(1.0)
    stage.lose(REPLAY)
    stage.pay("new-1")
    stage.run(2.0)
    assert "new-1" in stage.ended
    stage.take(REPLAY, end=1, reach=1)
    stage.pay("new-2")
    stage.replay(order("old", "old"), "old", COPY)
    stage.run(2.0)
    assert [each.order_id for each in outcomes(stage)] == [
        "old",
        "order of new-1",
        "order of new-2",
    ]
    assert stage.engine.look().next_offsets[Partition(REPLAY, 0)] == 1


def test_a_lane_without_the_live_inputs_is_not_worked_and_keeps_nobody_unready() -> None:
    stage = Stage()
    stage.lose(PAYMENTS, ABANDONMENTS)
    stage.replay(order(), "cart", COPY)
    stage.run(5.0)
    assert stage.calls == []
    assert stage.engine.look().is_restored
    stage.take(PAYMENTS, ABANDONMENTS)
    stage.run(5.0)
    assert len(stage.calls) == 1


def test_a_copy_waits_for_live_records_that_may_have_been_called_before_the_takeover() -> None:
    stage = Stage()
    stage.lose()
    stage.take(PAYMENTS, ABANDONMENTS, end=1, reach=1)
    stage.take(REPLAY)
    stage.replay(order(price=2), "cart", COPY)
    stage.run(3.0)
    assert stage.calls == []
    stage.admit(PAYMENTS, "cart", order())
    stage.admit(ABANDONMENTS, "other", release("other"))
    stage.run(3.0)
    assert [each.source.topic for each in outcomes(stage) if each.order_id] == [PAYMENTS, REPLAY]


@pytest.mark.parametrize(
    ("copied", "left"),
    [(order(), []), (order(price=2), [(Status.CONFLICT, Effect.MAYBE_APPLIED)])],
    ids=["same", "other content"],
)
def test_a_settled_copy_leaves_an_outcome_if_other_content_may_have_been_called_before_a_takeover(
    copied: Content, left: list[tuple[Status, Effect]]
) -> None:
    stage = Stage()
    stage.admit(PAYMENTS, "cart", order())
    stage.run(1.0)
    stage.lose(REPLAY)
    stage.take(REPLAY, end=1, reach=1)
    stage.replay(copied, "cart", COPY)
    stage.run(3.0)
    assert [(each.status, each.effect) for each in outcomes(stage)[1:]] == left


def test_the_results_are_read_once_more_whenever_the_lane_has_come_from_another_owner() -> None:
    stage = Stage()
    for number in range(2):
        stage.lose(REPLAY)
        stage.take(REPLAY, end=1, reach=1)
        stage.run(2.0)
        before = len(stage.told(do.Restore))
        stage.replay(order(str(number), str(number)), str(number), of(number, "order-paid.old"))
        stage.run(2.0)
        assert len(stage.told(do.Restore)) == before + 1


def test_the_results_are_read_again_when_the_lane_comes_to_live_inputs_that_stay() -> None:
    stage = Stage()
    stage.lose()
    stage.take(PAYMENTS, ABANDONMENTS, end=1, reach=1)
    stage.admit(PAYMENTS, "cart", order())
    stage.admit(ABANDONMENTS, "other", release("other"))
    stage.run(3.0)
    before = len(stage.told(do.Restore))
    stage.take(REPLAY, end=1, reach=1)
    stage.replay(order("old", "old"), "old", COPY)
    stage.run(3.0)
    assert len(stage.told(do.Restore)) == before + 1


def test_a_lane_whose_offsets_are_refused_keeps_no_live_record_waiting() -> None:
    stage = Stage()
    stage.refused.add(Partition(REPLAY, 0))
    stage.run(30.0)
    stage.pay("new")
    stage.run(1.0)
    assert "new" in stage.ended


def test_a_lane_whose_offsets_are_refused_is_not_worked_beyond_its_horizon() -> None:
    stage = Stage()
    stage.refused.add(Partition(REPLAY, 0))
    for number in range(3):
        stage.replay(order(str(number), str(number)), str(number), of(number, "order-paid.old"))
    stage.run(30.0)
    assert stage.calls == []


@pytest.mark.parametrize(
    ("is_authorised", "statuses"),
    [(False, []), (True, [Status.INDETERMINATE])],
    ids=["not asked for", "asked for, and refused"],
)
def test_a_doubtful_release_is_made_again_only_when_a_person_asks_for_it(
    *, is_authorised: bool, statuses: list[Status]
) -> None:
    stage = Stage()
    stage.rules["cart"] = http(299)
    stage.admit(ABANDONMENTS, "cart", release())
    stage.run(2.0)
    stage.rules["cart"] = REFUSED
    copy = replace(of(0, ABANDONMENTS), is_authorised=is_authorised)
    stage.replay(release(), "cart", copy)
    stage.run(5.0)
    assert [each.status for each in outcomes(stage)[1:]] == statuses
