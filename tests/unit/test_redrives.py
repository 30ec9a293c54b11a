"""Redrives: the last dead letter of a record speaks for it, and what is kept back is named."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

import pytest

from processor.core.outcomes import DeadLetter
from processor.core.records import Partition, Record, Source
from processor.core.replays import Candidate, Guards, Kind, Passed, Plan, Prospect, Slice
from processor.core.selection import Failure, Selection
from processor.core.vocabulary import Effect, Operation, Reason, Status
from processor.shell import schemas
from processor.shell.decoding import Decoder
from processor.shell.encoding import Encoder
from processor.shell.history.dead_letters import DeadLetterReader, history_readers
from processor.shell.history.means import Forecasters, Means, Odometer
from processor.shell.history.reader import Batch
from processor.shell.history.redrives import Redrives
from processor.shell.kafka.headers import headers_of
from processor.shell.vetting import vet
from tests.contract.test_outputs import OUTCOME
from tests.support.codec import PAID, datum_of, framed, only, schema_of
from tests.support.made_up_history import MadeUpLedgers

LETTERS: Final = Partition("rokt-dead-letters", 0)
ORIGINALS: Final = Partition("order-paid", 0)
VALUE: Final = framed(schema_of("OrderPaid"), datum_of(PAID))
GUARDS: Final = Guards(max_age=None, includes_maybe_applied=False, most_redrives=2)
READERS: Final = history_readers()


class MadeUpTopics:
    """What a reader gives, out of memory."""

    def __init__(self, topics: Mapping[Partition, Sequence[Record]]) -> None:
        self.topics = topics

    def bounds(self, place: Partition) -> tuple[int, int]:
        return 0, len(self.topics.get(place, ()))

    def read(self, place: Partition, begin: int, end: int) -> Iterator[Batch]:
        found = tuple(self.topics.get(place, ())[begin:end])
        yield Batch(records=found, position=end)

    def first(self, place: Partition, begin: int, end: int) -> Record | None:
        return next(iter(self.topics.get(place, ())[begin:end]), None)

    def partitions(self, topics: Sequence[str], timeout: float) -> dict[str, int | None]:  # noqa: ARG002
        return {topic: 1 if Partition(topic, 0) in self.topics else None for topic in topics}


def letter(
    at: int,
    effect: Effect = Effect.NOT_APPLIED,
    *,
    origin: int = 0,
    replay_id: str | None = None,
    omitted: tuple[str, ...] = (),
    value: bytes | None = VALUE,
) -> Record:
    """Return the record of a dead letter at an offset, as the sink writes it."""
    first = Source(*ORIGINALS, origin, 1_700_000_000_000)
    outcome = replace(
        OUTCOME,
        status=Status.INDETERMINATE if effect is Effect.MAYBE_APPLIED else Status.REJECTED,
        effect=effect,
        source=first if replay_id is None else Source("rokt-replay", 0, at, None),
        origin=None if replay_id is None else first,
        replay_id=replay_id,
        processed_at=1_000 + at,
    )
    content = DeadLetter(
        record=Record(outcome.source, b"c-1", value, (("theirs", b"\xff"),)),
        outcome=outcome,
        message="no",
        items=(),
        request_body=None,
        response_body=None,
        omitted=omitted,
    )
    encoder = Encoder(1, 2, processor_version="1", consumer_group="group")
    headers = tuple((name, str(text).encode()) for name, text in headers_of(content))
    return Record(Source(*LETTERS, at, None), b"c-1", encoder.dead_letter(content), headers)


def found(
    *letters: Record,
    originals: Sequence[Record] | None = None,
    guards: Guards = GUARDS,
    selection: Selection | None = None,
    begin: int = 0,
    forgets_before: int = 0,
) -> list[Candidate]:
    topics = {LETTERS: letters} | ({} if originals is None else {ORIGINALS: originals})
    reader = MadeUpTopics(topics)
    part = Slice(place=LETTERS, begin=0, end=len(letters))
    plan = Plan(
        replay_id="r-now", kind=Kind.REDRIVE, created_at=0, cluster_id="c", group="g",
        lane="rokt-replay", topic_ids={}, counts={LETTERS.topic: 1, "rokt-replay": 1},
        selection=selection or Selection(), guards=guards, slices=(part,),
    )  # fmt: skip
    letters_schema = vet(schemas.text(schemas.DEAD_LETTER), READERS)
    means = Means(
        plan=plan,
        reader=cast("Any", reader),
        side=cast("Any", reader),
        decoder=Decoder(only(7, vet(schemas.text(schemas.ORDER_PAID), READERS))),
        letters=DeadLetterReader(only(2, letters_schema)),
        forecasters=Forecasters(
            plan, cast("Any", MadeUpLedgers((), forgets_before)), keeps_all=False
        ),
        odometer=Odometer(),
    )
    items = list(Redrives(means, cast("Any", reader)).candidates(part, begin))
    assert items[-1] == Passed(position=part.end)
    return [each for each in items if isinstance(each, Candidate)]


def prospects(candidates: Sequence[Candidate]) -> list[tuple[Prospect, int]]:
    return [(each.prospect, each.position_after) for each in candidates]


def test_a_record_is_brought_back_as_it_first_came() -> None:
    (candidate,) = found(letter(0, origin=5))
    first = Source(*ORIGINALS, 5, 1_700_000_000_000)
    assert candidate == Candidate(
        position_after=1,
        prospect=Prospect.CONFIRM,
        origin=first,
        partition=0,
        record=Record(first, b"c-1", VALUE, (("theirs", b"\xff"),)),
        operation=Operation.CONFIRM,
        cart_id=PAID.cart_id,
        order_id=PAID.order_id,
        failure=Failure(reason=Reason.BAD_REQUEST, effect=Effect.NOT_APPLIED, http_status=400),
    )


def test_only_the_last_dead_letter_of_a_record_speaks_for_it() -> None:
    letters = (letter(0), letter(1, replay_id="r-1"))
    assert prospects(found(*letters)) == [(Prospect.CONFIRM, 2)]
    # Its filters too are about the last one.
    early = Selection(until=1_001)
    assert found(*letters, selection=early) == []


def test_what_was_brought_back_too_often_is_quarantined_wherever_a_run_begins() -> None:
    letters = (letter(0), letter(1, replay_id="r-1"), letter(2, replay_id="r-2"))
    for begin in (0, 2):
        (candidate,) = found(*letters, begin=begin)
        assert candidate.prospect is Prospect.QUARANTINED
        assert (
            candidate.detail
            == "it was brought back 2 times, by redrives or replays, and failed each time"
        )
        assert not candidate.is_copied


def test_two_dead_letters_of_one_replay_are_one_time() -> None:
    letters = (letter(0), letter(1, replay_id="r-1"), letter(2, replay_id="r-1"))
    assert prospects(found(*letters)) == [(Prospect.CONFIRM, 3)]


def test_what_may_have_been_applied_waits_for_somebody_to_ask() -> None:
    doubtful = letter(0, Effect.MAYBE_APPLIED)
    assert prospects(found(doubtful)) == [(Prospect.DOUBTFUL, 1)]
    (asked,) = found(doubtful, guards=replace(GUARDS, includes_maybe_applied=True))
    assert (asked.prospect, asked.is_authorised) == (Prospect.CONFIRM, True)


def test_whoever_resumes_asks_for_a_doubtful_order_no_second_time() -> None:
    asked = replace(GUARDS, includes_maybe_applied=True)
    letters = tuple(letter(n, Effect.MAYBE_APPLIED, origin=n) for n in range(2))
    whole = found(*letters, guards=asked)
    assert [(each.prospect, each.is_authorised) for each in whole] == [
        (Prospect.CONFIRM, True),
        (Prospect.REPEAT, False),
    ]
    assert found(*letters, guards=asked, begin=1) == whole[1:]


def test_a_dead_letter_is_as_old_as_its_failure_for_the_ledger() -> None:
    for forgets_before, prospect in ((2_000_000_000_000, Prospect.STALE), (900, Prospect.CONFIRM)):
        guards = replace(GUARDS, max_age=1e12)
        (candidate,) = found(letter(0), guards=guards, forgets_before=forgets_before)
        assert candidate.prospect is prospect


@pytest.mark.parametrize(
    ("selection", "count"),
    [
        (Selection(reasons=frozenset({Reason.BAD_REQUEST})), 1),
        (Selection(reasons=frozenset({Reason.FORBIDDEN})), 0),
        (Selection(effects=frozenset({Effect.NOT_APPLIED})), 1),
        (Selection(http_statuses=frozenset({401})), 0),
        (Selection(orders=frozenset({"o-1"})), 1),
        (Selection(since=1_001), 0),
    ],
)
def test_dead_letters_are_chosen_by_what_they_say(selection: Selection, count: int) -> None:
    assert len(found(letter(0), selection=selection)) == count


def test_a_value_that_was_left_out_is_fetched_from_where_it_lay() -> None:
    shed = letter(0, origin=1, omitted=("originalValue",))
    other, original = (
        Record(Source(*ORIGINALS, offset, 1), b"c-1", value, ())
        for offset, value in ((0, b"other"), (1, VALUE))
    )
    (fetched,) = found(shed, originals=(other, original))
    assert (fetched.prospect, fetched.record and fetched.record.value) == (Prospect.CONFIRM, VALUE)
    for originals in (None, (), (other,), (other, other)):
        (missing,) = found(shed, originals=originals)
        assert (missing.prospect, missing.record) == (Prospect.MISSING, None)


def test_a_tombstone_cannot_be_read_and_a_broken_dead_letter_is_named() -> None:
    broken = replace(letter(1), value=letter(1).value + b"more")  # type: ignore[operator]
    foreign = Record(Source(*LETTERS, 2, None), b"k", b"foreign", ())
    assert prospects(found(letter(0, value=None), broken, foreign)) == [
        (Prospect.UNDECODABLE, 1),
        (Prospect.MISSING, 2),
    ]
