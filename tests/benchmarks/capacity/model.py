"""The model: what a load asks of members, Kafka, the API and the ledger. Pure arithmetic.

`deploy/SIZING.md` has the formulae in words.
"""

from dataclasses import dataclass
from math import ceil, inf
from typing import Final

from tests.benchmarks.capacity.constants import Constants

DAY: Final = 86_400.0
TEN_MINUTES: Final = 600.0
PATIENCE: Final = 900.0
MAX_UNFINISHED: Final = 1_000
MAX_SPAN: Final = 100_000
USUAL_PARTITIONS: Final = 12
A_MEMBER: Final = 3
"""Partitions for each member, so that one member's going does not double another's work."""
USUAL_IN_FLIGHT: Final = 64
TRIED_IN_FLIGHT: Final = 1_024
"""As many calls in flight as a member was ever measured with."""
INPUTS: Final = 3
"""Topics of which each partition's offset is committed: both inputs and the replay lane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What comes, and what is wanted; seconds, days, fractions.

    `latency` is the API's time; `again` how many further attempts an order takes on average;
    `failed` the share of orders that end in a dead letter; `rate_limit` calls a second of the whole
    fleet. Of one core a member may take `busy` when one of them is missing. `results_kept` is how
    many days of results there are; `outage` how long nothing was called before a backlog is worked
    off; `away` how old the copy of a ledger is that a member starts with.
    """

    orders: float
    items: float = 2.0
    latency: float = 0.25
    rate_limit: float = inf
    again: float = 0.01
    failed: float = 0.001
    inputs_kept: float = 7.0
    results_kept: float = 30.0
    dead_letters_kept: float = 90.0
    replication: int = 3
    busy: float = 0.6
    outage: float = 3_600.0
    away: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What it takes. Bytes, seconds, cores; what is called a member's is with one missing.

    `max_in_flight` is the setting. `restore_cold` and `restore_warm` are a member's seconds before
    its first call, without a copy of the ledger and with one that is `away` seconds old; `takeover`
    those before the partitions of a member that is gone work at others, which have no copy of them.
    `restorable` is how many days of results can be restored in ten minutes. `catch_up` is how long
    the backlog of an outage lasts; infinite: it never ends, more comes than the limits let through.
    """

    calls: float
    in_flight: float
    max_in_flight: int
    members: int
    partitions: int
    cores: float
    memory: float
    inputs: float
    results: float
    dead_letters: float
    written: float
    commits: float
    copy: float
    restore_cold: float
    restore_warm: float
    takeover: float
    restorable: float
    most_orders: float
    catch_up: float


def plan(load: Load, constants: Constants) -> Plan:
    """Return what a load takes."""
    running, sizes, items = constants.running, constants.sizes, load.items
    calls = load.orders * (1 + load.again)
    in_flight = calls * (load.latency + running.own_time)
    spare = load.busy - running.awake
    by_cpu = ceil(calls * running.event.of(items) / spare)
    working = max(by_cpu, ceil(2 * in_flight / TRIED_IN_FLIGHT), 1)
    members = working + 1
    max_in_flight = _power_of_two(2 * in_flight / working)
    partitions = _partitions(load, members)
    day = load.orders * DAY
    dead = load.failed * sizes.dead_letter.of(items)
    kept, restore = day * load.results_kept, sizes.restore.of(items)
    most = _most_orders(load, constants, members, max_in_flight)
    return Plan(
        calls=calls,
        in_flight=in_flight,
        max_in_flight=max_in_flight,
        members=members,
        partitions=partitions,
        cores=cores(calls, items, members, constants),
        memory=memory(items, ceil(partitions / working), constants),
        inputs=day * load.inputs_kept * sizes.paid.of(items) * load.replication,
        results=kept * sizes.outcome.of(items) * load.replication,
        dead_letters=day * load.dead_letters_kept * dead * load.replication,
        written=load.orders * (sizes.paid.of(items) + sizes.outcome.of(items) + dead),
        commits=float(INPUTS * partitions),
        copy=kept / working * sizes.copy.of(items),
        restore_cold=kept / working * restore,
        restore_warm=load.away * load.orders / working * restore,
        takeover=kept / members / working * restore,
        restorable=TEN_MINUTES * working / (day * restore),
        most_orders=most,
        catch_up=load.outage * load.orders / (most - load.orders) if most > load.orders else inf,
    )


def cores(events: float, items: float, members: int, constants: Constants) -> float:
    """Return the cores that all members take for so many events a second."""
    return events * constants.running.event.of(items) + members * constants.running.awake


def most_calls(
    in_flight: int, latency: float, items: float, members: int, constants: Constants
) -> float:
    """Return the calls a second that members with `in_flight` each get through at most.

    It is what the API's time allows (Little's law), or what a core each does.
    """
    running = constants.running
    by_time = members * in_flight / (latency + running.own_time)
    by_cpu = members * (1 - running.awake) / running.event.of(items)
    return min(by_time, by_cpu)


def memory(items: float, partitions: float, constants: Constants, *, filled: float = 1.0) -> float:
    """Return a member's bytes while all of its partitions are behind.

    `filled`: how full its caches are, from 0 after the start to 1.
    """
    running = constants.running
    unfinished = partitions * MAX_UNFINISHED
    return running.base + filled * running.filling + unfinished * running.unfinished.of(items)


def _partitions(load: Load, members: int) -> int:
    """Return enough of them, as many for each member."""
    doomed = load.orders * load.failed * PATIENCE / MAX_UNFINISHED
    passed = load.orders * PATIENCE / MAX_SPAN
    least = max(USUAL_PARTITIONS, A_MEMBER * members, ceil(doomed), ceil(passed))
    return members * ceil(least / members)


def _most_orders(load: Load, constants: Constants, members: int, in_flight: int) -> float:
    most = most_calls(in_flight, load.latency, load.items, members, constants)
    return min(load.rate_limit, most) / (1 + load.again)


def _power_of_two(number: float) -> int:
    """Return the next power of two, within what is usual and what was tried."""
    least = min(max(ceil(number), USUAL_IN_FLIGHT), TRIED_IN_FLIGHT)
    return 1 << (least - 1).bit_length()
