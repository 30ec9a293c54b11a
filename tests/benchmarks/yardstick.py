"""The yardstick: the loop that a careful user would write, as a program of its own.

Plain confluent-kafka and httpx on asyncio: take a batch of orders, confirm them with so many
calls in flight (those of one cart one after the other), write what came of each, and commit once
that is acknowledged. No ledger, no retries, no dead letters, no verdict on single items.
"""

import argparse
import asyncio
import json
import time
from collections import defaultdict
from typing import Any

import httpx2 as httpx
from confluent_kafka import Message
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from tests.benchmarks import plain

_ITEM_FIELDS = ("cartItemId", "catalogItemId", "quantity", "currency", "itemReservationId")


class Yardstick:
    """The loop and its clients."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._consumer = plain.consumer(arguments)
        self._producer = plain.producer(arguments)
        self._decode = AvroDeserializer(SchemaRegistryClient({"url": arguments.registry_url}))
        self._field = SerializationContext(arguments.orders_topic, MessageField.VALUE)
        limit = arguments.in_flight
        self._client = httpx.AsyncClient(
            base_url=arguments.rokt_url,
            limits=httpx.Limits(max_connections=limit, max_keepalive_connections=limit),
            timeout=httpx.Timeout(25.0, connect=3.0),
        )

    async def run(self) -> None:
        """Work until killed."""
        arguments = self._arguments
        async with self._client:
            while True:
                messages = self._consumer.consume(arguments.in_flight, 0.5)
                lanes = defaultdict(list)
                for message in messages:
                    if message.error() is None:
                        lanes[message.key()].append(message)
                await asyncio.gather(*map(self._work, lanes.values()))
                self._producer.flush()
                if lanes:
                    self._consumer.commit(asynchronous=False)

    async def _work(self, lane: list[Message]) -> None:
        for message in lane:
            order = self._decode(message.value() or b"", self._field)
            result = await self._confirm(order)
            self._producer.produce(
                self._arguments.results_topic,
                json.dumps(result).encode(),
                message.key(),
                message.partition() or 0,
            )
            self._producer.poll(0)

    async def _confirm(self, order: dict[str, Any]) -> dict[str, Any]:
        response = await self._client.post(
            "/v1/Cart/confirm",
            json={
                "cartId": order["cartId"],
                "orderId": order["orderId"],
                "items": [_item(item) for item in order["items"]],
            },
            headers={
                "rokt-api-key": "skeletonkey",
                "rokt-session-id": order["roktSessionId"],
                "rokt-tag-id": "tag",
            },
        )
        response.raise_for_status()
        return {
            "orderId": order["orderId"],
            "cartId": order["cartId"],
            "status": response.status_code,
            "items": response.json()["items"],
            "processedAt": int(time.time() * 1000),
        }


def _item(item: dict[str, Any]) -> dict[str, Any]:
    prices = {name: float(item[name]) for name in ("unitPrice", "totalPrice")}
    return {name: item[name] for name in _ITEM_FIELDS} | prices


def main() -> None:
    """Read the arguments and run."""
    asyncio.run(Yardstick(plain.parser(__doc__).parse_args()).run())


if __name__ == "__main__":
    main()
