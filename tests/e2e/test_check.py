"""`processor check` on real broken environments: whatever is broken is named, all else goes on."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from processor.cli.check import examine
from processor.cli.schemas import register_all
from processor.shell.checks.findings import Finding
from processor.shell.registry import Registry
from processor.shell.settings import Topics
from tests.support.checked import all_rights, configured, troubles
from tests.support.command_line import run
from tests.support.programs import free_port
from tests.support.registries import RealRegistry
from tests.support.secured import SecuredKafka, reading, using, writing
from tests.support.world import World, open_world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

PASSWORD = "canary-pw-5f1d"
WRONG = "canary-pw-77aa"
WITHIN = 4.0
LARGE = "4000000"


class Ward:
    """A secured Kafka, a registry with all schemas, a fake Rokt; nothing is wrong with them."""

    def __init__(self, kafka: SecuredKafka, world: World) -> None:
        self.kafka, self.world = kafka, world

    def settings(self, password: str = PASSWORD, **settings: str) -> dict[str, str]:
        properties = json.dumps(self.kafka.properties(password))
        own = {
            "kafka__bootstrap_servers": self.kafka.guarded,
            "kafka__properties": properties,
            "schema_registry__auto_register": "false",
        }
        return own | settings

    def examine(self, password: str = PASSWORD, **settings: str) -> list[Finding]:
        environment = self.world.environment(**self.settings(password, **settings))
        found = examine(None, WITHIN, environment)
        assert "canary" not in str(found)
        return found


@pytest.fixture(scope="module")
def ward(registry: RealRegistry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    folder = tmp_path_factory.mktemp("check")
    (folder / "kafka").mkdir()
    with (
        SecuredKafka(folder / "kafka") as kafka,
        open_world(kafka, registry, folder, partitions=2) as world,
        configured(kafka, world.topics.results, max_message_bytes=LARGE),
    ):
        kafka.give_password(PASSWORD)
        kafka.allow(all_rights(world))
        client = Registry(registry.url)
        topics = world.topics
        names = Topics(
            order_paid=topics.order_paid,
            cart_abandoned=topics.cart_abandoned,
            results=topics.results,
            dead_letters=topics.dead_letters,
        )
        assert all(line.level == "ok" for line in register_all(client, names))
        client.close()
        yield Ward(kafka, world)


def test_where_all_is_well_nothing_is_complained_of(ward: Ward) -> None:
    found = ward.examine()
    assert troubles(found) == []
    assert [each.subject for each in found if each.level == "warning"] == ["brokers"]
    seen = {each.area for each in found if each.level == "ok"}
    in_kafka = {"kafka", "topics", "rights", "group"}
    assert seen == {"settings", "server", "registry", "rokt"} | in_kafka


def test_a_wrong_password_is_named_and_all_else_goes_on(ward: Ward) -> None:
    stranger = json.dumps(ward.kafka.properties(WRONG, "canary-user"))
    for settings in ({}, {"kafka__properties": stranger}):
        found = ward.examine(WRONG, **settings)
        assert troubles(found) == ["error kafka signing in"]
    (told,) = [each for each in found if each.level == "error"]
    assert "The brokers refuse the user of `sasl.username`, by SCRAM-SHA-512" in told.found
    assert "sasl.password" in str(told.remedy)
    ok = {each.area for each in found if each.level == "ok"}
    assert ok == {"settings", "server", "kafka", "registry", "rokt"}


def test_a_wrong_authority_is_named(ward: Ward, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    properties = ward.kafka.properties(PASSWORD) | {"ssl.ca.location": str(other)}
    found = ward.examine(kafka__properties=json.dumps(properties))
    assert troubles(found) == [f"error kafka {ward.kafka.guarded}", "error kafka signing in"]
    (first, _) = [each for each in found if each.level == "error"]
    assert "comes from nobody who is trusted here" in first.found
    assert "`ssl.ca.location` of PROCESSOR_KAFKA__PROPERTIES" in str(first.remedy)


def test_a_missing_right_is_named(ward: Ward) -> None:
    topics = ward.world.topics
    taken = [writing(topics.results), using(ward.world.group), reading(topics.replay)]
    ward.kafka.forbid(taken)
    try:
        found = ward.examine()
    finally:
        ward.kafka.allow(taken)
    assert troubles(found) == [
        f"warning topics {topics.replay}",
        f"warning rights topic {topics.replay}",
        f"error rights topic {topics.results}",
        f"error rights group {ward.world.group}",
        f"error group {ward.world.group}",
    ]
    assert any("WRITE is missing: without it outcomes are not written" in f.found for f in found)


def test_a_registry_that_is_away_is_named(ward: Ward) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    found = ward.examine(schema_registry__url=url)
    assert troubles(found) == [f"error registry {url}"]


def test_the_command_prints_json_and_ends_with_the_worst_code(ward: Ward) -> None:
    """The tests' command line takes Rokt's settings away, so those are missing."""
    said = run(ward.world, "check", "--json", "--timeout", "4", **ward.settings(WRONG))
    assert said.code == said.report["exitCode"] == 2
    assert said.report["counts"]["error"] == 4
    errors = [each["subject"] for each in said.report["findings"] if each["level"] == "error"]
    assert errors == [
        "PROCESSOR_ROKT__API_KEY",
        "PROCESSOR_ROKT__BASE_URL",
        "PROCESSOR_ROKT__TAG_ID",
        "signing in",
    ]
    assert "canary" not in said.out + said.err
    assert said.err == ""
