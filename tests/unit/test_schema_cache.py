"""Which schemas are asked for, when, and what the answers come to: decided without a clock."""

from collections import Counter
from typing import Final

import pytest

from processor.core.vocabulary import Reason
from processor.shell import schemas
from processor.shell.registry import RegistryAway
from processor.shell.schema_questions import (
    ASKED_A_SECOND,
    COMPARED_EVERY,
    Answer,
    Ask,
    SchemaQuestions,
    Unknown,
)
from processor.shell.vetting import Refusal, VettedSchema

TEXT: Final = schemas.text("OrderPaid")
AWAY: Final = RegistryAway(detail="refused")
UNKNOWN: Final = Unknown(knows_another=True)
NOTHING_KNOWN: Final = Unknown(knows_another=False)


def wanting(schema: int | str = 7, topic: str = "orders", now: float = 0.0) -> SchemaQuestions:
    questions = SchemaQuestions(schemas.readers())
    questions.want(schema, topic, now)
    return questions


def ask_through(questions: SchemaQuestions, answers: list[Answer], now: float = 0.0) -> list[float]:
    """Answer whenever a question is due; return the times of asking, the last one undone."""
    times = []
    for answer in answers:
        due = questions.next_due()
        assert due is not None
        now = max(now, due)
        times.append(now)
        for ask in questions.due(now):
            questions.answered(ask.schema, answer, now)
    return times


def seconds_until_undecodable(
    questions: SchemaQuestions, answer: Answer, now: float = 0.0, limit: float = 3600.0
) -> float | None:
    while questions.get(7) is None:
        due = questions.next_due()
        assert due is not None
        now = max(now, due)
        if now > limit:
            return None
        for ask in questions.due(now):
            questions.answered(ask.schema, answer, now)
    return now


def test_a_wanted_schema_is_asked_for_once_at_once() -> None:
    questions = wanting()
    questions.want(7, "orders", 0.0)
    assert questions.due(0.0) == (Ask(7, ("orders",), ()),)
    assert questions.due(0.0) == ()
    assert questions.next_due() is None


def test_a_schema_that_is_found_is_asked_for_again_only_to_compare_it() -> None:
    questions = wanting()
    questions.due(0.0)
    assert questions.answered(7, TEXT, 0.1)
    assert isinstance(questions.get(7), VettedSchema)
    questions.want(7, "orders", 1.0)
    assert questions.due(COMPARED_EVERY) == ()
    compared_at = questions.next_due()
    assert compared_at == COMPARED_EVERY + 0.1
    assert questions.due(compared_at) == (Ask(7, ("orders",), (7,), is_comparison=True),)
    assert not questions.answered(7, TEXT, compared_at)
    assert questions.next_due() == compared_at + COMPARED_EVERY


@pytest.mark.parametrize(
    "answer", ["{}", Refusal(reason=Reason.SCHEMA_REFUSED, detail="It is no Avro schema.")]
)
def test_a_schema_that_is_refused_is_looked_at_again_as_others_are(answer: Answer) -> None:
    questions = wanting()
    questions.due(0.0)
    assert questions.answered(7, answer, 0.1)
    found = questions.get(7)
    assert isinstance(found, Refusal)
    assert found.reason is Reason.SCHEMA_REFUSED
    questions.want(7, "orders", 0.2)
    assert questions.due(0.2) == ()
    (again,) = questions.due(90.0)
    assert (again.schema, again.is_comparison) == (7, True)
    assert not questions.answered(7, answer, 90.1)
    assert isinstance(questions.get(7), Refusal)
    (again,) = questions.due(200.0)
    questions.answered(7, schemas.text(schemas.ORDER_PAID), 200.1)  # the registry has been mended
    assert isinstance(questions.get(7), VettedSchema)
    assert questions.changed() == ()


@pytest.mark.parametrize("answer", [UNKNOWN, NOTHING_KNOWN])
def test_an_unknown_schema_is_asked_for_less_and_less_often(answer: Answer) -> None:
    times = ask_through(wanting(), [answer] * 8)
    assert times == [0, 1, 3, 7, 15, 25, 35, 45]


def test_a_registry_that_is_away_is_asked_less_and_less_often() -> None:
    times = ask_through(wanting(), [AWAY] * 9)
    assert times == [0, 1, 3, 7, 15, 31, 61, 91, 121]


def test_asking_goes_on_for_ever_without_overflow() -> None:
    questions = wanting()
    times = ask_through(questions, [AWAY] * 3000)
    assert times[-1] - times[-2] == 30


def test_an_unknown_schema_is_undecodable_after_a_minute_beside_a_known_one() -> None:
    questions = wanting()
    assert seconds_until_undecodable(questions, UNKNOWN) == 65
    refusal = questions.get(7)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.UNDECODABLE


def test_a_registry_that_knows_nothing_of_the_topic_makes_nothing_undecodable() -> None:
    assert seconds_until_undecodable(wanting(), NOTHING_KNOWN) is None


def test_a_registry_that_is_away_makes_nothing_undecodable() -> None:
    assert seconds_until_undecodable(wanting(), AWAY) is None


@pytest.mark.parametrize("interruption", [AWAY, NOTHING_KNOWN])
def test_the_minute_begins_anew_after_an_answer_that_proves_nothing(interruption: Answer) -> None:
    questions = wanting()
    last = ask_through(questions, [UNKNOWN] * 7 + [interruption])[-1]
    after = seconds_until_undecodable(questions, UNKNOWN)
    assert after is not None
    assert after - last >= 60


def test_a_schema_that_appears_late_is_found() -> None:
    questions = wanting()
    ask_through(questions, [UNKNOWN, AWAY, UNKNOWN, TEXT])
    assert isinstance(questions.get(7), VettedSchema)


def test_a_verdict_on_an_unknown_schema_is_forgotten_after_a_while_and_decided_by_one_answer() -> (
    None
):
    questions = wanting()
    decided = seconds_until_undecodable(questions, UNKNOWN)
    assert decided is not None
    assert questions.next_due() == decided + 60
    assert questions.due(decided + 60) == ()
    assert questions.get(7) is None
    questions.want(7, "orders", decided + 70)
    assert [ask.schema for ask in questions.due(decided + 70)] == [7]
    assert questions.answered(7, UNKNOWN, decided + 70)


def test_a_schema_that_was_unknown_long_ago_has_its_minute_again() -> None:
    """One answer of a registry that lags must not send a new schema's first orders away."""
    questions = wanting()
    decided = seconds_until_undecodable(questions, UNKNOWN)
    assert decided is not None
    questions.due(decided + 60)
    later = decided + 86_400
    questions.want(7, "orders", later)
    assert [ask.schema for ask in questions.due(later)] == [7]
    assert not questions.answered(7, UNKNOWN, later)
    again = seconds_until_undecodable(questions, UNKNOWN, later, later + 600)
    assert again is not None
    assert again - later >= 60


def test_a_schema_that_was_given_up_can_be_found_later() -> None:
    questions = wanting()
    decided = seconds_until_undecodable(questions, UNKNOWN)
    assert decided is not None
    questions.due(decided + 60)
    questions.want(7, "orders", decided + 60)
    questions.due(decided + 60)
    assert questions.answered(7, TEXT, decided + 61)
    assert isinstance(questions.get(7), VettedSchema)


def flood(questions: SchemaQuestions, schemas_: range, now: float = 0.0) -> None:
    for schema in schemas_:
        questions.want(schema, "orders", now)


def test_while_many_are_unknown_each_is_asked_for_twice() -> None:
    questions = SchemaQuestions(schemas.readers())
    flood(questions, range(1000))
    asked = Counter[int | str]()
    now, due = 0.0, questions.next_due()
    while questions.get(999) is None:
        assert due is not None
        now = max(due, now)
        for ask in questions.due(now):
            asked[ask.schema] += 1
            questions.answered(ask.schema, UNKNOWN, now)
        due = questions.next_due()
    assert asked == dict.fromkeys(range(1000), 2)
    assert now <= 60 + 1000 / ASKED_A_SECOND


def test_a_new_schema_that_many_records_wait_for_is_found_in_seconds_among_made_up_ones() -> None:
    questions = SchemaQuestions(schemas.readers())
    flood(questions, range(1000))
    now = 0.0
    while questions.get(5000) is None:
        now += 0.5
        questions.want(5000, "orders", now)
        for ask in questions.due(now):
            found = TEXT if ask.schema == 5000 and now >= 5 else UNKNOWN
            questions.answered(ask.schema, found, now)
    assert now <= 10


def test_the_memory_of_unknown_schemas_is_bounded() -> None:
    questions = SchemaQuestions(schemas.readers())
    flood(questions, range(3000))
    now, most, due = 0.0, 0, questions.next_due()
    while due is not None:
        now = max(due, now)
        for ask in questions.due(now):
            questions.answered(ask.schema, UNKNOWN, now)
        most = max(most, sum(questions.get(schema) is not None for schema in range(3000)))
        due = questions.next_due()
    assert most == 1000


def test_made_up_schemas_do_not_hammer_the_registry() -> None:
    questions = SchemaQuestions(schemas.readers())
    flood(questions, range(100_000, 103_000))
    asked = []
    now = 0.0
    while now < 30.0:
        for ask in questions.due(now):
            asked.append(now)
            questions.answered(ask.schema, NOTHING_KNOWN, now)
        due = questions.next_due()
        assert due is not None
        now = max(due, now + 0.05)
    for second in range(30):
        of_it = [at for at in asked if second <= at < second + 1]
        assert len(of_it) <= 2 * ASKED_A_SECOND
    assert len(asked) <= 31 * ASKED_A_SECOND


def test_a_registry_that_is_slow_is_asked_no_more_than_it_answers() -> None:
    questions = SchemaQuestions(schemas.readers())
    flood(questions, range(100))
    first = questions.due(0.0)
    assert len(first) == ASKED_A_SECOND
    assert questions.due(5.0) == ()
    assert questions.next_due() is None
    questions.answered(first[0].schema, AWAY, 5.0)
    assert len(questions.due(5.0)) == 1


def test_what_most_records_wait_for_is_asked_first_however_many_others_are_made_up() -> None:
    questions = SchemaQuestions(schemas.readers())
    flood(questions, range(1000))
    for _ in range(3):
        questions.want(5000, "orders", 0.0)
    assert questions.due(0.0)[0].schema == 5000


def test_another_schema_of_the_topic_is_named_in_the_question() -> None:
    questions = wanting(3, "orders")
    questions.due(0.0)
    questions.answered(3, TEXT, 0.0)
    questions.want(7, "orders", 1.0)
    questions.want(7, "carts", 1.0)
    questions.want(8, "carts", 1.0)
    assert questions.due(1.0) == (Ask(7, ("carts", "orders"), (3,)), Ask(8, ("carts",), ()))


def test_a_schema_that_is_known_already_need_not_be_asked_for() -> None:
    questions = SchemaQuestions(schemas.readers())
    questions.learn(5, schemas.text("RoktCallOutcome"), 0.0)
    questions.want(5, "results", 0.0)
    assert questions.due(0.0) == ()
    assert isinstance(questions.get(5), VettedSchema)
