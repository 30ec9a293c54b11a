"""What the answers of a registry come to, when it tells some schemas and others not."""

import json
from typing import Final

import pytest

from processor.core.vocabulary import Reason
from processor.shell import schemas
from processor.shell.schema_cache import answer_to
from processor.shell.schema_questions import SchemaQuestions
from processor.shell.vetting import Refusal, VettedSchema
from tests.support.fake_registry import JSON, FakeRegistry, asked

Answer = tuple[int, str, str]
KNOWN: Final = "/schemas/ids/7"
SUBJECT: Final = "/subjects/orders-value/"
FOUND: Final = (200, json.dumps({"schema": schemas.text("OrderPaid")}), JSON)
VERSIONS: Final = (200, "[1]", JSON)
SECONDS: Final = 150.0


def after_minutes(fake: FakeRegistry) -> SchemaQuestions:
    """Return what is known of schemas 7 and 99 when 99 is given up, or after minutes."""
    questions = SchemaQuestions(schemas.readers())
    with asked(fake) as registry:
        for schema in (7, 99):
            questions.want(schema, "orders", 0.0)
        now = 0.0
        while now <= SECONDS and questions.get(99) is None:
            for ask in questions.due(now):
                questions.answered(ask.schema, answer_to(ask, registry), now)
            now += 1.0
    return questions


@pytest.mark.parametrize("status", [400, 403, 422])
@pytest.mark.parametrize("told", [{SUBJECT: VERSIONS}, {KNOWN: FOUND}], ids=["subject", "another"])
def test_a_schema_that_is_refused_beside_what_is_told_of_its_topic_is_given_up(
    status: int, told: dict[str, Answer]
) -> None:
    fake = FakeRegistry(status, "{}")
    fake.at = told
    refused = after_minutes(fake).get(99)
    assert refused == Refusal(
        reason=Reason.UNDECODABLE,
        detail=f"The registry tells no schema 99 (status {status}), though it knows others of the "
        "topic.",
    )
    assert any(path.startswith(SUBJECT) for path in fake.paths)


@pytest.mark.parametrize("status", [400, 403])
def test_where_nothing_of_the_topic_is_told_nothing_is_given_up(status: int) -> None:
    fake = FakeRegistry(status, "{}")
    questions = after_minutes(fake)
    assert (questions.get(7), questions.get(99)) == (None, None)
    assert any(path.startswith(SUBJECT) for path in fake.paths)


@pytest.mark.parametrize("status", [302, 401, 407, 408, 425, 429, 500, 503])
def test_a_schema_that_may_be_told_later_is_never_given_up(status: int) -> None:
    fake = FakeRegistry(status, "{}")
    fake.at = {SUBJECT: VERSIONS, KNOWN: FOUND}
    assert after_minutes(fake).get(99) is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_what_is_known_stays_so_when_it_is_told_no_more(status: int) -> None:
    fake = FakeRegistry(503, "{}")
    fake.at = {KNOWN: FOUND}
    questions = SchemaQuestions(schemas.readers())
    questions.want(7, "orders", 0.0)
    with asked(fake) as registry:
        for now in range(200):
            for ask in questions.due(now):
                questions.answered(ask.schema, answer_to(ask, registry), now)
            fake.at = {KNOWN: (status, "{}", JSON)}
    assert fake.paths == [KNOWN] * 4
    assert isinstance(questions.get(7), VettedSchema)
    assert questions.changed() == ()
