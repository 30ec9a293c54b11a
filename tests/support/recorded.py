"""Records as our topics hold them: inputs, outcomes, dead letters, written by the real encoder."""

from dataclasses import replace
from typing import Any, Final

from processor.core.outcomes import DeadLetter, Outcome
from processor.core.records import Record, Source
from processor.core.replies import ItemVerdict, RoktError
from processor.core.vocabulary import Effect, ItemResult, Operation, Reason, Status
from processor.shell import schemas
from processor.shell.encoding import Encoder
from processor.shell.framing import SchemaKey
from processor.shell.history.dead_letters import history_readers
from processor.shell.settings import Connections, Kafka, SchemaRegistry, Topics
from processor.shell.vetting import Refusal, VettedSchema, vet
from tests.support.codec import ABANDONED, PAID, datum_of, framed, schema_of

IDS: Final = {name: number for number, name in enumerate(schemas.ALL, 1)}
ENCODER: Final = Encoder(
    IDS["RoktCallOutcome"], IDS["DeadLetter"], processor_version="1", consumer_group="g"
)
NOW: Final = 1_700_000_100_000
TOPICS: Final = Topics()
SETTINGS: Final = Connections(
    kafka=Kafka(bootstrap_servers="b:1"),
    schema_registry=SchemaRegistry(url="http://r"),
    topics=TOPICS,
)
SUCCEEDED: Final = ItemVerdict(
    cart_item_id="v1:uuid:canal",
    item_reservation_id="r-1",
    result=ItemResult.SUCCEEDED,
    item_confirmation_id="conf-1",
    item_confirmation_url="https://voucher.example/secret",
)
CONFIRMED: Final = Outcome(
    outcome_id="id",
    operation=Operation.CONFIRM,
    status=Status.SUCCEEDED,
    effect=Effect.APPLIED,
    reason=None,
    cart_id="c-1",
    order_id="o-1",
    source_event_id="e-1",
    source=Source(TOPICS.order_paid, 0, 0, 1_700_000_000_500),
    origin=None,
    replay_id=None,
    request_fingerprint="f",
    items=(SUCCEEDED,),
    http_status=200,
    error_description=None,
    errors=(),
    detail=None,
    attempts=3,
    ambiguous_attempts=1,
    first_attempt_at=1_700_000_001_000,
    last_attempt_at=1_700_000_003_500,
    rokt_trace_id="t",
    processed_at=1_700_000_004_000,
)
REFUSED: Final = replace(
    CONFIRMED,
    status=Status.REJECTED,
    effect=Effect.NOT_APPLIED,
    reason=Reason.UNPROCESSABLE,
    items=(SUCCEEDED._replace(result=ItemResult.UNKNOWN),),
    http_status=422,
    error_description="no such item",
    errors=(RoktError(code="E", message="gone", value_json='"https://voucher.example/secret"'),),
)


def known(schema: SchemaKey) -> VettedSchema | Refusal | None:
    """Return what is known of a schema: our four, numbered in their order."""
    name = {number: name for name, number in IDS.items()}.get(int(schema))
    return None if name is None else vet(schemas.text(name), history_readers())


def lies(topic: str, offset: int, value: bytes | None, **more: Any) -> Record:  # noqa: ANN401
    """Return a record of cart c-1 in partition 0."""
    source = Source(topic, 0, offset, 1_700_000_000_500 + offset)
    return Record(source, **{"key": b"c-1", "value": value} | more)


PAID_VALUE: Final = framed(schema_of("OrderPaid"), datum_of(PAID), IDS["OrderPaid"])
ABANDONED_VALUE: Final = framed(
    schema_of("CartAbandoned"), datum_of(ABANDONED), IDS["CartAbandoned"]
)
PAYMENT: Final = lies(TOPICS.order_paid, 0, PAID_VALUE)


def result(offset: int, outcome: Outcome) -> Record:
    """Return an outcome as it lies in the results."""
    return lies(TOPICS.results, offset, ENCODER.outcome(outcome))


def letter(offset: int, outcome: Outcome, record: Record = PAYMENT, **more: Any) -> Record:  # noqa: ANN401
    """Return the dead letter of a record as it lies in its topic."""
    written = DeadLetter(
        record=record,
        outcome=outcome,
        message="HTTP 422",
        items=outcome.items,
        request_body=b"{}",
        response_body="https://voucher.example/secret",
        **more,
    )
    return lies(TOPICS.dead_letters, offset, ENCODER.dead_letter(written))
