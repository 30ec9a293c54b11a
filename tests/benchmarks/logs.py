"""What lies in a topic: when its broker took each record, and the status in its headers."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from tests.support.brokers import RealKafka

_BATCH = 5_000
_LOOK_EVERY = 0.2
_ANSWER = 30.0


@dataclass(slots=True)
class Log:
    """The times of all keys, in seconds, and how often each status was met."""

    times: dict[str, float] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)

    def learn(self, message: Message) -> None:
        """Take a record."""
        _, milliseconds = message.timestamp()
        self.times[(message.key() or b"").decode()] = milliseconds / 1000
        headers = dict(cast("list[tuple[str, bytes]]", message.headers() or ()))
        if "processor.status" in headers:
            self.statuses[headers["processor.status"].decode()] += 1


def read_log(kafka: RealKafka, topic: str, partitions: int) -> Log:
    """Read a topic from its beginning to its end."""
    log, left = Log(), partitions
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": "bench-log",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    try:
        consumer.assign(
            [TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(partitions)]
        )
        deadline = time.monotonic() + _ANSWER
        while left:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic} could not be read to its end")
            for message in consumer.consume(_BATCH, _LOOK_EVERY):
                deadline = time.monotonic() + _ANSWER
                error = message.error()
                if error is None:
                    log.learn(message)
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  (its public name)
                    left -= 1
    finally:
        consumer.close()
    return log
