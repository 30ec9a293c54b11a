"""A timeline from what the topics hold: what is told of each record, and what would come of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import pytest

from processor.core.copies import Copy, headers_of_copy
from processor.core.events import Pending, Undecodable
from processor.core.records import Partition, Record, Source
from processor.core.replays import Prospect
from processor.core.timeline import Entry, Moment, read_place
from processor.core.vocabulary import Effect
from processor.core.windows import Log
from processor.shell.encoding import OutcomeReader
from processor.shell.framing import prefix
from processor.shell.history.outcomes import WholeOutcomeReader
from processor.shell.history.tellings import Found, Teller, Unread
from processor.shell.history.timeline import Historian, Timeline
from processor.shell.outputs import Foreign
from tests.support.codec import PAID
from tests.support.recorded import (
    ABANDONED_VALUE,
    CONFIRMED,
    ENCODER,
    IDS,
    NOW,
    PAID_VALUE,
    PAYMENT,
    REFUSED,
    SETTINGS,
    SUCCEEDED,
    TOPICS,
    known,
    letter,
    lies,
    result,
)

ATTEMPTS: Final = (
    "CONFIRM called: 3 attempts within 2.5 s, 1 of them may have been applied; answered 200"
)


def timeline(
    *records: Record, committed: Mapping[str, int] | None = None, forgets_before: int | None = None
) -> Timeline:
    """Return the timeline of records; the group is beyond them unless `committed` says less."""
    teller, found = Teller(TOPICS, known), Found(forgets_before=forgets_before)
    for topic in (TOPICS.order_paid, TOPICS.cart_abandoned, TOPICS.replay):
        log = Log(begin=0, end=100, committed=(committed or {}).get(topic, 100))
        found.logs[Partition(topic, 0)] = log
    for record in records:
        telling = teller.tell(record)
        assert not isinstance(telling, Unread)
        found.add(telling)
    return Historian(SETTINGS, teller, NOW).tell(found)


def told(entry: Entry) -> tuple[str, ...]:
    return (entry.moment, *entry.told)


# Outcomes


def test_an_outcome_is_read_back_whole_but_for_what_may_be_a_voucher() -> None:
    written = replace(
        REFUSED,
        origin=Source(TOPICS.order_paid, 1, 2, None),
        replay_id="r",
        items=(SUCCEEDED,),
        detail="d",
        omitted=("roktTraceId",),
        rokt_trace_id=None,
    )
    read = WholeOutcomeReader(known).read(ENCODER.outcome(written))
    assert read == replace(written, items=(SUCCEEDED._replace(item_confirmation_url=None),))


@pytest.mark.parametrize("reader", [WholeOutcomeReader(known), OutcomeReader(known)])
def test_what_is_no_outcome_is_foreign_unknown_or_unreadable(
    reader: WholeOutcomeReader | OutcomeReader,
) -> None:
    values = b"", PAID_VALUE, prefix(99), prefix(IDS["RoktCallOutcome"]) + b"\xff"
    kinds = [type(reader.read(value)) for value in values]
    assert kinds == [Foreign, Foreign, Pending, Undecodable]


# Entries


def test_a_confirmed_order_tells_its_event_its_attempts_and_its_outcome() -> None:
    entries = timeline(PAYMENT, result(0, CONFIRMED)).entries
    assert [told(entry) for entry in entries] == [
        ("event", "OrderPaid e-1: order o-1, item v1:uuid:canal"),
        ("attempts", ATTEMPTS),
        ("outcome", "CONFIRM SUCCEEDED, APPLIED", "v1:uuid:canal: SUCCEEDED, conf-1"),
    ]


def test_a_refused_order_tells_why_before_its_outcome() -> None:
    entries = timeline(PAYMENT, letter(0, REFUSED), result(0, REFUSED)).entries
    assert [told(entry) for entry in entries[2:]] == [
        ("dead-letter", "UNPROCESSABLE, NOT_APPLIED", "HTTP 422"),
        (
            "outcome",
            "CONFIRM REJECTED, NOT_APPLIED, UNPROCESSABLE",
            "no such item",
            "error E: gone",
        ),
    ]


def test_nothing_that_may_be_a_voucher_nor_a_payload_is_told() -> None:
    records = PAYMENT, letter(0, REFUSED), result(0, REFUSED), result(1, CONFIRMED)
    assert "secret" not in repr(timeline(*records))


def test_entries_are_in_the_order_in_which_they_happened() -> None:
    late = replace(PAYMENT, source=PAYMENT.source._replace(timestamp=1_700_000_009_000))
    early = replace(
        lies(TOPICS.cart_abandoned, 0, ABANDONED_VALUE),
        source=Source(TOPICS.cart_abandoned, 0, 0, 1_000),
    )
    moments = [entry.moment for entry in timeline(late, early, result(0, CONFIRMED)).entries]
    assert moments == [Moment.EVENT, Moment.ATTEMPTS, Moment.OUTCOME, Moment.EVENT]


STANDINGS: Final[dict[str, tuple[Mapping[str, int], str, str | None]]] = {
    "an input before the fleet": ({TOPICS.order_paid: 0}, TOPICS.order_paid, "not worked yet"),
    "an input behind the fleet": (
        {},
        TOPICS.order_paid,
        "no outcome of it: never worked, or its outcome was deleted",
    ),
    "a copy before the fleet": ({TOPICS.replay: 0}, TOPICS.replay, "not worked yet"),
    "a copy behind the fleet": (
        {},
        TOPICS.replay,
        "settled before: no call was made, no outcome written",
    ),
}


@pytest.mark.parametrize("case", STANDINGS)
def test_what_has_no_outcome_says_why(case: str) -> None:
    committed, topic, expected = STANDINGS[case]
    copy = Copy(replay_id="r-1", origin=Source(TOPICS.order_paid, 0, 7, None))
    record = lies(topic, 0, PAID_VALUE, headers=headers_of_copy(copy, ()))
    (entry,) = timeline(record, committed=committed).entries
    assert entry.told[-1] == expected


def test_an_input_whose_copy_was_worked_names_the_replay() -> None:
    by_copy = replace(
        CONFIRMED,
        source=Source(TOPICS.replay, 0, 0, 1),
        origin=PAYMENT.source,
        replay_id="r-1",
    )
    (event, *_) = timeline(PAYMENT, result(0, by_copy)).entries
    assert event.told[-1] == "worked by the copy of replay r-1"
    assert event.facts["standing"] == "answered-by-copy"
    (waiting, *_) = timeline(PAYMENT, result(0, by_copy), committed={TOPICS.order_paid: 0}).entries
    assert waiting.told[-1] == "not worked yet"


def test_a_copy_tells_of_what_it_is_a_copy_and_by_which_replay() -> None:
    copy = Copy(replay_id="r-1", origin=Source(TOPICS.order_paid, 0, 7, None))
    record = lies(TOPICS.replay, 0, PAID_VALUE, headers=headers_of_copy(copy, ()))
    (entry,) = timeline(record).entries
    assert (entry.moment, entry.origin[:3], entry.replay_id) == (
        Moment.COPY,
        (TOPICS.order_paid, 0, 7),
        "r-1",
    )
    assert "copy of order-paid:0:7 by replay r-1" in entry.told


def test_a_record_of_the_lane_that_is_no_copy_says_so() -> None:
    (entry,) = timeline(lies(TOPICS.replay, 0, PAID_VALUE)).entries
    assert "no copy of ours: header processor.replay.id is missing" in entry.told


def test_what_cannot_be_read_or_called_says_why() -> None:
    broken = lies(TOPICS.order_paid, 1, b"garbage")
    elsewhere = lies(TOPICS.order_paid, 2, PAID_VALUE, key=b"c-2")
    lines = [entry.told for entry in timeline(broken, elsewhere).entries]
    assert [line[-2 if len(line) > 2 else 0] for line in lines] == [
        "cannot be read: The record does not name its schema as a registry client does.",
        "cannot be called: the key is not the cartId",
    ]


# The ledger


def says(*records: Record) -> dict[str, str]:
    return {each.name: each.says for each in timeline(*records).ledger}


def fingerprint_of_paid() -> str:
    from processor.core.calls import CallShape, confirm_call  # noqa: PLC0415

    return confirm_call(PAID, CallShape(tag_id="any")).fingerprint


def test_the_ledger_says_what_an_order_and_its_items_came_to() -> None:
    mine = replace(CONFIRMED, request_fingerprint=fingerprint_of_paid())
    assert says(PAYMENT, result(0, mine)) == {
        "o-1": "order o-1 is settled (APPLIED)",
        "v1:uuid:canal": (
            "an OrderPaid names v1:uuid:canal; item v1:uuid:canal belongs to order o-1 already"
        ),
    }


def test_the_ledger_speaks_from_outcomes_alone() -> None:
    assert says(result(0, CONFIRMED))["o-1"] == "order o-1 is settled (APPLIED)"


def test_the_ledger_says_what_may_still_be_called_or_released() -> None:
    assert says(PAYMENT, lies(TOPICS.cart_abandoned, 0, ABANDONED_VALUE)) == {
        "o-1": "not settled: it may be called",
        "v1:uuid:canal": "neither paid nor released",
        "i-1": "neither paid nor released",
    }


def test_an_order_keeps_what_it_was_settled_with_when_other_content_came_later() -> None:
    mine = replace(CONFIRMED, request_fingerprint="other content")
    assert says(PAYMENT, result(0, mine))["o-1"] == "order o-1 is settled (APPLIED)"


# Redrives


def prospects(*records: Record, forgets_before: int | None = None) -> list[tuple[str, int]]:
    found = timeline(*records, forgets_before=forgets_before)
    return [(each.prospect, each.times) for each in found.redrives]


def again(offset: int, replay_id: str) -> Record:
    copy = replace(
        REFUSED,
        source=Source(TOPICS.replay, 0, offset, 1),
        origin=PAYMENT.source,
        replay_id=replay_id,
    )
    return letter(offset, copy)


DOUBTFUL: Final = replace(
    REFUSED, effect=Effect.MAYBE_APPLIED, request_fingerprint=fingerprint_of_paid()
)
REDRIVES: Final[dict[str, tuple[tuple[Record, ...], list[tuple[str, int]]]]] = {
    "a refused order": ((letter(0, REFUSED), result(0, REFUSED)), [(Prospect.CONFIRM, 0)]),
    "confirmed since": (
        (
            letter(0, REFUSED),
            result(0, replace(CONFIRMED, request_fingerprint=fingerprint_of_paid())),
        ),
        [(Prospect.SETTLED, 0)],
    ),
    "confirmed since, with other content": (
        (letter(0, REFUSED), result(0, CONFIRMED)),
        [(Prospect.CONFLICT, 0)],
    ),
    "doubtful": ((letter(0, DOUBTFUL), result(0, DOUBTFUL)), [(Prospect.DOUBTFUL, 0)]),
    "doubtful by its letter alone": ((letter(0, DOUBTFUL),), [(Prospect.DOUBTFUL, 0)]),
    "garbage": (
        (letter(0, REFUSED, lies(TOPICS.order_paid, 0, b"garbage")),),
        [(Prospect.UNDECODABLE, 0)],
    ),
    "under another key": (
        (letter(0, REFUSED, lies(TOPICS.order_paid, 0, PAID_VALUE, key=b"c-2")),),
        [(Prospect.INVALID, 0)],
    ),
    "without its value": (
        (letter(0, REFUSED, omitted=("originalValue",)),),
        [(Prospect.MISSING, 0)],
    ),
    "redriven": ((letter(0, REFUSED), again(1, "a")), [(Prospect.CONFIRM, 1)]),
    "redriven three times": (
        (letter(0, REFUSED), again(1, "a"), again(2, "b"), again(3, "c")),
        [(Prospect.QUARANTINED, 3)],
    ),
    "a release whose item is paid": (
        (
            PAYMENT,
            result(0, replace(CONFIRMED, items=(SUCCEEDED._replace(cart_item_id="i-1"),))),
            letter(
                0,
                replace(REFUSED, source=Source(TOPICS.cart_abandoned, 0, 0, 1)),
                lies(TOPICS.cart_abandoned, 0, ABANDONED_VALUE),
            ),
        ),
        [(Prospect.NOTHING_LEFT, 0)],
    ),
}


@pytest.mark.parametrize("case", REDRIVES)
def test_a_redrive_is_foretold_as_the_fleet_would_decide(case: str) -> None:
    records, expected = REDRIVES[case]
    assert prospects(*records) == expected


def test_a_redrive_of_what_the_ledger_may_have_forgotten_is_stale() -> None:
    assert prospects(letter(0, REFUSED), forgets_before=NOW) == [(Prospect.STALE, 0)]


def test_who_knows_the_attempts_of_what_is_not_worked_yet_is_named() -> None:
    (note,) = timeline(PAYMENT, committed={TOPICS.order_paid: 0}).notes
    assert "/status (retrying, holds, paused_until, parked) of the one that has partition 0" in note
    assert timeline(PAYMENT, result(0, CONFIRMED)).notes == ()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("order-paid:3:42", ("order-paid", 3, 42)),
        ("order-paid [3] 42", ("order-paid", 3, 42)),
        ("order-paid [3] offset 42", ("order-paid", 3, 42)),
        ("order-paid[3]:42", ("order-paid", 3, 42)),
        ("order-paid [3]", None),
        ("order-4711", None),
        ("a:b:7", None),
    ],
)
def test_a_place_is_read_as_commands_and_as_messages_write_it(
    text: str, place: tuple[str, int, int] | None
) -> None:
    assert read_place(text) == place
