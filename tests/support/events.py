"""Events for tests: built plainly, written with fastavro, independent of the processor's codec."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

_SCHEMAS = Path(__file__).parents[2] / "schemas"


def schema_text(name: str) -> str:
    """Return one of the project's schemas as its file has it."""
    return (_SCHEMAS / f"{name}.avsc").read_text()


def paid_item(number: int | str = 1, **changes: object) -> dict[str, Any]:
    """Return an item of an OrderPaid."""
    return {
        "cartItemId": f"item-{number}",
        "catalogItemId": "parkwhiz_quote.84118520",
        "itemReservationId": f"reservation-{number}",
        "quantity": 1,
        "unitPrice": Decimal(10),
        "totalPrice": Decimal(10),
        "currency": "CAD",
    } | changes


def order_paid(
    order: str, cart: str, *items: Mapping[str, Any], **changes: object
) -> dict[str, Any]:
    """Return an OrderPaid; without items it has one of its own."""
    return {
        "eventId": f"event-{order}",
        "occurredAt": 1_790_000_000_000,
        "orderId": order,
        "cartId": cart,
        "items": list(items) or [paid_item(f"{cart}-1")],
        "roktSessionId": f"session-{cart}",
    } | changes


def abandoned_item(number: int | str = 1, **changes: object) -> dict[str, Any]:
    """Return an item of a CartAbandoned."""
    return {"cartItemId": f"item-{number}", "itemReservationId": f"reservation-{number}"} | changes


def cart_abandoned(
    event: str, cart: str, *items: Mapping[str, Any], **changes: object
) -> dict[str, Any]:
    """Return a CartAbandoned; without items it has one of its own."""
    return {
        "eventId": event,
        "occurredAt": 1_790_000_000_000,
        "cartId": cart,
        "roktSessionId": f"session-{cart}",
        "items": list(items) or [abandoned_item(f"{cart}-2")],
    } | changes


@dataclass(frozen=True)
class Topics:
    """The real names of the topics of one test."""

    order_paid: str
    cart_abandoned: str
    results: str
    dead_letters: str
    replay: str = "rokt-replay"

    @property
    def environment(self) -> dict[str, str]:
        """Return them as settings of the processor."""
        return {
            "PROCESSOR_TOPICS__ORDER_PAID": self.order_paid,
            "PROCESSOR_TOPICS__CART_ABANDONED": self.cart_abandoned,
            "PROCESSOR_TOPICS__RESULTS": self.results,
            "PROCESSOR_TOPICS__DEAD_LETTERS": self.dead_letters,
            "PROCESSOR_TOPICS__REPLAY": self.replay,
        }


class Shop:
    """A partner's pipeline: registers the events' schemas and produces events.

    A quiet one does not print what its client has to say.
    """

    def __init__(
        self, bootstrap_servers: str, registry_url: str, topics: Topics, *, is_quiet: bool = False
    ) -> None:
        self.topics = topics
        self.producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,
                "linger.ms": 5,
                "partitioner": "murmur2_random",
                "log_level": 0 if is_quiet else 6,
            }
        )
        names = {topics.order_paid: "OrderPaid", topics.cart_abandoned: "CartAbandoned"}
        with SchemaRegistryClient({"url": registry_url}) as client:
            self._writers = {
                topic: (client.register_schema(f"{topic}-value", Schema(schema_text(name))), name)
                for topic, name in names.items()
            }
        self._parsed = {
            name: fastavro.parse_schema(json.loads(schema_text(name)))
            for name in ("OrderPaid", "CartAbandoned")
        }

    def value(self, topic: str, event: Mapping[str, Any]) -> bytes:
        """Return an event as a producer's serializer writes it."""
        schema_id, name = self._writers[topic]
        target = BytesIO()
        target.write(b"\0" + struct.pack(">I", schema_id))
        fastavro.schemaless_writer(target, self._parsed[name], event)
        return target.getvalue()

    def paid(self, event: Mapping[str, Any]) -> None:
        """Produce an OrderPaid."""
        self.raw(self.topics.order_paid, event["cartId"], self.value(self.topics.order_paid, event))

    def abandoned(self, event: Mapping[str, Any]) -> None:
        """Produce a CartAbandoned."""
        topic = self.topics.cart_abandoned
        self.raw(topic, event["cartId"], self.value(topic, event))

    def raw(
        self,
        topic: str,
        key: str | bytes | None,
        value: bytes | None,
        headers: list[tuple[str, str | bytes | None]] | None = None,
    ) -> None:
        """Produce any bytes."""
        self.producer.produce(topic, value, key, headers=headers)
        self.producer.poll(0)

    def copied(
        self, topic: str, event: Mapping[str, Any], origin: tuple[str, int, int], replay_id: str
    ) -> None:
        """Put an event of a live topic into the replay lane, as a copy of what lies at `origin`."""
        names = ("topic", "partition", "offset")
        headers = {
            f"processor.origin.{name}": str(at) for name, at in zip(names, origin, strict=True)
        }
        headers["processor.replay.id"] = replay_id
        value = self.value(topic, event)
        self.raw(self.topics.replay, event["cartId"], value, list(headers.items()))

    def flush(self) -> None:
        """Wait until everything lies in its topic."""
        if left := self.producer.flush(60):
            message = f"{left} events were not taken"
            raise TimeoutError(message)
