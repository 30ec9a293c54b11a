"""The engine, one situation at a time; `tests/property` has it in all orders."""

import json
from typing import Final

import pytest

from processor.core import horizon
from processor.core.calls import Call
from processor.core.fence import FenceSettings
from processor.core.outcomes import Outcome
from processor.core.partitions import Phase
from processor.core.records import Now, Partition
from processor.core.vocabulary import Effect, Status
from tests.support.simulation import SESSION, World, both, garbage
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, REPLAY, order, release
from tests.support.simulation_members import Kind, Member
from tests.support.simulation_rokt import Reaction
from tests.support.stage import Stage

OUTPUTS: Final = (Kind.OUTPUT, Kind.ACKNOWLEDGEMENT)
HOUSEKEEPING: Final = (Kind.COMMIT, Kind.ENDS, Kind.RESTORE)


def at_work(world: World) -> Member:
    """A member that owns everything and has restored and committed it."""
    member = world.join()
    world.grant(member, both(0, 1))
    settle(world, member)
    return member


def settle(world: World, member: Member) -> None:
    """Let time pass and everything but calls and replies happen."""
    for _ in range(3):
        world.consume_all(member)
        world.pass_time(0.15)
        world.take_all(member, *HOUSEKEEPING, *OUTPUTS)


def pay(world: World, cart: str = "cart", order_id: str = "order", items: str = "a") -> None:
    world.append(PAYMENTS, 0, cart.encode(), order(order_id, cart, items))


def abandon(world: World, cart: str = "cart", items: str = "a") -> None:
    world.append(ABANDONMENTS, 0, cart.encode(), release(cart, items))


def calls(world: World) -> list[tuple[str, str]]:
    """What was called so far: the path's last part and the items' letters."""
    return [
        (attempt.call.path.rsplit("/", 1)[1], letters(attempt.call))
        for attempt in world.checks.attempts
    ]


def letters(call: Call) -> str:
    return "".join(item["cartItemId"][-1] for item in json.loads(call.body)["items"])


def results(world: World) -> list[tuple[Status, Effect]]:
    return [(outcome.status, outcome.effect) for outcome in outcomes(world)]


def outcomes(world: World) -> list[Outcome]:
    return world.checks.results[0]


def test_a_confirm_does_not_wait_for_a_pause_of_the_releases_of_its_cart() -> None:
    world = World()
    member = at_work(world)
    abandon(world, "other", "x")
    settle(world, member)
    world.take_all(member, Kind.CALL, Kind.REPLY, reaction=Reaction.PACE, rounds=2)
    abandon(world, "cart", "b")
    settle(world, member)  # ready, but the releases are paused
    pay(world, "cart", "order", "a")
    settle(world, member)
    world.take_all(member, Kind.CALL, rounds=1)
    assert calls(world) == [("release", "x"), ("confirm", "a")]


def test_a_release_behind_a_finished_confirm_waits_for_the_pause_of_the_releases() -> None:
    world = World()
    member = at_work(world)
    pay(world, "cart", "order", "a")
    abandon(world, "other", "x")
    settle(world, member)
    confirming, releasing = (step for step in member.ready() if step.kind is Kind.CALL)
    world.take(member, confirming, Reaction.SUCCEED)
    world.take(member, releasing, Reaction.PACE)
    world.take_all(member, Kind.REPLY, *OUTPUTS)  # the confirm is finished, not committed
    abandon(world, "cart", "b")
    world.tell_lost(member, both(0))
    world.grant(member, both(0))
    world.consume_all(member)
    world.pass_time(0.15)
    world.take_all(member, Kind.ENDS)  # known before the confirm is found to be finished
    settle(world, member)
    world.take_all(member, Kind.CALL)
    assert calls(world) == [("confirm", "a"), ("release", "x")]


def test_an_invalid_record_does_not_close_the_open_order_of_another() -> None:
    world = World()
    member = at_work(world)
    pay(world, "cart-a", "order", "a")
    settle(world, member)  # its call is in flight
    world.append(PAYMENTS, 0, b"wrong", order("order", "cart-a", "a", event="copy"))
    settle(world, member)
    pay(world, "cart-b", "order", "a")
    settle(world, member)
    world.take_all(member, Kind.CALL)
    assert len(calls(world)) == 1
    assert [status for status, _ in results(world)] == [Status.REJECTED, Status.CONFLICT]


def test_a_tainted_order_counts_as_open_until_it_is_finished() -> None:
    world = World()
    member = at_work(world)
    pay(world, "cart-a", "first", "a")
    pay(world, "cart-a", "order", "b")
    settle(world, member)
    world.take_all(member, Kind.CALL, Kind.REPLY)
    settle(world, member)
    world.take_all(member, Kind.CALL, reaction=Reaction.LOSE_ANSWER)
    again = world.join()
    world.grant(again, world.crash(member))
    pay(world, "cart-b", "order", "b")
    world.consume_all(again)
    world.pass_time(0.15)
    world.take_all(again, Kind.RESTORE, rounds=1)
    world.take_all(again, Kind.COMMIT)  # the order of the first cart is still to be read about
    world.take_all(again, Kind.CALL)
    world.quiesce()
    world.check_the_end()
    assert [outcome.status for outcome in outcomes(world) if outcome.cart_id == "cart-b"] == [
        Status.CONFLICT
    ]
    assert {attempt.call.cart_id for attempt in world.checks.attempts} == {"cart-a"}


def test_one_cart_has_one_call_in_flight_even_when_its_partition_comes_back_at_once() -> None:
    world = World()
    member = at_work(world)
    pay(world)
    settle(world, member)
    world.take_all(member, Kind.CALL)
    world.tell_lost(member, both(0))
    world.grant(member, both(0))
    settle(world, member)
    settle(world, member)
    world.take_all(member, Kind.CALL)
    assert len(calls(world)) == 1
    world.quiesce()
    world.check_the_end()
    assert len(calls(world)) == 1


def test_a_release_that_may_have_been_applied_marks_its_items_as_maybe_released() -> None:
    world = World()
    member = at_work(world)
    abandon(world, "cart", "a")
    settle(world, member)
    for _ in range(3):
        world.take_all(member, Kind.CALL, Kind.REPLY, reaction=Reaction.BREAK, rounds=2)
        for _ in range(6):
            world.pass_time(5.0)
            settle(world, member)
    assert results(world) == [(Status.INDETERMINATE, Effect.MAYBE_APPLIED)]
    pay(world, "cart", "order", "a")
    world.quiesce()
    detail = outcomes(world)[-1].detail
    assert detail is not None
    assert detail.startswith("released-before-paid")


def kinds(member: Member) -> list[Kind]:
    return [step.kind for step in member.ready()]


def calling(world: World, cart: str = "cart", items: str = "a") -> Member:
    """A member whose call of an order has been written, and not been answered."""
    member = at_work(world)
    pay(world, cart, "order", items)
    settle(world, member)
    world.take_all(member, Kind.CALL, rounds=1)
    assert calls(world) == [("confirm", items)]
    return member


def test_a_cart_has_one_call_at_a_time() -> None:
    world = World()
    member = at_work(world)
    pay(world, order_id="order-1", items="a")
    pay(world, order_id="order-2", items="b")
    pay(world, "other", "order-3", "c")
    settle(world, member)
    assert kinds(member).count(Kind.CALL) == 2
    world.take_all(member, Kind.CALL, Kind.REPLY)
    assert kinds(member) == [Kind.OUTPUT]  # not acknowledged: the lane stands still
    settle(world, member)
    assert kinds(member) == [Kind.CALL]


def test_calls_wait_for_permits() -> None:
    world = World()
    member = at_work(world)
    for number in range(5):
        pay(world, f"cart-{number}", f"order-{number}", "a")
    settle(world, member)
    assert kinds(member) == [Kind.CALL] * 3
    world.take_all(member, Kind.CALL, Kind.REPLY, rounds=2)
    assert kinds(member).count(Kind.CALL) == 2


def test_no_call_goes_out_beyond_the_horizon_that_is_acknowledged() -> None:
    world = World()
    member = at_work(world)
    pay(world)
    world.consume_all(member)
    world.pass_time(0.15)
    assert kinds(member) == [Kind.COMMIT]
    world.take_all(member, Kind.COMMIT, rounds=1)
    assert kinds(member) == [Kind.COMMIT]  # it has arrived, and is not acknowledged
    world.take_all(member, Kind.COMMIT, rounds=1)
    assert kinds(member) == [Kind.CALL]


def test_only_one_commit_is_in_the_air() -> None:
    world = World()
    member = at_work(world)
    for _ in range(5):
        world.pass_time(1.0)
    assert len(member.steps) == 1


def test_a_refused_commit_renews_no_lease() -> None:
    world = World()
    member = at_work(world)
    pay(world)
    settle(world, member)  # its call is about to be written
    world.pass_time(5.0)
    member.generation += 1  # the group has rebalanced since
    world.take_all(member, Kind.COMMIT)
    world.pass_time(6.0, asleep=member)
    world.take_all(member, Kind.CALL)
    assert calls(world) == []


def test_the_lease_counts_from_the_sending_of_a_commit() -> None:
    world = World()
    member = calling(world)
    pay(world, "other", "other", "b")
    world.consume_all(member)
    world.pass_time(1.0)  # sent
    world.pass_time(9.5)
    world.take_all(member, Kind.COMMIT)
    world.pass_time(1.0)
    world.take_all(member, Kind.CALL)
    assert calls(world) == [("confirm", "a")]


def test_a_call_is_not_written_once_the_lease_has_lapsed() -> None:
    world = World()
    member = at_work(world)
    pay(world)
    settle(world, member)
    assert kinds(member) == [Kind.CALL]
    world.pass_time(SESSION, asleep=member)
    world.take_all(member, Kind.CALL)
    assert calls(world) == []
    settle(world, member)  # it was cut off, and nobody took over
    world.take_all(member, Kind.CALL)
    assert calls(world) == [("confirm", "a")]


def test_a_call_is_not_written_once_its_partition_is_lost() -> None:
    world = World()
    member = at_work(world)
    pay(world)
    settle(world, member)
    world.tell_lost(member)
    world.take_all(member, Kind.CALL)
    assert calls(world) == []
    world.quiesce()
    world.check_the_end()


def test_a_call_is_not_written_once_connecting_took_longer_than_the_lease() -> None:
    stage = Stage()
    stage.is_writing = False
    stage.pay("a")
    stage.run(0.1)
    (send,) = stage.unwritten
    assert stage.engine.begin(send.call_id, stage.now)
    assert stage.engine.may_write(send.call_id, stage.now)
    late = Now(stage.at + FenceSettings(partitions=1).lease, 0.0)
    assert not stage.engine.may_write(send.call_id, late)
    stage.lose()
    assert not stage.engine.may_write(send.call_id, stage.now)


def test_a_call_that_is_taken_back_is_made_again_and_no_failure_is_seen() -> None:
    stage = Stage()
    stage.is_writing = False
    stage.pay("a")
    stage.run(0.1)
    (send,) = stage.unwritten
    stage.unwritten.clear()
    assert stage.engine.begin(send.call_id, stage.now)
    stage.engine.withdraw(send.call_id, stage.now)
    stage.is_writing = True
    stage.run(2.0)
    assert stage.ended["a"].attempts == 1
    assert stage.holds == set()


def test_a_reply_past_the_lease_waits_for_the_next_one() -> None:
    world = World()
    member = at_work(world)
    pay(world)
    settle(world, member)
    world.take_all(member, Kind.CALL, reaction=Reaction.REFUSE)
    world.pass_time(SESSION, asleep=member)
    world.take_all(member, Kind.REPLY)
    assert kinds(member) == []
    settle(world, member)
    assert results(world) == [(Status.REJECTED, Effect.NOT_APPLIED)]


def test_a_reply_to_a_lost_partition_is_left_to_the_new_owner() -> None:
    world = World()
    member = at_work(world)
    pay(world)
    settle(world, member)
    world.take_all(member, Kind.CALL, reaction=Reaction.REFUSE)
    world.tell_lost(member)
    world.take_all(member, Kind.REPLY)
    assert kinds(member) == []


@pytest.mark.parametrize("items", ["a", "ab"])
def test_a_success_is_written_even_when_the_partition_is_lost(items: str) -> None:
    world = World()
    member = at_work(world)
    pay(world, items=items)
    settle(world, member)
    world.take_all(member, Kind.CALL, reaction=Reaction.SUCCEED if items == "a" else Reaction.SPLIT)
    world.tell_lost(member)
    world.take_all(member, Kind.REPLY, *OUTPUTS)
    expected = (
        (Status.SUCCEEDED, Effect.APPLIED)
        if items == "a"
        else (Status.PARTIALLY_SUCCEEDED, Effect.PARTIALLY_APPLIED)
    )
    assert results(world) == [expected]


def taken_over(world: World, member: Member) -> Member:
    """Another member that goes on after a crash, restored and committed, with nothing consumed."""
    again = world.join()
    world.grant(again, world.crash(member))
    return again


def test_what_was_in_flight_at_a_crash_may_have_been_applied() -> None:
    world = World()
    member = calling(world)
    again = taken_over(world, member)
    settle(world, again)
    world.take_all(again, Kind.CALL, reaction=Reaction.REFUSE)
    world.take_all(again, Kind.REPLY)
    settle(world, again)
    assert results(world) == [(Status.INDETERMINATE, Effect.MAYBE_APPLIED)]


def test_what_was_not_in_flight_at_a_crash_is_not_tainted() -> None:
    world = World()
    again = taken_over(world, calling(world))
    pay(world, "other", "other", "b")
    settle(world, again)
    world.take_all(again, Kind.CALL, reaction=Reaction.REFUSE)
    world.take_all(again, Kind.REPLY)
    settle(world, again)
    assert {outcome.cart_id: outcome.effect for outcome in outcomes(world)} == {
        "cart": Effect.MAYBE_APPLIED,
        "other": Effect.NOT_APPLIED,
    }


def test_the_results_are_read_again_before_a_tainted_call() -> None:
    world = World()
    member = calling(world)
    world.take_all(member, Kind.REPLY)
    world.pass_time(SESSION, asleep=member)
    again = world.join()
    world.grant(again, world.evict(member))
    world.take_all(again, Kind.RESTORE)
    world.take_all(member, *OUTPUTS)  # the old owner's outcome comes after the restore
    settle(world, again)
    world.take_all(again, Kind.CALL)
    assert len(calls(world)) == 1
    world.quiesce()
    world.check_the_end()


def test_nothing_is_called_before_the_results_are_read() -> None:
    world = World()
    member = world.join()
    world.grant(member, both(0, 1))
    pay(world)
    for _ in range(3):
        world.consume_all(member)
        world.pass_time(0.5)
        world.take_all(member, Kind.COMMIT, Kind.ENDS)
    assert Kind.CALL not in kinds(member)
    world.take_all(member, Kind.RESTORE)
    assert kinds(member) == [Kind.CALL]


def test_a_number_works_only_while_both_its_inputs_are_owned() -> None:
    world = World()
    member = world.join()
    world.grant(member, {Partition(PAYMENTS, 0)})
    pay(world)
    settle(world, member)
    assert kinds(member) == []
    world.grant(member, {Partition(ABANDONMENTS, 0)})
    settle(world, member)
    assert kinds(member) == [Kind.CALL]
    world.tell_lost(member, {Partition(ABANDONMENTS, 0)})
    world.take_all(member, Kind.CALL)
    settle(world, member)
    assert calls(world) == []
    world.grant(member, {Partition(ABANDONMENTS, 0)})
    settle(world, member)
    world.take_all(member, Kind.CALL)
    assert calls(world) == [("confirm", "a")]


def test_what_was_in_flight_of_a_number_that_stays_in_part_may_have_been_applied() -> None:
    world = World()
    member = at_work(world)
    pay(world)
    settle(world, member)
    world.take_all(member, Kind.CALL, reaction=Reaction.BREAK)
    world.tell_lost(member, {Partition(ABANDONMENTS, 0)})
    world.grant(member, {Partition(ABANDONMENTS, 0)})
    settle(world, member)
    assert kinds(member) == [Kind.REPLY]  # it waits for the end of the call that is in flight
    world.take_all(member, Kind.REPLY)
    settle(world, member)
    world.take_all(member, Kind.CALL, reaction=Reaction.REFUSE)
    world.take_all(member, Kind.REPLY)
    settle(world, member)
    assert results(world) == [(Status.INDETERMINATE, Effect.MAYBE_APPLIED)]


def test_an_answer_to_an_earlier_assignment_is_ignored() -> None:
    world = World()
    member = world.join()
    world.grant(member, both(0))
    world.tell_lost(member)
    world.grant(member, both(0))
    pay(world)
    world.consume_all(member)
    world.pass_time(0.15)
    world.take_all(member, Kind.COMMIT)
    restores = [step for step in member.ready() if step.kind is Kind.RESTORE]
    world.take(member, restores[0])
    assert Kind.CALL not in kinds(member)
    world.take(member, restores[1])
    settle(world, member)
    assert kinds(member) == [Kind.CALL]


def test_nothing_new_begins_while_partitions_are_handed_over() -> None:
    world = World()
    member = calling(world)
    pay(world, "cart", "order-2", "b")
    pay(world, "other", "order-3", "c")
    member.engine.assignments.drain(both(0))
    assert not member.engine.assignments.is_drained(both(0))
    settle(world, member)
    assert kinds(member) == [Kind.REPLY]
    world.take_all(member, Kind.REPLY)
    settle(world, member)
    assert kinds(member) == []
    assert member.engine.assignments.is_drained(both(0))


def test_a_clean_stop_taints_nothing() -> None:
    world = World()
    member = calling(world)
    pay(world, "other", "order-2", "b")
    member.engine.assignments.drain(both(0, 1))
    world.consume_all(member)
    assert world.hand_over(member, both(0, 1))
    assert calls(world) == [("confirm", "a")]
    again = world.join()
    world.grant(again, both(0, 1))
    inputs = again.engine.assignments.states[0].inputs
    assert [owned.taint_below <= owned.offsets.position for owned in inputs.values()] == [True] * 3


def test_after_the_closing_offsets_no_other_commit_names_a_partition() -> None:
    world = World()
    member = at_work(world)
    member.engine.assignments.drain(both(0))
    member.engine.assignments.closing_offsets(both(0))
    pay(world)
    world.consume_all(member)
    world.pass_time(2.0)
    world.take_all(member, Kind.COMMIT)
    assert world.committed[Partition(PAYMENTS, 1)][0] == 0
    reach = horizon.read(world.committed[Partition(PAYMENTS, 0)][1])
    assert reach == horizon.Horizon(offset=0, partitions=2)


def test_a_hand_over_keeps_the_taint_of_what_was_called_and_is_unfinished() -> None:
    world = World()
    member = at_work(world)
    pay(world)
    settle(world, member)
    world.take_all(member, Kind.CALL, reaction=Reaction.BREAK)
    world.take_all(member, Kind.REPLY)
    assert world.hand_over(member, both(0, 1))
    for _ in range(2):  # the taint is handed on by who never called as well
        passing = world.join()
        world.grant(passing, both(0, 1))
        assert world.hand_over(passing, both(0, 1))
    again = world.join()
    world.grant(again, both(0, 1))
    settle(world, again)
    world.take_all(again, Kind.CALL, reaction=Reaction.REFUSE)
    world.take_all(again, Kind.REPLY)
    settle(world, again)
    assert results(world) == [(Status.INDETERMINATE, Effect.MAYBE_APPLIED)]


def test_taint_outlives_owners_that_commit_and_crash_before_they_consume() -> None:
    world = World()
    member = calling(world)
    for _ in range(2):
        member = taken_over(world, member)
        world.pass_time(0.5)
        world.take_all(member, Kind.COMMIT)
    again = taken_over(world, member)
    settle(world, again)
    world.take_all(again, Kind.CALL, reaction=Reaction.REFUSE)
    world.take_all(again, Kind.REPLY)
    settle(world, again)
    assert results(world) == [(Status.INDETERMINATE, Effect.MAYBE_APPLIED)]


def test_a_redelivered_record_with_an_outcome_is_resolved_silently() -> None:
    world = World()
    member = calling(world)
    world.append(PAYMENTS, 0, b"cart", order(price=2))
    settle(world, member)
    world.take_all(member, Kind.REPLY)
    world.take_all(member, *OUTPUTS)
    assert [status for status, _ in results(world)] == [Status.SUCCEEDED, Status.CONFLICT]
    again = taken_over(world, member)
    settle(world, again)
    assert len(results(world)) == 2
    assert again.engine.look().unfinished == {PAYMENTS: 0, ABANDONMENTS: 0, REPLAY: 0}


def test_offsets_that_go_back_have_the_results_read_from_their_beginning() -> None:
    world = World()
    member = calling(world)
    world.take_all(member, Kind.REPLY, *OUTPUTS)
    for _ in range(3):
        world.pass_time(1.0)
        settle(world, member)
    assert world.committed[Partition(PAYMENTS, 0)][0] == 1
    world.tell_lost(member)
    world.committed[Partition(PAYMENTS, 0)] = 0, None  # somebody resets the group
    world.grant(member, both(0, 1))
    settle(world, member)
    assert len(results(world)) == 1
    assert member.engine.look().unfinished == {PAYMENTS: 0, ABANDONMENTS: 0, REPLAY: 0}


def test_a_release_waits_for_the_payments_that_lay_in_the_log_before_it() -> None:
    world = World()
    member = at_work(world)
    abandon(world)
    pay(world)
    world.consume(member, Partition(ABANDONMENTS, 0))
    for _ in range(3):
        world.pass_time(0.5)
        world.take_all(member, *HOUSEKEEPING)
    assert kinds(member) == []
    settle(world, member)
    world.take_all(member, Kind.CALL, Kind.REPLY)
    settle(world, member)
    assert calls(world) == [("confirm", "a")]
    assert [status for status, _ in results(world)] == [Status.SUCCEEDED, Status.SKIPPED]


def test_no_release_goes_out_before_the_end_of_the_payments_was_asked() -> None:
    world = World()
    member = at_work(world)
    abandon(world)
    for _ in range(3):
        world.consume_all(member)
        world.pass_time(0.5)
        world.take_all(member, Kind.COMMIT)
    assert kinds(member) == [Kind.ENDS]
    world.take_all(member, Kind.ENDS, reaction=Reaction.UNREACHABLE, rounds=1)
    world.pass_time(0.5)
    assert Kind.ENDS in kinds(member)  # it could not be asked
    assert Kind.CALL not in kinds(member)
    settle(world, member)
    assert kinds(member) == [Kind.CALL]


@pytest.mark.parametrize("cart", ["cart", "other"])
def test_no_release_passes_a_payment_that_waits_for_its_schema(cart: str) -> None:
    world = World()
    member = at_work(world)
    world.append(PAYMENTS, 0, cart.encode(), order(cart="cart"), schema=1)
    abandon(world)
    settle(world, member)
    assert kinds(member) == []
    world.learn_schema(1)
    settle(world, member)
    world.take_all(member, Kind.CALL, Kind.REPLY)
    settle(world, member)
    assert all(called[0] == "confirm" for called in calls(world))
    assert (Status.SKIPPED, Effect.NOT_SENT) in results(world)


def test_a_payment_counts_as_soon_as_it_is_read_although_another_record_blocks_it() -> None:
    world = World()
    member = at_work(world)
    world.append(PAYMENTS, 0, b"wrong", order("order-1", "cart", "a"), schema=1)
    world.append(PAYMENTS, 0, b"wrong", order("order-2", "cart", "b"))
    settle(world, member)
    abandon(world, items="b")
    world.learn_schema(1)
    settle(world, member)
    assert calls(world) == []
    assert (Status.SKIPPED, Effect.NOT_SENT) in results(world)


def test_a_confirm_overtakes_a_release_of_its_cart_that_rests() -> None:
    world = World()
    member = at_work(world)
    abandon(world, items="b")
    settle(world, member)
    world.take_all(member, Kind.CALL, Kind.REPLY, reaction=Reaction.DENY, rounds=2)
    pay(world)
    settle(world, member)
    world.take_all(member, Kind.CALL)
    assert calls(world) == [("release", "b"), ("confirm", "a")]


def test_the_dead_letter_is_acknowledged_before_the_outcome_is_produced() -> None:
    world = World()
    member = at_work(world)
    world.append(PAYMENTS, 0, b"cart", garbage(1))
    world.consume_all(member)
    world.pass_time(0.5)
    world.take_all(member, *HOUSEKEEPING)
    assert kinds(member) == [Kind.OUTPUT]
    world.take_all(member, Kind.OUTPUT)
    assert (kinds(member), results(world)) == ([Kind.ACKNOWLEDGEMENT], [])
    world.take_all(member, Kind.ACKNOWLEDGEMENT, Kind.OUTPUT, rounds=2)
    assert results(world) == [(Status.REJECTED, Effect.NOT_SENT)]


def test_nothing_is_committed_before_its_outcome_is_acknowledged() -> None:
    world = World()
    member = calling(world)
    world.take_all(member, Kind.REPLY)
    world.take_all(member, Kind.OUTPUT)
    world.pass_time(2.0)
    world.take_all(member, Kind.COMMIT)
    assert world.committed[Partition(PAYMENTS, 0)][0] == 0
    world.take_all(member, Kind.ACKNOWLEDGEMENT)
    world.pass_time(2.0)
    world.take_all(member, Kind.COMMIT)
    assert world.committed[Partition(PAYMENTS, 0)][0] == 1


@pytest.mark.parametrize("is_span", [False, True])
def test_a_partition_is_paused_at_its_limit_and_resumed_at_half(*, is_span: bool) -> None:
    world = World()
    member = calling(world)
    for number in range(20):
        if is_span:
            world.append(PAYMENTS, 0, b"%d" % number, garbage(number))
            settle(world, member)
        else:
            pay(world, "cart", f"order-{number}", "")
    settle(world, member)
    limits = world.settings
    unfinished = 1 if is_span else limits.max_unfinished
    span = limits.max_span if is_span else limits.max_unfinished
    owned = member.engine.assignments.states[0].inputs[PAYMENTS].offsets
    assert (owned.unfinished, owned.span) == (unfinished, span)
    assert member.paused == {Partition(PAYMENTS, 0)}
    world.quiesce()
    world.check_the_end()


def test_a_systemic_reply_dead_letters_nothing_however_often_it_comes() -> None:
    world = World()
    member = at_work(world)
    pay(world)
    for _ in range(40):
        settle(world, member)
        world.take_all(member, Kind.CALL, Kind.REPLY, reaction=Reaction.DENY, rounds=2)
        world.pass_time(9.0)
    assert len(calls(world)) > 5
    assert results(world) == []
    world.quiesce()
    assert results(world) == [(Status.SUCCEEDED, Effect.APPLIED)]


def test_a_release_does_not_pass_a_payment_that_came_later_and_waits_for_its_schema() -> None:
    world = World()
    member = at_work(world)
    abandon(world)
    settle(world, member)
    world.take_all(member, Kind.CALL, Kind.REPLY, reaction=Reaction.DENY, rounds=2)
    world.append(PAYMENTS, 0, b"cart", order(), schema=1)
    world.consume_all(member)
    world.pass_time(5.0)
    world.take_all(member, *HOUSEKEEPING)
    assert kinds(member) == []
    world.quiesce()
    assert [status for status, _ in results(world)] == [Status.SUCCEEDED, Status.SKIPPED]


def test_a_pause_that_rokt_asks_for_uses_up_neither_attempts_nor_time() -> None:
    world = World()
    member = at_work(world)
    pay(world)
    for reaction in [Reaction.BREAK, *[Reaction.PACE] * 30, Reaction.BREAK]:
        settle(world, member)
        world.take_all(member, Kind.CALL, Kind.REPLY, reaction=reaction, rounds=2)
        world.pass_time(2.2)
    settle(world, member)
    assert len(calls(world)) == 32
    assert results(world) == []  # given up after 40 s: these were all but two of them paused


def test_a_horizon_that_shrinks_holds_from_the_moment_it_is_sent() -> None:
    world = World()
    member = at_work(world)
    for number in range(3):
        pay(world, f"cart-{number}", f"order-{number}", "a")
    settle(world, member)
    world.take_all(member, Kind.CALL, Kind.REPLY, *OUTPUTS)
    world.pass_time(1.0)
    world.take_all(member, Kind.COMMIT)  # records came often: calls may go far beyond these
    world.pass_time(1.0)  # none came any more: the next commit, on its way, takes that back
    pay(world, "cart-3", "order-3", "d")
    world.consume_all(member)
    world.take_all(member, Kind.CALL, rounds=1)
    world.take_all(member, Kind.COMMIT, rounds=1)  # it arrives
    again = taken_over(world, member)
    settle(world, again)
    world.take_all(again, Kind.CALL, Kind.REPLY, reaction=Reaction.REFUSE)
    world.quiesce()
    world.check_the_end()


def test_a_closed_number_is_not_opened_again_by_another_drain() -> None:
    world = World()
    member = at_work(world)
    partitions = both(0)
    member.engine.assignments.drain(partitions)
    member.engine.assignments.closing_offsets(partitions)
    member.engine.assignments.drain(both(0, 1))
    closed = member.engine.assignments.states[0]
    assert closed.phase is Phase.CLOSED
