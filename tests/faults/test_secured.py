"""A broker that takes the password or a right away at run time: it waits, says so, goes on."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from processor.fake_rokt.rules import Rule, Then, When
from tests.support import oracle
from tests.support.events import cart_abandoned, order_paid
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.secured import SecuredKafka, reading, rights, using, writing
from tests.support.world import Processor, World, open_world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

PASSWORD = "canary-pw-5f1d"
OTHER_PASSWORD = "canary-pw-77aa"
LEASE = 2.0


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[SecuredKafka]:
    folder = tmp_path / "kafka"
    folder.mkdir()
    with SecuredKafka(folder) as own:
        yield own


@pytest.fixture
def world(secured: SecuredKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world of two partitions, in which a processor may do what it has to, and no more."""
    with open_world(secured, registry, tmp_path, partitions=2) as opened:
        secured.give_password(PASSWORD)
        secured.allow(rights(opened))
        yield opened


def guarded(world: World, secured: SecuredKafka, protocol: str = "classic") -> Processor:
    """Return a processor that comes in by the guarded door."""
    properties: dict[str, str | int] = {**secured.properties(PASSWORD)}
    if protocol == "classic":
        properties |= {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500}
    return world.processor(
        kafka__bootstrap_servers=secured.guarded,
        kafka__group_protocol=protocol,
        kafka__lease=str(LEASE),
        kafka__properties=json.dumps(properties),
    )


def pay(world: World, name: str, count: int) -> None:
    for number in range(count):
        world.shop.paid(order_paid(f"{name}-{number}", f"c-{name}-{number}"))
    world.shop.flush()


def abandon(world: World, name: str, count: int) -> None:
    for number in range(count):
        world.shop.abandoned(cart_abandoned(f"gone-{name}-{number}", f"a-{name}-{number}"))
    world.shop.flush()


def lease_is_over(processor: Processor) -> bool:
    """Whether no commit was acknowledged for so long that no call may go out."""
    last = datetime.fromisoformat(processor.status()["last_commit_at"])
    return (datetime.now(UTC) - last).total_seconds() > LEASE


def logged(processor: Processor) -> list[dict[str, Any]]:
    """Return the lines of the log; a process that fails ends with one that is plain."""
    lines = processor.program.log_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def wait_until_said(processor: Processor, words: str) -> None:
    """Return once /status, the metric and the log all say why Kafka is away."""
    wait_until(
        lambda: any(words in each for each in processor.status()["away"]),
        within=40,
        what=f"/status says {words!r} ({processor.program.log_text()[-3000:]})",
    )
    wait_until(
        lambda: processor.metrics()['processor_away{dependency="kafka"}'] == 1,
        within=10,
        what="the metric says so too",
    )
    warnings = [each for each in logged(processor) if each["level"] == "warning"]
    assert any(words in each.get("why", "") for each in warnings)


def wait_until_all_is_well(world: World, processor: Processor) -> None:
    world.wait_until_drained()
    wait_until(
        lambda: not processor.status()["away"],
        within=30,
        what=f"/status misses nothing any more ({processor.program.log_text()[-3000:]})",
    )


def called(world: World, name: str) -> dict[str, int]:
    """Return how often the orders of a name arrived at Rokt."""
    orders = world.rokt.ledger.orders.items()
    return {order: tally.arrivals for order, tally in orders if order.startswith(name)}


def everything_shown(world: World, processor: Processor) -> str:
    return world.logs() + json.dumps(processor.status()) + str(processor.metrics())


@pytest.mark.parametrize(
    "outputs",
    [
        ["results"],
        pytest.param(["dead_letters"], marks=pytest.mark.faults),
        pytest.param(["results", "dead_letters"], marks=pytest.mark.faults),
    ],
    ids="-".join,
)
def test_an_output_that_may_not_be_written_is_waited_for_and_nothing_is_committed_past(
    world: World, secured: SecuredKafka, outputs: list[str]
) -> None:
    refuse = Rule(when=When(cart_id="c-late-0"), then=Then(status=422))
    world.rokt.rules.add((refuse,))
    taken = [writing(getattr(world.topics, output)) for output in outputs]
    pay(world, "early", 4)
    with guarded(world, secured) as processor:
        world.wait_until_drained()
        secured.forbid(taken)
        pay(world, "late", 3)
        wait_until_said(processor, "authorization failed")
        oracle.check_commits(world)
        assert world.lag() >= 1
        secured.allow(taken)
        wait_until_all_is_well(world, processor)
        assert PASSWORD not in everything_shown(world, processor)
        assert processor.program.stop() == 0
    assert called(world, "late") == {f"late-{n}": 1 for n in range(3)}
    assert oracle.check(world) == {"SUCCEEDED": 6, "REJECTED": 1}


@pytest.mark.faults
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
@pytest.mark.parametrize("input_", ["order_paid", "cart_abandoned"])
def test_an_input_that_may_not_be_read_is_waited_for(
    world: World, secured: SecuredKafka, input_: str, protocol: str
) -> None:
    right = reading(getattr(world.topics, input_))
    pay(world, "early", 4)
    with guarded(world, secured, protocol) as processor:
        world.wait_until_drained()
        secured.forbid([right])
        pay(world, "late", 3)
        abandon(world, "late", 3)
        wait_until_said(processor, "authorization failed")
        assert world.lag() >= 3
        secured.allow([right])
        wait_until_all_is_well(world, processor)
        assert processor.program.stop() == 0
    assert oracle.check(world, may_repeat=True) == {"SUCCEEDED": 10}


@pytest.mark.faults
def test_a_group_that_may_not_be_used_stops_the_calls_until_it_may(
    world: World, secured: SecuredKafka
) -> None:
    right = using(world.group)
    pay(world, "early", 4)
    with guarded(world, secured) as processor:
        world.wait_until_drained()
        secured.forbid([right])
        wait_until_said(processor, "authorization failed")
        wait_until(lambda: lease_is_over(processor), within=30, what="the lease is over")
        pay(world, "late", 3)
        wait_until_said(processor, "authorization failed")
        assert called(world, "late") == {}
        assert world.lag() == 3
        secured.allow([right])
        wait_until_all_is_well(world, processor)
        assert PASSWORD not in everything_shown(world, processor)
        assert processor.program.stop() == 0
    assert called(world, "late") == {f"late-{n}": 1 for n in range(3)}
    assert oracle.check(world) == {"SUCCEEDED": 7}


@pytest.mark.faults
def test_under_the_new_protocol_a_group_that_may_not_be_used_ends_the_process_once(
    world: World, secured: SecuredKafka
) -> None:
    """The client gives up for good there. Started again, it waits for the right."""
    right = using(world.group)
    pay(world, "early", 4)
    with guarded(world, secured, "consumer") as processor:
        world.wait_until_drained()
        secured.forbid([right])
        assert processor.program.wait(30) == 1
        (ending,) = [each for each in logged(processor) if each["event"] == "ending"]
        assert "Group authorization failed" in ending["why"]
        assert "Traceback" not in processor.program.log_text()
    pay(world, "late", 3)
    with guarded(world, secured, "consumer") as processor:
        wait_until(lambda: processor.answers("/livez"), within=30, what="it has begun")
        assert processor.answers("/readyz") == 503
        secured.allow([right])
        wait_until_all_is_well(world, processor)
        assert "restore waits" not in processor.program.log_text()
        assert PASSWORD not in everything_shown(world, processor)
        assert processor.program.stop() == 0
    assert oracle.check(world) == {"SUCCEEDED": 7}


@pytest.mark.faults
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
@pytest.mark.parametrize("change", ["deleted", "changed"])
def test_a_password_that_is_no_longer_right_is_waited_for(
    world: World, secured: SecuredKafka, change: str, protocol: str
) -> None:
    pay(world, "early", 4)
    with guarded(world, secured, protocol) as processor:
        world.wait_until_drained()
        if change == "deleted":
            secured.delete_user()
        else:
            secured.give_password(OTHER_PASSWORD)
        secured.stop()  # connections outlive the password
        secured.start()
        pay(world, "late", 3)
        wait_until_said(processor, "Authentication failed")
        wait_until(lambda: lease_is_over(processor), within=30, what="the lease is over")
        assert processor.answers("/livez") == 200
        assert called(world, "late") == {}
        assert world.lag() == 3
        secured.give_password(PASSWORD)
        wait_until_all_is_well(world, processor)
        assert PASSWORD not in everything_shown(world, processor)
        assert processor.program.stop() == 0
    assert called(world, "late") == {f"late-{n}": 1 for n in range(3)}
    assert oracle.check(world) == {"SUCCEEDED": 7}
