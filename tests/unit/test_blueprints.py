"""What topics have to be like: the rules of comparison, and that everything fits into its topic."""

import json
import struct
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from io import BytesIO
from typing import Any, Final

import fastavro
import pytest

from processor.core.blueprints import Blueprint, Need, Purpose, Rule, Scale, draw
from processor.core.copies import Copy, headers_of_copy
from processor.core.outcomes import DeadLetter, Outcome
from processor.core.records import Record, Source
from processor.core.replies import ItemVerdict
from processor.core.vocabulary import ItemResult
from processor.shell.encoding import Encoder
from processor.shell.kafka.headers import headers_of
from tests.contract.test_outputs import OUTCOME
from tests.support.events import order_paid, paid_item, schema_text

LONGEST = "9223372036854775807"
NAMES = {purpose: f"topic of {purpose}" for purpose in Purpose}
SCALE = Scale(
    partitions=6,
    replicas=3,
    min_insync=2,
    retention_ms=1_000,
    dead_letter_retention_ms=2_000,
    largest_input=100_000,
    largest_reply=500_000,
)


def config(blueprint: Blueprint) -> dict[str, str]:
    return {need.setting: need.value for need in blueprint.needs}


def test_each_topic_is_drawn_for_its_purpose() -> None:
    shared = {
        "cleanup.policy": "delete",
        "retention.bytes": "-1",
        "min.insync.replicas": "2",
        "unclean.leader.election.enable": "false",
    }
    own = {
        Purpose.ORDER_PAID: {"retention.ms": "1000", "max.message.bytes": "100000"},
        Purpose.CART_ABANDONED: {"retention.ms": "1000", "max.message.bytes": "100000"},
        Purpose.RESULTS: {"retention.ms": "-1", "max.message.bytes": "665536"},
        Purpose.DEAD_LETTERS: {"retention.ms": "2000", "max.message.bytes": "765536"},
        Purpose.REPLAY: {"retention.ms": "1000", "max.message.bytes": "165536"},
    }
    drawn = draw(NAMES, SCALE)
    assert {each.purpose: config(each) for each in drawn} == {
        purpose: shared | own[purpose] for purpose in Purpose
    }
    assert {(each.name, each.partitions, each.replicas) for each in drawn} == {
        (name, 6, 3) for name in NAMES.values()
    }


@pytest.mark.parametrize(
    ("setting", "rule", "needed", "actual", "is_met"),
    [
        ("cleanup.policy", Rule.EXACTLY, "delete", "delete", True),
        ("cleanup.policy", Rule.EXACTLY, "delete", "compact,delete", False),
        ("retention.ms", Rule.EXACTLY, "-1", "-1", True),
        ("retention.ms", Rule.EXACTLY, "-1", "9999999999999", False),
        ("retention.ms", Rule.EXACTLY, "-1", LONGEST, True),
        ("retention.ms", Rule.EXACTLY, "1000", LONGEST, False),
        ("retention.bytes", Rule.EXACTLY, "-1", LONGEST, True),
        ("max.message.bytes", Rule.EXACTLY, "-1", LONGEST, False),
        ("retention.ms", Rule.AT_LEAST, "-1", LONGEST, True),
        ("retention.ms", Rule.AT_LEAST, "1000", "1000", True),
        ("retention.ms", Rule.AT_LEAST, "1000", "999", False),
        ("retention.ms", Rule.AT_LEAST, "1000", "-1", True),
        ("retention.ms", Rule.AT_LEAST, "-1", "1000", False),
        ("max.message.bytes", Rule.AT_LEAST, "10", "9", False),
        ("max.message.bytes", Rule.AT_MOST, "10", "9", True),
        ("max.message.bytes", Rule.AT_MOST, "10", "11", False),
        ("min.insync.replicas", Rule.AT_LEAST, "2", "1", False),
        ("min.insync.replicas", Rule.AT_LEAST, "2", None, False),
    ],
)
def test_what_is_as_good_is_no_difference(
    setting: str, rule: Rule, needed: str, actual: str | None, *, is_met: bool
) -> None:
    need = Need(setting=setting, value=needed, rule=rule, why="it is needed")
    assert need.is_met_by(actual) is is_met


# What each output leaves out before it touches anything that is needed.
_OUTCOME_SHEDS: Final = ("errors", "errorDescription", "itemConfirmationUrl", "detail")
_LETTER_SHEDS: Final = ("responseBody", "errors", "requestBody", "itemConfirmationUrl")
_LONGEST_TOPIC: Final = "t" * 249
_SOURCE: Final = Source(_LONGEST_TOPIC, 99_999, 2**62, 2**44)
_TINY: Final = {"catalogItemId": None, "itemReservationId": None, "unitPrice": Decimal(1)}


def item(number: int | str, **changes: object) -> dict[str, Any]:
    return paid_item(number, totalPrice=Decimal(1), **_TINY) | {"cartItemId": f"{number}"} | changes


def value_of(event: Mapping[str, Any]) -> bytes:
    target = BytesIO()
    target.write(b"\0" + struct.pack(">I", 1))
    schema = fastavro.parse_schema(json.loads(schema_text("OrderPaid")))
    fastavro.schemaless_writer(target, schema, event)
    return target.getvalue()


def size(key: bytes, value: bytes, headers: Any) -> int:  # noqa: ANN401  of any of ours
    named = sum(len(name) + len(held or b"") + 10 for name, held in headers)
    return len(key) + len(value) + named + 100


EVENTS: Final = {
    "many small items": order_paid("o", "c", *(item(n) for n in range(4_500))),
    "many reserved items": order_paid(
        "o", "c", *(item(n, itemReservationId=f"r{n}") for n in range(3_400))
    ),
    "one item of a long id": order_paid("o", "c", item("i" * 90_000)),
    "a long order": order_paid("o" * 45_000, "c", item(1), eventId="e" * 45_000),
    "a long cart": order_paid("o", "c" * 30_000, item(1)),
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_what_comes_of_the_largest_input_fits_into_its_topic(event: dict[str, Any]) -> None:
    key, value = event["cartId"].encode(), value_of(event)
    headers = (("h", b"h" * (SCALE.largest_input - len(key) - len(value) - 200)),)
    record = Record(_SOURCE, key, value, headers)
    assert SCALE.largest_input * 0.9 < size(key, value, headers) <= SCALE.largest_input
    # The reply names a confirmation of every item, as long as it can.
    room = SCALE.largest_reply // len(event["items"]) - 60
    items = tuple(
        ItemVerdict(
            cart_item_id=each["cartItemId"],
            item_reservation_id=each["itemReservationId"],
            result=ItemResult.SUCCEEDED,
            item_confirmation_id="c" * max(0, room),
        )
        for each in event["items"]
    )
    outcome = replace(
        OUTCOME,
        source=_SOURCE,
        origin=_SOURCE,
        replay_id="r" * 64,
        cart_id=event["cartId"],
        order_id=event["orderId"],
        source_event_id=event["eventId"],
        items=items,
    )
    letter = DeadLetter(
        record=record,
        outcome=outcome,
        message="m" * 1_000,
        items=items,
        request_body=b"b" * 1_000,
        response_body="r" * 1_000,
    )
    copied = headers_of_copy(Copy(replay_id="r" * 64, origin=_SOURCE, is_authorised=True), headers)
    limits = {each.purpose: int(config(each)["max.message.bytes"]) for each in draw(NAMES, SCALE)}
    assert fits(outcome, key, limits[Purpose.RESULTS])
    assert fits(letter, key, limits[Purpose.DEAD_LETTERS])
    assert size(key, value, copied) <= limits[Purpose.REPLAY]


def fits(content: Outcome | DeadLetter, key: bytes, limit: int) -> bool:
    encoder = Encoder(1, 2, processor_version="1.2.3", consumer_group="g" * 249)
    match content:
        case Outcome():
            value = encoder.outcome(replace(content, omitted=_OUTCOME_SHEDS))
        case DeadLetter():
            value = encoder.dead_letter(replace(content, omitted=_LETTER_SHEDS))
    return size(key, value, headers_of(content)) <= limit
