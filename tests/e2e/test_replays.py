"""A replay from beginning to end: a real Kafka, a real processor, live events beside it, kills."""

import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

import pytest

from processor.fake_rokt.rules import Rule, Then, When
from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.events import abandoned_item, cart_abandoned, order_paid, paid_item
from tests.support.oracle_calls import check_calls
from tests.support.programs import Program, wait_until
from tests.support.registries import RealRegistry
from tests.support.world import World, open_world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

_ORDERS = 500
_REFUSED = frozenset({"h-3", "h-77", "h-205"})
_KILLS = 8
RULES = tuple(Rule(when=When(order_id=order), then=Then(status=422)) for order in _REFUSED)


@pytest.fixture
def world(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world whose Rokt refuses some orders."""
    with open_world(kafka, registry, tmp_path, rules=RULES) as opened:
        yield opened


def write_history(world: World) -> Counter[str]:
    """Write a day with duplicates, conflicts and failures; return what a plan finds in it."""
    shop, at = world.shop, int(time.time() * 1_000)
    for number in range(_ORDERS):
        order = order_paid(f"h-{number}", f"hc-{number}", occurredAt=at)
        shop.paid(order)
        if number % 10 == 0:
            shop.paid(order)
        if number % 25 == 0:
            other = order_paid(f"h-{number}", f"hc-{number}", paid_item("x"), occurredAt=at)
            shop.paid(other | {"eventId": f"other-{number}"})
        if number % 5 == 0:
            item = abandoned_item(f"left-{number}")
            shop.abandoned(cart_abandoned(f"a-{number}", f"hc-{number}", item, occurredAt=at))
    shop.raw(world.topics.order_paid, "hc-garbage", b"garbage")
    shop.flush()
    return Counter(
        confirm=_ORDERS,
        repeat=_ORDERS // 10 + _ORDERS // 25,
        release=_ORDERS // 5,
        undecodable=1,
    )


NEW_PROTOCOL = {
    "kafka__group_protocol": "consumer",
    "kafka__properties": "{}",
    "kafka__lease": "3",
}
"""Other tests of the lane have the classic one."""


class LiveOrders:
    """A shop that sells all the time, and how long each of its orders took to an outcome."""

    def __init__(self, world: World, rate: float) -> None:
        self._world, self._pause = world, 1 / rate
        self.sold_at: dict[str, float] = {}

    @contextmanager
    def selling(self) -> Iterator[None]:
        stopped = threading.Event()

        def sell() -> None:
            while not stopped.wait(self._pause):
                name = f"live-{len(self.sold_at)}"
                self.sold_at[name] = time.time()
                self._world.shop.paid(
                    order_paid(name, f"cart-{name}", occurredAt=int(time.time() * 1_000))
                )

        thread = threading.Thread(target=sell, name="shop")
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()
            self._world.shop.flush()

    def p99(self, outcomes: list[oracle.Written], since: float, until: float) -> float:
        """Return the 99th percentile of seconds from selling to the outcome, of one time."""
        took = [
            each.timestamp - sold
            for each in outcomes
            if (sold := self.sold_at.get(each.value["orderId"] or "", 0.0))
            and since <= sold < until
        ]
        assert len(took) > 20
        return quantiles(took, n=100)[98]


def command(world: World, log: Path, *arguments: str) -> Program:
    """Return `processor …` as a program, without the settings that lead to Rokt."""
    environment = {
        name: value
        for name, value in world.environment().items()
        if not name.startswith("PROCESSOR_ROKT__")
    }
    return Program([sys.executable, "-m", "processor", *arguments], log=log, env=environment)


def events(log: Path) -> list[dict[str, Any]]:
    """Return what a command has printed as JSON, its logs left out."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if "event" in line and "logger" not in line]


def wait_until_copying(program: Program, log: Path) -> None:
    """Return once a command has told of its progress, or has ended."""
    wait_until(
        lambda: '"event": "progress"' in log.read_text() or not program.is_running,
        within=60,
        what="it copies",
    )


def replay_and_kill(world: World, folder: Path, until: str) -> dict[str, Any]:
    """Replay what came before a time, killed and resumed many times; return the last report."""
    draw = random.Random(3)
    begin = ("replay", "--to", until, "--allow-stale", "--execute", "--id", "day", "--yes")
    resume = ("replay", "--resume", "day")
    shared = ("--json", "--rate", "60")
    for number in range(_KILLS):
        log = folder / f"killed-{number}.log"
        with command(world, log, *(resume if number else begin), *shared) as program:
            wait_until_copying(program, log)
            time.sleep(draw.uniform(0, 1.2))
            assert program.is_running, log.read_text()[-2000:]
            program.kill()
    log = folder / "last.log"
    with command(world, log, *resume, *shared) as last:
        assert last.wait(90) == 3, log.read_text()[-3000:]
    report: dict[str, Any] = events(log)[-1]["report"]
    return report


def test_a_day_is_replayed_beside_live_events_and_killed_many_times(
    world: World, tmp_path: Path
) -> None:
    found = write_history(world)
    until = datetime.now(UTC).isoformat()
    shop = LiveOrders(world, rate=25)
    with world.processor(kafka__start="latest", **NEW_PROTOCOL) as processor:
        processor.wait_until_ready()
        with shop.selling():
            time.sleep(3)  # what is done for the first time takes longer
            alone_since = time.time()
            time.sleep(6)
            replayed_since = time.time()
            report = replay_and_kill(world, tmp_path, until)
            replayed_until = time.time()
        world.wait_until_drained()
        wait_until(lambda: world.lane_lag() == 0, within=30, what="the lane is worked off")
        assert processor.program.stop(within=20) == 0
    check_rokt(world, shop)
    check_report(report, found)
    outcomes = oracle.outcomes(world)
    check_calls(world.rokt.ledger, outcomes, may_repeat=False)
    alone = shop.p99(outcomes, alone_since, replayed_since)
    beside = shop.p99(outcomes, replayed_since, replayed_until)
    print(f"live p99: {alone:.3f} s without a replay, {beside:.3f} s beside one")  # noqa: T201
    assert beside < alone + 1.0


def check_rokt(world: World, shop: LiveOrders) -> None:
    """Check that every order was called once, of the history and of the live ones."""
    arrivals = {order: tally.arrivals for order, tally in world.rokt.ledger.orders.items()}
    history = {f"h-{number}" for number in range(_ORDERS)}
    assert arrivals == dict.fromkeys(history | shop.sold_at.keys(), 1)
    releases = {cart: tally.effects for cart, tally in world.rokt.ledger.releases.items()}
    assert releases == {f"hc-{number}": 1 for number in range(0, _ORDERS, 5)}


def check_report(report: dict[str, Any], found: Counter[str]) -> None:
    """Check that everything was found once, and every outcome counted once.

    What a killed copier had copied beyond its last commit is found settled afterwards.
    """
    assert sum(report["found"].values()) == sum(found.values())
    assert report["found"]["undecodable"] == 1
    told = {(each["operation"], each["status"]): each["count"] for each in report["outcomes"]}
    # Other content for an order of this replay: after a kill it may be found in conflict at once.
    conflicts = told.pop(("CONFIRM", "CONFLICT"), 0)
    assert conflicts <= found["repeat"]
    assert told == {
        ("CONFIRM", "SUCCEEDED"): _ORDERS - len(_REFUSED),
        ("CONFIRM", "REJECTED"): len(_REFUSED),
        ("RELEASE", "SUCCEEDED"): _ORDERS // 5,
    }
    letters = Counter({"UNPROCESSABLE": len(_REFUSED), "CONFLICTING_DUPLICATE": conflicts})
    assert Counter(report["deadLetters"]) == letters
