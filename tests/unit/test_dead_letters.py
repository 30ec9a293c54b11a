"""Dead letters are read back as they were written."""

from dataclasses import replace

from processor.core.events import Undecodable
from processor.core.outcomes import DeadLetter
from processor.core.records import Record, Source
from processor.core.replies import ItemVerdict, RoktError
from processor.core.vocabulary import Effect, ItemResult, Reason
from processor.shell import schemas
from processor.shell.encoding import Encoder
from processor.shell.history.dead_letters import (
    DeadLetterReader,
    DeadLetterView,
    history_readers,
)
from processor.shell.outputs import Foreign
from processor.shell.vetting import vet
from tests.contract.test_outputs import OUTCOME
from tests.support.codec import only

LETTER = DeadLetter(
    record=Record(OUTCOME.source, b"c-1", b"\0\0\0\0\x07value", (("a", b"1"), ("a", None))),
    outcome=replace(
        OUTCOME,
        origin=Source("order-paid", 3, 7, None),
        replay_id="r-1",
        errors=(RoktError(code="C", message="no", value_json="1"),),
    ),
    message="Rokt says no",
    items=(ItemVerdict(cart_item_id="i", item_reservation_id=None, result=ItemResult.REJECTED),),
    request_body=b"{}",
    response_body="no",
)
READER = DeadLetterReader(only(2, vet(schemas.text(schemas.DEAD_LETTER), history_readers())))


def encode(letter: DeadLetter, schema_id: int = 2) -> bytes:
    encoder = Encoder(1, schema_id, processor_version="1", consumer_group="group")
    return encoder.dead_letter(letter)


def read(letter: DeadLetter) -> DeadLetterView:
    view = READER.read(encode(letter))
    assert isinstance(view, DeadLetterView)
    return view


def test_all_that_a_dead_letter_says_is_read_back() -> None:
    view = read(LETTER)
    assert view == DeadLetterView(
        dead_letter_id="6f4f",
        failed_at=1_790_000_000_001,
        reason=Reason.BAD_REQUEST,
        effect=Effect.NOT_APPLIED,
        operation=OUTCOME.operation,
        message="Rokt says no",
        cart_id="c-1",
        order_id="o-1",
        source_event_id="e-1",
        source=OUTCOME.source,
        origin=Source("order-paid", 3, 7, None),
        replay_id="r-1",
        original_key=b"c-1",
        original_value=b"\0\0\0\0\x07value",
        original_headers=(("a", b"1"), ("a", None)),
        value_schema_id=7,
        request_body="{}",
        response_body="no",
        http_status=400,
        errors=LETTER.outcome.errors,
        items=LETTER.items,
        attempts=1,
        ambiguous_attempts=0,
        first_attempt_at=None,
        consumer_group="group",
        processor_version="1",
        omitted=(),
        original_value_sha256=None,
    )
    assert (view.first_seen.offset, view.is_whole) == (7, True)


def test_a_value_that_was_left_out_is_no_tombstone() -> None:
    view = read(replace(LETTER, omitted=("responseBody", "originalValue")))
    assert (view.original_value, view.is_whole) == (None, False)
    assert view.original_value_sha256 is not None
    tombstone = read(replace(LETTER, record=replace(LETTER.record, value=None)))
    assert (tombstone.original_value, tombstone.is_whole) == (None, True)


def test_what_is_no_dead_letter_is_foreign_and_what_is_broken_is_not() -> None:
    assert isinstance(READER.read(b"garbage"), Foreign)
    assert isinstance(READER.read(encode(LETTER) + b"more"), Undecodable)
    outcomes = DeadLetterReader(only(2, vet(schemas.text(schemas.OUTCOME), history_readers())))
    assert isinstance(outcomes.read(encode(LETTER)), Foreign)
