"""The registry and its cache against the one in memory and against servers that misbehave."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final
from unittest.mock import ANY
from uuid import uuid4

import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference

from processor.cli.main import main
from processor.cli.schemas import Line, check_all, register_all, report
from processor.core.vocabulary import Reason
from processor.errors import ConfigurationError, RuntimeFailure
from processor.shell import schemas
from processor.shell.registry import (
    IncompatibleError,
    Registry,
    RegistryAway,
    UnknownSchema,
)
from processor.shell.secrets import Secret, SecretFile
from processor.shell.settings import Topics
from processor.shell.vetting import Refusal
from tests.support.fake_registry import JSON, NOT_FOUND, FakeRegistry, asked
from tests.support.programs import free_port

TEXT: Final = schemas.text("OrderPaid")


@pytest.fixture
def mock() -> Registry:
    return Registry(f"mock://{uuid4()}")


def test_the_registry_in_memory_gives_back_what_was_registered(mock: Registry) -> None:
    schema_id = mock.register("orders-value", TEXT)
    assert mock.fetch(schema_id) == TEXT
    assert mock.lookup("orders-value", TEXT) == schema_id
    assert mock.lookup("orders-value", schemas.text("CartAbandoned")) is None
    assert mock.fetch(schema_id + 1) == UnknownSchema()
    assert mock.fetch(str(uuid4())) == UnknownSchema()


def test_a_schema_is_fetched_by_its_guid(mock: Registry) -> None:
    client = mock._client  # noqa: SLF001  only the client tells the GUID
    guid = client.register_schema_full_response("orders-value", Schema(TEXT)).guid
    assert guid is not None
    assert mock.fetch(guid) == TEXT


def test_registries_in_memory_are_shared_by_name_only(mock: Registry) -> None:
    name = f"mock://{uuid4()}"
    Registry(name).register("orders-value", TEXT)
    assert Registry(name).has_subject("orders-value")
    assert not mock.has_subject("orders-value")


def test_another_schema_is_known_by_the_subject_or_by_its_id(mock: Registry) -> None:
    schema_id = mock.register("orders-value", TEXT)
    assert mock.knows_another("orders-value")
    assert not mock.knows_another("other-value")
    assert mock.knows_another("other-value", (schema_id,))
    assert not mock.knows_another("other-value", (schema_id + 1,))


@pytest.mark.parametrize(
    "schema",
    [
        Schema("{}", "JSON"),
        Schema(TEXT, "AVRO", [SchemaReference("other", "other-value", 1)]),
    ],
    ids=["json", "with references"],
)
def test_what_is_no_avro_schema_of_its_own_is_refused(mock: Registry, schema: Schema) -> None:
    schema_id = mock._client.register_schema("orders-value", schema)  # noqa: SLF001
    found = mock.fetch(schema_id)
    assert isinstance(found, Refusal)
    assert found.reason is Reason.SCHEMA_REFUSED


@pytest.mark.parametrize(
    ("status", "body", "content_type"),
    [
        (401, '{"error_code": 40101, "message": "no"}', JSON),
        (403, "{}", JSON),
        (429, "{}", JSON),
        (500, NOT_FOUND, JSON),
        (503, "<html>", "text/html"),
        (302, "", JSON),
        (200, "<html>login</html>", "text/html"),
        (200, "", JSON),
        (200, "[]", JSON),
        (200, "null", JSON),
        (200, "{}", JSON),
        (200, '{"schema": 7}', JSON),
    ],
)
def test_an_answer_that_is_none_is_an_outage(status: int, body: str, content_type: str) -> None:
    with asked(FakeRegistry(status, body, content_type)) as registry:
        assert isinstance(registry.fetch(7), RegistryAway)
        assert isinstance(registry.fetch("0f4c3f6a-7b1e-4e1d-9a53-5f2a0c1d2e3f"), RegistryAway)


@pytest.mark.parametrize(
    ("status", "is_refusal"),
    [(400, True), (403, True), (422, True), (401, False), (429, False), (302, False), (500, False)],
)
def test_a_refusal_may_be_of_one_schema_alone(status: int, *, is_refusal: bool) -> None:
    with asked(FakeRegistry(status, "{}")) as registry:
        assert registry.fetch(7) == RegistryAway(detail=ANY, is_refusal=is_refusal)


@pytest.mark.parametrize("body", [NOT_FOUND, '{"error_code": 40400}', "<html>"])
def test_only_a_404_says_that_a_schema_is_unknown(body: str) -> None:
    with asked(FakeRegistry(404, body)) as registry:
        assert registry.fetch(7) == UnknownSchema()
        assert not registry.knows_another("orders-value", (6,))


def test_nothing_that_the_client_remembers_counts_as_an_answer() -> None:
    fake = FakeRegistry(200, json.dumps({"schema": TEXT}))
    with asked(fake) as registry:
        assert registry.fetch(7) == TEXT
        fake.answer = (404, NOT_FOUND, JSON)
        assert not registry.knows_another("orders-value", (7,))
        assert registry.fetch(7) == UnknownSchema()


def test_a_registry_that_nobody_serves_is_away() -> None:
    registry = Registry(f"http://127.0.0.1:{free_port()}", timeout=2.0)
    assert isinstance(registry.fetch(7), RegistryAway)
    with pytest.raises(RuntimeFailure, match="PROCESSOR_SCHEMA_REGISTRY__URL"):
        registry.lookup("orders-value", TEXT)
    registry.close()


def test_proxies_of_the_environment_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with asked(FakeRegistry(200, json.dumps({"schema": TEXT}))) as registry:
        assert registry.fetch(7) == TEXT


def test_the_password_is_sent_as_it_is_now(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("first")
    password = SecretFile(path, str)
    fake = FakeRegistry(200, json.dumps({"schema": TEXT}))
    with asked(fake, username="me", password=password) as registry:
        registry.fetch(7)
        path.unlink()
        path.write_text("second")
        password._checked_at = float("-inf")  # noqa: SLF001  the file is looked at once a second
        registry.fetch(7)
    sent = [f"Basic {b64encode(f'me:{each}'.encode()).decode()}" for each in ("first", "second")]
    assert fake.credentials == sent


def test_no_error_shows_the_password() -> None:
    fake = FakeRegistry(401, '{"error_code": 401, "message": "bad me:canary"}')
    with asked(fake, username="me", password=Secret("canary")) as registry:
        assert "canary" not in repr(registry.fetch(7))
        with pytest.raises(RuntimeFailure) as caught:
            registry.lookup("orders-value", TEXT)
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize("job", [check_all, register_all])
@pytest.mark.parametrize("body", ["<html>", "{}", '{"error": "Not Found", "status": 404}'])
def test_an_address_that_knows_nothing_is_no_registry(
    body: str, job: Callable[[Registry, Topics], Iterable[Line]]
) -> None:
    with (
        asked(FakeRegistry(404, body, "text/html")) as registry,
        pytest.raises(ConfigurationError, match="PROCESSOR_SCHEMA_REGISTRY__URL answers, but not"),
    ):
        list(job(registry, Topics()))


def test_an_incompatible_schema_is_named_as_such() -> None:
    with (
        asked(FakeRegistry(409, '{"error_code": 409, "message": "incompatible"}')) as registry,
        pytest.raises(IncompatibleError),
    ):
        registry.register("orders-value", TEXT)


def test_the_schemas_are_missing_until_they_are_registered(
    mock: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    topics = Topics(order_paid="paid")
    assert not report(check_all(mock, topics))
    assert report(register_all(mock, topics))
    assert report(check_all(mock, topics))
    last = capsys.readouterr().out.splitlines()[-4:]
    assert last == [
        "ok       paid-value: OrderPaid is registered as id 1",
        "ok       cart-abandoned-value: CartAbandoned is registered as id 2",
        "ok       rokt-results-value: RoktCallOutcome is registered as id 3",
        "ok       rokt-dead-letters-value: DeadLetter is registered as id 4",
    ]


@pytest.mark.parametrize(
    ("command", "status", "body", "code"),
    [
        ("check", 404, NOT_FOUND, 3),
        ("check", 404, "<html>", 2),
        ("check", 500, "{}", 1),
        ("check", 200, '{"is_compatible": false}', 3),
        ("register", 409, "{}", 1),
        ("register", 404, "<html>", 2),
        ("register", 503, "{}", 1),
    ],
)
def test_the_exit_code_tells_work_to_do_from_what_failed(
    monkeypatch: pytest.MonkeyPatch, command: str, status: int, body: str, code: int
) -> None:
    with FakeRegistry(status, body).serving() as fake:
        monkeypatch.setenv("PROCESSOR_SCHEMA_REGISTRY__URL", fake.url)
        monkeypatch.setattr("sys.argv", ["processor", "schemas", command])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == code
