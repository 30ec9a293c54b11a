"""`processor check` names each right that is missing, and no other; by user of a secured Kafka."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from confluent_kafka.admin import AclBinding, AclOperation, ResourceType

from processor.cli.check import examine
from processor.core.rights import DEFAULT_USERS, Role
from processor.shell.checks.findings import Finding
from tests.support.checked import all_rights, configured, troubles
from tests.support.registries import RealRegistry
from tests.support.secured import USER, SecuredKafka
from tests.support.world import World, open_world

pytestmark = [pytest.mark.e2e, pytest.mark.faults, pytest.mark.timeout(180)]

WITHIN = 4.0
PASSWORD = "canary-pw"
DOCTOR = DEFAULT_USERS[Role.CHECK]


class Ward:
    """A secured Kafka with a user who may all that `run` needs, and one who may look."""

    def __init__(self, kafka: SecuredKafka, world: World) -> None:
        self.kafka, self.world = kafka, world
        self.given = {
            USER: all_rights(world),
            DOCTOR: all_rights(world, Role.CHECK, DOCTOR),
        }
        for user, rights in self.given.items():
            kafka.give_password(PASSWORD, user)
            kafka.allow(rights)

    @contextmanager
    def without(self, right: AclBinding) -> Iterator[None]:
        """Have a right taken away meanwhile."""
        self.kafka.forbid([right])
        try:
            yield
        finally:
            self.kafka.allow([right])

    def check(self, user: str) -> list[Finding]:
        """Return what `check` finds as a user."""
        own = {
            "kafka__bootstrap_servers": self.kafka.guarded,
            "kafka__properties": json.dumps(self.kafka.properties(PASSWORD, user)),
            "schema_registry__auto_register": "true",
        }
        found = examine(None, WITHIN, self.world.environment(**own))
        assert PASSWORD not in str(found)
        return found


@pytest.fixture(scope="module")
def ward(registry: RealRegistry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    """Give a Kafka, a world on it, and two users."""
    folder = tmp_path_factory.mktemp("check-rights")
    (folder / "kafka").mkdir()
    with (
        SecuredKafka(folder / "kafka") as kafka,
        open_world(kafka, registry, folder, partitions=1) as world,
        ExitStack() as stack,
    ):
        for topic in (world.topics.results, world.topics.dead_letters, world.topics.replay):
            stack.enter_context(configured(kafka, topic, max_message_bytes="4000000"))
        yield Ward(kafka, world)


def of_rights(found: list[Finding], *levels: str) -> list[Finding]:
    return [each for each in found if each.area == "rights" and each.level in levels]


def test_each_right_that_run_lacks_is_named_and_no_other(ward: Ward) -> None:
    for right in ward.given[USER]:
        with ward.without(right):
            (only,) = of_rights(ward.check(USER), "warning", "error")
        assert only.subject == f"{ResourceType(right.restype).name.lower()} {right.name}"
        assert f"The right {AclOperation(right.operation).name} is missing" in only.found


def test_who_may_look_sees_everything_but_what_run_may_do(ward: Ward) -> None:
    found = ward.check(DOCTOR)
    assert [each for each in troubles(found) if " registry " not in each] == []
    of_kafka = [each for each in found if each.area in ("kafka", "topics", "rights", "group")]
    unknown = [(each.area, each.subject) for each in of_kafka if each.level == "not checked"]
    assert unknown == [("rights", "run")]
    (well,) = of_rights(found, "ok")
    assert well.found == f"All {len(ward.given[DOCTOR])} rights that `check` needs"


def test_each_right_that_check_lacks_is_named_and_no_other(ward: Ward) -> None:
    for right in ward.given[DOCTOR]:
        with ward.without(right):
            found = ward.check(DOCTOR)
        (only,) = [each for each in of_rights(found, "not checked") if each.subject == "check"]
        kind = ResourceType(right.restype).name.lower().replace("broker", "cluster")
        lacking = f"{AclOperation(right.operation).name} on {kind} {right.name} "
        assert only.found.startswith(f"Without the right {lacking}")
        assert of_rights(found, "ok") == []
