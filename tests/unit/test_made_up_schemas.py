"""Records that name schemas of nobody: the real engine, and real questions to a registry."""

from collections.abc import Iterator
from typing import Final

import pytest

from processor.core import effects as do
from processor.core.events import OrderPaid, Pending, Undecodable
from processor.core.inputs import COUNTS_ONCE_MORE
from processor.core.records import Partition
from processor.core.vocabulary import Reason
from processor.shell import schemas
from processor.shell.schema_questions import SchemaQuestions, Unknown
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, order
from tests.support.stage import Stage

PAID: Final = Partition(PAYMENTS, 0)
STEP: Final = 0.5
GOOD_IN_A_STEP: Final = 2
UNREADABLE: Final = Undecodable(reason=Reason.UNDECODABLE, detail="of no schema")


class Shop(Stage):
    """A stage on whose payments somebody writes records of made-up schemas beside good orders."""

    def __init__(self) -> None:
        super().__init__()
        self.questions = SchemaQuestions(schemas.readers())
        self.log: list[str] = []
        self.received = 0
        self.written_at: dict[str, float] = {}
        self.ended_at: dict[str, float] = {}
        self.reasons: dict[str, Reason | None] = {}

    def write_to_log(self, kind: str, count: int) -> None:
        for _ in range(count):
            cart = f"{kind}-{len(self.log)}"
            self.log.append(cart)
            self.written_at[cart] = self.at

    def pass_time(self) -> None:
        """Let a step pass: receive what there is, ask what is due, answer at once."""
        while self.received < len(self.log) and PAID not in self.paused:
            cart, schema = self.log[self.received], self.received
            self.received += 1
            if cart.startswith("good"):
                self.pay(cart)
            else:
                self.admit(PAYMENTS, cart, Pending(schema=schema))
                self.questions.want(schema, "order-paid", self.at)
        for ask in self.questions.due(self.at):
            assert isinstance(ask.schema, int)
            if self.questions.answered(ask.schema, Unknown(knows_another=True), self.at):
                self.decode(ask.schema, lambda _: UNREADABLE)
        self.run(STEP, step=STEP / 2)
        self.reasons |= self.dead_letters
        self.ended_at |= dict.fromkeys(self.ended, self.at)
        self.ended.clear()

    def seconds(self, kind: str) -> Iterator[float]:
        """How long each record of a kind took, those that are not done until now."""
        for cart, at in self.written_at.items():
            if cart.startswith(kind):
                yield self.ended_at.get(cart, self.at) - at


@pytest.mark.parametrize(("at_once", "a_second", "seconds"), [(1000, 0, 120), (0, 20, 480)])
def test_good_orders_go_on_beside_them(at_once: int, a_second: int, seconds: int) -> None:
    shop = Shop()
    shop.write_to_log("made-up", at_once)
    for _ in range(int(seconds / STEP)):
        shop.write_to_log("made-up", int(a_second * STEP))
        shop.write_to_log("good", GOOD_IN_A_STEP)
        shop.pass_time()
    assert max(shop.seconds("good")) <= 3.0
    assert max(shop.seconds("made-up")) <= 90.0
    assert set(shop.reasons.values()) == {Reason.UNDECODABLE}


def test_none_is_passed_by_a_commit_or_a_release() -> None:
    stage = Stage(max_unfinished=2)
    for number in range(9):
        stage.admit(PAYMENTS, f"made-up-{number}", Pending(schema=number))
    stage.pay("good")
    stage.abandon("left")
    stage.run(10)
    assert stage.called_since(0) == ["good"]
    for number in range(9):
        commits = [one for one in stage.seen if isinstance(one, do.Commit)]
        at = {one.partition: one.offset for one in commits[-1].offsets}
        assert (at[PAID], stage.called_since(0)) == (number, ["good"])
        stage.decode(number, lambda _: UNREADABLE)
        stage.run(2)
    assert stage.called_since(0) == ["good", "left"]


def flood(stage: Stage, topic: str) -> int:
    """Write small records of made-up schemas until their partition pauses; return how many."""
    partition, count = Partition(topic, 0), 0
    while partition not in stage.paused and count < 10_000:
        stage.admit(topic, f"{topic}-{count}", Pending(schema=count))
        count += 1
    return count


def test_what_waits_is_bounded_over_all_partitions() -> None:
    most = 100
    stage = Stage(max_unfinished=most)
    abandoned = flood(stage, ABANDONMENTS)
    assert 5 * most < abandoned < 10 * most
    assert stage.engine.assignments.waiting < most * COUNTS_ONCE_MORE + 1000
    assert flood(stage, PAYMENTS) == most  # there as many as of any others
    for schema in range(abandoned):
        stage.decode(schema, lambda _: UNREADABLE)
        stage.run(0.05)
    stage.run(2)
    assert (stage.paused, stage.engine.assignments.waiting) == (set(), 0)


def test_an_order_that_waits_and_can_be_read_then_counts_as_all_others() -> None:
    stage = Stage(max_unfinished=100)
    stage.latency = 60.0
    for number in range(500):
        stage.admit(PAYMENTS, f"cart-{number}", Pending(schema=7))
    assert stage.paused == set()
    orders = {
        f"cart-{number}".encode(): order(f"{number}", f"cart-{number}", "a")
        for number in range(500)
    }
    stage.decode(7, lambda record: orders[record.key or b""])
    assert stage.paused == {PAID}
    stage.run(900, step=0.5)
    assert (stage.paused, len(stage.ended)) == (set(), 500)


def test_items_that_are_found_after_a_wait_fill_their_partition_as_well() -> None:
    stage = Stage(max_unfinished=100)
    stage.latency = 60.0
    for number in range(20):
        stage.admit(PAYMENTS, f"cart-{number}", Pending(schema=7))
    stage.decode(7, lambda record: many_items((record.key or b"").decode()))
    assert stage.paused == {PAID}
    stage.run(900, step=0.5)
    assert (stage.paused, len(stage.ended)) == (set(), 20)


def test_a_partition_goes_on_when_what_waits_elsewhere_is_decoded() -> None:
    stage = Stage(max_unfinished=100)
    for number in range(800):
        stage.admit(ABANDONMENTS, f"a-{number}", Pending(schema=number))
    while PAID not in stage.paused:
        stage.admit(PAYMENTS, f"p-{stage.engine.assignments.waiting}", Pending(schema="held"))
    for number in range(800):
        stage.decode(number, lambda _: UNREADABLE)
    assert PAID not in stage.paused


def many_items(cart: str) -> OrderPaid:
    return order(cart, cart, "".join(chr(0x4E00 + number) for number in range(200)))
