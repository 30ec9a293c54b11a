"""The bare floor: what any program of this kind has to do, as a program of its own.

Take orders, decode them, encode an outcome for each, produce it, commit. No calls, no ledger, no
verdicts: it keeps none of the promises.
"""

import argparse
import json
import struct
import time
from functools import cache
from io import BytesIO
from typing import Any

import fastavro
from confluent_kafka import Message
from confluent_kafka.schema_registry import SchemaRegistryClient

from tests.benchmarks import plain
from tests.support.events import schema_text

_BATCH = 500
_OUTCOME: Any = fastavro.parse_schema(json.loads(schema_text("RoktCallOutcome")))
_PREFIX = b"\0" + struct.pack(">I", 1)


class Floor:
    """The loop and its clients."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._consumer = plain.consumer(arguments)
        self._producer = plain.producer(arguments)
        registry = SchemaRegistryClient({"url": arguments.registry_url})

        @cache
        def schema(number: int) -> Any:  # noqa: ANN401  (fastavro's own form)
            text = registry.get_schema(number).schema_str
            return fastavro.parse_schema(json.loads(text or ""))

        self._schema = schema

    def run(self) -> None:
        """Work until killed."""
        while True:
            messages = self._consumer.consume(_BATCH, 0.5)
            for message in messages:
                if message.error() is None:
                    self._work(message)
            self._producer.flush()
            if messages:
                self._consumer.commit(asynchronous=True)

    def _work(self, message: Message) -> None:
        value = message.value() or b""
        source = BytesIO(value)
        (number,) = struct.unpack(">xI", source.read(5))
        order = fastavro.schemaless_reader(source, self._schema(number), None)
        target = BytesIO()
        target.write(_PREFIX)
        fastavro.schemaless_writer(target, _OUTCOME, _outcome(message, order))
        self._producer.produce(
            self._arguments.results_topic,
            target.getvalue(),
            message.key(),
            message.partition() or 0,
        )
        self._producer.poll(0)


def _outcome(message: Message, order: Any) -> dict[str, Any]:  # noqa: ANN401  (same)
    now = int(time.time() * 1000)
    return {
        "outcomeId": order["eventId"],
        "operation": "CONFIRM",
        "status": "SUCCEEDED",
        "effect": "APPLIED",
        "cartId": order["cartId"],
        "orderId": order["orderId"],
        "sourceEventId": order["eventId"],
        "source": {
            "topic": message.topic(),
            "partition": message.partition(),
            "offset": message.offset(),
            "timestamp": message.timestamp()[1],
        },
        "requestFingerprint": order["eventId"],
        "items": [
            {
                "cartItemId": item["cartItemId"],
                "itemReservationId": item["itemReservationId"],
                "result": "SUCCEEDED",
                "itemConfirmationId": item["cartItemId"],
                "itemConfirmationUrl": item["cartItemId"],
            }
            for item in order["items"]
        ],
        "httpStatus": 200,
        "attempts": 1,
        "firstAttemptAt": now,
        "lastAttemptAt": now,
        "processedAt": now,
        "processorVersion": "floor",
    }


def main() -> None:
    """Read the arguments and run."""
    Floor(plain.parser(__doc__).parse_args()).run()


if __name__ == "__main__":
    main()
