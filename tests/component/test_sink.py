"""The sink: outputs are written in order, again and again, smaller where they are too large."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from io import BytesIO
from typing import Any, Final

import fastavro
import pytest
from confluent_kafka import KafkaError, KafkaException, Message

from processor.core.effects import Produce
from processor.core.outcomes import DeadLetter, Outcome
from processor.core.records import Record, Source
from processor.core.replies import ItemVerdict, RoktError
from processor.core.vocabulary import Effect, ItemResult, Operation, Reason, Status
from processor.errors import RuntimeFailure
from processor.shell import schemas
from processor.shell.encoding import Encoder
from processor.shell.kafka import sink as module
from processor.shell.kafka.sink import Sink
from processor.shell.settings import Kafka, Topics
from tests.support.mock_kafka import MockKafka, error, exception
from tests.support.programs import wait_until

RESULTS, DEAD_LETTERS = "rokt-results", "rokt-dead-letters"
VALUE: Final = b"value" * 100
ITEM: Final = ItemVerdict(
    cart_item_id="i-1",
    item_reservation_id="r-1",
    result=ItemResult.REJECTED,
    item_confirmation_id="c-1",
    item_confirmation_url="https://voucher/" + "u" * 400,
)
OUTCOME = Outcome(
    outcome_id="6f4f", operation=Operation.CONFIRM, status=Status.REJECTED,
    effect=Effect.NOT_APPLIED, reason=Reason.BAD_REQUEST, cart_id="c-1", order_id="o-1",
    source_event_id="e-1", source=Source("order-paid", 3, 42, 1_790_000_000_000), origin=None,
    replay_id=None, request_fingerprint="", items=(ITEM,), http_status=400,
    error_description="e" * 300,
    errors=(RoktError(code="c", message="m" * 400, value_json=None),), detail="d" * 200,
    attempts=1, ambiguous_attempts=0, first_attempt_at=None, last_attempt_at=None,
    rokt_trace_id=None, processed_at=1_790_000_000_001,
)  # fmt: skip
LETTER = DeadLetter(
    record=Record(OUTCOME.source, b"k" * 100, VALUE, (("h", b"h" * 150),)),
    outcome=OUTCOME,
    message="Rokt says no",
    items=(ITEM,),
    request_body=b"b" * 350,
    response_body="r" * 600,
)
OUTCOME_STEPS = ("errors", "errorDescription", "itemConfirmationUrl", "detail")
LETTER_STEPS = (
    "responseBody", "errors", "requestBody", "itemConfirmationUrl", "originalHeaders",
    "originalValue", "originalKey",
)  # fmt: skip


def output(number: int = 1, content: Outcome | DeadLetter = OUTCOME) -> Produce:
    return Produce(number, 3, b"c-1", content)


def decoded(topic: str, value: bytes) -> dict[str, Any]:
    """Read an output as a consumer with our schema would."""
    name = schemas.OUTCOME if topic == RESULTS else schemas.DEAD_LETTER
    schema = fastavro.parse_schema(json.loads(schemas.text(name)))
    found = fastavro.schemaless_reader(BytesIO(value[5:]), schema, None)
    assert isinstance(found, dict)
    return found


@dataclass
class Taken:
    """What the producer was given."""

    topic: str
    value: bytes
    key: bytes
    partition: int
    deliver: Callable[[KafkaError | None, Message], None]
    headers: list[tuple[str, str]]

    @property
    def datum(self) -> dict[str, Any]:
        return decoded(self.topic, self.value)

    @property
    def source_offset(self) -> int:
        return int(self.datum["source"]["offset"])


@dataclass
class FakeProducer:
    """Takes what fits into its queue and its limits; the test delivers."""

    room: int = 1_000
    limit: int = 1_000_000
    """The largest value that the client itself takes."""
    refusal: KafkaException | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    queue: list[Taken] = field(default_factory=list)
    offered: int = 0
    due: list[Callable[[], None]] = field(default_factory=list)
    """What the next poll serves."""

    def __call__(self, properties: dict[str, Any]) -> "FakeProducer":
        self.properties = properties
        return self

    def produce(
        self,
        topic: str,
        value: bytes,
        key: bytes,
        partition: int,
        *,
        on_delivery: Callable[[KafkaError | None, Message], None],
        headers: list[tuple[str, str]],
    ) -> None:
        self.offered += 1
        if self.refusal is not None:
            raise self.refusal
        if len(self.queue) >= self.room:
            raise BufferError
        taken = Taken(topic, value, key, partition, on_delivery, headers)
        if len(taken.value) > self.limit:
            raise exception(KafkaError.MSG_SIZE_TOO_LARGE)
        self.queue.append(taken)

    def poll(self, _: float) -> None:
        due, self.due = self.due, []
        for serve in due:
            serve()

    def answer(self, trouble: KafkaError | None = None, offset: int = 0) -> None:
        """Let the next poll say what came of the oldest record in the queue."""
        taken = self.queue.pop(0)
        message = Message(topic=taken.topic, partition=taken.partition, offset=offset)
        self.due.append(lambda: taken.deliver(trouble, message))


class Stage:
    """A sink on a fake producer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.producer = FakeProducer()
        monkeypatch.setattr(module, "Producer", self.producer)
        self.now = 100.0
        self.acknowledged: list[tuple[int, int]] = []
        encoder = Encoder(1, 2, processor_version="1", consumer_group="g")
        kafka = Kafka(bootstrap_servers="b:1")
        self.sink = Sink(
            kafka,
            Topics(),
            encoder,
            lambda number, offset: self.acknowledged.append((number, offset)),
            lambda: self.now,
        )


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


def numbered(number: int) -> Produce:
    """An output whose number is also the offset of its source."""
    source = Source("order-paid", 3, number, None)
    return output(number, replace(OUTCOME, source=source))


# Acknowledgements


@pytest.mark.parametrize(("content", "topic"), [(OUTCOME, RESULTS), (LETTER, DEAD_LETTERS)])
def test_an_output_goes_to_its_topic_with_the_partition_and_key_of_its_input(
    stage: Stage, content: Outcome | DeadLetter, topic: str
) -> None:
    stage.sink.produce(output(content=content))
    (taken,) = stage.producer.queue
    assert (taken.topic, taken.partition, taken.key) == (topic, 3, b"c-1")
    assert ("processor.status", "REJECTED") in taken.headers


def test_an_acknowledgement_carries_the_offset_of_its_output(stage: Stage) -> None:
    stage.sink.produce(output(7))
    assert stage.acknowledged == []
    stage.producer.answer(offset=42)
    stage.sink.poll()
    assert stage.acknowledged == [(7, 42)]


def test_nothing_is_produced_without_all_replicas_and_idempotence(stage: Stage) -> None:
    properties = stage.producer.properties
    assert (properties["acks"], properties["enable.idempotence"]) == ("all", True)


# Trouble


def test_a_full_queue_keeps_the_order_and_is_tried_again_at_the_next_poll(stage: Stage) -> None:
    stage.producer.room = 1
    for number in (1, 2, 3):
        stage.sink.produce(numbered(number))
    seen = []
    while stage.producer.queue:
        seen.append(stage.producer.queue[0].source_offset)
        stage.producer.answer()
        stage.sink.poll()
    assert seen == [1, 2, 3]
    assert [number for number, _ in stage.acknowledged] == [1, 2, 3]


def test_an_output_does_not_overtake_those_that_wait(stage: Stage) -> None:
    stage.producer.room = 0
    stage.sink.produce(numbered(1))
    stage.producer.room = 2
    stage.sink.produce(numbered(2))
    assert stage.producer.queue == []
    stage.sink.poll()
    assert [each.source_offset for each in stage.producer.queue] == [1, 2]


def test_a_full_queue_is_not_asked_for_every_output_that_waits(stage: Stage) -> None:
    stage.producer.room = 0
    for number in range(5):
        stage.sink.produce(numbered(number))
    stage.sink.poll()
    assert stage.producer.offered == 2


def test_what_was_not_taken_is_written_again_after_a_rest_and_for_ever(stage: Stage) -> None:
    stage.sink.produce(output(7))
    for _ in range(5):
        stage.producer.answer(error(KafkaError.NOT_ENOUGH_REPLICAS, "too few"))
        stage.sink.poll()
        assert stage.sink.trouble == "rokt-results does not take it: too few"
        stage.now += 0.4
        stage.sink.poll()
        assert stage.producer.queue == []
        stage.now += 0.1
        stage.sink.poll()
        assert len(stage.producer.queue) == 1
    stage.producer.answer(offset=1)
    stage.sink.poll()
    assert stage.acknowledged == [(7, 1)]
    assert stage.sink.trouble is None


def test_all_that_was_not_taken_is_written_again(stage: Stage) -> None:
    for number in (1, 2, 3):
        stage.sink.produce(numbered(number))
        stage.producer.answer(error(KafkaError._MSG_TIMED_OUT))  # noqa: SLF001
    stage.sink.poll()
    stage.now += 1.0
    stage.sink.poll()
    assert [each.source_offset for each in stage.producer.queue] == [1, 2, 3]


@pytest.mark.parametrize(
    "code",
    [KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION, KafkaError._AUTHENTICATION],  # noqa: SLF001
)
def test_an_output_that_the_client_does_not_even_take_is_written_again(
    stage: Stage, code: int
) -> None:
    stage.producer.refusal = exception(code, "not here")
    stage.sink.produce(output(7))
    assert stage.sink.trouble == "rokt-results does not take it: not here"
    stage.producer.refusal = None
    stage.sink.poll()
    assert stage.producer.queue == []
    stage.now += 0.5
    stage.sink.poll()
    stage.producer.answer(offset=1)
    stage.sink.poll()
    assert stage.acknowledged == [(7, 1)]
    assert stage.sink.trouble is None


def test_silence_is_said_long_before_the_client_gives_up(stage: Stage) -> None:
    stage.sink.produce(output(7))
    seen = []
    for seconds in (9.0, 2.0):
        stage.now += seconds
        stage.sink.poll()
        seen.append(stage.sink.trouble)
    stage.producer.answer()
    for _ in range(2):
        stage.sink.poll()
        seen.append(stage.sink.trouble)
        stage.now += 20.0
    assert seen == [None, "rokt-results has not answered for 10 s", None, None]


def test_a_topic_whose_offsets_go_back_is_another_one(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    for offset in (5, 6, 0, 1):
        stage.sink.produce(output(7))
        stage.producer.answer(offset=offset)
        stage.sink.poll()
    assert capsys.readouterr().out.count("output topic replaced") == 1
    assert len(stage.acknowledged) == 4


def test_a_fatal_error_at_the_delivery_ends_the_process(stage: Stage) -> None:
    stage.sink.produce(output())
    stage.producer.answer(error(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, "gap", fatal=True))
    with pytest.raises(RuntimeFailure, match="gap"):
        stage.sink.poll()


def test_a_producer_that_takes_nothing_any_more_ends_the_process(stage: Stage) -> None:
    stage.producer.refusal = exception(KafkaError._FATAL, "fenced")  # noqa: SLF001
    with pytest.raises(RuntimeFailure, match="fenced"):
        stage.sink.produce(output())


# Size


@pytest.mark.parametrize(("content", "steps"), [(OUTCOME, OUTCOME_STEPS), (LETTER, LETTER_STEPS)])
def test_what_the_topic_finds_too_large_is_shed_step_by_step(
    stage: Stage, content: Outcome | DeadLetter, steps: tuple[str, ...]
) -> None:
    stage.sink.produce(output(content=content))
    seen = []
    while stage.producer.queue:
        seen.append(stage.producer.queue[0].datum["omitted"])
        stage.producer.answer(error(KafkaError.MSG_SIZE_TOO_LARGE))
        stage.sink.poll()
    assert seen == [list(steps[:count]) for count in range(len(steps) + 1)]


@pytest.mark.parametrize("content", [OUTCOME, LETTER])
def test_what_the_client_finds_too_large_sheds_no_more_than_it_must(
    stage: Stage, content: Outcome | DeadLetter
) -> None:
    stage.sink.produce(output(content=content))
    whole = len(stage.producer.queue.pop().value)
    stage.producer.limit = whole - 1
    stage.sink.produce(output(content=content))
    (taken,) = stage.producer.queue
    assert len(taken.datum["omitted"]) == 1
    assert len(taken.value) < whole


def test_what_the_broker_calls_invalid_for_its_size_is_shed_too(stage: Stage) -> None:
    stage.sink.produce(output())
    stage.producer.answer(error(KafkaError.INVALID_RECORD))
    stage.sink.poll()
    (taken,) = stage.producer.queue
    assert taken.datum["omitted"] == ["errors"]


def smallest(stage: Stage, content: Outcome | DeadLetter) -> dict[str, Any]:
    """What is left of an output that stays too large for its topic."""
    left: dict[str, Any] = {}
    stage.sink.produce(output(7, content))
    while stage.producer.queue:
        left = stage.producer.queue[0].datum
        stage.producer.answer(error(KafkaError.MSG_SIZE_TOO_LARGE))
        stage.sink.poll()
    return left


def test_an_outcome_never_loses_its_items_nor_what_came_of_them(stage: Stage) -> None:
    left = smallest(stage, OUTCOME)
    assert left["items"] == [
        {
            "cartItemId": "i-1",
            "itemReservationId": "r-1",
            "result": "REJECTED",
            "itemConfirmationId": "c-1",
            "itemConfirmationUrl": None,
        }
    ]
    assert (left["errors"], left["errorDescription"], left["detail"]) == ([], None, None)
    assert (left["outcomeId"], left["status"], left["orderId"]) == ("6f4f", "REJECTED", "o-1")


def test_a_dead_letter_keeps_the_digest_of_what_it_lost(stage: Stage) -> None:
    left = smallest(stage, LETTER)
    assert left["originalValueSha256"] == sha256(VALUE).hexdigest()
    assert [left[name] for name in ("originalKey", "originalValue", "responseBody")] == [None] * 3
    assert left["originalHeaders"] == []
    assert [item["cartItemId"] for item in left["items"]] == ["i-1"]


@pytest.mark.parametrize("is_refused_by_the_client", [False, True])
def test_nothing_spins_when_an_output_stays_too_large(
    stage: Stage, *, is_refused_by_the_client: bool
) -> None:
    if is_refused_by_the_client:
        stage.producer.limit = 10
    smallest(stage, OUTCOME)
    assert stage.sink.trouble == "it is too large for its topic: raise max.message.bytes"
    offered = stage.producer.offered
    for _ in range(10):
        stage.sink.poll()
    assert stage.producer.offered == offered
    stage.producer.limit = 1_000_000
    stage.now += 0.5
    stage.sink.poll()
    stage.producer.answer(offset=3)
    stage.sink.poll()
    assert stage.acknowledged == [(7, 3)]


def test_a_shed_output_waits_behind_others_when_the_queue_is_full(stage: Stage) -> None:
    stage.sink.produce(numbered(1))
    stage.producer.answer(error(KafkaError.MSG_SIZE_TOO_LARGE))
    stage.producer.room = 0
    stage.sink.produce(numbered(2))
    stage.sink.poll()
    stage.producer.room = 2
    stage.sink.poll()
    assert [each.source_offset for each in stage.producer.queue] == [2, 1]


# The real client


def test_a_real_acknowledgement_carries_the_offset() -> None:
    kafka, acknowledged = MockKafka(), list[tuple[int, int]]()
    topics = Topics(results=kafka.topic(), dead_letters=kafka.topic())
    sink = real_sink(kafka, topics, acknowledged)
    for number in range(3):
        sink.produce(Produce(number, 0, b"c-1", OUTCOME))
    serve(sink, lambda: len(acknowledged) == 3)
    assert acknowledged == [(0, 0), (1, 1), (2, 2)]


def test_an_output_too_large_for_the_real_client_is_shed() -> None:
    kafka, acknowledged = MockKafka(), list[tuple[int, int]]()
    topics = Topics(results=kafka.topic(), dead_letters=kafka.topic())
    sink = real_sink(kafka, topics, acknowledged, **{"message.max.bytes": 1_000})
    sink.produce(Produce(5, 0, b"c-1", LETTER))
    serve(sink, lambda: acknowledged)
    (found,) = kafka.read(topics.dead_letters, 1)
    left = decoded(DEAD_LETTERS, found.value() or b"")
    assert left["omitted"] == list(LETTER_STEPS[: len(left["omitted"])])
    assert 0 < len(left["omitted"]) < len(LETTER_STEPS)


def real_sink(
    kafka: MockKafka, topics: Topics, acknowledged: list[tuple[int, int]], **properties: int
) -> Sink:
    encoder = Encoder(1, 2, processor_version="1", consumer_group="g")
    settings = kafka.settings(properties=properties)
    return Sink(settings, topics, encoder, lambda *each: acknowledged.append(each), lambda: 100.0)


def serve(sink: Sink, condition: Callable[[], object]) -> None:
    def poll() -> object:
        sink.poll()
        return condition()

    wait_until(poll, within=10, what="the outputs are acknowledged")
