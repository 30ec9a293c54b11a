"""The sink: writes outcomes and dead letters, again and again until they are acknowledged."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from processor.core.effects import Produce
from processor.core.outcomes import DeadLetter, Outcome
from processor.errors import RuntimeFailure
from processor.shell.encoding import Encoder
from processor.shell.kafka import clients
from processor.shell.kafka.headers import headers_of
from processor.shell.settings import Kafka, Topics

_LOG: Final = structlog.get_logger()
_TOO_LARGE: Final = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD)
_TRY_AGAIN_AFTER: Final = 0.5
_SAY_STUCK_AFTER: Final = 10.0
_REPLACED: Final = (
    "its offsets went back, so it was deleted and created anew, or lost its end. What was written "
    "before is gone. This process remembers the outcomes that it knew; after a restart only those "
    "written since are known, and an order that comes again, in a replay say, is called again. "
    "Stop replays, and copy the lost outcomes back from a backup, before anything is restarted"
)
# What is shed when a record is too large, step by step. Items, ids and results never are.
_OUTCOME_SHEDS: Final = ("errors", "errorDescription", "itemConfirmationUrl", "detail")
_DEAD_LETTER_SHEDS: Final = (
    "responseBody",
    "errors",
    "requestBody",
    "itemConfirmationUrl",
    "originalHeaders",
    "originalValue",
    "originalKey",
)


class Sink:
    """The producer of the outputs. Belongs to the loop's thread, which must call `poll` often."""

    def __init__(
        self,
        kafka: Kafka,
        topics: Topics,
        encoder: Encoder,
        acknowledged: Callable[[int, int], None],
        clock: Callable[[], float],
    ) -> None:
        """Call `acknowledged(output_id, offset)` from `poll` for what lies in its topic."""
        self._producer = Producer(clients.producer(kafka))
        self._login = clients.Login(kafka)
        self._topics = topics
        self._encoder = encoder
        self._acknowledged = acknowledged
        self._clock = clock
        self._waiting: deque[Produce] = deque()
        self._failed: list[Produce] = []
        self._try_again_at = 0.0
        self._under_way: dict[int, tuple[str, float]] = {}
        self._ends: dict[tuple[str, int], int] = {}
        self.trouble: str | None = None
        """Why the last output was not taken, None when it was."""

    def produce(self, output: Produce) -> None:
        """Write an output; it waits when the producer's queue is full."""
        if self._waiting or not self._hand_over(output):
            self._waiting.append(output)

    def poll(self) -> None:
        """Serve acknowledgements, and hand over what had to wait."""
        self._login.follow(self._producer)
        self._producer.poll(0)
        self._notice_silence()
        if self._failed and self._clock() >= self._try_again_at:
            self._waiting.extend(self._failed)
            self._failed.clear()
        for _ in range(len(self._waiting)):
            if not self._hand_over(self._waiting[0]):
                return
            self._waiting.popleft()

    def _hand_over(self, output: Produce) -> bool:
        match output.content:
            case Outcome() as outcome:
                topic, value = self._topics.results, self._encoder.outcome(outcome)
            case DeadLetter() as letter:
                topic, value = self._topics.dead_letters, self._encoder.dead_letter(letter)
        try:
            self._producer.produce(
                topic,
                value,
                output.key,
                output.partition,
                on_delivery=lambda error, message: self._delivered(output, error, message),
                headers=headers_of(output.content),
            )
        except BufferError:
            return False
        except KafkaException as refused:
            self._not_taken(output, topic, refused.args[0])
        else:
            self._under_way[output.output_id] = topic, self._clock()
        return True

    def _delivered(self, output: Produce, error: KafkaError | None, message: Message) -> None:
        topic, _ = self._under_way.pop(output.output_id)
        if error is None:
            self.trouble = None
            offset = message.offset() or 0
            self._notice_replaced(topic, output.partition, offset)
            self._acknowledged(output.output_id, offset)
        else:
            self._not_taken(output, topic, error)

    def _not_taken(self, output: Produce, topic: str, error: KafkaError) -> None:
        if clients.is_fatal(error):
            raise RuntimeFailure(f"Kafka's producer has failed for good: {error.str()}")
        if error.code() in _TOO_LARGE:
            self._shed(output)
        else:
            self._try_again(output, f"{topic} does not take it: {error.str()}")

    def _try_again(self, output: Produce, trouble: str) -> None:
        """Write an output again after a while, for ever: it is never given up."""
        self._say(trouble)
        self._failed.append(output)
        self._try_again_at = self._clock() + _TRY_AGAIN_AFTER

    def _say(self, trouble: str) -> None:
        if self.trouble != trouble:
            _LOG.warning("output not taken, trying again", why=trouble)
        self.trouble = trouble

    def _notice_silence(self) -> None:
        """Say when the oldest output is not answered: the client itself tries for minutes first."""
        topic, since = next(iter(self._under_way.values()), ("", self._clock()))
        if self.trouble is None and self._clock() - since > _SAY_STUCK_AFTER:
            self._say(f"{topic} has not answered for {_SAY_STUCK_AFTER:.0f} s")

    def _notice_replaced(self, topic: str, partition: int, offset: int) -> None:
        """Say when a topic that we wrote to is another one: what lay there before is gone."""
        if offset <= self._ends.get((topic, partition), -1):
            _LOG.error("output topic replaced", topic=topic, partition=partition, why=_REPLACED)
        self._ends[topic, partition] = offset

    def _shed(self, output: Produce) -> None:
        """Leave one more part of a record out that the topic finds too large."""
        content = output.content
        sheds = _OUTCOME_SHEDS if isinstance(content, Outcome) else _DEAD_LETTER_SHEDS
        shed = content.omitted
        left = [name for name in sheds if name not in shed]
        if not left:
            self._try_again(output, "it is too large for its topic: raise max.message.bytes")
            return
        smaller = replace(content, omitted=(*shed, left[0]))
        self.produce(Produce(output.output_id, output.partition, output.key, smaller))
