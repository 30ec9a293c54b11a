"""The schemas as others see them: golden bytes, closed sets, and what a registry is given."""

import json
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Final

import fastavro
import pytest

from processor.core.outcomes import DeadLetter, Outcome, OutcomeView
from processor.core.records import Source
from processor.core.replies import ItemVerdict, RoktError
from processor.core.vocabulary import Effect, ItemResult, Operation, Reason, Status
from processor.shell import schemas
from processor.shell.encoding import Encoder, OutcomeReader
from processor.shell.vetting import vet
from tests.support.codec import (
    ABANDONED,
    PAID,
    SCHEMA_ID,
    datum_of,
    decode,
    field_of,
    framed,
    items_of,
    only,
    record,
    schema_of,
)

GOLDEN: Final = Path(__file__).parent / "golden"
ENCODER: Final = Encoder(
    SCHEMA_ID, SCHEMA_ID + 1, processor_version="1.2.3", consumer_group="rokt-cart-processor"
)
OUTCOME: Final = Outcome(
    outcome_id="7f1c3d9a-3a57-5d0e-8a4e-1f0d3b1c2a4b",
    operation=Operation.CONFIRM,
    status=Status.PARTIALLY_SUCCEEDED,
    effect=Effect.PARTIALLY_APPLIED,
    reason=Reason.ITEMS_REJECTED,
    cart_id="c-1",
    order_id="o-1",
    source_event_id="e-1",
    source=Source("rokt-replay", 3, 41, 1_700_000_000_000),
    origin=Source("order-paid", 3, 12, None),
    replay_id="replay-1",
    request_fingerprint="ab" * 32,
    items=(
        ItemVerdict(
            cart_item_id="i-1",
            item_reservation_id="r-1",
            result=ItemResult.SUCCEEDED,
            item_confirmation_id="conf-1",
            item_confirmation_url="https://voucher.example/1",
        ),
        ItemVerdict(cart_item_id="i-2", item_reservation_id=None, result=ItemResult.REJECTED),
    ),
    http_status=200,
    error_description=None,
    errors=(RoktError(code="sold_out", message="gone", value_json='{"left":0}'),),
    detail="one of two items",
    attempts=2,
    ambiguous_attempts=1,
    first_attempt_at=1_700_000_000_100,
    last_attempt_at=1_700_000_001_200,
    rokt_trace_id="trace-1",
    processed_at=1_700_000_001_300,
)
VIEW: Final = OutcomeView(
    outcome_id=OUTCOME.outcome_id,
    operation=OUTCOME.operation,
    status=OUTCOME.status,
    effect=OUTCOME.effect,
    reason=OUTCOME.reason,
    cart_id=OUTCOME.cart_id,
    order_id=OUTCOME.order_id,
    source=OUTCOME.source,
    origin=OUTCOME.origin,
    replay_id=OUTCOME.replay_id,
    request_fingerprint=OUTCOME.request_fingerprint,
    items=(
        ItemVerdict(cart_item_id="i-1", item_reservation_id="r-1", result=ItemResult.SUCCEEDED),
        ItemVerdict(cart_item_id="i-2", item_reservation_id=None, result=ItemResult.REJECTED),
    ),
)
LETTER: Final = DeadLetter(
    record=record(framed(schema_of("OrderPaid"), datum_of(PAID)), (("h", b"\xff"), ("h", None))),
    outcome=OUTCOME,
    message="1 of 2 items was not confirmed",
    items=OUTCOME.items[1:],
    request_body=b'{"cartId":"c-1"}',
    response_body='{"items":[]}',
)


def golden(name: str) -> bytes:
    return bytes.fromhex(GOLDEN.joinpath(f"{name}.hex").read_text("ascii"))


def plainly_read(name: str, value: bytes) -> dict[str, object]:
    source = BytesIO(value)
    source.seek(5)
    datum = fastavro.schemaless_reader(source, fastavro.parse_schema(schema_of(name)), None)
    assert source.tell() == len(value)
    assert isinstance(datum, dict)
    return datum


def symbols(enum: object) -> set[str]:
    assert isinstance(enum, dict)
    assert enum["default"] == "UNKNOWN"
    return set(enum["symbols"])


def read_view(value: bytes, schema: object) -> object:
    vetted = vet(json.dumps(schema), schemas.readers())
    return OutcomeReader(only(SCHEMA_ID, vetted)).read(value)


@pytest.mark.parametrize("name", schemas.ALL)
def test_each_schema_stands_alone_in_our_namespace(name: str) -> None:
    schema = schema_of(name)
    assert (schema["name"], schema["namespace"]) == (name, "roktcart.v1")
    fastavro.parse_schema(schema, named_schemas={})


def test_the_golden_order_decodes() -> None:
    assert decode(golden("OrderPaid"), schema_of("OrderPaid")) == PAID


def test_the_golden_abandoned_cart_decodes() -> None:
    content = decode(golden("CartAbandoned"), schema_of("CartAbandoned"), "CartAbandoned")
    assert content == ABANDONED


def test_an_outcome_is_written_as_its_golden_bytes() -> None:
    assert ENCODER.outcome(OUTCOME) == golden("RoktCallOutcome")


def test_a_dead_letter_is_written_as_its_golden_bytes() -> None:
    assert ENCODER.dead_letter(LETTER) == golden("DeadLetter")


def test_the_golden_outcome_is_whole_for_any_avro_reader() -> None:
    datum = plainly_read("RoktCallOutcome", golden("RoktCallOutcome"))
    assert (datum["status"], datum["reason"]) == ("PARTIALLY_SUCCEEDED", "ITEMS_REJECTED")
    assert datum["processorVersion"] == "1.2.3"
    assert set(datum) == {field["name"] for field in schema_of("RoktCallOutcome")["fields"]}


def test_a_dead_letter_keeps_the_record_as_it_came() -> None:
    datum = plainly_read("DeadLetter", golden("DeadLetter"))
    assert datum["originalKey"] == LETTER.record.key
    assert datum["originalValue"] == LETTER.record.value
    assert datum["originalHeaders"] == [{"key": "h", "value": b"\xff"}, {"key": "h", "value": None}]
    assert datum["valueSchemaId"] == SCHEMA_ID
    assert datum["requestBody"] == '{"cartId":"c-1"}'
    assert datum["consumerGroup"] == "rokt-cart-processor"


def test_the_ledger_reads_an_outcome_back() -> None:
    assert read_view(golden("RoktCallOutcome"), schema_of("RoktCallOutcome")) == VIEW


def test_the_ledger_reads_the_outcome_of_a_newer_processor() -> None:
    schema = schema_of("RoktCallOutcome")
    schema["fields"].insert(3, {"name": "mood", "type": "string", "default": ""})
    field_of(schema, "effect")["type"]["symbols"].append("HALFWAY")
    field_of(schema, "status")["type"]["symbols"].append("PONDERING")
    datum = plainly_read("RoktCallOutcome", golden("RoktCallOutcome"))
    value = framed(schema, {**datum, "mood": "calm", "effect": "HALFWAY", "status": "PONDERING"})
    view = read_view(value, schema)
    assert isinstance(view, OutcomeView)
    assert (view.effect, view.status) == (Effect.MAYBE_APPLIED, Status.INDETERMINATE)
    assert (view.items, view.origin) == (VIEW.items, VIEW.origin)


@pytest.mark.parametrize("name", ["RoktCallOutcome", "DeadLetter"])
def test_the_enums_have_the_words_of_the_vocabulary_and_unknown(name: str) -> None:
    schema = schema_of(name)
    reason = field_of(schema, "reason")["type"]
    reason = reason[1] if isinstance(reason, list) else reason
    assert symbols(reason) == {*Reason, "UNKNOWN"}
    assert symbols(field_of(schema, "effect")["type"]) == {*Effect, "UNKNOWN"}
    assert symbols(field_of(schema, "operation")["type"]) == {*Operation}
    assert symbols(field_of(items_of(schema), "result")["type"]) == {*ItemResult}


def test_the_statuses_are_those_of_the_vocabulary_and_unknown() -> None:
    status = field_of(schema_of("RoktCallOutcome"), "status")["type"]
    assert symbols(status) == {*Status, "UNKNOWN"}


def test_what_is_named_as_omitted_is_left_out_and_the_value_leaves_its_digest() -> None:
    omitted = ("responseBody", "originalValue", "originalHeaders", "itemConfirmationUrl")
    letter = replace(LETTER, items=OUTCOME.items, omitted=omitted)
    datum = plainly_read("DeadLetter", ENCODER.dead_letter(letter))
    value = LETTER.record.value
    assert value is not None
    assert datum["originalValueSha256"] == sha256(value).hexdigest()
    assert (datum["originalValue"], datum["responseBody"]) == (None, None)
    assert datum["originalHeaders"] == []
    assert datum["omitted"] == list(omitted)
    assert "voucher.example" not in repr(datum)
    assert datum["originalKey"] == LETTER.record.key


def test_a_tombstone_leaves_no_digest_behind() -> None:
    letter = replace(LETTER, record=record(None), request_body=None, omitted=("originalValue",))
    datum = plainly_read("DeadLetter", ENCODER.dead_letter(letter))
    assert (datum["originalValue"], datum["originalValueSha256"]) == (None, None)
    assert datum["requestBody"] is None
