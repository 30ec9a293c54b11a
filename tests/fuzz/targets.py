"""What is fuzzed: from hostile bytes to what may be called, written or said.

Each target takes any bytes, and fails an assertion where a promise is broken. An input is
readable as a file: the text of a schema; a schema, a line break and a record's value; a response.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final, NoReturn

from processor.core.calls import Call, CallShape, confirm_call, release_call
from processor.core.conclusions import conclude
from processor.core.events import CartAbandoned, OrderPaid, Undecodable, problems
from processor.core.outcomes import end_with
from processor.core.records import Now
from processor.core.replies import Reply, Response, Verdict
from processor.core.verdicts import classify
from processor.core.vocabulary import Effect, Reason, Status
from processor.core.work import Work
from processor.shell import schemas
from processor.shell.avro_form import read_schema
from processor.shell.decoding import MAX_ID, Decoder
from processor.shell.encoding import Encoder, OutcomeReader
from processor.shell.framing import prefix
from processor.shell.vetting import Refusal, VettedSchema, vet
from tests.fuzz.exchange import reply_to
from tests.fuzz.making import written_out
from tests.fuzz.reference import MalformedError, OverlongError, value_of
from tests.support.codec import ABANDONED, PAID, SCHEMA_ID, datum_of, only, record

_MOST_SECONDS: Final = 5.0
_LONGEST_DETAIL: Final = 400
_READERS: Final = schemas.readers()
_OURS: Final = {
    name: read_schema(schemas.text(name), keeps_defaults=True) for name in schemas.EVENTS
}
_IDS: Final = ("eventId", "cartId", "orderId", "merchantId", "payPalOrderId")
_ITEM_IDS: Final = ("cartItemId", "itemReservationId", "catalogItemId")
_SHAPE: Final = CallShape(tag_id="tag")
_ENCODER: Final = Encoder(1, 2, processor_version="1", consumer_group="group")
# Values that claim much, say nothing, or end too early, for whatever schema is let through.
_VALUES: Final = (
    b"",
    bytes(64),
    b"\xff" * 64,
    b"\x01" * 64,
    b"\x02" * 64,
    bytes(range(256)),
    (b"\xfe\xff\xff\xff\x0f" + bytes(3)) * 16,
    (b"\x01\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01") * 8,
)


@contextmanager
def _in_time() -> Iterator[None]:
    began = time.process_time()
    yield
    spent = time.process_time() - began
    assert spent < _MOST_SECONDS, f"it took {spent:.1f} s of CPU time"


def schema(data: bytes) -> None:
    """Vet a schema's text, and decode some values with what is let through."""
    with _in_time():
        vetted = vet(data.decode(errors="surrogateescape"), _READERS)
    if isinstance(vetted, Refusal):
        assert vetted.reason is Reason.SCHEMA_REFUSED
        _assert_fit_to_be_shown(vetted.detail)
        return
    decoder = Decoder(only(SCHEMA_ID, vetted))
    for value in _VALUES:
        with _in_time():
            decoder.decode(record(prefix(SCHEMA_ID) + value), None)


def record_value(data: bytes) -> None:
    """Decode a value, compare it with what the other reader says, and build its call.

    A value of an outcome's schema is read back as the ledger reads it.
    """
    first, _, value = data.partition(b"\n")
    text = written_out(first)
    with _in_time():
        vetted = vet(text.decode(errors="surrogateescape"), _READERS)
        content = Decoder(only(SCHEMA_ID, vetted)).decode(record(prefix(SCHEMA_ID) + value), None)
    if isinstance(content, Undecodable):
        _assert_fit_to_be_shown(content.detail)
    with _in_time():
        OutcomeReader(only(SCHEMA_ID, vetted)).read(prefix(SCHEMA_ID) + value)
    if isinstance(vetted, Refusal):
        assert content == Undecodable(reason=vetted.reason, detail=vetted.detail)
    elif vetted.name in schemas.EVENTS:
        _assert_read_rightly(content, text.decode(errors="surrogateescape"), value, vetted)
    if isinstance(content, OrderPaid | CartAbandoned):
        with _in_time():
            _assert_callable(content)


def _assert_read_rightly(content: object, text: str, value: bytes, vetted: VettedSchema) -> None:
    expected: Mapping[str, Any] | None
    try:
        expected = value_of(value, read_schema(text), _OURS[vetted.name], vetted)
    except OverlongError:
        return
    except MalformedError:
        expected = None
    if expected is not None and _has_long_id(expected):
        expected = None
    if isinstance(content, OrderPaid | CartAbandoned):
        told = datum_of(content)
        assert expected is not None, "it was read although it is malformed"
        told.pop("reason", None)  # the event does not have it
        assert told == {name: expected[name] for name in told}
    else:
        assert expected is None, f"it was not read although it is well formed: {content}"


def _has_long_id(event: Mapping[str, Any]) -> bool:
    places = [(event, _IDS), *((item, _ITEM_IDS) for item in event["items"])]
    ids = [place.get(name) for place, names in places for name in names]
    return any(each is not None and len(each) > MAX_ID for each in ids)


def _assert_callable(event: OrderPaid | CartAbandoned) -> None:
    wrong = problems(event, event.cart_id.encode())
    for sentence in wrong:
        _assert_fit_to_be_shown(sentence)
    if wrong:
        return
    call = (
        confirm_call(event, _SHAPE)
        if isinstance(event, OrderPaid)
        else release_call(event, event.items, _SHAPE)
    )
    body = _strictly(call.body)
    assert body["cartId"] == event.cart_id
    assert len(body["items"]) == len(event.items)
    assert body.get("attributes", {}) == dict(event.attributes)
    if isinstance(event, OrderPaid):
        told = {
            each["cartItemId"]: (each["unitPrice"], each["totalPrice"]) for each in body["items"]
        }
        assert told == {
            each.cart_item_id: (each.unit_price, each.total_price) for each in event.items
        }
    for _, header in call.headers:
        assert header.isascii()
        assert header.isprintable()
        assert header == header.strip()


def reply(data: bytes) -> None:
    """Take a response off the wire, judge it, and write what came of it."""
    for call, work in _CALLS:
        with _in_time():
            replies = {pieces: reply_to(call, data, pieces, _LOOP) for pieces in (1, 3)}
        assert replies[1] == replies[3], "it depends on how the response is cut"
        for is_proven in (False, True):
            with _in_time():
                verdict = classify(replies[1], call, is_proven=is_proven, wall=0.0)
            _assert_sane(verdict, replies[1], call)
            _write(verdict, work())


def _work_of(event: OrderPaid | CartAbandoned) -> tuple[Call, Callable[[], Work]]:
    if isinstance(event, OrderPaid):
        call = confirm_call(event, _SHAPE)
    else:
        call = release_call(event, event.items, _SHAPE)

    def work() -> Work:
        new = Work(record(b"value"), event, arrival=1)
        new.call = call
        new.sent(Now(0.0, 0.0))
        return new

    return call, work


def _assert_sane(verdict: Verdict, reply: Reply, call: Call) -> None:
    shown = [verdict.detail, verdict.error_description, verdict.trace_id]
    for error in verdict.errors:
        shown += [error.code, error.message, error.value_json]
    for item in verdict.items:
        shown += [item.item_confirmation_id, item.item_confirmation_url]
        assert not (item.item_confirmation_url or "").strip().lower().startswith("javascript:")
    for text in shown:
        _assert_fit_to_be_shown(text or "", 4_096)
    assert verdict.retry_after is None or 0 < verdict.retry_after <= 900
    if verdict.status is Status.SUCCEEDED:
        assert isinstance(reply, Response)
        said = _strictly(reply.body).get("items") or []
        found = [(each["cartItemId"], each["success"]) for each in said]
        assert sorted(found) == sorted((item.cart_item_id, True) for item in call.items)
    if isinstance(reply, Response) and reply.status < 300:
        assert verdict.effect is not Effect.NOT_SENT


def _write(verdict: Verdict, work: Work) -> None:
    for is_ambiguous in (False, True):
        ending = end_with(verdict, so_far=Effect.NOT_SENT, is_ambiguous=is_ambiguous)
        outcome, letter = conclude(work, ending, Now(0.0, 0.0))
        _ENCODER.outcome(outcome)
        if letter is not None:
            _ENCODER.dead_letter(letter)


def _assert_fit_to_be_shown(text: str, longest: int = _LONGEST_DETAIL) -> None:
    assert len(text) <= longest, f"a text has {len(text)} characters"
    text.encode()
    assert not any(letter < " " or "\x7f" <= letter < "\xa0" for letter in text), ascii(text)


def _strictly(body: bytes) -> Any:  # noqa: ANN401
    return json.loads(
        body,
        parse_float=Decimal,
        parse_int=Decimal,
        parse_constant=_refuse,
        object_pairs_hook=_once,
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), "a key occurs twice"
    return dict(pairs)


def _refuse(literal: str) -> NoReturn:
    raise AssertionError(f"{literal} in a body")


_CALLS: Final = (_work_of(PAID), _work_of(ABANDONED))
_LOOP: Final = asyncio.new_event_loop()

TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "schemas": schema,
    "records": record_value,
    "replies": reply,
}
