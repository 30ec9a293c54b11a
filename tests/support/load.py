"""Two members under load, for a fault to happen to; what must hold afterwards."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from processor.fake_rokt.ledger import Entry
from processor.fake_rokt.rules import Rule, Then
from tests.support import oracle, oracle_owners
from tests.support.brokers import RealKafka
from tests.support.members import Members, figure, wait_until_shared
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.traffic import Traffic
from tests.support.watermarks import Watermarks
from tests.support.world import World, open_world

_PARTITIONS = 4
_SEED = 1
_RATE = 60.0
_LATENCY = (0.2, 0.8)
_DRAINED_WITHIN = 60.0
_NOT_READY = 503
_LEASE = 2.0
_ITS_OWN_FAULT = frozenset({"CONFLICTING_DUPLICATE", "INVALID_EVENT", "UNDECODABLE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A world at work."""

    world: World
    members: Members

    def is_said_to_be_away(self) -> bool:
        """Whether every member says, in `/status` and by its metric, that Kafka is away."""
        return all(
            any(each.startswith("kafka") for each in member.processor.status()["away"])
            and member.processor.metrics()['processor_away{dependency="kafka"}'] == 1
            for member in self.members.all
        )

    def is_not_ready(self) -> bool:
        """Whether no member counts as ready."""
        return all(member.processor.answers("/readyz") == _NOT_READY for member in self.members.all)

    def has_no_lease(self) -> bool:
        """Whether the last commit that was acknowledged is older than the lease, everywhere."""
        now = datetime.now(UTC)
        commits = [member.processor.status()["last_commit_at"] for member in self.members.all]
        return all((now - datetime.fromisoformat(at)).total_seconds() > _LEASE for at in commits)

    def says_nothing(self) -> bool:
        """Whether no member misses anything."""
        return not any(member.processor.status()["away"] for member in self.members.all)

    def outcomes(self) -> float:
        """Return how many outcomes the members have written."""
        return sum(
            value
            for member in self.members.all
            for name, value in member.processor.metrics().items()
            if name.startswith("processor_outcomes_total{")
        )

    def calls_between(self, since: float, until: float) -> list[Entry]:
        """Return the calls that arrived between two moments of the monotonic clock."""
        return [each for each in self.world.rokt.ledger.entries if since < each.arrived_at < until]


@contextmanager
def under_load(
    kafka: RealKafka, registry: RealRegistry, folder: Path, **settings: str
) -> Iterator[Load]:
    """Give two members with calls in the air and events that go on coming.

    When the fault is over (on leaving), everything is worked off within 60 s, the complaints end,
    and the oracle is content: the fault has cost nothing but time, no dead letter either.
    """
    rules = (Rule(then=Then(latency=_LATENCY)),)
    with (
        open_world(kafka, registry, folder, partitions=_PARTITIONS, rules=rules) as world,
        Members(world, **settings) as members,
    ):
        load = Load(world=world, members=members)
        members.join()
        members.join()
        wait_until_shared(members.all, _PARTITIONS)
        with Traffic(world.shop, _SEED, _RATE).flowing():
            wait_until(
                lambda: all(member.in_the_air() for member in members.all),
                within=30,
                what="calls of both members in the air",
            )
            yield load
            healed = time.monotonic()
        _wait_until_drained(world)
        figure("drained", since=healed)
        wait_until(load.says_nothing, within=30, what="nothing is said to be away any more")
        assert all(member.processor.program.is_running for member in members.all)
        _check(world, members)


def _wait_until_drained(world: World) -> None:
    watermarks = Watermarks(world)
    try:
        ends = watermarks.ends(_DRAINED_WITHIN)
        watermarks.wait_until_committed(ends, _DRAINED_WITHIN)
    finally:
        watermarks.close()


def _check(world: World, members: Members) -> None:
    oracle.check(world, may_repeat=True)
    oracle_owners.check_owners(world, members.logs)
    reasons = {
        (each.value["operation"], each.value["reason"]) for each in oracle.dead_letters(world)
    }
    # A release that may have gone out before its partition was lost, and may not any more.
    foreign = {why for op, why in reasons if (op, why) != ("RELEASE", "INDETERMINATE")}
    assert foreign <= _ITS_OWN_FAULT, "the fault dead-lettered something"
