"""Our schemas on a real registry: registered, found again, and guarded against breaking changes."""

import json
from uuid import uuid4

import pytest

from processor.cli.schemas import check_all, register_all
from processor.shell import schemas
from processor.shell.registry import IncompatibleError, Registry, UnknownSchema
from processor.shell.settings import Topics
from processor.shell.vetting import VettedSchema, vet
from tests.support.codec import field_of, schema_of
from tests.support.registries import RealRegistry

pytestmark = pytest.mark.e2e


def topics() -> Topics:
    run = uuid4().hex
    return Topics(
        order_paid=f"{run}-paid",
        cart_abandoned=f"{run}-abandoned",
        results=f"{run}-results",
        dead_letters=f"{run}-dead",
    )


def test_the_schemas_are_registered_found_and_read_back(registry: RealRegistry) -> None:
    ours, names = Registry(registry.url), topics()
    assert {line.level for line in check_all(ours, names)} == {"warning"}
    assert {line.level for line in register_all(ours, names)} == {"ok"}
    assert {line.level for line in check_all(ours, names)} == {"ok"}
    subject = schemas.subject(names.order_paid)
    assert ours.compatibility(subject) == "FULL_TRANSITIVE"
    schema_id = ours.lookup(subject, schemas.text("OrderPaid"))
    assert schema_id is not None
    text = ours.fetch(schema_id)
    assert isinstance(text, str)
    assert isinstance(vet(text, schemas.readers()), VettedSchema)
    assert ours.knows_another(subject)
    ours.close()


def test_an_unknown_id_and_an_unknown_subject_are_told_from_an_outage(
    registry: RealRegistry,
) -> None:
    ours = Registry(registry.url)
    assert ours.fetch(2**31 - 1) == UnknownSchema()
    assert not ours.knows_another(f"{uuid4()}-value")
    ours.close()


def test_a_breaking_change_is_refused(registry: RealRegistry) -> None:
    ours, names = Registry(registry.url), topics()
    list(register_all(ours, names))
    subject = schemas.subject(names.order_paid)
    schema = schema_of("OrderPaid")
    field_of(schema, "orderId")["type"] = "long"
    assert not ours.check_compatibility(subject, json.dumps(schema))
    with pytest.raises(IncompatibleError):
        ours.register(subject, json.dumps(schema))
    ours.close()


def test_an_evolution_that_full_transitive_allows_is_taken(registry: RealRegistry) -> None:
    ours, names = Registry(registry.url), topics()
    list(register_all(ours, names))
    subject = schemas.subject(names.order_paid)
    schema = schema_of("OrderPaid")
    schema["fields"].append({"name": "note", "type": ["null", "string"], "default": None})
    schema["fields"].remove(field_of(schema, "roktTagId"))
    assert ours.check_compatibility(subject, json.dumps(schema))
    ours.register(subject, json.dumps(schema))
    assert [line.level for line in check_all(ours, names)] == ["ok"] * 4
    ours.close()
