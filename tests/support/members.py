"""Members of one group, each known to Rokt by a tag of its own."""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

from processor.fake_rokt.ledger import Entry
from tests.support.events import order_paid, paid_item
from tests.support.programs import wait_until
from tests.support.world import Processor, World

GROUPS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "classic": {
            "kafka__group_protocol": "classic",
            "kafka__lease": "2",
            "kafka__properties": json.dumps(
                {
                    "session.timeout.ms": 6000,
                    "heartbeat.interval.ms": 500,
                    "max.poll.interval.ms": 7000,
                }
            ),
        },
        # The session timeout is the broker's: nine seconds.
        "consumer": {
            "kafka__group_protocol": "consumer",
            "kafka__lease": "2",
            "kafka__properties": json.dumps({"max.poll.interval.ms": 7000}),
        },
    }
)
"""The settings of a member, by group protocol. It is missed after six or nine seconds."""


@dataclass(frozen=True)
class Member:
    """One processor of a group; its calls carry `tag`."""

    tag: str
    processor: Processor
    world: World

    def calls(self) -> list[Entry]:
        """Return the calls that it has made, oldest first."""
        return [each for each in self.world.rokt.ledger.entries if each.tag_id == self.tag]

    def in_the_air(self) -> list[Entry]:
        """Return the calls that it has made and Rokt has not answered."""
        return [each for each in self.calls() if each.ended_at is None]

    def owned(self) -> set[int]:
        """Return the numbers of which it owns both live partitions, none while it is silent."""
        try:
            assignment: dict[str, list[int]] = self.processor.status()["assignment"]
        except OSError:
            return set()
        topics = self.world.topics
        paid, abandoned = topics.order_paid, topics.cart_abandoned
        return set(assignment.get(paid, ())) & set(assignment.get(abandoned, ()))

    def said(self, event: str) -> list[dict[str, Any]]:
        """Return its log lines of that event."""
        return [each for each in lines(self.processor.program.log_text()) if each["event"] == event]

    def has_in_the_air(self, count: int) -> bool:
        """Whether that many calls have just arrived at Rokt.

        If these are all that it may make at once, none is being written now.
        """
        calls = self.in_the_air()
        youth = time.monotonic() - 0.2
        return len(calls) == count and all(each.arrived_at > youth for each in calls)


def lines(log: str) -> list[dict[str, Any]]:
    """Return the events of a processor's log; what is none, as a traceback, is left out."""
    return [json.loads(line) for line in log.splitlines() if line.startswith('{"')]


class Members:
    """The members of a group, from their first start to the end of the test."""

    def __init__(self, world: World, **settings: str) -> None:
        self._world = world
        self._settings = settings
        self._stack = ExitStack()
        self.all: list[Member] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def join(self, module: str = "processor", **settings: str) -> Member:
        """Start another member, by another module if given; `settings` go over those of all."""
        tag = f"member-{len(self.all) + 1}"
        mine = self._settings | settings
        processor = self._world.processor(module, rokt__tag_id=tag, **mine)
        member = Member(tag, self._stack.enter_context(processor), self._world)
        self.all.append(member)
        return member

    @property
    def logs(self) -> dict[str, str]:
        """What each member has logged, by its tag."""
        return {each.tag: each.processor.program.log_text() for each in self.all}


def wait_until_shared(members: Sequence[Member], numbers: int) -> None:
    """Return once the members own all partition numbers, each of them some."""
    wait_until(
        lambda: (
            all(shares := [each.owned() for each in members])
            and sum(map(len, shares)) == numbers
            and all(each.processor.answers("/readyz") == 200 for each in members)
        ),
        within=60,
        what="every member owns its share",
    )


def fill(world: World, carts: int, orders: int, *, prefix: str = "o") -> None:
    """Produce that many orders for each cart, the first of every cart first."""
    for number in range(orders):
        for cart in range(carts):
            order = f"{prefix}-{cart}-{number}"
            world.shop.paid(order_paid(order, f"c-{cart}", paid_item(order)))
    world.shop.flush()


def figure(what: str, *, since: float) -> None:
    """Log how long something took: `pytest -o log_cli=true --log-cli-level=info` shows it."""
    logging.getLogger("tests.faults").info("%s after %.1f s", what, time.monotonic() - since)
