"""SIGKILL at every numbered step of the path, and what the next process makes of it."""

import json
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import pytest

from processor.fake_rokt.rules import Rule, Send, Then, When
from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.crash_points import PLACES, CrashPoint, variables
from tests.support.events import abandoned_item, cart_abandoned, order_paid, paid_item
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.world import Processor, World, open_world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

_SESSION = {"session.timeout.ms": 4_000, "heartbeat.interval.ms": 400}
# A member of a name of its own takes its predecessor's place without waiting for its session.
_ALONE = json.dumps({**_SESSION, "group.instance.id": "the-only-one"})
_IN_TURN = json.dumps(_SESSION)
_AT_ONCE = 4
_DEADLINES = {
    "http_client__confirm_deadline": "3.5",
    "http_client__release_deadline": "3.5",
    "calls__max_in_flight": "8",
}

RULES = (
    Rule(when=When(order_id="o-refused"), then=Then(status=422)),
    Rule(when=When(order_id="o-partly"), then=Then(reject=("item-partly-1",))),
    Rule(when=When(order_id="o-again", last_attempt=1), then=Then(status=500)),
    Rule(when=When(order_id="o-dropped", last_attempt=1), then=Then(send=Send.RESET)),
    Rule(when=When(order_id="o-slow", last_attempt=1), then=Then(answer_latency=1.5)),
    Rule(when=When(), then=Then(latency=0.02)),
)
_DOUBTED = {("INDETERMINATE", "MAYBE_APPLIED")}
ALLOWED: Mapping[str, set[tuple[str, str]]] = {
    **{
        f"event-o-{name}": {("SUCCEEDED", "APPLIED")}
        for name in ("again", "dropped", "slow", "first", "second", "paid", "old")
    },
    # Its copy in the lane may be tainted by then, though its order is settled.
    "event-o-plain": {("SUCCEEDED", "APPLIED"), ("DUPLICATE", "MAYBE_APPLIED")},
    "event-o-refused": {("REJECTED", "NOT_APPLIED")} | _DOUBTED,
    "event-o-partly": {("PARTIALLY_SUCCEEDED", "PARTIALLY_APPLIED")},
    "duplicate": {("DUPLICATE", "NOT_SENT"), ("DUPLICATE", "MAYBE_APPLIED")},
    "conflict": {("CONFLICT", "NOT_SENT"), ("CONFLICT", "MAYBE_APPLIED")},
    "release": {("SUCCEEDED", "APPLIED")},
    "of-paid": {("SKIPPED", "NOT_SENT")} | _DOUBTED,
    "old-release": {("SUCCEEDED", "APPLIED")},
    "old-refused": {("REJECTED", "NOT_APPLIED")} | _DOUBTED,
}
"""How the events of `produce` may end, by event: some are doubted after a crash."""


def produce(world: World) -> None:
    """Produce events of every class, in carts of both partitions."""
    shop = world.shop
    for name in ("slow", "plain", "refused", "again", "dropped"):
        shop.paid(order_paid(f"o-{name}", f"c-{name}"))
    shop.paid(order_paid("o-partly", "c-partly", paid_item("partly-1"), paid_item("partly-2")))
    shop.paid(order_paid("o-plain", "c-plain", eventId="duplicate"))
    shop.paid(order_paid("o-plain", "c-plain", paid_item("other"), eventId="conflict"))
    shop.paid(order_paid("o-first", "c-both", paid_item("first")))
    shop.paid(order_paid("o-second", "c-both", paid_item("second")))
    shop.paid(order_paid("o-paid", "c-paid", paid_item("paid")))
    shop.raw(world.topics.order_paid, "c-garbage", b"garbage")
    shop.raw(world.topics.cart_abandoned, "c-rubbish", b"rubbish")
    shop.flush()
    shop.abandoned(cart_abandoned("release", "c-release"))
    shop.abandoned(cart_abandoned("of-paid", "c-paid", abandoned_item("paid")))
    replay(world)
    shop.flush()


def replay(world: World) -> None:
    """Have copies in the replay lane: new orders of a file, one of them twice, and a live one's."""
    shop, topics = world.shop, world.topics
    old, settled = order_paid("o-old", "c-old"), order_paid("o-plain", "c-plain")
    for _ in range(2):
        shop.copied(topics.order_paid, old, ("file:00", 0, 0), "replay-1")
    again = order_paid("o-refused", "c-refused", eventId="old-refused")
    shop.copied(topics.order_paid, again, ("file:00", 0, 1), "replay-1")
    shop.copied(topics.order_paid, settled, ("file:00", 0, 2), "replay-1")
    released = cart_abandoned("old-release", "c-old-release")
    shop.copied(topics.cart_abandoned, released, ("file:00", 0, 3), "replay-1")


@contextmanager
def opened(kafka: RealKafka, registry: RealRegistry, folder: Path) -> Iterator[World]:
    """Open a world of two partitions, with events of every class in it."""
    with open_world(kafka, registry, folder, partitions=2, rules=RULES) as world:
        produce(world)
        yield world


def feeding(world: World, has_come: Callable[[], object]) -> Callable[[], object]:
    """Return a condition that produces one more order whenever it does not hold yet."""
    numbers = count(1)

    def condition() -> bool:
        if has_come():
            return True
        number = next(numbers)
        world.shop.paid(order_paid(f"o-more-{number}", f"c-more-{number}"))
        return False

    return condition


def is_killed(victim: Processor, world: World, point: CrashPoint) -> None:
    """Wait until the victim has ended, feeding it; fail unless it was by the kill asked for."""
    is_over = feeding(world, lambda: not victim.program.is_running)
    wait_until(is_over, within=60, what=f"{point.name}: {world.logs()[-2000:]}")
    assert victim.program.wait() == -signal.SIGKILL, victim.program.log_text()[-3000:]


def kill_alone(world: World, stack: ExitStack, at: CrashPoint, hit: int) -> None:
    """Kill the only member; another one takes its place."""
    settings = {**_DEADLINES, "kafka__properties": _ALONE}
    with world.crashing(variables(at, hit=hit), **settings) as victim:
        is_killed(victim, world, at)
    oracle.check_commits(world)
    stack.enter_context(world.processor(**settings))


def kill_after_a_crash(world: World, stack: ExitStack, at: CrashPoint, hit: int) -> None:
    """Kill the successor of one that was killed with a call in the air."""
    settings = {**_DEADLINES, "kafka__properties": _ALONE}
    with world.crashing(variables(CrashPoint.IN_THE_AIR), **settings) as first:
        is_killed(first, world, CrashPoint.IN_THE_AIR)
    kill_alone(world, stack, at, hit)


def kill_at_a_stop(world: World, stack: ExitStack, at: CrashPoint, hit: int) -> None:
    """Kill the only member while it stops."""
    settings = {**_DEADLINES, "kafka__properties": _ALONE}
    with world.crashing(variables(at, hit=hit), **settings) as victim:
        wait_until(lambda: world.rokt.ledger.entries, within=30, what="calls begin")
        victim.program.signal(signal.SIGTERM)
        is_killed(victim, world, at)
    oracle.check_commits(world)
    stack.enter_context(world.processor(**settings))


def kill_at_a_rebalance(world: World, stack: ExitStack, at: CrashPoint, hit: int) -> None:
    """Kill a member while another one joins, which takes everything over."""
    settings = {**_DEADLINES, "kafka__properties": _IN_TURN}
    with world.crashing(variables(at, hit=hit), **settings) as victim:
        victim.wait_until_ready()
        stack.enter_context(world.processor(**settings))
        is_killed(victim, world, at)
    oracle.check_commits(world)


def is_slow_one_in_the_air(world: World) -> bool:
    """Whether the slow call waits for its reply, and no other one is on its way."""
    calls = [each for each in world.rokt.ledger.entries if each.ended_at is None]
    return [each.order_id for each in calls] == ["o-slow"] and len(world.rokt.ledger.orders) > 5


def kill_at_a_loss(world: World, stack: ExitStack, at: CrashPoint, hit: int) -> None:
    """Kill a member that learns, after a pause, that its partitions belong to another one."""
    settings = {**_DEADLINES, "kafka__properties": _IN_TURN}
    with world.crashing(variables(at, hit=hit), **settings) as victim:
        wait_until(lambda: is_slow_one_in_the_air(world), within=30, what="a call is in the air")
        victim.program.pause()
        survivor = stack.enter_context(world.processor(**settings))
        survivor.wait_until_ready()
        wait_until(lambda: survivor.status()["assignment"], within=30, what="it is taken over")
        victim.program.resume()
        is_killed(victim, world, at)
    oracle.check_commits(world)


Kill = Callable[[World, ExitStack, CrashPoint, int], None]
STAGED: Mapping[CrashPoint, Kill] = {
    **dict.fromkeys(
        (
            CrashPoint.RESTORE_HALF_READ,
            CrashPoint.RESTORE_READ,
            CrashPoint.REREADING,
            CrashPoint.REREAD,
        ),
        kill_after_a_crash,
    ),
    **dict.fromkeys(
        (
            CrashPoint.REVOKING,
            CrashPoint.DRAINED,
            CrashPoint.CLOSING,
            CrashPoint.LAST_COMMIT_SENDING,
            CrashPoint.LAST_COMMIT_ANSWERED,
            CrashPoint.GIVEN_UP,
        ),
        kill_at_a_rebalance,
    ),
    CrashPoint.LOSING: kill_at_a_loss,
    **dict.fromkeys(
        (CrashPoint.STOPPING, CrashPoint.FINISHED, CrashPoint.LEFT),
        kill_at_a_stop,
    ),
}
"""What must happen for a point to be passed, where that is not the ordinary work."""

# The hits tell different records of one class apart; the points in `STAGED` are passed once.
HITS: Mapping[CrashPoint, int] = {
    CrashPoint.DECODED: 9,
    CrashPoint.ADMITTED: 14,
    CrashPoint.PLANNED: 5,
    CrashPoint.SENDING: 3,
    CrashPoint.REPLIED: 4,
    CrashPoint.SETTLED: 6,
    CrashPoint.DEAD_LETTER_HANDED_OVER: 2,
    CrashPoint.DEAD_LETTER_DELIVERED: 3,
    CrashPoint.OUTCOME_IN_HAND: 3,
    CrashPoint.OUTCOME_HANDED_OVER: 5,
    CrashPoint.OUTCOME_DELIVERED: 9,
    CrashPoint.OUTCOME_ACKNOWLEDGED: 7,
    CrashPoint.COMMIT_SENDING: 2,
    CrashPoint.COMMIT_SENT: 2,
    CrashPoint.COMMIT_ANSWERED: 3,
    CrashPoint.RESTORE_HALF_READ: 2,
}
ALWAYS_RUN = frozenset(
    {
        CrashPoint.ADMITTED,
        CrashPoint.SENDING,
        CrashPoint.IN_THE_AIR,
        CrashPoint.SETTLED,
        CrashPoint.DEAD_LETTER_DELIVERED,
        CrashPoint.OUTCOME_HANDED_OVER,
        CrashPoint.OUTCOME_DELIVERED,
        CrashPoint.COMMIT_SENT,
        CrashPoint.ASSIGNED,
        CrashPoint.RESTORE_HALF_READ,
        CrashPoint.REREAD,
        CrashPoint.DRAINED,
        CrashPoint.LAST_COMMIT_ANSWERED,
        CrashPoint.FINISHED,
    }
)


def _case(point: CrashPoint) -> object:
    marks = () if point in ALWAYS_RUN else pytest.mark.faults
    return pytest.param(point, marks=marks, id=f"{point:02}-{point.name.lower()}")


def kill_and_go_on(world: World, point: CrashPoint) -> None:
    """Kill a processor at a point, let another one go on, and ask the oracle."""
    with ExitStack() as stack:
        STAGED.get(point, kill_alone)(world, stack, point, HITS.get(point, 1))
        world.shop.flush()
        world.wait_until_drained()
        wait_until(lambda: world.lane_lag() == 0, within=60, what="the replay lane is worked off")
        oracle.check(world, may_repeat=True)
        ends = oracle.ends_of_events(world)
        wrong = {name: ends[name] - allowed for name, allowed in ALLOWED.items()}
        assert not any(wrong.values()), f"{point.name}: {wrong}"
        assert ends.keys() >= ALLOWED.keys()


@pytest.fixture(scope="module")
def kills(
    request: pytest.FixtureRequest,
    kafka: RealKafka,
    registry: RealRegistry,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Mapping[CrashPoint, Future[None]]]:
    """The kills at all points that were selected, some of them at once: they mostly wait."""

    def kill(point: CrashPoint) -> None:
        folder = tmp_path_factory.mktemp(point.name.lower())
        with opened(kafka, registry, folder) as world:
            kill_and_go_on(world, point)

    specs = (getattr(item, "callspec", None) for item in request.session.items)
    points = [each.params["point"] for each in specs if each and "point" in each.params]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        runs = {point: pool.submit(kill, point) for point in points}
        yield runs
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("point", [_case(point) for point in CrashPoint])
def test_a_kill_at_this_point_loses_nothing_and_settles_nothing_twice(
    kills: Mapping[CrashPoint, Future[None]], point: CrashPoint
) -> None:
    kills[point].result()


def test_every_point_has_a_place_that_exists() -> None:
    assert PLACES.keys() == set(CrashPoint)
    assert not [each for each in PLACES.values() if not hasattr(each.owner, each.method)]


def test_every_point_is_passed_by_a_run_that_nothing_kills(
    kafka: RealKafka, registry: RealRegistry, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    settings = {**_DEADLINES, "kafka__properties": _IN_TURN}

    def passed() -> set[int]:
        return {int(line) for line in trace.read_text().split()} if trace.exists() else set()

    with opened(kafka, registry, tmp_path) as world:
        with world.crashing(variables(CrashPoint.IN_THE_AIR), **settings) as first:
            is_killed(first, world, CrashPoint.IN_THE_AIR)
        world.rokt.rules.clear()
        world.rokt.rules.add((Rule(when=When(first_attempt=2), then=Then(latency=0.8)), *RULES))
        world.shop.raw(world.topics.order_paid, "c-more", b"more garbage")
        world.shop.flush()
        with world.crashing(variables(trace=trace), **settings) as whole:
            world.wait_until_drained()
            with world.processor(**settings) as other:
                wait_until(
                    lambda: passed() >= {CrashPoint.REVOKING, CrashPoint.GIVEN_UP},
                    within=30,
                    what="partitions are handed over",
                )
                other.wait_until_ready()
                whole.program.pause()
                wait_until(
                    lambda: sum(map(len, other.status()["assignment"].values())) == 6,
                    within=30,
                    what="the other has everything",
                )
                whole.program.resume()
                wait_until(lambda: CrashPoint.LOSING in passed(), within=30, what="it learns that")
                whole.wait_until_ready()
                assert whole.program.stop() == 0
            missing = [point.name for point in CrashPoint if point not in passed()]
            assert not missing
