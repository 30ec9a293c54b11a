"""Members come and go every other second, in good order or not, while orders keep coming."""

import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from processor.fake_rokt.rules import Rule, Send, Then, When
from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.events import abandoned_item, cart_abandoned, order_paid, paid_item
from tests.support.members import GROUPS, Member, Members, figure
from tests.support.oracle_owners import check_owners
from tests.support.registries import RealRegistry
from tests.support.world import World, open_world

pytestmark = pytest.mark.e2e

_EVERY = 2.0
_CARTS = 40
_ORDERS_AT_ONCE = 40
_MOST = 5
_RULES = (
    Rule(when=When(probability=0.02), then=Then(latency=0.1, apply=True, send=Send.RESET)),
    Rule(when=When(probability=0.02), then=Then(latency=0.1, status=500)),
    Rule(when=When(), then=Then(latency=(0.02, 0.4))),
)


class Storm:
    """Members of one group that join and leave by chance: one to five are there."""

    def __init__(self, members: Members, chance: random.Random) -> None:
        self._members = members
        self._chance = chance
        self._ends: list[signal.Signals] = []
        self.present: list[Member] = []
        self.left: Counter[signal.Signals] = Counter()
        self.told_to_leave: list[Member] = []

    def turn(self) -> None:
        """Let one member join or leave."""
        joins = len(self.present) < 2 or (len(self.present) < _MOST and self._chance.random() < 0.5)
        if joins:
            self.present.append(self._members.join())
        else:
            self._leave(self.present.pop(self._chance.randrange(len(self.present))))

    def _leave(self, member: Member) -> None:
        if not self._ends:
            self._ends = self._chance.sample([signal.SIGTERM, signal.SIGKILL], 2)
        end = self._ends.pop()
        self.left[end] += 1
        member.processor.program.signal(end)
        if end is signal.SIGTERM:
            self.told_to_leave.append(member)

    def calm_down(self) -> Member:
        """Let all but one leave in good order, and return that one."""
        survivor, *others = self.present
        for member in others:
            member.processor.program.signal(signal.SIGTERM)
        self.told_to_leave += others
        return survivor


def _produce(world: World, turn: int, chance: random.Random) -> None:
    """Produce payments, and abandonments of their items and of others."""
    for number in range(_ORDERS_AT_ONCE):
        order, cart = f"o-{turn}-{number}", f"c-{chance.randrange(_CARTS)}"
        items = [paid_item(f"{order}-{n}") for n in range(2)]
        world.shop.paid(order_paid(order, cart, *items))
        if chance.random() < 0.3:
            unit = chance.choice([f"{order}-0", f"{order}-left"])
            world.shop.abandoned(cart_abandoned(f"gone-{order}", cart, abandoned_item(unit)))
    world.shop.flush()


def _rage(world: World, storm: Storm, chance: random.Random, seconds: float) -> None:
    began = time.monotonic()
    turn = 0
    while time.monotonic() < began + seconds:
        storm.turn()
        _produce(world, turn, chance)
        turn += 1
        time.sleep(max(0.0, began + turn * _EVERY - time.monotonic()))


@pytest.mark.parametrize(
    ("protocol", "seconds"),
    [
        pytest.param("classic", 25, marks=[pytest.mark.faults, pytest.mark.timeout(240)]),
        pytest.param("consumer", 25, marks=[pytest.mark.faults, pytest.mark.timeout(240)]),
        pytest.param("classic", 300, marks=[pytest.mark.faults, pytest.mark.timeout(600)]),
        pytest.param("consumer", 300, marks=[pytest.mark.faults, pytest.mark.timeout(600)]),
    ],
)
def test_a_storm_of_members_that_come_and_go_loses_nothing(
    kafka: RealKafka,
    registry: RealRegistry,
    tmp_path: Path,
    protocol: str,
    seconds: float,
    seeded: random.Random,
) -> None:
    with (
        open_world(kafka, registry, tmp_path, partitions=6, rules=_RULES) as world,
        Members(world, **GROUPS[protocol]) as members,
    ):
        storm = Storm(members, seeded)
        _rage(world, storm, seeded, seconds)
        _produce(world, -1, seeded)
        survivor = storm.calm_down()
        calm = time.monotonic()
        world.wait_until_drained(60)
        figure("drained", since=calm)
        assert survivor.processor.program.is_running
        assert min(storm.left.values()) >= 1, storm.left
        assert len({each.tag_id for each in world.rokt.ledger.entries}) >= 3, "they shared the work"
        for member in storm.told_to_leave:
            assert member.processor.program.wait(30) in {0, 1, -signal.SIGTERM}
        given = sum(len(each.said("partitions assigned")) for each in members.all)
        assert given > len(members.all), "shares went from one to another"
        check_owners(world, members.logs)
        statuses = oracle.check(world, may_repeat=True)
        assert statuses["SUCCEEDED"] > statuses.total() / 2
