"""A process of the simulated cluster: its engine, what it can do now, and what is on its way.

Whatever is on its way is a step that somebody chooses to take. A process that sleeps takes none,
one that is cut off takes none that needs Kafka; what has already left it goes on in any case.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from processor.core.engine import Engine
from processor.core.records import Partition
from tests.support.simulation_rokt import Reaction


class Kind(Enum):
    """What can be on its way."""

    CALL = auto()  # planned, and about to be written: the process looks at its lease
    ARRIVAL = auto()  # written, or being connected: on its way to Rokt
    REPLY = auto()
    OUTPUT = auto()  # on its way to its topic
    ACKNOWLEDGEMENT = auto()
    COMMIT = auto()  # on its way to the coordinator, or its answer
    ENDS = auto()
    RESTORE = auto()  # asks where the results end, or has read them up to there


class Condition(Enum):
    """How a process is doing."""

    AWAKE = auto()
    ASLEEP = auto()  # SIGSTOP, a virtual machine that is moved, a machine that swaps
    CUT = auto()  # reaches Rokt, and Kafka no more
    STALLED = auto()  # its poll thread hangs; the loop and librdkafka's own threads go on
    DEAD = auto()


_ROKT: Final = frozenset({Kind.CALL, Kind.ARRIVAL, Kind.REPLY})
_TAKES: Final[Mapping[Condition, frozenset[Kind]]] = {
    Condition.AWAKE: frozenset(Kind),
    Condition.ASLEEP: frozenset(),
    Condition.CUT: _ROKT,
    Condition.STALLED: frozenset(Kind) - {Kind.COMMIT},
    Condition.DEAD: frozenset(),
}


@dataclass(eq=False)
class Step:
    """Something on its way. Of those that share a `queue` only the first can be taken.

    `has_left`: it has left the process and arrives whatever becomes of that. `comes_back`: it is
    an answer. `due` is the moment at which the process waits no longer for it.
    """

    kind: Kind
    take: Callable[[Reaction], None]
    queue: str | None = None
    due: float | None = None
    has_left: bool = False
    comes_back: bool = False


@dataclass(eq=False)
class Member:
    """One process: its engine, what the group has told it, and what is on its way.

    `generation` is the last that it was told, `epoch` what the group takes it for: None when it
    is no member (yet, or any more). `known` are the outcomes (by identity) that it has read or
    written, `decided` how many calls of anybody went before each that it has decided on.
    `silent_since` is when the group heard from it last.
    """

    name: str
    engine: Engine
    condition: Condition = Condition.AWAKE
    steps: list[Step] = field(default_factory=list)
    positions: dict[Partition, int] = field(default_factory=dict)
    paused: set[Partition] = field(default_factory=set)
    known: set[int] = field(default_factory=set)
    decided: dict[int, int] = field(default_factory=dict)
    generation: int = 0
    epoch: int | None = None
    silent_since: float | None = None

    @property
    def can_poll(self) -> bool:
        """Whether it fetches records and hears of its group."""
        return self.condition is Condition.AWAKE

    @property
    def is_running(self) -> bool:
        """Whether its loop goes on."""
        return self.condition not in {Condition.ASLEEP, Condition.DEAD}

    def ready(self) -> list[Step]:
        """Return the steps that can be taken now."""
        takes = _TAKES[self.condition]
        queues: set[str] = set()
        ready = []
        for step in self.steps:
            if step.queue in queues:
                continue
            if step.queue is not None:
                queues.add(step.queue)
            if step.has_left or step.kind in takes:
                ready.append(step)
        return ready

    def let_go(self, condition: Condition, wire: int) -> None:
        """Fall asleep, be cut off, stall or die.

        `wire` of the first outputs of each queue have left it by then, and its commit if it is
        odd. What the kernel has taken reaches a broker that is slow, or gone for a while, long
        after its process: an orphaned connection is served for minutes.
        """
        queued: dict[str | None, int] = {}
        for step in self.steps:
            queued[step.queue] = queued.get(step.queue, 0) + 1
            if step.kind is Kind.OUTPUT:
                step.has_left |= queued[step.queue] <= wire
            elif step.kind is Kind.COMMIT and not step.comes_back:
                step.has_left |= wire % 2 == 1 or condition is Condition.STALLED
        self.condition = condition
        if condition is Condition.DEAD:
            self.steps = [step for step in self.steps if step.has_left]
