"""Schedules: what befalls a simulated cluster, as plain data that can be drawn, cut and told.

An act says what is done and picks, with small numbers, among what is possible at that moment;
where nothing is, it does nothing. So every part of a schedule is a schedule too, and the one that
breaks an invariant can be cut down to what matters.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from random import Random
from typing import Final, NamedTuple

from processor.core.records import Partition
from tests.support.simulation import (
    EPOCH,
    NUMBERS,
    TOPICS,
    Residue,
    World,
    both,
    garbage,
    steps_of,
)
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, REPLAY, order, release
from tests.support.simulation_members import Condition, Kind, Member
from tests.support.simulation_rokt import Reaction

CARTS: Final = {"cart-a": 0, "cart-c": 0, "cart-e": 1}  # as both usual partitioners have it
_NAMES: Final = tuple(CARTS)
_ITEMS: Final = ("a", "b", "ab", "", "c", "bc", "d", "ad")
_KINDS: Final = tuple(Kind)
_REACTIONS: Final = tuple(Reaction)
_SECONDS: Final = (0.1, 0.5, 1.0, 4.0, 10.0)
_ABSENCES: Final = (Condition.ASLEEP, Condition.CUT, Condition.STALLED)
_OUTAGES: Final = (
    Reaction.UNREACHABLE,
    Reaction.BREAK,
    Reaction.LOSE_ANSWER,
    Reaction.DENY,
    Reaction.SLOW_DOWN,
)
_MOST_MEMBERS: Final = 3


class Do(Enum):
    """What can befall a cluster; `a`, `b` and `c` are those of the act."""

    PAY = auto()  # cart a orders items b, as order b, at a price that c may change
    ABANDON = auto()  # cart a gives items b up, which may have expired (c)
    COPY = auto()  # record a of the live logs into the replay lane, by replay b, authorised (c)
    CONFUSE = auto()  # a gap, garbage, an unknown schema, a cart in the wrong place (a)
    REGISTER = auto()  # schema a becomes known
    READ = auto()  # b + 1 records, from the partition that a picks
    TAKE = auto()  # whatever a picks arrives; c is what Rokt does
    TAKE_KIND = auto()  # of kind b whatever a picks arrives
    WORK = auto()  # a + 1 rounds, in order, except for kind b - 1; c is what Rokt does
    WAIT = auto()  # time a passes, and nothing arrives
    LEASE = auto()  # a + 1 seconds pass in which only commits go and come
    DIE = auto()  # member a; b outputs have left it by then
    CRASH = auto()  # member a, which leaves the group; b as before
    VANISH = auto()  # member a sleeps, is cut off or stalls (c); b as before
    WAKE = auto()  # member a
    EVICT = auto()  # whoever was silent, after a session; another takes over (a, b)
    NOTICE = auto()  # member a learns what it has lost
    GRANT = auto()  # what nobody owns: to member a or a new one, by topic or as a whole (b)
    REVOKE = auto()  # number or partition b of member a is handed over, drained or not (c)
    LOSE = auto()  # number b of member a is lost, and it knows at once
    OUTAGE = auto()  # Rokt is in an outage a - 1, or well
    MOOD = auto()  # for cart a Rokt always does c, or what it does for all


class Act(NamedTuple):
    """One thing that befalls the cluster."""

    do: Do
    a: int = 0
    b: int = 0
    c: int = 0

    def __str__(self) -> str:
        """Name what it does, and its numbers."""
        return f"{self.do.name} {self.a} {self.b} {self.c}"


Schedule = Sequence[Act]


# What acts do


def _pay(world: World, a: int, b: int, c: int) -> None:
    cart, items = _NAMES[a % 3], _ITEMS[b % len(_ITEMS)]
    price = {7: -1, 6: 2}.get(c % 8, 1)
    event = order(f"order-{b % 5}", cart, items, price=price)
    world.append(PAYMENTS, CARTS[cart], cart.encode(), event)


def _abandon(world: World, a: int, b: int, c: int) -> None:
    cart, items = _NAMES[a % 3], _ITEMS[b % 3]
    expires_at = int(EPOCH + world.at + c) * 1000 if c % 5 == 4 else None
    event = release(cart, items, expires_at=expires_at)
    world.append(ABANDONMENTS, CARTS[cart], cart.encode(), event)


def _copy(world: World, a: int, b: int, c: int) -> None:
    records = [
        record
        for partition in sorted(world.logs)
        if partition.topic != REPLAY
        for record in world.logs[partition]
        if record is not None
    ]
    if records:
        world.copy(records[-1 - a % len(records)], f"replay-{b % 2}", is_authorised=c % 3 == 2)


def _confuse(world: World, a: int, b: int, c: int) -> None:
    cart, topic = _NAMES[b % 3], TOPICS[c % 2]
    number = CARTS[cart]
    match a % 5:
        case 0:
            world.skip(topic, number)
        case 1:
            world.append(topic, number, cart.encode(), garbage(c))
        case 2:
            world.append(topic, number, None, garbage(c))
        case 3:
            event = order(f"order-{c % 5}", cart, "ab") if c % 2 == 0 else release(cart, "ab")
            world.append(topic, number, cart.encode(), event, schema=1 + c % 2)
        case _:
            event = order(f"order-{c % 5}", _NAMES[(b + 1) % 3], "a")
            world.append(PAYMENTS, number, cart.encode(), event)


def _register(world: World, a: int, _b: int, _c: int) -> None:
    world.learn_schema(1 + a % 2)


def _read(world: World, a: int, b: int, _c: int) -> None:
    places = [(member, p) for member in world.members for p in world.consumable(member)]
    if places:
        member, partition = places[a % len(places)]
        for _ in range(1 + b % 4):
            if partition in world.consumable(member):
                world.consume(member, partition)


def _take(world: World, a: int, _b: int, c: int) -> None:
    steps = list(steps_of(world))
    if steps:
        world.take(*steps[a % len(steps)], _reaction(c))


def _take_kind(world: World, a: int, b: int, c: int) -> None:
    kind = _KINDS[b % len(_KINDS)]
    steps = [(member, step) for member, step in steps_of(world) if step.kind is kind]
    if steps:
        world.take(*steps[a % len(steps)], _reaction(c))


def _work(world: World, a: int, b: int, c: int) -> None:
    late = _KINDS[b % len(_KINDS) - 1] if b % len(_KINDS) else None
    for _ in range(1 + a % 4):
        world.pass_time(0.5)
        for member in list(world.members):
            for partition in world.consumable(member):
                world.consume(member, partition)
            for step in member.ready():
                if step.kind is not late:
                    world.take(member, step, _reaction(c))


def _wait(world: World, a: int, _b: int, _c: int) -> None:
    world.pass_time(_SECONDS[a % len(_SECONDS)])


def _lease(world: World, a: int, _b: int, _c: int) -> None:
    for _ in range(1 + a % 16):
        world.pass_time(1.0)
        for member in world.members:
            world.take_all(member, Kind.COMMIT, rounds=2)


def _die(world: World, a: int, b: int, _c: int) -> None:
    if world.members:
        world.die(world.members[a % len(world.members)], b % 4)


def _crash(world: World, a: int, b: int, _c: int) -> None:
    if members := [member for member in world.members if member.can_poll]:
        world.crash(members[a % len(members)], b % 4)


def _vanish(world: World, a: int, b: int, c: int) -> None:
    if members := [member for member in world.members if member.can_poll]:
        world.interrupt(members[a % len(members)], _ABSENCES[c % 3], b % 4)


def _wake(world: World, a: int, _b: int, _c: int) -> None:
    if members := [member for member in world.members if not member.can_poll]:
        world.wake(members[a % len(members)])


def _evict(world: World, a: int, b: int, c: int) -> None:
    if not (silent := world.silent()):
        return
    member = silent[a % len(silent)]
    while not world.is_evictable(member):
        _lease(world, 0, 0, 0)
    world.evict(member)
    _grant(world, a, b, c)


def _notice(world: World, a: int, _b: int, _c: int) -> None:
    if members := [member for member in world.members if member.can_poll]:
        world.notice(members[a % len(members)])


def _grant(world: World, a: int, b: int, _c: int) -> None:
    takers = world.takers()
    if not takers or (a % 2 == 0 and len(world.members) < _MOST_MEMBERS):
        takers = [world.join()]
    # Who does not know yet what it has lost cannot be given it again.
    orphans = world.orphans()
    takers = [member for member in takers if not orphans & member.positions.keys()]
    if not takers or not orphans:
        return
    chosen = sorted(orphans)[b % len(orphans) :][:1] if b % 4 == 3 else orphans
    world.grant(takers[a % len(takers)], chosen)


def _held(world: World, member: Member, b: int) -> set[Partition]:
    number, whole = NUMBERS[b % 2], b % 4 < 2
    parts = both(number) if whole else {Partition(TOPICS[b % 12 // 4], number)}
    return {partition for partition in parts if world.owner.get(partition) is member}


def _revoke(world: World, a: int, b: int, c: int) -> None:
    members = [member for member in world.takers() if member.positions]
    if members:
        member = members[a % len(members)]
        if held := _held(world, member, b):
            drains = c % 3 > 0
            assert world.hand_over(member, held, drains=drains) or not drains


def _lose(world: World, a: int, b: int, _c: int) -> None:
    members = [member for member in world.takers() if member.positions]
    if members:
        member = members[a % len(members)]
        if held := _held(world, member, b):
            world.tell_lost(member, held)


def _outage(world: World, a: int, _b: int, _c: int) -> None:
    world.rokt.outage = None if a % 6 == 0 else _OUTAGES[a % 6 - 1]
    world.tell("rokt", "is in", world.rokt.outage or "health")


def _mood(world: World, a: int, _b: int, c: int) -> None:
    cart = _NAMES[a % 3]
    if c % len(_REACTIONS) == 0:
        world.rokt.moods.pop(cart, None)
    else:
        world.rokt.moods[cart] = _reaction(c)


def _reaction(c: int) -> Reaction:
    return _REACTIONS[c % len(_REACTIONS)]


_DOES: Final[Mapping[Do, Callable[[World, int, int, int], None]]] = {
    Do.PAY: _pay,
    Do.ABANDON: _abandon,
    Do.COPY: _copy,
    Do.CONFUSE: _confuse,
    Do.REGISTER: _register,
    Do.READ: _read,
    Do.TAKE: _take,
    Do.TAKE_KIND: _take_kind,
    Do.WORK: _work,
    Do.WAIT: _wait,
    Do.LEASE: _lease,
    Do.DIE: _die,
    Do.CRASH: _crash,
    Do.VANISH: _vanish,
    Do.WAKE: _wake,
    Do.EVICT: _evict,
    Do.NOTICE: _notice,
    Do.GRANT: _grant,
    Do.REVOKE: _revoke,
    Do.LOSE: _lose,
    Do.OUTAGE: _outage,
    Do.MOOD: _mood,
}


def play(
    schedule: Schedule, *, residue: Residue = Residue.NONE, story: list[str] | None = None
) -> World:
    """Let a schedule befall a cluster, then peace; AssertionError when a promise is broken.

    `story` takes what happened, line by line. What left a dead process arrives in the end before
    or after everything else has come to rest.
    """
    world = World(is_spread=True, residue=residue)
    world.story = story
    first = world.join()
    world.grant(first, both(*NUMBERS))
    for act in schedule:
        if story is not None:
            story.append(f"         > {act}")
        _DOES[act.do](world, act.a, act.b, act.c)
        for member in world.members:
            assert len(member.engine.look().next_offsets) == len(member.positions)
    if len(schedule) % 2:
        world.land_the_rest()
    world.quiesce()
    world.land_the_rest()
    world.check_the_end()
    return world


# How schedules are drawn

_USUAL: Final[Mapping[Do, int]] = {
    Do.PAY: 14,
    Do.ABANDON: 7,
    Do.COPY: 6,
    Do.CONFUSE: 3,
    Do.REGISTER: 1,
    Do.READ: 8,
    Do.TAKE: 22,
    Do.TAKE_KIND: 8,
    Do.WORK: 14,
    Do.WAIT: 3,
    Do.LEASE: 4,
    Do.DIE: 2,
    Do.CRASH: 2,
    Do.VANISH: 2,
    Do.WAKE: 2,
    Do.EVICT: 3,
    Do.NOTICE: 2,
    Do.GRANT: 4,
    Do.REVOKE: 3,
    Do.LOSE: 1,
    Do.OUTAGE: 1,
    Do.MOOD: 1,
}
_ROUGH: Final = tuple(_REACTIONS.index(one) for one in _REACTIONS if one is not Reaction.SUCCEED)


def _kind(kind: Kind) -> int:
    return _KINDS.index(kind)


def _burst(random: Random) -> list[Act]:
    """Return what is seldom met by chance, and where protections have been wrong before."""
    pick, wire = random.randrange(6), random.randrange(4)
    going = [Act(Do.PAY, pick, random.randrange(8)), Act(Do.WORK, 1, 1 + _kind(Kind.ARRIVAL))]
    answered = [*going, Act(Do.WORK, 0, 1 + _kind(Kind.OUTPUT), _draw_reaction(random))]
    over = [Act(Do.EVICT, pick, random.choice([0, 0, 3])), Act(Do.LEASE, 1)]
    takes = [Act(Do.TAKE_KIND, 0, _kind(Kind.RESTORE)) for _ in range(3)]
    late = [Act(Do.TAKE_KIND, random.randrange(3), _kind(Kind.OUTPUT)) for _ in range(2)]
    arrival = _kind(Kind.ARRIVAL)
    hurry = [Act(Do.WORK, 3, 1 + arrival), *(Act(Do.TAKE_KIND, n, arrival) for n in (1, 0))]
    bursts = (
        [*going, Act(Do.DIE, pick, wire), *over, Act(Do.WORK, 3, 0, _draw_reaction(random))],
        [*answered, Act(Do.DIE, pick, 3), *over, *takes, *late, Act(Do.WORK, 3)],
        [*answered, Act(Do.CRASH, pick, 3), Act(Do.GRANT, 0), *takes, *late, Act(Do.WORK, 3)],
        [*going, Act(Do.VANISH, pick, wire, 0), *over, Act(Do.WORK, 3), Act(Do.WAKE)],
        [*answered, Act(Do.VANISH, pick, wire, 0), *over, Act(Do.WAKE), *late, Act(Do.WORK, 2)],
        [*going, Act(Do.VANISH, pick, 1, 1), *over, Act(Do.TAKE, pick), Act(Do.WORK, 3)],
        [Act(Do.VANISH, 0, 1, 2), *going, *over, Act(Do.TAKE, pick), Act(Do.TAKE, pick)],
        [*going, Act(Do.REVOKE, 0, 2 + random.choice([0, 1, 4, 5]), pick), Act(Do.GRANT, 1, 3)],
        [Act(Do.ABANDON, pick, pick), Act(Do.READ, pick, 2), Act(Do.PAY, pick, pick)],
        [*going, Act(Do.LOSE, 0, pick), Act(Do.GRANT, 1, random.choice([0, 3])), Act(Do.WORK, 1)],
        [*going, Act(Do.LOSE, 0, pick % 2), Act(Do.GRANT, 0), *hurry],
        [Act(Do.COPY, pick, 0), *going, Act(Do.DIE, pick, wire), *over, Act(Do.WORK, 3)],
        [Act(Do.COPY, pick, 1), *going, Act(Do.LOSE, 0, 10), Act(Do.GRANT, 1, 3), *hurry],
        [Act(Do.COPY, pick, 1), Act(Do.PAY, pick, pick), Act(Do.COPY, 0, 1), Act(Do.WORK, 3)],
    )
    return random.choice(bursts)


def _draw_reaction(random: Random) -> int:
    return random.choice(_ROUGH) if random.random() < 0.5 else 0


def draw(random: Random) -> list[Act]:
    """Return a schedule: mostly what comes by chance, and some bursts."""
    dos, weights = list(_USUAL), list(_USUAL.values())
    schedule: list[Act] = []
    length = random.randrange(10, 70)
    while len(schedule) < length:
        if random.random() < 0.12:
            schedule += _burst(random)
        else:
            do = random.choices(dos, weights)[0]
            a, b = random.randrange(24), random.randrange(24)
            if do is Do.WORK and random.random() < 0.6:
                b = 0
            schedule.append(Act(do, a, b, _draw_reaction(random)))
    return schedule
