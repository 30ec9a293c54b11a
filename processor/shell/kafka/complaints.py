"""Complaints: what Kafka's client last had to say, until it no longer does."""

from collections.abc import Callable
from typing import Final

import structlog
from confluent_kafka import KafkaError

from processor.errors import RuntimeFailure
from processor.shell.kafka import clients
from processor.shell.kafka.commits import Answer

_LOG: Final = structlog.get_logger()


class Complaints:
    """What is wrong with the consumer. `trouble` is None since records or ends came again.

    Where it was a connection that failed, a commit that is acknowledged later ends it too: an input
    may be quiet for long.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin with none."""
        self._clock = clock
        self._disconnected_at: float | None = None
        self.trouble: str | None = None

    def heard(self, error: KafkaError) -> None:
        """Take an error of the client; RuntimeFailure when it works no more."""
        if clients.is_fatal(error):
            raise RuntimeFailure(f"Kafka's consumer has failed for good: {error.str()}")
        self.say(str(error.str()))
        self._disconnected_at = self._clock() if clients.is_disconnection(error) else None

    def committed(self, answer: Answer) -> None:
        """Take the answer to a commit."""
        at = self._disconnected_at
        if at is not None and answer.trouble is None and answer.sent_at > at:
            self.end()

    def say(self, trouble: str) -> None:
        """Keep what is wrong, and log it where that is news."""
        if self.trouble != trouble:
            _LOG.warning("kafka complains", why=trouble)
        self.trouble = trouble

    def end(self) -> None:
        """Note that all is well."""
        self.trouble = self._disconnected_at = None
