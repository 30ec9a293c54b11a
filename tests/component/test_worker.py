"""The worker: what it feeds the engine with, and how it applies effects. All parts are fakes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_NOT_AVAILABLE, KafkaError, Message
from prometheus_client import CollectorRegistry

from processor.core import effects as do
from processor.core.assignments import Assigned
from processor.core.events import Pending, Undecodable
from processor.core.records import Now, Partition, Record, Source
from processor.core.replies import Failure, FailureKind
from processor.core.vocabulary import Reason
from processor.shell import learning
from processor.shell.http import Withheld
from processor.shell.inputs import Inputs
from processor.shell.kafka.commits import Answer
from processor.shell.kafka.messages import record_of
from processor.shell.metrics import Metrics
from processor.shell.parts import Parts
from processor.shell.worker import Worker
from tests.support.mock_kafka import complaint, record

PAID, ABANDONED = Partition("paid", 0), Partition("abandoned", 0)
WITHIN: Final = 10.0
COMMIT = do.Commit((do.CommitOffset(PAID, 5, "horizon"),))
REPLY = Failure(kind=FailureKind.TIMEOUT, detail="late")
SEND = do.Send(3, cast("Any", "call"), Source("paid", 0, 7, None), 1)
READABLE = Undecodable(reason=Reason.UNDECODABLE, detail="anything")


class Recorder:
    """Stands in for any part: notes the calls, and returns what the test has set."""

    def __init__(self, log: list[Any], **answers: Any) -> None:  # noqa: ANN401
        self._log = log
        self.answers = answers

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **_: Any) -> Any:  # noqa: ANN401
            told = [each for each in arguments if not isinstance(each, Now)]
            self._log.append((name, *told))
            answer = self.answers.get(name, [])
            return answer(*arguments) if callable(answer) else answer

        return call


class Stage:
    """A worker among fakes; each has a log of its own."""

    def __init__(self, drain_deadline: float = WITHIN) -> None:
        self.calls: dict[str, list[Any]] = {
            name: []
            for name in (
                *("engine", "ledgers", "poller", "sink", "restorer", "rokt", "schemas", "traces"),
            )
        }
        parts = {name: Recorder(log) for name, log in self.calls.items()}
        self.engine, self.rokt, self.decoder = parts["engine"], parts["rokt"], Recorder([])
        self.traces = parts["traces"]
        self.broker = Recorder([])
        self.engine.answers |= {"is_drained": True, "closing_offsets": COMMIT.offsets}
        vars(self.engine)["assignments"] = self.engine
        self.engine.answers["look"] = SimpleNamespace(is_restored=False, next_offsets={PAID: 1})
        self.decoder.answers["decode"] = READABLE
        self.traces.answers |= {"see": lambda effects: effects, "begin": lambda send: send.call}
        self.registry = CollectorRegistry()
        self.failures: list[BaseException] = []
        self.worker = Worker(
            Parts(
                engine=cast("Any", self.engine),
                ledgers=cast("Any", parts["ledgers"]),
                broker=cast("Any", self.broker),
                rokt=cast("Any", self.rokt),
                decoder=cast("Any", self.decoder),
                schemas=cast("Any", parts["schemas"]),
                metrics=Metrics(self.registry),
                observers=cast("Any", Recorder([])),
                traces=cast("Any", parts["traces"]),
            ),
            Inputs(payments="paid", abandonments="abandoned"),
            self.failures.append,
            drain_deadline=drain_deadline,
        )
        self.parked: set[Partition] = set()
        sink, poller, restorer = (parts[name] for name in ("sink", "poller", "restorer"))
        vars(poller)["gaps"] = SimpleNamespace(is_parked=self.parked.__contains__)
        self.worker.connect(cast("Any", sink), cast("Any", poller), cast("Any", restorer))

    def unhandled(self, _: object, context: dict[str, Any]) -> None:
        """Take an error of a callback."""
        self.failures.append(context["exception"])

    def told(self, part: str, *names: str) -> list[Any]:
        return [call for call in self.calls[part] if call[0] in names]


def staged(test: Callable[[Stage], Awaitable[None]], drain_deadline: float = WITHIN) -> Stage:
    """Run a test on a loop, and return its stage."""

    async def run() -> Stage:
        stage = Stage(drain_deadline)
        asyncio.get_running_loop().set_exception_handler(stage.unhandled)
        async with asyncio.timeout(WITHIN):
            await test(stage)
        stage.worker.stop()
        return stage

    return asyncio.run(run())


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110  no fake tells of itself
        await asyncio.sleep(0)


async def settle() -> None:
    """Let what is due on the loop happen."""
    for _ in range(5):
        await asyncio.sleep(0)


# Records


def test_a_batch_is_admitted_in_order_and_then_makes_room_for_another() -> None:
    async def test(stage: Stage) -> None:
        end = complaint(KafkaError._PARTITION_EOF, "paid", 0, 9)  # noqa: SLF001
        stage.worker.received([record("paid", 0, 7), end, record("abandoned", 0, 3)])
        assert stage.calls["engine"] == []  # the poll thread touches nothing
        await settle()

    stage = staged(test)
    assert [name for name, *_ in stage.calls["engine"]] == ["admit", "reach", "admit", "tick"]
    assert stage.told("engine", "reach") == [("reach", PAID, 9)]
    assert stage.calls["poller"] == [("processed",)]
    received = {
        topic: stage.registry.get_sample_value("processor_records_total", {"topic": topic})
        for topic in ("paid", "abandoned")
    }
    assert received == {"paid": 1, "abandoned": 1}


def test_a_schema_that_is_not_known_is_wanted() -> None:
    async def test(stage: Stage) -> None:
        stage.decoder.answers["decode"] = Pending(schema=9)
        stage.worker.received([record("abandoned", 0, 3)])
        await settle()

    ((name, schema, topic, _),) = staged(test).calls["schemas"]
    assert (name, schema, topic) == ("want", 9, "abandoned")


@pytest.mark.parametrize(
    ("kind", "expected"), [(TIMESTAMP_CREATE_TIME, 55), (TIMESTAMP_NOT_AVAILABLE, None)]
)
def test_a_message_becomes_a_record(kind: int, expected: int | None) -> None:
    message = Message(
        topic="paid", partition=0, offset=7, key=b"k", value=None,
        headers=[("a", b"\xff"), ("b", None), ("a", "text")], timestamp=(kind, 55),
    )  # fmt: skip
    assert record_of(message, PAID, 7) == Record(
        Source("paid", 0, 7, expected), b"k", None, (("a", b"\xff"), ("b", None), ("a", b"text"))
    )


def test_headers_whose_names_cannot_be_read_are_left_out() -> None:
    class Foreign(Message):
        """A message with a header name that is not UTF-8."""

        def headers(self) -> list[tuple[str, str | bytes | None]]:
            return [(b"\xff".decode(), b"")]

    message = Foreign(topic="paid", partition=0, offset=7, key=b"k", value=b"v")
    assert record_of(message, PAID, 7).headers == ()
    assert record_of(message, PAID, 7).value == b"v"


# Calls


@pytest.mark.parametrize("may_begin", [True, False])
def test_a_call_is_written_only_when_the_engine_lets_it_begin(*, may_begin: bool) -> None:
    async def test(stage: Stage) -> None:
        async def reply(_: object, may_go: Callable[[], bool]) -> Failure:
            assert may_go() == may_begin
            return REPLY

        stage.engine.answers |= {"begin": may_begin, "may_write": True}
        stage.rokt.answers["send"] = reply
        stage.worker.apply([SEND])
        await until(lambda: stage.told("engine", "settle" if may_begin else "begin"))

    stage = staged(test)
    assert [sent[:2] for sent in stage.calls["rokt"]] == ([("send", "call")] if may_begin else [])
    assert stage.told("engine", "may_write") == ([("may_write", 3)] if may_begin else [])
    assert stage.told("engine", "settle") == ([("settle", 3, REPLY)] if may_begin else [])


def test_a_call_that_may_go_no_more_once_it_is_connected_is_taken_back_without_a_verdict() -> None:
    async def test(stage: Stage) -> None:
        async def withheld(*_: object) -> Failure:
            raise Withheld

        stage.engine.answers["begin"] = True
        stage.rokt.answers["send"] = withheld
        stage.worker.apply([SEND])
        await until(lambda: stage.told("engine", "withdraw"))

    stage = staged(test)
    assert (stage.told("engine", "withdraw"), stage.told("engine", "settle")) == (
        [("withdraw", 3)],
        [],
    )
    assert stage.failures == []


@pytest.mark.parametrize("behind", ["a record", "an end"])
def test_nothing_passes_a_record_that_could_not_be_taken_in(behind: str) -> None:
    end = complaint(KafkaError._PARTITION_EOF, "paid", 0, 9)  # noqa: SLF001

    async def test(stage: Stage) -> None:
        def fails(*_: object) -> None:
            raise MemoryError

        stage.decoder.answers["decode"] = fails
        stage.worker.received([record("paid", 0, 7), record("paid", 0, 8)])
        stage.worker.received([record("paid", 0, 9) if behind == "a record" else end])
        await settle()

    stage = staged(test)
    assert [type(each) for each in stage.failures] == [MemoryError]
    assert stage.told("engine", "admit", "reach") == []


def test_whoever_follows_the_work_is_told_of_it_and_changes_what_goes_out() -> None:
    assigned = [Assigned(partition=PAID, committed=5, metadata=None, end=9)]
    other = replace(SEND, call_id=4)

    async def test(stage: Stage) -> None:
        async def reply(*_: object) -> Failure:
            return REPLY

        stage.engine.answers |= {"begin": True, "admit": [SEND]}
        stage.rokt.answers["send"] = reply
        stage.traces.answers["see"] = lambda effects: [other] if effects else []
        stage.traces.answers["begin"] = lambda _: "traced"
        stage.worker.assigned(assigned)
        stage.worker.received([record("paid", 0, 7)])
        await until(lambda: stage.told("traces", "replied"))
        stage.worker.lost([PAID], None)
        await settle()

    stage = staged(test)
    told = [call for call in stage.calls["traces"] if call[0] != "see"]
    assert [told[0], told[1][0], told[-1]] == [("assigned", [PAID]), "received", ("lost", [PAID])]
    assert told[2:-1] == [("begin", other), ("replied", 4, REPLY)]
    assert [sent[:2] for sent in stage.calls["rokt"]] == [("send", "traced")]


def test_an_error_of_a_call_ends_the_process() -> None:
    async def test(stage: Stage) -> None:
        async def broken(*_: object) -> Failure:
            raise ZeroDivisionError

        stage.engine.answers["begin"] = True
        stage.rokt.answers["send"] = broken
        stage.worker.apply([SEND])
        await until(lambda: stage.failures)

    assert [type(each) for each in staged(test).failures] == [ZeroDivisionError]


def test_calls_in_the_air_at_a_stop_are_abandoned_without_a_failure() -> None:
    is_abandoned = asyncio.Event()

    async def test(stage: Stage) -> None:
        async def never(*_: object) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                is_abandoned.set()

        stage.engine.answers["begin"] = True
        stage.rokt.answers["send"] = never
        stage.worker.apply([SEND])
        await until(lambda: stage.calls["rokt"])
        stage.worker.stop()
        await is_abandoned.wait()
        await settle()

    stage = staged(test)
    assert stage.failures == []
    assert stage.told("engine", "settle") == []


def test_an_error_of_another_thread_ends_the_process() -> None:
    async def test(stage: Stage) -> None:
        await asyncio.to_thread(stage.worker.failed, ZeroDivisionError())
        await until(lambda: stage.failures)

    assert [type(each) for each in staged(test).failures] == [ZeroDivisionError]


# Commits


def answer(trouble: str | None, *refused: Partition) -> Answer:
    return Answer(refused=refused, sent_at=50.0, trouble=trouble)


def test_an_answer_goes_to_the_engine_with_its_commit() -> None:
    seen: list[tuple[str | None, bool]] = []

    async def test(stage: Stage) -> None:
        stage.worker.apply([COMMIT])
        for said in (answer("moved", PAID), answer(None)):
            stage.worker.committed(said)
            await settle()
            seen.append((stage.worker.commit_trouble, stage.worker.last_commit_at is not None))

    stage = staged(test)
    assert seen == [("moved", False), (None, True)]
    assert stage.calls["poller"] == [("commit", COMMIT.offsets)]
    assert stage.told("engine", "committed") == [
        ("committed", COMMIT, (PAID,), 50.0),
        ("committed", COMMIT, (), 50.0),
    ]


def test_ends_are_told_to_the_assignment_that_asked() -> None:
    async def test(stage: Stage) -> None:
        def tell(
            asked: Sequence[Partition], _: float, told: Callable[[Partition, int | None], None]
        ) -> None:
            told(asked[0], 7)
            told(asked[1], None)

        stage.broker.answers["ask_ends"] = tell
        stage.worker.apply([do.AskEnds(((0, 11), (1, 12)))])
        await settle()

    assert staged(test).told("engine", "end") == [("end", 0, 11, 7), ("end", 1, 12, None)]


def test_the_end_of_a_parked_partition_is_not_told_so_that_its_gate_stays_shut() -> None:
    async def test(stage: Stage) -> None:
        def tell(
            asked: Sequence[Partition], _: float, told: Callable[[Partition, int | None], None]
        ) -> None:
            for each in asked:
                told(each, 7)

        stage.parked.add(Partition("paid", 1))
        stage.broker.answers["ask_ends"] = tell
        stage.worker.apply([do.AskEnds(((0, 11), (1, 12)))])
        await settle()

    assert staged(test).told("engine", "end") == [("end", 0, 11, 7), ("end", 1, 12, None)]


# Assignments


def test_pauses_are_told_as_the_whole_set() -> None:
    async def test(stage: Stage) -> None:
        stage.worker.apply([do.Pause(PAID), do.Pause(ABANDONED), do.Resume(PAID)])

    assert staged(test).calls["poller"] == [
        ("want_paused", {PAID}),
        ("want_paused", {PAID, ABANDONED}),
        ("want_paused", {ABANDONED}),
    ]


def test_what_is_lost_is_not_wished_paused_any_more() -> None:
    seen: list[str | None] = []

    async def test(stage: Stage) -> None:
        stage.worker.apply([do.Pause(PAID), do.Pause(ABANDONED)])
        for partition, trouble in ((PAID, "somebody else has it"), (ABANDONED, None)):
            stage.worker.lost([partition], trouble)
            await settle()
            seen.append(stage.worker.membership.hand_over_trouble)

    stage = staged(test)
    assert seen == ["somebody else has it", None]
    assert stage.calls["poller"][-2:] == [("want_paused", {ABANDONED}), ("want_paused", set())]
    assert stage.told("engine", "lose") == [("lose", [PAID]), ("lose", [ABANDONED])]


def test_an_assignment_reads_its_ledgers() -> None:
    restore = do.Restore(0, 1, 0)
    assigned = [Assigned(partition=PAID, committed=5, metadata=None, end=9)]
    learnt: list[bool] = []

    async def test(stage: Stage) -> None:
        stage.engine.answers["assign"] = [restore]
        stage.worker.assigned(assigned)
        await settle()
        stage.worker.learning.read(restore, [], (0, 12), lambda: learnt.append(True))
        stage.worker.learning.restored(restore, (12, 12))
        await settle()

    stage = staged(test)
    assert learnt == [True]
    assert stage.calls["restorer"] == [("restore", restore)]
    assert stage.told("engine", "assign", "learn", "restored") == [
        ("assign", assigned),
        ("learn", restore, [], 0, 12),
        ("restored", restore, 12, 12),
    ]


def test_a_hand_over_waits_for_what_is_in_the_air() -> None:
    async def test(stage: Stage) -> None:
        stage.engine.answers["is_drained"] = False
        closing = await revoke(stage)
        await until(lambda: len(stage.told("engine", "is_drained")) > 1)
        assert not closing.done()
        assert stage.told("engine", "closing_offsets") == []
        stage.engine.answers["is_drained"] = True
        await until(closing.done)
        assert closing.result() == COMMIT.offsets

    assert staged(test).calls["engine"][0] == ("drain", [PAID])


def test_a_hand_over_ends_at_its_deadline_with_calls_in_the_air() -> None:
    async def test(stage: Stage) -> None:
        stage.engine.answers["is_drained"] = False
        closing = await revoke(stage)
        await until(closing.done)
        assert closing.result() == COMMIT.offsets

    staged(test, drain_deadline=0.05)


async def revoke(stage: Stage) -> "Future[Sequence[do.CommitOffset]]":
    """Revoke a partition as the poll thread does, and wait until the loop has heard of it."""
    closing = await asyncio.to_thread(stage.worker.revoked, [PAID])
    await until(lambda: stage.told("engine", "drain"))
    return closing


@pytest.mark.parametrize("comes_down", [True, False])
def test_a_stop_waits_for_what_is_in_the_air_for_a_while(*, comes_down: bool) -> None:
    async def test(stage: Stage) -> None:
        stage.engine.answers["is_drained"] = comes_down
        assert await stage.worker.finish(0.02) is comes_down

    assert staged(test).told("engine", "drain") == [("drain", (PAID,))]


# Time


def test_every_tick_serves_the_acknowledgements_and_lets_time_pass() -> None:
    async def test(stage: Stage) -> None:
        stage.engine.answers["tick"] = [COMMIT]
        stage.worker.start()
        before = stage.worker.ticked_at
        await until(lambda: len(stage.told("engine", "tick")) == 3)
        assert stage.worker.ticked_at > before
        stage.worker.stop()

    stage = staged(test)
    assert len(stage.told("sink", "poll")) == 3
    assert stage.told("poller", "start", "commit") == [
        ("commit", COMMIT.offsets),
        ("start",),
        *[("commit", COMMIT.offsets)] * 2,
    ]
    assert stage.told("restorer", "start") == [("start",)]


@pytest.mark.parametrize("is_restored", [True, False])
def test_ledgers_are_kept_from_the_garbage_collector_once_all_are_read(
    monkeypatch: pytest.MonkeyPatch, *, is_restored: bool
) -> None:
    frozen: list[Any] = []
    monkeypatch.setattr(learning, "gc", Recorder(frozen))

    async def test(stage: Stage) -> None:
        stage.engine.answers["look"] = SimpleNamespace(is_restored=is_restored)
        stage.worker.learning.restored(do.Restore(0, 1, 0), (0, 12))
        await settle()

    staged(test)
    assert frozen == ([("freeze",)] if is_restored else [])
