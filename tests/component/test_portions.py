"""Large records come in portions, so that the loop never stands still over a batch of them."""

from collections.abc import Sequence
from typing import Final

import pytest
from confluent_kafka import Message

from processor.core.effects import CommitOffset
from processor.shell.kafka.portions import portions
from tests.component.test_poller import FIRST, WITHIN, Stage
from tests.component.test_worker import Stage as Worker
from tests.component.test_worker import settle, staged
from tests.support.mock_kafka import record

MIB: Final = 1024 * 1024


def sized(*sizes: int | None) -> list[Message]:
    values = [None if size is None else bytes(size) for size in sizes]
    return [record("in", 0, offset, value) for offset, value in enumerate(values)]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1], [[0]]),
        ([1000] * 500, [list(range(500))]),
        ([MIB, MIB], [[0], [1]]),
        ([MIB - 1, 1, 1], [[0, 1], [2]]),
        ([1, MIB, None, 1], [[0], [1, 2], [3]]),
        ([5 * MIB, 0, 1], [[0], [1, 2]]),
    ],
)
def test_a_portion_holds_a_mebibyte_or_one_record(
    sizes: list[int | None], expected: list[list[int]]
) -> None:
    cut = [[each.offset() for each in portion] for portion in portions(sized(*sizes))]
    assert cut == expected


def test_headers_count_as_well() -> None:
    many: list[tuple[str, str | bytes | None]] = [("", b"")] * 10_000
    messages = [
        Message(topic="in", partition=0, offset=offset, value=b"v", headers=many)
        for offset in range(3)
    ]
    cut = [[each.offset() for each in portion] for portion in portions(messages)]
    assert cut == [[0], [1], [2]]


def test_large_records_of_one_batch_come_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    stage.run(stage.consumer.assigned(FIRST), stage.receive(*sized(MIB, MIB, 10, MIB)))
    assert stage.happened("received") == [
        ("received", [(0, 0)]),
        ("received", [(0, 1)]),
        ("received", [(0, 2)]),
        ("received", [(0, 3)]),
    ]


def test_commits_go_on_between_portions_for_the_lease_hangs_on_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage(monkeypatch)
    receive = stage.listener.received

    def received(messages: Sequence[Message]) -> None:
        receive(messages)
        stage.poller.commit([CommitOffset(FIRST, 0, "{}")])

    monkeypatch.setattr(stage.listener, "received", received)
    stage.run(stage.consumer.assigned(FIRST), stage.receive(*sized(MIB, MIB)))
    assert stage.happened("received", "commit")[:3] == [
        ("received", [(0, 0)]),
        ("commit", [("in", 0, 0)]),
        ("received", [(0, 1)]),
    ]


def test_a_stop_does_not_wait_for_the_portions_that_are_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage(monkeypatch)
    stage.listener.is_slow = True
    stage.consumer.script.extend(
        [stage.consumer.assigned(FIRST), stage.receive(*sized(*[MIB] * 5))]
    )
    stage.poller.start()
    while len(stage.listener.records) < 2:
        assert not stage.poller.join(0.01)
    stage.poller.stop()
    assert stage.poller.join(WITHIN)
    assert [offset for _, offset in stage.listener.records] == [0, 1, 2]


def test_what_waited_for_a_schema_is_decoded_in_portions() -> None:
    pending = {7: 3}

    def decode(schema: int, *_: object) -> list[object]:
        pending[schema] -= 1
        return []

    async def test(stage: Worker) -> None:
        stage.engine.answers |= {"decode_pending": decode, "pending": pending.__getitem__}
        stage.worker.schema_settled(7)
        assert pending == {7: 2}  # something else has its turn now
        await settle()

    stage = staged(test)
    assert len(stage.told("engine", "decode_pending")) == 3


def test_records_that_go_on_waiting_do_not_keep_the_loop_busy() -> None:
    async def test(stage: Worker) -> None:
        stage.engine.answers |= {"decode_pending": [], "pending": 3}
        stage.worker.schema_settled(7)
        await settle()

    assert len(staged(test).told("engine", "decode_pending")) == 1
