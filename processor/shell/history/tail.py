"""The tail: reads what the live fleet writes of one replay, as it writes it."""

from collections.abc import Callable, Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from processor.core.events import Pending, Undecodable
from processor.core.outcomes import OutcomeView
from processor.core.records import Partition
from processor.core.tally import Tallied, Tally, Told
from processor.core.vocabulary import Effect, Operation, Reason, Status
from processor.errors import RuntimeFailure
from processor.shell.clock import steady
from processor.shell.kafka import clients
from processor.shell.kafka.absence import SETTINGS
from processor.shell.outputs import Foreign
from processor.shell.settings import Kafka

Read = Callable[[bytes], OutcomeView | Pending | Foreign | Undecodable]

_MOST_AT_ONCE: Final = 1_000
_ANSWER_WITHIN: Final = 15.0
_RENEW_AFTER: Final = 30.0
_EARLIER_MS: Final = 600_000
"""How far the clocks of the fleet may be behind ours before an outcome is not counted."""
_NOT_THERE: Final = (KafkaError._AUTO_OFFSET_RESET, KafkaError._LOG_TRUNCATION)  # noqa: SLF001


class Tail:
    """A consumer outside the group, of all partitions of the results; belongs to one thread."""

    def __init__(self, kafka: Kafka, topic: str, run_id: str, read: Read) -> None:
        """`read` decodes an outcome: only the ids of orders that changed are taken from it."""
        self._kafka = kafka
        self._consumer = self._open()
        self._login = clients.Login(kafka)
        self._topic = topic
        self._run_id = run_id.encode()
        self._read: Read | None = read
        self._tally = Tally()
        self._positions: dict[int, int] = {}
        self._new_from: dict[int, int] = {}
        self._heard_at = steady()

    def begin(self, partitions: int, started_at: int) -> None:
        """Read from the time on when the replay was started (epoch milliseconds). Blocks."""
        places = [TopicPartition(self._topic, number) for number in range(partitions)]
        try:
            self._new_from = {place.partition: self._end(place) for place in places}
            wanted = [
                TopicPartition(self._topic, number, started_at - _EARLIER_MS)
                for number in range(partitions)
            ]
            for found in self._consumer.offsets_for_times(wanted, timeout=_ANSWER_WITHIN):
                end = self._new_from[found.partition]
                self._positions[found.partition] = found.offset if found.offset >= 0 else end
        except KafkaException as away:
            raise RuntimeFailure(
                f"Kafka does not tell where {self._topic} ends: {away.args[0].str()}. Check "
                f"{SETTINGS}, and that its brokers run."
            ) from None
        self._assign()

    @property
    def tallied(self) -> Tallied:
        """What was read so far."""
        return self._tally.now()

    @property
    def new_dead_letters(self) -> int:
        """How many dead letters of the replay were written since `begin`."""
        return self._tally.new_dead_letters

    def serve(self) -> bool:
        """Take what has come; tell whether something has."""
        self._login.follow(self._consumer)
        messages = self._consumer.consume(_MOST_AT_ONCE, 0.0)
        for message in messages:
            self._take(message)
        if messages:
            self._heard_at = steady()
        elif steady() - self._heard_at > _RENEW_AFTER:
            self.renew()
        return bool(messages)

    def has_reached(self, ends: Mapping[Partition, int]) -> bool:
        """Whether everything below these ends was read."""
        return all(self._positions[place.number] >= end for place, end in ends.items())

    def renew(self) -> None:
        """Take a new client: one whose broker went has been seen to find none for minutes."""
        self._heard_at = steady()
        self._consumer.close()
        self._consumer = self._open()
        self._assign()

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()

    def _open(self) -> Consumer:
        return Consumer(clients.reader(self._kafka) | {"isolation.level": "read_committed"})

    def _end(self, place: TopicPartition) -> int:
        return self._consumer.get_watermark_offsets(place, timeout=_ANSWER_WITHIN, cached=False)[1]

    def _assign(self) -> None:
        self._consumer.assign(
            [
                TopicPartition(self._topic, number, position)
                for number, position in self._positions.items()
            ]
        )

    def _take(self, message: Message) -> None:
        number, offset, error = message.partition(), message.offset(), message.error()
        if error is None and number is not None and offset is not None:
            self._positions[number] = offset + 1
            self._count(message, is_new=offset >= self._new_from[number])
        elif error is not None and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
            self._positions[number or 0] = max(self._positions[number or 0], offset or 0)
        elif error is not None and error.code() in _NOT_THERE:
            self._go_where_it_begins(number or 0)
        elif error is not None and clients.is_fatal(error):
            raise RuntimeFailure(f"{self._topic} cannot be read: {error.str()}")

    def _go_where_it_begins(self, number: int) -> None:
        place = TopicPartition(self._topic, number)
        low, _ = self._consumer.get_watermark_offsets(place, timeout=_ANSWER_WITHIN, cached=False)
        self._positions[number] = low
        self._assign()

    def _count(self, message: Message, *, is_new: bool) -> None:
        headers = _headers(message)
        if headers.get("processor.replay.id") != self._run_id:
            return
        told = _told(headers, is_new=is_new)
        if told is not None and told.changes_order:
            told = _told(headers, is_new=is_new, order_id=self._order_id(message.value()))
        if told is not None:
            self._tally.take(told)

    def _order_id(self, value: bytes | None) -> str | None:
        """Return which order an outcome is of; no replay stops because that cannot be told."""
        if value is None or self._read is None:
            return None
        try:
            view = self._read(value)
        except RuntimeFailure:
            self._read = None  # the registry stays away: do not wait for it at every outcome
            return None
        return view.order_id if isinstance(view, OutcomeView) else None


def _headers(message: Message) -> dict[str, bytes]:
    try:
        headers = message.headers()
    except UnicodeDecodeError:
        return {}
    listed = headers if isinstance(headers, list) else []
    return {name: value for name, value in listed if isinstance(value, bytes)}


def _told(
    headers: Mapping[str, bytes], *, is_new: bool, order_id: str | None = None
) -> Told | None:
    """Return what headers tell; None when a word of them is unknown."""
    texts = {name: value.decode(errors="replace") for name, value in headers.items()}
    reason = texts.get("processor.reason")
    try:
        return Told(
            outcome_id=texts["processor.outcome.id"],
            operation=Operation(texts["processor.operation"]),
            status=Status(texts["processor.status"]),
            effect=Effect(texts["processor.effect"]),
            reason=None if reason is None else Reason(reason),
            order_id=order_id,
            is_new=is_new,
        )
    except (KeyError, ValueError):
        return None
