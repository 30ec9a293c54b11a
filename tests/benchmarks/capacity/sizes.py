"""Measures the sizes of an order, and what its restoring costs; without Kafka, in under a minute.

Ids are random, as real ones are: alike ones would compress as no others do.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import process_time
from typing import Final
from uuid import UUID

from processor.core.assignments import Topics
from processor.core.calls import CallShape, confirm_call
from processor.core.events import OrderPaid
from processor.core.ledgers import Kept
from processor.core.outcomes import DeadLetter, Outcome, OutcomeView
from processor.core.records import Record, Source
from processor.core.replies import ItemVerdict
from processor.core.vocabulary import Effect, ItemResult, Operation, Reason, Status
from processor.shell import schemas
from processor.shell.encoding import Encoder, OutcomeReader
from processor.shell.kafka.headers import headers_of
from processor.shell.ledger.disk import Disk, Identity
from processor.shell.ledger.lasting import LastingLedgers
from processor.shell.vetting import vet
from tests.benchmarks.capacity.constants import Cost, Sizes
from tests.benchmarks.meter import memory
from tests.support.codec import SCHEMA_ID, decode, framed, only, schema_of
from tests.support.events import order_paid, paid_item

ORDERS: Final = 200_000
FEWER: Final = 50_000
_AT: Final = 1_790_000_000_000
_BATCH: Final = 1_000
_BATCH_HEADER: Final = 61
_RECORD: Final = 12  # lengths, and the differences to the batch's offset and time
_REPLY: Final = b'{"errors":[{"code":"QUOTE_EXPIRED","message":"The quote has expired."}]}'
_RANDOM: Final = Random(7)


def measure(orders: int = ORDERS, fewer: int = FEWER) -> Sizes:
    """Measure everything, with so many orders of one item, and fewer of ten.

    The CPU's seconds are this process's, all threads.
    """
    one, ten = _Order(1), _Order(10)
    copy, restore, copy_memory = _restored(one, orders)
    copy_10, restore_10, _ = _restored(ten, fewer)
    return Sizes(
        paid=Cost.through(one.paid_size, ten.paid_size),
        outcome=Cost.through(one.outcome_size, ten.outcome_size),
        dead_letter=Cost.through(one.dead_letter_size, ten.dead_letter_size),
        copy=Cost.through(copy, copy_10),
        restore=Cost.through(restore, restore_10),
        copy_memory=copy_memory,
    )


def _id() -> str:
    return str(UUID(int=_RANDOM.getrandbits(128), version=4))


class _Order:
    """One order of so many items: its event, its outcome and its dead letter as records."""

    def __init__(self, items: int) -> None:
        self._cart, self._order, self._outcome = _id(), _id(), _id()
        parts = [paid_item(_id()) for _ in range(items)]
        self._items = [str(part["cartItemId"]) for part in parts]
        schema = schema_of(schemas.ORDER_PAID)
        fields = {field["name"]: field.get("default") for field in schema["fields"]}
        value = framed(schema, fields | order_paid(self._order, self._cart, *parts))
        event = decode(value, schema)
        assert isinstance(event, OrderPaid)
        call = confirm_call(event, CallShape(tag_id="253_439d21r21r21321"))
        self._fingerprint = call.fingerprint
        done, failed = (
            self._what_came(event, each) for each in (Status.SUCCEEDED, Status.REJECTED)
        )
        letter = DeadLetter(
            record=Record(done.source, self._cart.encode(), value),
            outcome=failed,
            message="Rokt refuses the request: QUOTE_EXPIRED, The quote has expired.",
            items=failed.items,
            request_body=call.body,
            response_body=_REPLY.decode(),
        )
        encoder = Encoder(SCHEMA_ID, SCHEMA_ID, processor_version="1.0.0", consumer_group="g" * 19)
        self.value = encoder.outcome(done)
        self.paid_size = self._record_size(value)
        self.outcome_size = self._record_size(self.value, done)
        self.dead_letter_size = self._record_size(encoder.dead_letter(letter), letter)

    def _what_came(self, event: OrderPaid, status: Status) -> Outcome:
        is_well = status is Status.SUCCEEDED
        return Outcome(
            outcome_id=self._outcome, operation=Operation.CONFIRM, status=status,
            effect=Effect.APPLIED if is_well else Effect.NOT_APPLIED,
            reason=None if is_well else Reason.BAD_REQUEST, cart_id=event.cart_id,
            order_id=event.order_id, source_event_id=event.event_id,
            source=Source("order-paid", 3, 4_711_000, _AT), origin=None, replay_id=None,
            request_fingerprint=self._fingerprint,
            items=tuple(
                ItemVerdict(
                    cart_item_id=item.cart_item_id,
                    item_reservation_id=item.item_reservation_id,
                    result=ItemResult.SUCCEEDED if is_well else ItemResult.REJECTED,
                )
                for item in event.items
            ),
            http_status=200 if is_well else 400, error_description=None, errors=(), detail=None,
            attempts=1, ambiguous_attempts=0, first_attempt_at=_AT, last_attempt_at=_AT,
            rokt_trace_id=_id(), processed_at=_AT,
        )  # fmt: skip

    def _record_size(self, value: bytes, content: Outcome | DeadLetter | None = None) -> int:
        headers = headers_of(content) if content else []
        texts = sum(len(name) + len(text or "") + 2 for name, text in headers)
        return _BATCH_HEADER + _RECORD + len(self._cart) + len(value) + texts

    def outcomes(self, count: int) -> Iterator[bytes]:
        """Yield outcomes of orders like it, with ids of their own, all as long."""
        alike = [self._cart, self._order, self._outcome, *(item[-36:] for item in self._items)]
        for _ in range(count):
            value = self.value
            for each in alike:
                value = value.replace(each.encode(), _id().encode())
            fingerprint = f"{_RANDOM.getrandbits(256):064x}"
            yield value.replace(self._fingerprint.encode(), fingerprint.encode())


def _restored(order: _Order, count: int) -> tuple[float, float, float]:
    """Restore so many outcomes; return bytes of disk and CPU seconds each, and bytes of memory."""
    known = vet(json.dumps(schema_of(schemas.OUTCOME)), schemas.readers())
    reader = OutcomeReader(only(SCHEMA_ID, known))
    before = _resident()
    with tempfile.TemporaryDirectory(prefix="capacity-") as folder:
        identity: Identity = {"results": "r", "topic_id": "t", "partitions": 1, "releases": "c"}
        topics = Topics(payments="order-paid", abandonments="cart-abandoned")
        ledgers = LastingLedgers(Disk(Path(folder), identity), topics)
        ledger, _ = ledgers.open(0)
        spent, offset = 0.0, 0
        while offset < count:
            values = [*order.outcomes(min(_BATCH, count - offset))]
            begun = process_time()
            for value in values:
                view = reader.read(value)
                assert isinstance(view, OutcomeView)
                ledger.learn(view, offset)
                offset += 1
            ledger.done.forget("order-paid", 1 << 40)
            ledgers.checkpoint([(0, Kept(ledger, offset))], offset / _BATCH)
            spent += process_time() - begun
        grown = _resident() - before
        begun = process_time()
        ledgers.close([(0, Kept(ledger, offset))])
        spent += process_time() - begun
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    return size / count, spent / count, grown


def _resident() -> float:
    return float(memory(os.getpid())[0])
