"""A record that kills its process is found, ends in a dead letter, and stops nobody.

`support/deadly` stands for the fault: the processes truly die, and so do the children in which
they try their records.
"""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.command_line import run
from tests.support.crash_points import CrashPoint, variables
from tests.support.events import abandoned_item, cart_abandoned, order_paid, paid_item
from tests.support.members import GROUPS
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.world import Processor, World, open_world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

_DEADLY = {"PYTHONPATH": str(Path(__file__).parents[1] / "support" / "deadly")}
_DEATHS = 3
_VERDICT = 'processor_rehearsals_total{{verdict="{}"}}'
_DETAIL = "Decoding it in a process of its own ended that process: {}."
# A member of a name of its own takes its predecessor's place without waiting for its session.
_NAMED = {"group.instance.id": "the-only-one"}
_CLASSIC = json.loads(GROUPS["classic"]["kafka__properties"])
_ALONE = {**GROUPS["classic"], "kafka__properties": json.dumps({**_CLASSIC, **_NAMED})}
SETTINGS = {"classic": _ALONE, "consumer": GROUPS["consumer"]}


@pytest.fixture
def world(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world of two partitions."""
    with open_world(kafka, registry, tmp_path, partitions=2) as opened:
        yield opened


def produce(world: World, says: str = "deadly: segfault") -> bytes:
    """Produce a payment that kills who decodes it, among good ones; return its bytes.

    It is cut short: apart from that it says nothing to anybody.
    """
    topic, shop = world.topics.order_paid, world.shop
    event = order_paid("o-deadly", "c-deadly", attributes={"a": says})
    value = shop.value(topic, event)[:-1]
    for number in range(4):
        shop.paid(order_paid(f"o-before-{number}", f"c-{number}"))
    shop.raw(topic, "c-deadly", value)
    for number in range(4):
        shop.paid(order_paid(f"o-after-{number}", f"c-{number}", paid_item(f"after-{number}")))
    shop.paid(order_paid("o-other", "c-deadly", paid_item("other")))
    shop.flush()
    return value


def dies(processor: Processor, by: int = -signal.SIGSEGV) -> None:
    """Wait until a processor has died of what it has read."""
    wait_until(lambda: not processor.is_running, within=60, what="it dies")
    assert processor.program.wait() == by, processor.program.log_text()[-3000:]


def check_found(world: World, value: bytes, how: str) -> None:
    """Check that the deadly record lies in the dead letters, and that all others are confirmed."""
    letters = [each.value for each in oracle.dead_letters(world)]
    said = [(each["originalValue"], each["reason"], each["message"]) for each in letters]
    assert said == [(value, "UNDECODABLE", _DETAIL.format(how))]
    ends = oracle.check(world, may_repeat=True)
    assert ends["SUCCEEDED"] == 9
    assert ends["REJECTED"] + ends["INDETERMINATE"] == 1


@pytest.mark.parametrize(
    "protocol", ["classic", pytest.param("consumer", marks=pytest.mark.faults)]
)
def test_it_is_found_after_the_third_death(
    world: World, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, value = SETTINGS[protocol], produce(world)
    for _ in range(_DEATHS):
        with world.crashing(_DEADLY, **settings) as victim:
            dies(victim)
    assert oracle.dead_letters(world) == []
    world.shop.abandoned(cart_abandoned("e-deadly", "c-deadly", abandoned_item("any")))
    world.shop.flush()
    with world.crashing(_DEADLY, **settings) as last:
        world.wait_until_drained()
        assert last.metrics()[_VERDICT.format("deadly")] == 1
        assert last.program.stop(20) == 0
    assert "record kills its process" in last.program.log_text()
    # What nobody can read may be the payment of what is released.
    assert oracle.status_of(world, "e-deadly")[0] == "SKIPPED"
    check_found(world, value, "SIGSEGV")
    monkeypatch.setenv("PYTHONPATH", _DEADLY["PYTHONPATH"])
    assert run(world, "redrive", "--all", "--json").counts == {"undecodable": 1}


@pytest.mark.faults
def test_an_error_that_nobody_foresaw_is_found_as_well(world: World) -> None:
    """It ends the process in order, and everything is handed over; all the same it counts."""
    world.shop.paid(order_paid("o-good", "c-1"))
    event = order_paid("o-raises", "c-2", attributes={"a": "deadly: raise"})
    world.shop.paid(event)
    world.shop.flush()
    for _ in range(_DEATHS):
        with world.crashing(_DEADLY, **_ALONE) as victim:
            wait_until(lambda: not victim.is_running, within=60, what="it ends")
            assert victim.program.wait() > 0
    assert oracle.dead_letters(world) == []
    with world.crashing(_DEADLY, **_ALONE):
        world.wait_until_drained()
    (letter,) = oracle.dead_letters(world)
    assert letter.value["originalValue"] == world.shop.value(world.topics.order_paid, event)
    assert letter.value["message"] == _DETAIL.format("an exception that nobody foresaw")
    ends = oracle.check(world, may_repeat=True)
    assert ends["SUCCEEDED"] == 1


@pytest.mark.faults
@pytest.mark.parametrize("protocol", sorted(GROUPS))
def test_it_is_found_while_members_die_of_it_in_turn(world: World, protocol: str) -> None:
    settings, deaths = GROUPS[protocol], 0
    with ExitStack() as stack:
        members = [stack.enter_context(world.crashing(_DEADLY, **settings)) for _ in range(2)]
        for member in members:
            member.wait_until_ready()
        value = produce(world)

        def is_drained() -> bool:
            nonlocal deaths
            for place, member in enumerate(members):
                if not member.is_running:
                    dies(member)
                    deaths += 1
                    members[place] = stack.enter_context(world.crashing(_DEADLY, **settings))
            return world.lag() == 0

        wait_until(is_drained, within=180, what="lag is 0")
        found = [each.metrics().get(_VERDICT.format("deadly"), 0.0) for each in members]
        assert (deaths, sum(found)) == (_DEATHS, 1)
    check_found(world, value, "SIGSEGV")


@pytest.mark.faults
def test_three_kills_by_others_make_no_dead_letter(world: World) -> None:
    for number in range(6):
        world.shop.paid(order_paid(f"o-{number}", f"c-{number}"))
    world.shop.flush()
    for _ in range(_DEATHS):
        with world.crashing(variables(CrashPoint.ADMITTED), **_ALONE) as victim:
            dies(victim, -signal.SIGKILL)
    with world.processor(**_ALONE) as last:
        world.wait_until_drained()
        metrics = last.metrics()
    said = [metrics[_VERDICT.format(each)] for each in ("harmless", "deadly", "undecided")]
    assert said == [6, 0, 0]
    assert oracle.dead_letters(world) == []
    assert oracle.check(world, may_repeat=True) == {"SUCCEEDED": 6}
