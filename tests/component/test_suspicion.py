"""Suspicion: what waits for its rehearsal, and what comes of it. The child process is a fake."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest
from prometheus_client import CollectorRegistry

from processor.core import effects as do
from processor.core.assignments import Assigned
from processor.core.beginnings import DEATHS, REACH
from processor.core.events import Content, Pending, Undecodable
from processor.core.records import Partition, Record, Source
from processor.core.vocabulary import Reason
from processor.shell import schemas, suspicion
from processor.shell.decoding import Decoder
from processor.shell.inputs import Inputs
from processor.shell.metrics import Metrics
from processor.shell.parts import Parts
from processor.shell.rehearsal import Deadly, Harmless, Undecided, Verdict
from processor.shell.rehearsal_child import RecordTask
from processor.shell.suspicion import Suspicion
from processor.shell.vetting import vet
from tests.support.codec import PAID, SCHEMA_ID, datum_of, framed, schema_of

HERE, THERE = Partition("paid", 0), Partition("abandoned", 0)
VALUE: Final = framed(schema_of(schemas.ORDER_PAID), datum_of(PAID))
DEADLY: Final = Undecodable(
    reason=Reason.UNDECODABLE,
    detail="Decoding it in a process of its own ended that process: SIGSEGV.",
)
WITHIN: Final = 10.0


class FakeRehearsal:
    """Gives verdicts by offset; all others are harmless. Notes the offsets that it was given."""

    def __init__(self) -> None:
        self.verdicts: dict[int, Verdict] = {}
        self.tried: list[int] = []
        self.is_closed = False
        self.meanwhile: Callable[[], None] = lambda: None

    def __call__(self) -> "FakeRehearsal":
        self.is_closed = False
        return self

    def try_(self, task: RecordTask) -> Verdict:
        offset = task.record.source.offset
        self.tried.append(offset)
        self.meanwhile()
        return self.verdicts.get(offset, Harmless())

    def close(self) -> None:
        self.is_closed = True


class Stage:
    """A suspicion whose partition `HERE` began at offset 5, for the time that is given."""

    def __init__(self, rehearsal: FakeRehearsal, beginning: int) -> None:
        self.rehearsal = rehearsal
        self.said: dict[str, Content] = {}
        self.records: dict[str, Record] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.known = vet(schemas.text(schemas.ORDER_PAID), schemas.readers())
        self.is_known = True
        self.registry = CollectorRegistry()
        self.wanted: list[object] = []
        self.schemas = SimpleNamespace(
            is_careful=False, want=lambda schema, topic, _: self.wanted.append((schema, topic))
        )
        parts = SimpleNamespace(
            decoder=Decoder(lambda _: self.known if self.is_known else None),
            metrics=Metrics(self.registry),
            schemas=self.schemas,
        )
        inputs = Inputs(payments=HERE.topic, abandonments=THERE.topic)
        self.suspicion = Suspicion(cast("Parts", parts), inputs, self._spawn, self._go_on)
        self.suspicion.begin(
            Assigned(partition=one, committed=5, metadata=None, end=9, beginning=number)
            for one, number in ((HERE, beginning), (THERE, 1))
        )

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self.tasks.add(asyncio.get_running_loop().create_task(coroutine))

    def _go_on(self, key: str, decode: Callable[[Record], Content]) -> None:
        self.said[key] = decode(self.records[key])

    def decode(self, offset: int, partition: Partition = HERE) -> Content:
        """Have a record decoded, or not yet."""
        record = Record(Source(*partition, offset, None), b"c-1", VALUE)
        content = self.suspicion.decode(record)
        if isinstance(content, Pending) and isinstance(content.schema, str):
            self.records[content.schema] = record
        return content

    def hold(self, *offsets: int) -> list[str]:
        """Have records wait for their rehearsal; return what they wait for."""
        waiting = [self.decode(offset) for offset in offsets]
        return [str(each.schema) for each in waiting if isinstance(each, Pending)]

    async def rehearsed(self) -> None:
        """Wait until nothing waits."""
        await asyncio.gather(*self.tasks)

    def counted(self, verdict: str) -> float | None:
        """Return how often a verdict was counted."""
        return self.registry.get_sample_value("processor_rehearsals_total", {"verdict": verdict})


Test = Callable[[Stage], Awaitable[None]]
Run = Callable[[Test], Stage]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Stage]:
    """Runs a test on a loop, and returns its stage."""
    rehearsal = FakeRehearsal()
    monkeypatch.setattr(suspicion, "Rehearsal", rehearsal)

    def run(test: Test, beginning: int = DEATHS + 1) -> Stage:
        async def body() -> Stage:
            stage = Stage(rehearsal, beginning)
            async with asyncio.timeout(WITHIN):
                await test(stage)
                await stage.rehearsed()
            return stage

        return asyncio.run(body())

    return run


def moved(offsets: Iterable[int]) -> do.Commit:
    """Return a commit of these offsets."""
    return do.Commit(tuple(do.CommitOffset(HERE, offset, "") for offset in offsets))


def test_before_the_third_death_all_is_decoded_at_once(run: Callable[..., Stage]) -> None:
    async def test(stage: Stage) -> None:
        assert stage.decode(5) == PAID

    stage = run(test, DEATHS)
    assert (stage.rehearsal.tried, stage.schemas.is_careful) == ([], False)


def test_what_is_suspected_waits_and_is_decoded_in_turn(run: Run) -> None:
    async def test(stage: Stage) -> None:
        stage.rehearsal.verdicts = {6: Deadly("SIGSEGV"), 7: Undecided("busy")}
        keys = stage.hold(5, 6, 7)
        assert stage.decode(5, THERE) != DEADLY
        await stage.rehearsed()
        assert [stage.said[key] for key in keys] == [PAID, DEADLY, PAID]

    stage = run(test)
    assert (stage.rehearsal.tried, stage.rehearsal.is_closed) == ([5, 6, 7], True)
    assert stage.schemas.is_careful
    counted = [stage.counted(verdict) for verdict in ("harmless", "deadly", "undecided")]
    assert counted == [1.0, 1.0, 1.0]


def test_what_comes_later_is_rehearsed_too(run: Run) -> None:
    async def test(stage: Stage) -> None:
        stage.hold(5)
        await stage.rehearsed()
        (key,) = stage.hold(6)
        await stage.rehearsed()
        assert stage.said[key] == PAID

    run(test)


def test_a_record_waits_for_its_schema_first(run: Run) -> None:
    async def test(stage: Stage) -> None:
        stage.is_known = False
        assert stage.decode(5) == Pending(schema=SCHEMA_ID)
        assert stage.wanted == [(SCHEMA_ID, "paid")]
        stage.is_known = True
        assert len(stage.hold(5)) == 1

    assert run(test).rehearsal.tried == [5]


def test_what_waits_is_dropped_with_its_partition(run: Run) -> None:
    async def test(stage: Stage) -> None:
        stage.rehearsal.verdicts = {5: Deadly("SIGSEGV")}
        loop = asyncio.get_running_loop()
        lost = asyncio.Event()

        def lose() -> None:
            stage.suspicion.forget([HERE])
            lost.set()

        stage.rehearsal.meanwhile = lambda: asyncio.run_coroutine_threadsafe(
            _call(lose), loop
        ).result(WITHIN)
        stage.hold(5, 6)
        await lost.wait()

    stage = run(test)
    assert (stage.rehearsal.tried, stage.said) == ([5], {})
    assert stage.counted("deadly") == 0.0


async def _call(function: Callable[[], None]) -> None:
    function()


def test_once_the_commit_has_moved_on_what_lies_far_off_is_decoded_at_once(run: Run) -> None:
    async def test(stage: Stage) -> None:
        stage.suspicion.committed(moved([6]), refused=())
        assert stage.decode(5 + REACH) == PAID
        assert len(stage.hold(4 + REACH)) == 1

    run(test)


def test_where_a_deadly_record_was_all_is_rehearsed(run: Run) -> None:
    async def test(stage: Stage) -> None:
        stage.rehearsal.verdicts = {5: Deadly("SIGSEGV")}
        stage.hold(5)
        await stage.rehearsed()
        stage.suspicion.committed(moved([6]), refused=())
        assert len(stage.hold(5 + REACH)) == 1

    run(test)
