"""The replay lane, from the side of whoever fills it."""

from collections.abc import Callable
from functools import partial
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from processor.core.copies import Copy, headers_of_copy
from processor.core.replays import Candidate
from processor.errors import BrokenInvariant, ConfigurationError, RuntimeFailure
from processor.shell.clock import steady
from processor.shell.kafka import clients
from processor.shell.kafka.absence import absent
from processor.shell.kafka.broker import Broker
from processor.shell.settings import Connections, Kafka

_ANSWER_WITHIN: Final = 15.0
_POLL: Final = 0.05
_CONFIG_WITHIN: Final = 2.0
_TOO_LARGE: Final = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD)


def check(settings: Connections) -> int:
    """Return how many partitions the lane has; ConfigurationError when it cannot be one."""
    topics, broker = settings.topics, Broker(settings.kafka)
    lane, source = topics.replay, topics.order_paid
    try:
        counts = broker.partitions((lane, source), _ANSWER_WITHIN)
    except KafkaException as away:
        raise absent(settings.kafka, away) from None
    have, needed = counts[lane], counts[source]
    if needed is None:
        raise ConfigurationError(f"There is no topic {source}: check PROCESSOR_TOPICS__ORDER_PAID.")
    if have is None:
        raise ConfigurationError(
            f"There is no replay topic {lane}. Create it with {needed} partitions and "
            "cleanup.policy=delete, or name the right one in PROCESSOR_TOPICS__REPLAY; then "
            "restart the processors, which take it up at their start."
        )
    if have != needed:
        raise ConfigurationError(
            f"The replay topic {lane} has {have} partitions, and {source} has {needed}: a copy "
            f"keeps the partition number of its cart. Give {lane} {needed} partitions, and restart "
            "the processors."
        )
    if "compact" in (broker.config(lane, _CONFIG_WITHIN).get("cleanup.policy") or ""):
        raise ConfigurationError(
            f"The replay topic {lane} is compacted: of two copies of one cart the first would be "
            "deleted before it is worked. Set cleanup.policy=delete."
        )
    return have


class Lane:
    """The producer of copies. Belongs to one thread, which must call `serve` often."""

    def __init__(self, kafka: Kafka, topic: str, run_id: str) -> None:
        """Prepare; nothing is sent yet."""
        self._producer = Producer(clients.producer(kafka))
        self._login = clients.Login(kafka)
        self._topic = topic
        self._run_id = run_id
        self._failure: str | None = None

    def send(self, candidate: Candidate, acknowledged: Callable[[], None]) -> bool:
        """Copy a record; False: it was not taken, try again. `serve` calls `acknowledged`."""
        record = candidate.record
        if record is None:
            raise BrokenInvariant("what is not there cannot be copied")
        copy = Copy(
            replay_id=self._run_id,
            origin=candidate.origin,
            is_authorised=candidate.is_authorised,
        )
        try:
            self._producer.produce(
                self._topic,
                record.value,
                record.key,
                candidate.partition,
                on_delivery=partial(self._delivered, candidate, acknowledged),
                headers=list(headers_of_copy(copy, record.headers)),
            )
        except BufferError:
            return False
        except KafkaException as refused:
            self._note(candidate, refused.args[0])
        return True

    def serve(self, wait: float = 0.0) -> None:
        """Take acknowledgements; RuntimeFailure when a copy was not taken for good."""
        self._poll(wait)
        if self._failure is not None:
            raise RuntimeFailure(self._failure)

    def flush(self, within: float) -> None:
        """Wait for acknowledgements, as long as there is time; what fails now is not told."""
        deadline = steady() + within
        while len(self._producer) and steady() < deadline:
            self._poll(_POLL)

    def close(self) -> None:
        """Give up what was not acknowledged."""
        self._producer.purge()
        self._poll(0)

    def _poll(self, wait: float) -> None:
        self._login.follow(self._producer)
        try:
            self._producer.poll(wait)
        except KafkaException as fatal:  # whoever may write nowhere is refused before any copy is
            self._failure = self._failure or (
                f"{self._topic} takes no copies: {fatal.args[0].str()}. Check that the user may "
                "write to it."
            )

    def _delivered(
        self,
        candidate: Candidate,
        acknowledged: Callable[[], None],
        error: KafkaError | None,
        _: Message,
    ) -> None:
        if error is None:
            acknowledged()
        else:
            self._note(candidate, error)

    def _note(self, candidate: Candidate, error: KafkaError) -> None:
        """Keep the first failure: what follows it often follows from it."""
        origin = candidate.origin
        which = f"{origin.topic} [{origin.partition}] offset {origin.offset}"
        remedy = (
            f"Raise max.message.bytes of {self._topic}: a copy is larger than its original by "
            "the headers that tell where it came from."
            if error.code() in _TOO_LARGE
            else "Check that its brokers run and that the user may write to it."
        )
        self._failure = self._failure or (
            f"{self._topic} does not take the copy of {which}: {error.str()}. {remedy}"
        )
