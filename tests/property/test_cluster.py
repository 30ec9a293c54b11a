"""The simulated cluster: thousands of schedules, the holes that stay open, and liveness.

What breaks is cut down and told; `python -m tests.support.simulation_search --seed n` tells it
again. `make faults` looks for longer (tests/faults/test_simulated_cluster.py).
"""

from dataclasses import replace
from random import Random
from typing import Final

import pytest

from processor.core.partitioners import murmur2
from processor.core.retries import Patience
from processor.core.vocabulary import Effect
from tests.support.simulation import NUMBERS, SETTINGS, Residue, World, both
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, order, release
from tests.support.simulation_rokt import Reaction
from tests.support.simulation_schedules import Act, Do, Schedule, draw
from tests.support.simulation_search import failure_of, search, shrink

SCHEDULES: Final = 6_000
MIXES: Final = 40


@pytest.mark.timeout(600)
def test_no_schedule_breaks_a_promise() -> None:
    played, finding = search(range(SCHEDULES))
    assert finding is None, str(finding)
    assert played == SCHEDULES


# What cannot be closed. Each schedule is the shortest that the search found with it.

OPEN: Final[dict[Residue, tuple[str, Schedule]]] = {
    Residue.SLEEPS_BEFORE_WRITE: (
        "an old owner calls after the new one",
        (
            Act(Do.PAY, 1, 1),
            Act(Do.WORK, 1),
            Act(Do.LEASE),
            Act(Do.PAY, 1),
            Act(Do.WORK),
            Act(Do.VANISH),
            Act(Do.EVICT),
            Act(Do.WORK, 1),
            Act(Do.WORK, 3),
        ),
    ),
    Residue.CONNECTS_AFTER_LOSS: (
        "an old owner calls after the new one",
        (
            Act(Do.PAY),
            *[Act(Do.WORK)] * 5,
            Act(Do.LOSE),
            Act(Do.GRANT),
            Act(Do.WAIT),
            *[Act(Do.TAKE_KIND, 0, 5)] * 3,  # commits
            Act(Do.READ),
            *[Act(Do.TAKE_KIND, 0, 7)] * 4,  # restores
            Act(Do.TAKE_KIND),  # the new owner's call
            Act(Do.TAKE_KIND, 1, 1),  # it arrives, and only then the old owner's
        ),
    ),
    Residue.REFUSAL_COMES_LATE: (
        "it goes out with other bytes than before",
        (
            Act(Do.PAY, 1),
            Act(Do.WORK, 3),
            Act(Do.WORK, 1, 0, 4),
            Act(Do.WORK),
            Act(Do.VANISH),
            Act(Do.EVICT),
            Act(Do.LEASE),
            Act(Do.TAKE),
            Act(Do.WORK, 3),
            Act(Do.PAY, 1, 5),
            Act(Do.TAKE),
            Act(Do.LEASE, 5),
            Act(Do.LEASE, 2),
            Act(Do.LOSE),
        ),
    ),
}


@pytest.mark.parametrize("residue", OPEN, ids=lambda residue: residue.name)
def test_what_cannot_be_closed_breaks_a_promise_and_nothing_else_does(residue: Residue) -> None:
    what, schedule = OPEN[residue]
    assert failure_of(schedule, residue) == f"AssertionError: {what}"
    assert failure_of(schedule) is None


def test_an_order_called_under_two_carts_keeps_its_content_over_a_crash() -> None:
    schedule = (
        Act(Do.PAY, 0, 2),
        Act(Do.PAY, 0, 1),  # the order, which waits for the one before
        Act(Do.PAY, 1, 6),  # the order under another cart: it is called when the crash comes
        Act(Do.LEASE),
        Act(Do.WORK, 1),
        Act(Do.WORK, 1),
        Act(Do.CRASH),
        Act(Do.GRANT),
        Act(Do.WORK, 3),
        Act(Do.WORK, 2),
        Act(Do.PAY, 1, 1),  # the order with other content
    )
    assert failure_of(schedule) is None


def test_a_failing_schedule_is_cut_down_to_what_matters() -> None:
    wanted = [Act(Do.PAY, 2), Act(Do.DIE)]

    def fails(schedule: Schedule) -> bool:
        left = iter(schedule)
        return all(
            any((act.do, act.a >= least.a) == (least.do, True) for act in left) for least in wanted
        )

    schedule = [*draw(Random(1)), Act(Do.PAY, 17, 4, 9), *draw(Random(2)), Act(Do.DIE, 5)]
    assert shrink(schedule, fails) == wanted


# Liveness

ALWAYS: Final = (  # what a cart that fails may come to, for ever
    Reaction.BREAK,
    Reaction.LOSE_ANSWER,
    Reaction.FORBID,
    Reaction.DENY,
    Reaction.GARBLE,
    Reaction.REFUSE,
    Reaction.REJECT,
    Reaction.MISTAKE,
    Reaction.CLASH,
    Reaction.PACE,
    Reaction.UNREACHABLE,
)
OUTAGES: Final = (
    Reaction.UNREACHABLE,
    Reaction.BREAK,
    Reaction.LOSE_ANSWER,
    Reaction.DENY,
    Reaction.FORBID,
    Reaction.GARBLE,
    Reaction.SLOW_DOWN,
)
_HOUR: Final = 3600.0
_WIDE: Final = replace(
    SETTINGS,
    max_in_flight=8,
    max_unfinished=60,
    max_span=120,
    retries=replace(
        SETTINGS.retries,
        confirm=Patience(attempts=3, seconds=10.0),
        give_up_after=900.0,
    ),
)


def _started() -> World:
    world = World(_WIDE)
    member = world.join()
    world.grant(member, both(*NUMBERS))
    world.work(1.0)
    return world


def _write(world: World, carts: int) -> dict[str, int]:
    """Let each cart order something; some had given up something else before."""
    numbers = {}
    for index in range(carts):
        cart = f"cart-{index}"
        number = numbers[cart] = murmur2(cart.encode()) % len(NUMBERS)
        if index % 3 == 0:
            world.append(ABANDONMENTS, number, cart.encode(), release(cart, "b"))
        world.append(PAYMENTS, number, cart.encode(), order(f"order-{index}", cart, "a"))
    return numbers


def _confirmed(world: World) -> set[str]:
    """Return the carts of which an order was applied, as the results say."""
    results = [outcome for number in NUMBERS for outcome in world.checks.results[number]]
    return {o.cart_id or "" for o in results if o.order_id and o.effect is Effect.APPLIED}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(MIXES))
def test_whatever_carts_fail_for_ever_all_others_are_confirmed(seed: int) -> None:
    random = Random(seed)
    world = _started()
    carts = random.randrange(2, 24)
    failing = random.sample(range(carts), random.randrange(1, carts))
    few = random.sample(ALWAYS, random.choice([1, 1, 3]))
    world.rokt.moods = {f"cart-{index}": random.choice(few) for index in failing}
    well = set(_write(world, carts)) - world.rokt.moods.keys()
    until = world.at + _HOUR
    while world.at < until and not well <= _confirmed(world):
        world.work(1.0)
    assert well <= _confirmed(world), f"{world.rokt.moods} stop the others"
    world.quiesce(within=2 * _HOUR)
    world.check_the_end()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("outage", OUTAGES, ids=lambda outage: outage.name)
@pytest.mark.parametrize("is_fresh", [True, False], ids=["from the start", "amid traffic"])
def test_a_full_outage_dead_letters_nothing(outage: Reaction, *, is_fresh: bool) -> None:
    world = _started()
    if not is_fresh:
        _write(world, 9)
        for _ in range(20):
            world.work(1.0)
        assert len(_confirmed(world)) == 9
    world.rokt.outage = outage
    for index in range(30):
        cart = f"later-{index}"
        number = murmur2(cart.encode()) % len(NUMBERS)
        world.append(PAYMENTS, number, cart.encode(), order(f"late-{index}", cart, "a"))
    for _ in range(1800):
        world.work(1.0)
    assert [o for n in NUMBERS for o in world.checks.results[n] if o.reason is not None] == []
    world.quiesce(within=2 * _HOUR)
    world.check_the_end()
    assert {f"later-{index}" for index in range(30)} <= _confirmed(world)


def test_a_hold_whose_records_are_gone_stops_nobody() -> None:
    world = _started()
    member = world.members[0]
    world.rokt.outage = Reaction.UNREACHABLE
    world.append(PAYMENTS, 1, b"cart-e", order("order", "cart-e"))
    for _ in range(5):
        world.work(1.0)
    assert member.engine.look().holds, "it did not bite"
    world.rokt.outage = None
    world.hand_over(member, both(1), drains=False)
    world.append(ABANDONMENTS, 0, b"cart-a", release("cart-a"))
    for _ in range(100):
        world.work(1.0)
    assert [outcome.status for outcome in world.checks.results[0]] == ["SUCCEEDED"]
    assert not member.engine.look().holds
