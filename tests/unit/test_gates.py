"""The release gate: open when all payments below it are known."""

from processor.core.events import Content, Pending
from processor.core.gates import Gates
from processor.core.inputs import Input
from processor.core.lanes import Lane
from processor.core.ledger import Ledger
from processor.core.ledgers import Kept
from processor.core.partitions import PartitionState
from processor.core.records import Record, Source
from processor.core.work import Work
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, order, release


def state() -> PartitionState:
    fresh = PartitionState(0, 1, Kept(Ledger(ABANDONMENTS), 0))
    fresh.inputs = {PAYMENTS: Input(0, 0, 0), ABANDONMENTS: Input(0, 0, 0)}
    return fresh


def place(
    state: PartitionState, topic: str, offset: int, content: Content, arrival: int
) -> tuple[Lane, Work]:
    work = Work(Record(Source(topic, 0, offset, None), b"cart", b""), content, arrival=arrival)
    return state.place(work), work


def test_a_release_waits_until_the_end_was_asked_and_is_reached() -> None:
    gates, partition = Gates(PAYMENTS, 0.1), state()
    lane, work = place(partition, ABANDONMENTS, 0, release(), 1)
    gates.await_end(partition, lane, work)
    seen = [gates.is_open(partition, work)]
    assert gates.to_ask(partition, 1.0)
    assert list(gates.answered(partition, 2)) == [lane]
    gates.wait(partition, lane, work)
    for offset in (0, 1):
        seen.append(gates.is_open(partition, work))
        assert list(gates.opened(partition)) == []
        partition.inputs[PAYMENTS].offsets.track(offset)
    seen.append(gates.is_open(partition, work))
    assert seen == [False, False, False, True]
    assert list(gates.opened(partition)) == [lane]


def test_a_release_that_comes_while_an_end_is_asked_has_another_one_asked() -> None:
    gates, partition = Gates(PAYMENTS, 0.1), state()
    first, second = (place(partition, ABANDONMENTS, n, release(), n) for n in (0, 1))
    gates.await_end(partition, *first)
    assert gates.to_ask(partition, 1.0)
    gates.await_end(partition, *second)
    assert not gates.to_ask(partition, 9.0)  # one question at a time
    assert list(gates.answered(partition, 0)) == [first[0]]
    assert (first[1].gate, second[1].gate) == (0, None)
    assert gates.to_ask(partition, 9.0)


def test_an_end_that_could_not_be_asked_is_asked_again_later() -> None:
    gates, partition = Gates(PAYMENTS, 0.1), state()
    lane, work = place(partition, ABANDONMENTS, 0, release(), 1)
    gates.await_end(partition, lane, work)
    assert gates.to_ask(partition, 1.0)
    assert list(gates.answered(partition, None)) == []
    assert [gates.to_ask(partition, at) for at in (1.05, 1.11)] == [False, True]
    assert work.gate is None


def test_a_payment_below_the_gate_that_waits_for_its_schema_keeps_it_shut() -> None:
    gates, partition = Gates(PAYMENTS, 0.1), state()
    lane, work = place(partition, ABANDONMENTS, 0, release(), 1)
    partition.inputs[PAYMENTS].offsets.advance(5)
    work.gate = 5
    first, second, at_the_gate = (
        place(partition, PAYMENTS, offset, Pending(schema=1), 2) for offset in (3, 4, 5)
    )
    seen = []
    for waiting in (first, second, at_the_gate):
        partition.read(*waiting)
        seen.append(gates.is_open(partition, work))
    for known in (first, at_the_gate, second):
        known[1].content = order()
        partition.read(*known)
        seen.append(gates.is_open(partition, work))
    assert seen == [False] * 5 + [True]
    partition.read(*place(partition, PAYMENTS, 6, Pending(schema=1), 2))
    assert gates.is_open(partition, work)
    assert lane is partition.lanes[b"cart"]


def test_a_gate_is_shut_while_the_payments_are_not_ours() -> None:
    gates, partition = Gates(PAYMENTS, 0.1), state()
    _, work = place(partition, ABANDONMENTS, 0, release(), 1)
    work.gate = 0
    del partition.inputs[PAYMENTS]
    assert not gates.is_open(partition, work)
    partition.inputs[PAYMENTS] = Input(0, 0, 0)
    assert gates.is_open(partition, work)


def test_lanes_move_in_the_order_of_their_gates() -> None:
    gates, partition = Gates(PAYMENTS, 0.1), state()
    places = []
    for number, gate in ((1, 3), (2, 1), (3, 2)):
        work = Work(
            Record(Source(ABANDONMENTS, 0, number, None), b"%d" % number, b""),
            order(),
            arrival=number,
        )
        work.gate = gate
        lane = partition.place(work)
        gates.wait(partition, lane, work)
        places.append(lane)
    partition.inputs[PAYMENTS].offsets.advance(2)
    assert list(gates.opened(partition)) == [places[1], places[2]]
