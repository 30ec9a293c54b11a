"""SIGKILL at random times under load, and what it costs: effects, repeated calls, time."""

import json
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from processor.fake_rokt.contract import Operation
from processor.fake_rokt.ledger import Entry
from processor.fake_rokt.rules import Rule, Then, When
from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.events import abandoned_item, cart_abandoned, order_paid, paid_item
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.world import Processor, World, open_world

pytestmark = pytest.mark.e2e

_IN_FLIGHT = 16
_GROUPS = {
    "classic": {
        "kafka__properties": json.dumps({"session.timeout.ms": 4_000, "heartbeat.interval.ms": 400})
    },
    # The session timeout is the broker's: nine seconds.
    "consumer": {"kafka__group_protocol": "consumer", "kafka__properties": "{}"},
}
_SETTINGS = {
    "http_client__confirm_deadline": "3.5",
    "http_client__release_deadline": "3.5",
    "calls__max_in_flight": str(_IN_FLIGHT),
    "log__level": "info",
}
# Every first reply is final: whatever is called twice was called again because of a kill.
_RULES = (
    Rule(when=When(probability=0.05), then=Then(status=422, latency=0.1)),
    Rule(when=When(), then=Then(latency=(0.05, 0.15))),
)
_PARTITIONS = 6
# What was on its way at a kill arrives a little later, where the machine is busy.
_ARRIVES_WITHIN = 0.5


@dataclass(frozen=True)
class Kill:
    """One `kill -9`: when, with how many calls in flight, and how long until all was done."""

    at: float
    in_flight: int
    recovery: float


@dataclass
class Fleet:
    """Members of one group that die at random and are replaced; each has a tag of its own."""

    world: World
    stack: ExitStack
    chance: random.Random
    group: dict[str, str]
    members: dict[str, Processor] = field(default_factory=dict)
    _names: Iterator[int] = field(default_factory=lambda: count(1))
    _orders: Iterator[int] = field(default_factory=lambda: count(1))

    def join(self) -> None:
        """Start one more member."""
        tag = f"member-{next(self._names)}"
        started = self.world.processor(rokt__tag_id=tag, **_SETTINGS, **self.group)
        self.members[tag] = self.stack.enter_context(started)

    def feed(self, carts: int) -> None:
        """Produce two orders a cart, and for every third one a release of what it keeps."""
        shop = self.world.shop
        for number in (next(self._orders) for _ in range(carts)):
            cart, item = f"c-{number}", f"item-{number}"
            for order in (f"o-{number}-a", f"o-{number}-b"):
                shop.paid(order_paid(order, cart, paid_item(order)))
            if number % 3 == 0:
                shop.abandoned(cart_abandoned(f"gone-{number}", cart, abandoned_item(item)))
        shop.flush()

    def kill_one(self) -> Kill:
        """Kill a member in its work, replace it, and wait until everything is done."""
        tag, victim = self.chance.choice(sorted(self.members.items()))
        wait_until(lambda: in_flight(self.world, tag), within=60, what=f"{tag} calls")
        time.sleep(self.chance.uniform(0, 1.0))  # the time is the fault, nothing is waited for
        before = time.monotonic()
        victim.program.kill()
        at = time.monotonic()
        left = [each for each in of_member(self.world, tag) if (each.ended_at or at) >= before]
        del self.members[tag]
        self.join()
        oracle.check_commits(self.world)
        self.world.wait_until_drained(90)
        return Kill(at, len(left), time.monotonic() - at)


def of_member(world: World, tag: str) -> list[Entry]:
    """Return the calls of one member."""
    return [each for each in world.rokt.ledger.entries if each.tag_id == tag]


def in_flight(world: World, tag: str) -> list[Entry]:
    """Return the calls of one member that Rokt has not answered."""
    return [each for each in of_member(world, tag) if each.ended_at is None]


def calls_again(world: World, kills: list[Kill]) -> list[int]:
    """Return how many calls were made again after each kill: the last one before them."""
    again = [0] * len(kills)
    last: dict[tuple[Operation | None, str | None], float] = {}
    for entry in world.rokt.ledger.entries:
        name = entry.operation, entry.order_id or entry.cart_id
        if name in last:
            since = last[name] - _ARRIVES_WITHIN
            between = [n for n, kill in enumerate(kills) if since < kill.at < entry.arrived_at]
            assert between, f"{name} was called again, and nothing was killed in between"
            again[between[-1]] += 1
        last[name] = entry.arrived_at
    return again


def report(kills: list[Kill], again: list[int], folder: Path) -> str:
    """Write the figures of all kills down, and return them as one line."""
    figures = {
        "kills": len(kills),
        "calls in flight": [each.in_flight for each in kills],
        "called again": again,
        "called again, 95th percentile": percentile(again),
        "recovery seconds, median": round(statistics.median(k.recovery for k in kills), 1),
        "recovery seconds, longest": round(max(k.recovery for k in kills), 1),
    }
    line = json.dumps(figures)
    (folder / "figures.json").write_text(line)
    return line


def percentile(numbers: list[int]) -> int:
    """Return the 95th percentile, by the nearest rank."""
    return sorted(numbers)[max(0, -(-95 * len(numbers) // 100) - 1)]


def kill_in(
    world: World, chance: random.Random, rounds: int, group: dict[str, str]
) -> tuple[list[Kill], list[int]]:
    """Kill members of a fleet at work, one after another; return the kills, and what they cost."""
    with ExitStack() as stack:
        fleet = Fleet(world, stack, chance, group)
        fleet.feed(30)
        for _ in range(chance.choice((2, 3))):
            fleet.join()
        world.wait_until_drained()
        kills = []
        for _ in range(rounds):
            fleet.feed(500)
            kills.append(fleet.kill_one())
        oracle.check(world, may_repeat=True)
        return kills, calls_again(world, kills)


@pytest.mark.timeout(900)
@pytest.mark.faults
@pytest.mark.parametrize(("worlds", "rounds", "protocol"), [(5, 5, "classic"), (2, 4, "consumer")])
def test_kills_at_random_times_repeat_hardly_more_than_was_in_flight(  # noqa: PLR0913, PLR0917  fixtures
    kafka: RealKafka,
    registry: RealRegistry,
    tmp_path: Path,
    seeded: random.Random,
    capsys: pytest.CaptureFixture[str],
    worlds: int,
    rounds: int,
    protocol: str,
) -> None:
    kills: list[Kill] = []
    again: list[int] = []
    for number in range(worlds):
        folder = tmp_path / str(number)
        folder.mkdir()
        with open_world(kafka, registry, folder, partitions=_PARTITIONS, rules=_RULES) as world:
            more_kills, more_again = kill_in(world, seeded, rounds, _GROUPS[protocol])
        kills += more_kills
        again += more_again
    with capsys.disabled():
        print(report(kills, again, tmp_path))  # noqa: T201  the figures are what it is for
    assert max(each.in_flight for each in kills) > 0, "no call was in the air at any kill"
    # A call whose outcome is on its way to its topic is no longer in flight, and is made again.
    assert percentile(again) <= 2 * _IN_FLIGHT
