"""Membership: partitions come and go as the group says. All of it runs on the loop's thread."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Final

import structlog

from processor.core import effects as do
from processor.core.assignments import Assigned
from processor.core.records import Partition
from processor.shell.clock import now, steady
from processor.shell.logs import listed
from processor.shell.metrics import Rebalance
from processor.shell.parts import Parts
from processor.shell.suspicion import Suspicion

_LOG: Final = structlog.get_logger(__name__)
_LOOK_EVERY: Final = 0.005


class Membership:
    """What the group has told us that we own, for whoever works with it."""

    def __init__(
        self,
        parts: Parts,
        suspicion: Suspicion,
        apply: Callable[[Iterable[do.Effect]], None],
        drain_deadline: float,
    ) -> None:
        """Begin owning nothing.

        `apply` does what the engine decides; `drain_deadline` is how many seconds a hand-over waits
        for what is in the air.
        """
        self._engine = parts.engine
        self._metrics = parts.metrics
        self._traces = parts.traces
        self._suspicion = suspicion
        self._apply = apply
        self._drain_deadline = drain_deadline
        self.has_assignment = False
        """Whether the group has told us what we own, and we have not lost it since."""
        self.hand_over_trouble: str | None = None
        """Why the last offsets of partitions that went were not committed."""

    def take_over(self, assigned: Sequence[Assigned]) -> None:
        """Take partitions over."""
        partitions = [one.partition for one in assigned]
        self.has_assignment = True
        self._metrics.rebalanced(Rebalance.ASSIGNED)
        self._suspicion.begin(assigned)
        self._traces.assigned(partitions)
        _LOG.info("partitions assigned", partitions=listed(partitions))
        self._apply(self._engine.assign(assigned, now()))

    def hand_over(
        self, partitions: Sequence[Partition], closing: Future[Sequence[do.CommitOffset]]
    ) -> None:
        """Let nothing new begin; tell `closing` what to commit once nothing is in the air."""
        self._metrics.rebalanced(Rebalance.REVOKED)
        assignments = self._engine.assignments
        assignments.drain(partitions)
        deadline = steady() + self._drain_deadline

        def look_again() -> None:
            is_drained = assignments.is_drained(partitions)
            if not is_drained and steady() < deadline:
                asyncio.get_running_loop().call_later(_LOOK_EVERY, look_again)
                return
            if not is_drained:
                _LOG.warning("drain deadline is over", partitions=listed(partitions))
            closing.set_result(assignments.closing_offsets(partitions))

        look_again()

    def give_up(self, partitions: Sequence[Partition], trouble: str | None) -> None:
        """Give partitions up; `trouble` says why not in order, None where they were handed over."""
        self.hand_over_trouble = trouble
        if trouble is None:
            _LOG.info("partitions handed over", partitions=listed(partitions))
        else:
            self.has_assignment = False
            self._metrics.rebalanced(Rebalance.LOST)
            _LOG.warning("partitions lost", partitions=listed(partitions), why=trouble)
        self._traces.lost(partitions)
        self._suspicion.forget(partitions)
        self._apply(self._engine.lose(partitions, now()))
