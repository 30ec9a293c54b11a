"""The engine in a simulated world, in every order in which things may happen.

`HYPOTHESIS_PROFILE=deep` looks for longer, and at random.
"""

import os
import sys
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import cycle
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from processor.core import horizon
from processor.core.events import CartAbandoned, Content, OrderPaid
from processor.core.records import Partition
from tests.support.simulation import EPOCH, NUMBERS, SESSION, World, both, garbage, steps_of
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, order, release
from tests.support.simulation_members import Kind
from tests.support.simulation_rokt import Reaction

IS_DEEP: Final = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
CARTS: Final = {"cart-a": 0, "cart-c": 0, "cart-e": 1}  # as both usual partitioners have it

carts = st.sampled_from(sorted(CARTS))
order_ids = st.integers(1, 12).map(lambda number: f"order-{number}")
items = st.sampled_from(["", *"abcdefgh", "ab", "cd", "gh"])
picks = st.integers(0, 30)
numbers = st.sampled_from(NUMBERS)
reactions = st.just(Reaction.SUCCEED) | st.sampled_from(Reaction)
some_reactions = st.lists(reactions, min_size=1, max_size=6)
rounds = st.integers(0, 4)
late = st.none() | st.sampled_from(Kind)
taken = st.lists(st.tuples(picks, reactions), min_size=8, max_size=30)


@dataclass(frozen=True)
class Written:
    """A record that a producer writes; None leaves a gap."""

    cart: str
    topic: str
    content: Content | None
    key: str | None
    schema: int | None = None


def _keyed(topic: str, content: OrderPaid | CartAbandoned, schema: int | None = None) -> Written:
    return Written(content.cart_id, topic, content, content.cart_id, schema)


paid = st.builds(
    lambda *of, price: _keyed(PAYMENTS, order(*of, price=price)),
    *(order_ids, carts, items),
    price=st.sampled_from([1, 1, 1, 1, 1, 2, -1]),
)
abandoned = st.builds(
    lambda cart, items, expires_at: _keyed(
        ABANDONMENTS, release(cart, items, expires_at=expires_at)
    ),
    *(carts, items),
    expires_at=st.none() | st.integers(100, 160).map(lambda at: int(EPOCH + at) * 1000),
)
unknown = st.builds(
    lambda written, schema: replace(written, schema=schema),
    *(paid | abandoned, st.integers(1, 2)),
)
hostile = st.builds(
    lambda cart, has_key, topic, content: Written(cart, topic, content, cart if has_key else None),
    *(carts, st.booleans(), st.sampled_from([PAYMENTS, ABANDONMENTS])),
    st.none() | st.integers(0, 9).map(garbage),
)
misplaced = st.builds(
    lambda cart, content: Written(cart, PAYMENTS, content, cart),
    *(carts, st.builds(order, order_ids, carts)),
)
usual = paid | abandoned
records = st.lists(
    usual | usual | usual | usual | unknown | hostile | misplaced, min_size=1, max_size=6
)


class Disturbance(Enum):
    """What can happen to a member."""

    CRASH = auto()
    SILENCE = auto()
    LOSS = auto()
    NOTICE = auto()


class EngineMachine(RuleBasedStateMachine):
    """Producers, a group, Rokt and time, against one or more engines."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(is_spread=True)
        self.is_calm = True
        self.worked = 0  # since the group was last disturbed

    @initialize()
    def start(self) -> None:
        member = self.world.join()
        self.world.grant(member, both(*NUMBERS))
        self.world.pass_time(1.0)
        self.world.settle_down(member)

    # Hypothesis leaves some of the rules out of a run, so work is part of several of them.

    @rule(records=records, rounds=rounds, reactions=some_reactions, late=late)
    def write(
        self, records: list[Written], rounds: int, reactions: list[Reaction], late: Kind | None
    ) -> None:
        for written in records:
            number = CARTS[written.cart]
            if written.content is None:
                self.world.skip(written.topic, number)
            else:
                key = None if written.key is None else written.key.encode()
                self.world.append(written.topic, number, key, written.content, written.schema)
        self.work_in_order(rounds, reactions, late)

    @rule(schema=st.integers(1, 2))
    def register_a_schema(self, schema: int) -> None:
        self.world.learn_schema(schema)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 4.0]), taken=taken)
    def go_on(self, seconds: float, taken: list[tuple[int, Reaction]]) -> None:
        """Let time pass, and things arrive in any order."""
        self.worked += 1
        self.world.pass_time(seconds)
        for pick, reaction in taken:
            self._take_one(pick, reaction)

    @rule(rounds=rounds, reactions=some_reactions, late=late)
    def work_in_order(self, rounds: int, reactions: list[Reaction], late: Kind | None) -> None:
        """Let things arrive in the order in which they set out, but for one kind; Rokt reacts."""
        self.worked += 1
        reaction = cycle(reactions)
        for _ in range(rounds):
            self.world.pass_time(0.5)
            for member in self.world.members:
                for partition in self.world.consumable(member):
                    self.world.consume(member, partition)
                for step in member.ready():
                    if step.kind is not late:
                        self.world.take(member, step, next(reaction))

    def _take_one(self, pick: int, reaction: Reaction) -> None:
        world = self.world
        places = [(member, p) for member in world.members for p in world.consumable(member)]
        steps = list(steps_of(world))
        index = pick % (len(places) + len(steps) or 1)
        if index < len(places):
            world.consume(*places[index])
        elif steps:
            world.take(*steps[index - len(places)], reaction)

    # The group

    @precondition(lambda self: self.worked > 2)
    @rule(pick=picks, number=numbers, is_drained=st.booleans(), whole=st.booleans())
    def hand_over(self, pick: int, number: int, *, is_drained: bool, whole: bool) -> None:
        world = self.world
        self.worked = 0
        member = world.members[pick % len(world.members)]
        topic = (PAYMENTS, ABANDONMENTS)[pick % 2]
        given = {
            partition
            for partition in both(number)
            if world.owner.get(partition) is member and (whole or partition.topic == topic)
        }
        if given:
            self.is_calm &= is_drained
            is_clean = world.hand_over(member, given, drains=is_drained)
            assert is_clean or not is_drained
            if self.is_calm:
                self._check_nothing_is_tainted(given)

    def _check_nothing_is_tainted(self, given: set[Partition]) -> None:
        for partition in given:
            offset, metadata = self.world.committed[partition]
            reach = horizon.read(metadata)
            assert reach is not None
            doubtful = self.world.checks.doubtful_offsets(partition)
            assert reach.offset <= max([offset, *(o + 1 for o in doubtful)])

    @precondition(lambda self: self.world.orphans())
    @rule(pick=picks, one_by_one=st.booleans(), is_new=st.booleans(), taken=taken)
    def assign(
        self, pick: int, taken: list[tuple[int, Reaction]], *, one_by_one: bool, is_new: bool
    ) -> None:
        world = self.world
        if is_new and len(world.members) < 3:
            world.join()
        # Who does not know yet what it has lost cannot be given it again.
        orphans = world.orphans()
        takers = [m for m in world.takers() if not orphans & m.positions.keys()]
        if takers:
            member = takers[pick % len(takers)]
            world.grant(member, sorted(orphans)[: 1 if one_by_one else None])
        self.go_on(1.0, taken)

    @precondition(lambda self: self.worked > 2)
    @rule(pick=picks, number=numbers, how=st.sampled_from(Disturbance), taken=taken)
    def disturb(
        self, pick: int, number: int, how: Disturbance, taken: list[tuple[int, Reaction]]
    ) -> None:
        world = self.world
        self.worked = 0
        member = world.members[pick % len(world.members)]
        match how:
            case Disturbance.CRASH:
                self.is_calm = False
                world.grant(world.join(), world.crash(member))
            case Disturbance.SILENCE:  # suspended, or cut off, until others have what it had
                self.is_calm = False
                world.pass_time(SESSION, asleep=member)
                world.grant(world.join(), world.evict(member))
            case Disturbance.LOSS:  # the group took it for dead, and says so at once
                self.is_calm = False
                if held := {p for p in both(number) if world.owner.get(p) is member}:
                    world.tell_lost(member, held)
            case Disturbance.NOTICE:  # it learns what it has lost long since
                world.notice(member)
        for more, reaction in taken:
            self._take_one(more, reaction)

    @invariant()
    def holds_no_more_than_its_permits(self) -> None:
        for member in self.world.members:
            assert member.engine.look().in_flight <= self.world.settings.max_in_flight

    def teardown(self) -> None:
        if sys.exc_info()[0] is not None:
            return  # the first failure is the one to tell
        self.world.quiesce()
        self.world.check_the_end()


@pytest.mark.timeout(7200 if IS_DEEP else 150)
def test_whatever_happens_in_whatever_order_the_promises_hold() -> None:
    run_state_machine_as_test(
        EngineMachine,
        settings=settings(
            max_examples=20_000 if IS_DEEP else 600,
            stateful_step_count=80 if IS_DEEP else 50,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )
