"""Options that the benchmarks share: one for each axis."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import TypeVar

from tests.benchmarks.case import IN_FLIGHT, LATENCY, PARTITIONS, Case

Number = TypeVar("Number", int, float)

_MILLISECONDS = 1_000


def _whole(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _real(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split(",")))


def add_axes(parser: argparse.ArgumentParser) -> None:
    """Add an option for each axis; several values with commas between them."""
    group = parser.add_argument_group("axes, several values with commas between them")
    group.add_argument("--orders", type=int, help="backlog of each case")
    group.add_argument("--items", type=_whole, help="items of an order")
    group.add_argument("--latency", type=_real, help="ms until the API answers")
    group.add_argument("--in-flight", type=_whole, help="calls at once of each replica")
    group.add_argument("--partitions", type=_whole, help="of each topic")
    group.add_argument("--replicas", type=_whole, help="processors in one group")


def cases(arguments: argparse.Namespace, *, orders: int, most: float) -> list[Case]:
    """Return all combinations; where nothing is given, the usual value of an axis.

    Orders that the API's time does not allow within `most` seconds are left out.
    """

    def values(name: str, usual: Sequence[Number]) -> Sequence[Number]:
        given: Sequence[Number] | None = getattr(arguments, name)
        return usual if given is None else given

    combined = product(
        values("items", (1,)),
        values("latency", (LATENCY * _MILLISECONDS,)),
        values("in_flight", (IN_FLIGHT,)),
        values("partitions", (PARTITIONS,)),
        values("replicas", (1,)),
    )
    return [
        bounded(
            Case(
                orders=arguments.orders or orders,
                items=items,
                latency=latency / _MILLISECONDS,
                in_flight=in_flight,
                partitions=partitions,
                replicas=replicas,
            ),
            most,
        )
        for items, latency, in_flight, partitions, replicas in combined
    ]


def bounded(case: Case, most: float) -> Case:
    """Return a case without orders that nobody could work off within `most` seconds."""
    possible = case.ceiling * most
    return replace(case, orders=int(min(case.orders, max(possible, 1))))
