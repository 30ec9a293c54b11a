"""The inputs: which topics are consumed, and what the records of each say."""

from collections.abc import Iterator
from dataclasses import dataclass

from processor.core.copies import Copy, copy_of
from processor.core.records import Record
from processor.shell.schemas import CART_ABANDONED, ORDER_PAID
from processor.shell.settings import Topics


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The topics that are consumed; `replay` is None while the replay lane is off."""

    payments: str
    abandonments: str
    replay: str | None = None

    def __iter__(self) -> Iterator[str]:
        """Go over the topics, that of the payments first."""
        yield self.payments
        yield self.abandonments
        if self.replay is not None:
            yield self.replay

    def original_topic(self, record: Record) -> str:
        """Return the topic that a record came from; for a copy that of its original."""
        topic = record.source.topic
        if topic != self.replay:
            return topic
        copy = copy_of(record.headers)
        return copy.origin.topic if isinstance(copy, Copy) else topic

    def expected(self, topic: str) -> str | None:
        """Return the name of the Avro record that a topic carries; None: it may be either."""
        return {self.payments: ORDER_PAID, self.abandonments: CART_ABANDONED}.get(topic)


def inputs(topics: Topics) -> tuple[str, str]:
    """Return the live topics that are consumed, that of the payments first."""
    return topics.order_paid, topics.cart_abandoned
