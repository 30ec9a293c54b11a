"""What outsiders read of the outputs and documents: headers, ids, tables of the README."""

from dataclasses import replace
from pathlib import Path

import typer
from typer.testing import CliRunner

from processor.cli.config import config
from processor.core.outcomes import DeadLetter, Outcome, identify
from processor.core.records import Record, Source
from processor.core.vocabulary import Effect, Operation, Reason, Status
from processor.shell.kafka.headers import headers_of

README = Path(__file__).parents[2] / "README.md"

OUTCOME = Outcome(
    outcome_id="6f4f", operation=Operation.CONFIRM, status=Status.REJECTED,
    effect=Effect.NOT_APPLIED, reason=Reason.BAD_REQUEST, cart_id="c-1", order_id="o-1",
    source_event_id="e-1", source=Source("order-paid", 3, 42, 1_790_000_000_000), origin=None,
    replay_id=None, request_fingerprint="", items=(), http_status=400, error_description=None,
    errors=(), detail=None, attempts=1, ambiguous_attempts=0, first_attempt_at=None,
    last_attempt_at=None, rokt_trace_id=None, processed_at=1_790_000_000_001,
)  # fmt: skip

SHARED = {
    "processor.status": "REJECTED",
    "processor.effect": "NOT_APPLIED",
    "processor.reason": "BAD_REQUEST",
    "processor.operation": "CONFIRM",
    "processor.origin.topic": "order-paid",
    "processor.origin.partition": "3",
    "processor.origin.offset": "42",
    "processor.origin.timestamp": "1790000000000",
}


def test_the_headers_of_an_outcome_are_these() -> None:
    assert dict(headers_of(OUTCOME)) == {"processor.outcome.id": "6f4f", **SHARED}


def test_the_headers_of_a_dead_letter_are_these_and_those_of_kafka_connect() -> None:
    letter = DeadLetter(
        record=Record(OUTCOME.source, b"c-1", b""),
        outcome=OUTCOME,
        message="Rokt says\nno",
        items=(),
        request_body=None,
        response_body=None,
    )
    assert dict(headers_of(letter)) == {
        "processor.dead-letter.id": "6f4f",
        **SHARED,
        "__connect.errors.topic": "order-paid",
        "__connect.errors.partition": "3",
        "__connect.errors.offset": "42",
        "__connect.errors.exception.message": "Rokt says no",
    }


def test_a_replayed_outcome_names_its_replay_and_where_it_was_first() -> None:
    first = Source("order-paid", 3, 7, None)
    headers = dict(headers_of(replace(OUTCOME, replay_id="r-1", origin=first)))
    assert headers["processor.replay.id"] == "r-1"
    assert headers["processor.origin.offset"] == "7"


def test_the_id_of_an_outcome_is_this_one() -> None:
    source = Source("order-paid", 3, 42, None)
    assert identify(source, Operation.CONFIRM, "e-1") == "0b9622c8-ef25-5172-9ac5-1ee68c7951c4"


def test_the_readme_has_the_settings_that_there_are() -> None:
    app = typer.Typer()
    app.command()(config)
    printed = CliRunner().invoke(app, ["--markdown"]).stdout.strip()
    assert printed in README.read_text("utf-8")


def test_the_readme_has_every_status() -> None:
    text = README.read_text("utf-8")
    assert [status for status in Status if f"`{status}`" not in text] == []
