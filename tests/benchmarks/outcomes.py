"""Outcomes as the processor writes them, with ids as random as real ones are.

Alike ones would compress as no others do, and lie beside each other on a disk.
"""

from collections.abc import Iterator
from random import Random
from typing import Final
from uuid import UUID

from processor.core.calls import CallShape, confirm_call
from processor.core.events import OrderPaid
from processor.core.outcomes import DeadLetter, Outcome
from processor.core.records import Record, Source
from processor.core.replies import ItemVerdict
from processor.core.vocabulary import Effect, ItemResult, Operation, Reason, Status
from processor.shell import schemas
from processor.shell.encoding import Encoder
from processor.shell.kafka.headers import headers_of
from tests.support.codec import SCHEMA_ID, decode, framed, schema_of
from tests.support.events import order_paid, paid_item

_AT: Final = 1_790_000_000_000
_BATCH_HEADER: Final = 61
_RECORD: Final = 12  # lengths, and the differences to the batch's offset and time
_REPLY: Final = b'{"errors":[{"code":"QUOTE_EXPIRED","message":"The quote has expired."}]}'
_RANDOM: Final = Random(7)


def _id() -> str:
    return str(UUID(int=_RANDOM.getrandbits(128), version=4))


class Order:
    """One order of so many items: its event, its outcome and its dead letter as records."""

    def __init__(self, items: int, schema_id: int = SCHEMA_ID) -> None:
        """Make one of so many items; its outcome names the schema of `schema_id`."""
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
        encoder = Encoder(schema_id, schema_id, processor_version="1.0.0", consumer_group="g" * 19)
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

    def outcomes(self, count: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and outcomes of orders like it, with ids of their own, all as long."""
        alike = [self._cart, self._order, self._outcome, *(item[-36:] for item in self._items)]
        for _ in range(count):
            ids = [_id().encode() for _ in alike]
            value = self.value
            for each, new in zip(alike, ids, strict=True):
                value = value.replace(each.encode(), new)
            fingerprint = f"{_RANDOM.getrandbits(256):064x}"
            yield ids[0], value.replace(self._fingerprint.encode(), fingerprint.encode())
