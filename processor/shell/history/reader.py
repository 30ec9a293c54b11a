"""The reader: parts of topics, read outside any group, in batches of bounded memory."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Self, TypeVar

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from processor.core.records import Partition, Record
from processor.errors import RuntimeFailure
from processor.shell.clock import steady
from processor.shell.kafka import clients
from processor.shell.kafka.absence import SETTINGS
from processor.shell.kafka.messages import record_of
from processor.shell.settings import Kafka

_LOG: Final = structlog.get_logger(__name__)
_MOST_AT_ONCE: Final = 1_000
_WAIT_FOR_RECORDS: Final = 0.05
_ANSWER_WITHIN: Final = 10.0
_RENEW_AFTER: Final = 10.0
_QUEUED_KBYTES: Final = 16_384
_NOT_THERE: Final = (KafkaError._AUTO_OFFSET_RESET, KafkaError._LOG_TRUNCATION)  # noqa: SLF001
_REFUSED: Final = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some records of a partition, in order.

    `position` is the offset to go on from: offsets below it that have no record here hold none
    for us (they were compacted, belong to an aborted transaction, or are a marker). `gone` says
    how many offsets below the first record were deleted: the log begins later than was asked.
    """

    records: tuple[Record, ...]
    position: int
    gone: int = 0


class Reader:
    """A consumer outside the group, which reads one partition at a time.

    One thread uses it; another may close it.
    """

    def __init__(
        self, kafka: Kafka, *, patience: float, clock: Callable[[], float] = steady
    ) -> None:
        """`patience`: how long (seconds) the brokers may be silent before it is a failure."""
        self._kafka = kafka
        self._consumer = self._open()
        self._login = clients.Login(kafka)
        self._patience = patience
        self._clock = clock
        self._turn = threading.Lock()
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, from any thread; a read that goes on ends as a failure."""
        with self._turn:
            self._is_closed = True
            self._consumer.close()

    def bounds(self, partition: Partition) -> tuple[int, int]:
        """Return the first offset of a partition that is there, and its last stable offset."""

        def ask(within: float) -> tuple[int, int]:
            return self._consumer.get_watermark_offsets(
                TopicPartition(*partition), timeout=within, cached=False
            )

        return self._patiently(ask, f"where {partition.topic} [{partition.number}] ends")

    def at(self, partition: Partition, timestamp: int) -> int | None:
        """Return the first offset whose record is not older; None when there is no such record.

        `timestamp` is epoch milliseconds.
        """

        def ask(within: float) -> int | None:
            wanted = [TopicPartition(*partition, timestamp)]
            (found,) = self._consumer.offsets_for_times(wanted, timeout=within)
            if found.error is not None:
                raise KafkaException(found.error)
            return found.offset if found.offset >= 0 else None

        return self._patiently(ask, f"what {partition.topic} [{partition.number}] held then")

    def read(self, partition: Partition, begin: int, end: int) -> Iterator[Batch]:
        """Yield what lies at offsets from `begin` up to, not including, `end`.

        The last batch has the position `end`, whether or not a record lies there; nothing is
        yielded when that is not above `begin`. Stopping early is no harm.
        """
        position = begin
        if position >= end:
            return
        self._assign(partition, position)
        heard_at = renewed_at = self._clock()
        try:
            while position < end:
                messages = self._consume()
                now = self._clock()
                batch = self._batch(partition, messages, position, end)
                if batch is not None:
                    position, heard_at = batch.position, now
                    yield batch
                    heard_at = renewed_at = self._clock()  # the reader's own time is no silence
                elif now - heard_at > self._patience:
                    raise self._silent(partition, position)
                elif now - max(heard_at, renewed_at) > _RENEW_AFTER:
                    self._renew()
                    self._assign(partition, position)
                    renewed_at = now
        finally:
            with self._turn:
                if not self._is_closed:
                    self._consumer.unassign()

    def first(self, partition: Partition, begin: int, end: int) -> Record | None:
        """Return the first record that lies at offsets from `begin` up to `end`, if any does."""
        batches = self.read(partition, begin, end)
        return next((batch.records[0] for batch in batches if batch.records), None)

    def _batch(
        self, partition: Partition, messages: list[Message], position: int, end: int
    ) -> Batch | None:
        """Return what messages come to; None when they bring nothing further."""
        records, reached, gone = [], position, 0
        for message in messages:
            error, offset = message.error(), message.offset()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF and offset is not None:  # noqa: SLF001
                    reached = max(reached, offset)
                elif error.code() in _NOT_THERE:
                    gone = self._pass_over(partition, reached, end)
                    reached += gone
                    break
                else:
                    _raise_if_final(partition, error)
            elif offset is not None and offset >= reached:
                if offset < end:
                    records.append(record_of(message, partition, offset))
                reached = offset + 1
        if reached == position:
            return None
        return Batch(records=tuple(records), position=min(reached, end), gone=gone)

    def _pass_over(self, partition: Partition, position: int, end: int) -> int:
        """Go on where the log begins now; return how many of the offsets asked for are gone."""
        low, _ = self.bounds(partition)
        gone = max(0, min(low, end) - position)
        self._assign(partition, position + gone)
        return gone

    def _consume(self) -> list[Message]:
        with self._turn:
            self._check_open()
            self._login.follow(self._consumer)
            return self._consumer.consume(_MOST_AT_ONCE, _WAIT_FOR_RECORDS)

    def _assign(self, partition: Partition, position: int) -> None:
        with self._turn:
            self._check_open()
            self._consumer.assign([TopicPartition(*partition, position)])

    def _renew(self) -> None:
        """Take a new client: one whose broker went has been seen to find none for minutes."""
        with self._turn:
            self._check_open()
            self._consumer.close()
            self._consumer = self._open()

    def _open(self) -> Consumer:
        properties = clients.reader(self._kafka)
        properties["queued.max.messages.kbytes"] = _QUEUED_KBYTES
        properties["isolation.level"] = "read_committed"
        # A fetch that waits at a partition's end holds up all that is asked after it.
        properties["fetch.wait.max.ms"] = 50
        return Consumer(properties)

    def _check_open(self) -> None:
        if self._is_closed:
            raise RuntimeFailure("Reading was stopped.")

    def _patiently(self, ask: Callable[[float], Answer], what: str) -> Answer:
        deadline = self._clock() + self._patience
        while True:
            try:
                with self._turn:
                    self._check_open()
                    self._login.follow(self._consumer)
                    return ask(min(_ANSWER_WITHIN, max(0.1, deadline - self._clock())))
            except KafkaException as away:
                if self._clock() >= deadline or clients.is_fatal(away.args[0]):
                    raise RuntimeFailure(
                        f"Kafka does not tell {what}: {away.args[0].str()}. Check "
                        f"{SETTINGS}, and that the brokers run."
                    ) from None
                self._renew()

    def _silent(self, partition: Partition, position: int) -> RuntimeFailure:
        return RuntimeFailure(
            f"Nothing has come of {partition.topic} [{partition.number}] from offset {position} "
            f"on for {self._patience:.0f} s: check that its brokers run."
        )


def _raise_if_final(partition: Partition, error: KafkaError) -> None:
    if clients.is_fatal(error) or error.code() in _REFUSED:
        raise RuntimeFailure(
            f"{partition.topic} [{partition.number}] cannot be read: {error.str()}. Check "
            f"{SETTINGS}, and that the user may read the topic."
        )
    _LOG.debug("reading waits", topic=partition.topic, why=error.str())
