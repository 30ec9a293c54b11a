"""Suspicion: which records may kill this process, and what becomes of them.

Records of a suspected partition wait, as those do whose schema is not known yet, until a child
process has decoded them and lives. One whose own child dies of it says nothing that can be read: it
ends as an undecodable record does. All others go on in the ordinary way.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import closing
from itertools import count
from typing import Any, Final

import structlog

from processor.core import effects as do
from processor.core.assignments import Assigned
from processor.core.beginnings import DEATHS, Suspects
from processor.core.events import Content, Pending
from processor.core.records import Partition, Record
from processor.shell.clock import steady
from processor.shell.inputs import Inputs
from processor.shell.logs import listed
from processor.shell.metrics import Rehearsed
from processor.shell.parts import Parts
from processor.shell.rehearsal import (
    Deadly,
    Harmless,
    Rehearsal,
    Undecided,
    Verdict,
    deadly,
)
from processor.shell.rehearsal_child import RecordTask

_LOG: Final = structlog.get_logger(__name__)
_TOLD: Final[Mapping[type[Verdict], Rehearsed]] = {
    Harmless: Rehearsed.HARMLESS,
    Deadly: Rehearsed.DEADLY,
    Undecided: Rehearsed.UNDECIDED,
}

Decode = Callable[[Record], Content]


class Suspicion:
    """Decodes records, after their rehearsal where they are suspected. Belongs to the loop."""

    def __init__(
        self,
        parts: Parts,
        inputs: Inputs,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        decode_pending: Callable[[str, Decode], None],
    ) -> None:
        """`decode_pending` decodes what waits under a name."""
        self._parts = parts
        self._inputs = inputs
        self._spawn = spawn
        self._decode_pending = decode_pending
        self._suspects = Suspects()
        self._numbers = count(1)
        self._waiting: dict[str, RecordTask] = {}
        self._is_rehearsing = False

    def begin(self, assigned: Iterable[Assigned]) -> None:
        """Note which partitions begin, and which of them are suspected."""
        suspected = [
            one.partition
            for one in assigned
            if self._suspects.begin(one.partition, one.committed, one.beginning)
        ]
        if not suspected:
            return
        self._parts.schemas.is_careful = True
        _LOG.warning(
            "partitions suspected",
            partitions=listed(suspected),
            why=f"{DEATHS} processes or more have ended where they begin, without a word",
            note="their records are decoded in a child process first",
        )

    def committed(self, commit: do.Commit, refused: Collection[Partition]) -> None:
        """Note what the coordinator has answered to a commit."""
        self._suspects.committed(commit.offsets, refused)

    def forget(self, partitions: Sequence[Partition]) -> None:
        """Let go of partitions that are ours no more, and of what waits of them."""
        self._suspects.forget(partitions)
        gone = set(partitions)
        for key in [key for key, task in self._waiting.items() if _partition(task) in gone]:
            del self._waiting[key]

    def decode(self, record: Record) -> Content:
        """Return what a record says, or that it waits for its rehearsal or its schema."""
        # Where no schema to read it with is known, nothing of it is looked at yet.
        if (
            self._suspects.has(record.source)
            and (schema := self._parts.decoder.schema_of(record)) is not None
        ):
            return self._hold(RecordTask(record, self._expected(record), schema))
        return self._decode_at_once(record)

    def _expected(self, record: Record) -> str | None:
        return self._inputs.expected(self._inputs.original_topic(record))

    def _decode_at_once(self, record: Record) -> Content:
        content = self._parts.decoder.decode(record, self._expected(record))
        if isinstance(content, Pending):
            topic = self._inputs.original_topic(record)
            self._parts.schemas.want(content.schema, topic, steady())
        return content

    def _hold(self, task: RecordTask) -> Pending:
        key = f"rehearsal {next(self._numbers)}"
        self._waiting[key] = task
        if not self._is_rehearsing:
            self._is_rehearsing = True
            self._spawn(self._rehearse())
        return Pending(schema=key)

    async def _rehearse(self) -> None:
        """Try what waits, oldest first, until nothing does."""
        with closing(Rehearsal()) as rehearsal:
            while self._waiting:
                key = next(iter(self._waiting))
                task = self._waiting[key]
                verdict = await asyncio.to_thread(rehearsal.try_, task)
                # What was given up meanwhile is its next owner's to judge.
                if self._waiting.pop(key, None) is not None:
                    self._judge(key, task, verdict)
        self._is_rehearsing = False

    def _judge(self, key: str, task: RecordTask, verdict: Verdict) -> None:
        self._parts.metrics.rehearsed(_TOLD[type(verdict)])
        topic, number, offset, _ = task.record.source
        match verdict:
            case Harmless():
                self._decode_pending(key, self._decode_at_once)
            case Undecided(why=why):
                _LOG.warning(
                    "record not tried", topic=topic, partition=number, offset=offset, why=why
                )
                self._decode_pending(key, self._decode_at_once)
            case Deadly(how=how):
                self._suspects.convict(_partition(task))
                _LOG.error(
                    "record kills its process",
                    topic=topic,
                    partition=number,
                    offset=offset,
                    how=how,
                    note="it ends in a dead letter",
                )
                self._decode_pending(key, lambda _: deadly(verdict))


def _partition(task: RecordTask) -> Partition:
    source = task.record.source
    return Partition(source.topic, source.partition)
