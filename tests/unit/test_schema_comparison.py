"""A schema that changes under its id: it is noticed, and its records wait for a person."""

import json
from typing import Any, Final

import pytest

from processor.core.vocabulary import Reason
from processor.shell import schemas
from processor.shell.registry import RegistryAway
from processor.shell.schema_questions import COMPARED_EVERY, Answer, SchemaQuestions, Unknown
from processor.shell.vetting import Refusal, VettedSchema

TEXT: Final = schemas.text("OrderPaid")
AWAY: Final = RegistryAway(detail="refused")
UNKNOWN: Final = Unknown(knows_another=True)
NOTHING_KNOWN: Final = Unknown(knows_another=False)


def with_one_more_field() -> str:
    """Return a schema that is taken as well, and reads other bytes."""
    schema: dict[str, Any] = json.loads(TEXT)
    schema["fields"].append({"name": "added", "type": "string"})
    return json.dumps(schema)


def noticing() -> tuple[SchemaQuestions, float]:
    """Return questions that have a schema and are about to compare it, and when."""
    questions = SchemaQuestions(schemas.readers())
    questions.want(7, "orders", 0.0)
    questions.due(0.0)
    questions.answered(7, TEXT, 0.0)
    due = questions.next_due()
    assert due is not None
    assert [ask.is_comparison for ask in questions.due(due)] == [True]
    return questions, due


@pytest.mark.parametrize(
    "now_there",
    [
        schemas.text("CartAbandoned"),
        with_one_more_field(),
        "{}",
        Refusal(reason=Reason.SCHEMA_REFUSED, detail="It is no Avro schema."),
    ],
    ids=["another record", "one more field", "no schema", "no Avro"],
)
def test_a_schema_that_changes_under_its_id_has_its_records_wait(now_there: Answer) -> None:
    questions, now = noticing()
    assert not questions.answered(7, now_there, now)
    assert (questions.get(7), questions.changed()) == (None, (7,))
    questions.want(7, "orders", now)
    for answer in (now_there, AWAY, NOTHING_KNOWN, *[UNKNOWN] * 20, now_there, now_there):
        due = questions.next_due()
        assert due is not None
        now = max(now, due)
        for ask in questions.due(now):
            assert not questions.answered(ask.schema, answer, now)
    assert (questions.get(7), questions.changed()) == (None, (7,))


def test_records_go_on_when_the_registry_has_the_former_schema_again() -> None:
    questions, now = noticing()
    former = questions.get(7)
    questions.answered(7, schemas.text("CartAbandoned"), now)
    due = questions.next_due()
    assert due is not None
    assert [ask.schema for ask in questions.due(due)] == [7]
    assert questions.answered(7, TEXT, due)
    assert (questions.get(7), questions.changed()) == (former, ())
    assert questions.next_due() == due + COMPARED_EVERY


@pytest.mark.parametrize("answer", [UNKNOWN, AWAY])
def test_a_registry_that_has_lost_a_schema_or_is_away_changes_nothing(answer: Answer) -> None:
    questions, now = noticing()
    assert not questions.answered(7, answer, now)
    assert isinstance(questions.get(7), VettedSchema)
    assert questions.changed() == ()


def test_a_schema_that_is_only_written_otherwise_has_not_changed() -> None:
    questions, now = noticing()
    loose = json.dumps(json.loads(TEXT) | {"doc": "other words"}, indent=7)
    assert not questions.answered(7, loose, now)
    assert isinstance(questions.get(7), VettedSchema)


def test_schemas_are_compared_one_a_second_at_most() -> None:
    questions = SchemaQuestions(schemas.readers())
    for schema in range(120):
        questions.learn(schema, TEXT, 0.0)
    asked, now = 0, 0.0
    while now < 600.0:
        for ask in questions.due(now):
            asked += 1
            questions.answered(ask.schema, TEXT, now)
        due = questions.next_due()
        assert due is not None
        now = max(due, now)
    assert asked <= 600 + 120
