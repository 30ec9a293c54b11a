"""Clients: how librdkafka is configured for each of its uses."""

import logging
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient

from processor.shell.clock import steady
from processor.shell.secrets import Secret
from processor.shell.settings import Kafka
from processor.shell.settings_properties import LOGIN

Properties = dict[str, Any]

FORGETFUL: Final[Properties] = {"metadata.max.age.ms": 1_000}
"""For clients that ask where partitions end. They trust the metadata that they know, for fifteen
minutes if not told otherwise, and are refused as long: the leader that a partition had, or the
epoch that it had before its broker restarted, is not right any more."""
_LARGEST: Final = 100_000_000
_SAY_AGAIN_AFTER: Final = 60.0
_DISCONNECTED: Final = (
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
    KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._TIMED_OUT,  # noqa: SLF001
    KafkaError._RESOLVE,  # noqa: SLF001
    KafkaError._SSL,  # noqa: SLF001
    KafkaError._AUTHENTICATION,  # noqa: SLF001
    KafkaError.REQUEST_TIMED_OUT,
)
_LOG: Final = logging.getLogger("librdkafka")


class _Seldom(logging.Filter):
    """Lets each kind of line through once a minute: librdkafka repeats itself every few moments.

    What it means for us is in our own lines and in `/status`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind, now = record.getMessage().partition(" ")[0], steady()
        if now - self._said.get(kind, -_SAY_AGAIN_AFTER) < _SAY_AGAIN_AFTER:
            return False
        self._said[kind] = now
        return True


_LOG.addFilter(_Seldom())


class Login:
    """Keeps a client's user and password those of the settings, whose file may change.

    They are for the next connection: those that are open stay. Belongs to the thread that uses
    the client, which must call `follow` often. A client that is made anew has them by itself.
    """

    def __init__(self, kafka: Kafka) -> None:
        """Prepare; nothing is looked at yet."""
        self._kafka = kafka
        self._given: tuple[str, ...] | None = None

    def follow(self, client: Consumer | Producer | AdminClient) -> None:
        """Give the client what has changed, if anything has."""
        values = [self._kafka.properties.get(name) for name in LOGIN]
        current = tuple(each.reveal() for each in values if isinstance(each, Secret))
        if len(current) == len(LOGIN) and current != self._given:
            client.set_sasl_credentials(*current)
            self._given = current


def common(kafka: Kafka) -> Properties:
    """Return what all clients share."""
    return {
        "client.id": "rokt-cart-processor",
        "logger": _LOG,
        **kafka.client_properties(),
        "bootstrap.servers": kafka.bootstrap_servers,
    }


def consumer(kafka: Kafka) -> Properties:
    """Return the properties of the member of the consumer group.

    Range assignment gives the same partition number of both inputs to the same member.
    """
    properties = common(kafka) | {
        "group.id": kafka.group_id,
        "group.protocol": kafka.group_protocol,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
    }
    properties.setdefault("queued.max.messages.kbytes", 8_192)
    # A commit that names a topic that was deleted is not answered: the sooner the group knows, the
    # sooner the others go on. librdkafka would look for that every five minutes.
    properties.setdefault("topic.metadata.refresh.interval.ms", 10_000)
    if kafka.group_protocol == "consumer":
        return properties | {"group.remote.assignor": "range"}
    return properties | {"partition.assignment.strategy": "range"}


def reader(kafka: Kafka) -> Properties:
    """Return the properties of a consumer that reads partitions on its own, outside the group.

    The client asks for the coordinator of its group all the same, so it names the one that it may.
    """
    own = {
        "group.id": kafka.group_id,
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
    }
    properties = _outside(kafka) | FORGETFUL | own
    properties.setdefault("queued.max.messages.kbytes", 8_192)
    return properties


def offsets_only(kafka: Kafka) -> Properties:
    """Return the properties of a client that reads and writes the group's offsets only."""
    return _outside(kafka) | {"group.id": kafka.group_id, "enable.auto.commit": False}


def _outside(kafka: Kafka) -> Properties:
    """Return what is common, without what only a member of a group keeps to.

    librdkafka compares these two with each other, or with their defaults, in every consumer.
    """
    properties = common(kafka)
    for name in ("max.poll.interval.ms", "session.timeout.ms"):
        properties.pop(name, None)
    return properties


_MEMBERS_ONLY: Final = (
    "group.instance.id",
    "heartbeat.interval.ms",
    "max.poll.interval.ms",
    "session.timeout.ms",
)


def admin(kafka: Kafka) -> Properties:
    """Return the properties of a client that asks the brokers, and is no consumer."""
    properties = common(kafka)
    for name in _MEMBERS_ONLY:
        properties.pop(name, None)  # librdkafka would complain of each
    return properties


def producer(kafka: Kafka) -> Properties:
    """Return the properties of the outputs' producer: nothing is lost, nothing out of order."""
    properties = admin(kafka) | {"acks": "all", "enable.idempotence": True}
    properties.setdefault("linger.ms", 2)
    properties.setdefault("compression.type", "lz4")
    # The topic decides what is too large, not the client.
    properties.setdefault("message.max.bytes", _LARGEST)
    return properties


def is_fatal(error: KafkaError) -> bool:
    """Whether a client works no more after this error: it says so in one of two ways."""
    return error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001


def is_disconnection(error: KafkaError) -> bool:
    """Whether an error is about reaching brokers, and over once one answers."""
    return error.code() in _DISCONNECTED
