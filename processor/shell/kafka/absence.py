"""Absence: what commands say where no broker answers them."""

from collections.abc import Sequence
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from processor.errors import RuntimeFailure
from processor.shell.settings import Kafka

SETTINGS: Final = "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS and PROCESSOR_KAFKA__PROPERTIES"
"""The settings that say how Kafka is reached."""


def absent(
    kafka: Kafka, away: KafkaException, complaints: Sequence[KafkaError] = ()
) -> RuntimeFailure:
    """Return that no broker answers, with the last complaint that says more than that."""
    telling = [each for each in complaints if each.code() != KafkaError._ALL_BROKERS_DOWN]  # noqa: SLF001
    error: KafkaError = telling[-1] if telling else away.args[0]
    return RuntimeFailure(
        f"No broker of {kafka.bootstrap_servers} answers ({error.str()}): check {SETTINGS}."
    )
