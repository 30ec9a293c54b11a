"""The oracle's view of owners: whose calls came when, beside what the group gave to whom."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from tests.support.oracle import read_topic
from tests.support.world import World


def check_owners(world: World, logs: Mapping[str, str]) -> None:
    """I7: after a new owner's first call for a cart, the old owner makes none.

    `logs`: what each member has logged, by the tag id that its calls carry.
    """
    numbers = {
        (message.key() or b"").decode(): message.partition() or 0
        for topic in (world.topics.order_paid, world.topics.cart_abandoned)
        for message in read_topic(world, topic)
    }
    wall_of = time.time() - time.monotonic()
    calls = (
        (entry.arrived_at + wall_of, entry.tag_id or "", entry.cart_id or "")
        for entry in world.rokt.ledger.entries
    )
    late = calls_of_old_owners(calls, numbers, logs)
    assert not late, f"I7: {len(late)} calls by an old owner: {late[:5]}"


def calls_of_old_owners(
    calls: Iterable[tuple[float, str, str]], numbers: Mapping[str, int], logs: Mapping[str, str]
) -> list[str]:
    """Return the calls made under an older assignment than an earlier call of their cart.

    `calls`: when (wall clock, oldest first), whose and of which cart; `numbers`: the partition
    number of each cart.
    """
    assigned = {member: list(_assignments(log)) for member, log in logs.items()}
    newest: dict[str, float] = {}
    late = []
    for at, member, cart in calls:
        since = max(
            (when for when, held in assigned[member] if numbers[cart] in held and when <= at),
            default=0.0,
        )
        if since < newest.get(cart, 1.0):
            late.append(f"{member} called {cart}, {at - newest.get(cart, at):.3f} s too late")
        newest[cart] = max(newest.get(cart, 0.0), since)
    return late


def _assignments(log: str) -> Iterator[tuple[float, frozenset[int]]]:
    """Yield when a member was given partitions, and which numbers they have."""
    for line in log.splitlines():
        if '"partitions assigned"' in line:
            said = json.loads(line)
            held = frozenset(number for each in said["partitions"].values() for number in each)
            yield datetime.fromisoformat(said["timestamp"]).timestamp(), held
