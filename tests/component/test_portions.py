"""Large records come in portions, so that the loop never stands still over a batch of them."""

from typing import Final

import pytest
from confluent_kafka import Message

from processor.shell.kafka.portions import portions
from tests.component.test_poller import FIRST, WITHIN, Stage
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


def test_large_records_of_one_batch_come_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    stage.run(stage.consumer.assigned(FIRST), stage.receive(*sized(MIB, MIB, 10, MIB)))
    assert stage.happened("received") == [
        ("received", [(0, 0)]),
        ("received", [(0, 1)]),
        ("received", [(0, 2)]),
        ("received", [(0, 3)]),
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
