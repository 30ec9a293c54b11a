"""The engine, one situation at a time; `tests/property` has it in all orders."""

import json
from typing import Final

from processor.core.calls import Call
from processor.core.outcomes import Outcome
from processor.core.vocabulary import Effect, Status
from tests.support.simulation import Kind, Member, World, both
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, order, release
from tests.support.simulation_rokt import Reaction

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
    world.quiesce()
    world.check_the_end()
    assert [outcome.status for outcome in outcomes(world) if outcome.cart_id == "cart-b"] == [
        Status.CONFLICT
    ]


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
        world.pass_time(30.0)
        settle(world, member)
    assert results(world) == [(Status.INDETERMINATE, Effect.MAYBE_APPLIED)]
    pay(world, "cart", "order", "a")
    world.quiesce()
    detail = outcomes(world)[-1].detail
    assert detail is not None
    assert detail.startswith("released-before-paid")
