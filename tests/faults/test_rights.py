"""Each role works with the rights that are listed for it, and none of them can be left out.

The real processor and the real commands, on a Kafka that asks who they are and lets them do only
that. Without a right, what is listed beside it happens.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from processor.fake_rokt.rules import Rule, Then, When
from tests.support.granted import MADE, PASSWORD, Granted, Stage
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.secured import SecuredKafka
from tests.support.world import open_world

pytestmark = [pytest.mark.e2e, pytest.mark.faults, pytest.mark.timeout(240)]

RULES = (Rule(when=When(cart_id="c-bad"), then=Then(status=422)),)
PLAN = "replay --from 1h --json"
REDRIVE = "redrive --from 1h --json"
COPIED = '"deadLetters": {"UNPROCESSABLE": '


@pytest.fixture(scope="module")
def stage(registry: RealRegistry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage with a little history, and one replay."""
    folder = tmp_path_factory.mktemp("rights")
    (folder / "kafka").mkdir()
    with (
        SecuredKafka(folder / "kafka") as kafka,
        open_world(kafka, registry, folder, partitions=2, rules=RULES) as world,
    ):
        made = Stage(kafka, world, folder)
        assert made.work().startswith("drained")
        told = made.copy()
        assert COPIED in told, told
        yield made


@dataclass(frozen=True)
class Case:
    """What is tried with and without a right, and what shows that it works, or does not.

    `on` is the setting of the topic, or the end of the group's name.
    """

    role: str
    on: str
    operation: str
    probe: Callable[[Stage, str], str]
    works: str
    breaks: str = ""


def work(stage: Stage, _: str) -> str:
    return stage.work()


def work_anew(stage: Stage, _: str) -> str:
    return stage.work(reads_all=True)


def work_compacted(stage: Stage, topic: str) -> str:
    with stage.compacted(topic):
        return stage.work()


def accepted(stage: Stage, _: str) -> str:
    """Let a partition be parked, and accept that; tell whether the processor goes on."""
    topic = stage.world.topics.order_paid
    stage.lose(topic)
    with stage.fleet() as processor:
        wait_until(lambda: processor.status()["parked"], within=20, what="it is parked")
        stage.command("accept-gap", f"topics accept-gap --topic {topic} --partition 0 --yes")
        try:
            wait_until(lambda: not processor.status()["parked"], within=10, what="it goes on")
        except TimeoutError:
            return "still parked"
        return "goes on"


def as_role(role: str, line: str) -> Callable[[Stage, str], str]:
    def probe(stage: Stage, topic: str) -> str:
        return stage.command(role, line.format(topic=topic))

    return probe


def as_role_compacted(role: str, line: str) -> Callable[[Stage, str], str]:
    def probe(stage: Stage, topic: str) -> str:
        with stage.compacted(topic):
            return stage.command(role, line)

    return probe


def copy(stage: Stage, _: str) -> str:
    return stage.copy()


def copy_compacted(stage: Stage, topic: str) -> str:
    with stage.compacted(topic):
        return stage.copy()


def accept(stage: Stage, topic: str) -> str:
    lost = topic if topic in stage.world.topics.environment.values() else None
    lost = lost or stage.world.topics.order_paid
    stage.lose(lost)
    return stage.command("accept-gap", f"topics accept-gap --topic {lost} --partition 0 --yes")


def create(stage: Stage, topic: str) -> str:
    stage.delete(topic)
    return stage.command("topics", "topics create --yes --partitions 2", **MADE)


def plan_topics(stage: Stage, _: str) -> str:
    stage.command("topics", "topics create --yes --partitions 2", **MADE)
    return stage.command("topics", "topics plan --format json", **MADE)


def produce(role: str) -> Callable[[Stage, str], str]:
    return lambda stage, topic: stage.produce(role, topic)


def lag(stage: Stage, _: str) -> str:
    return stage.lag("scale")


def history(role: str) -> list[Case]:
    plan, redrive = as_role(role, PLAN), as_role(role, REDRIVE)
    plan_compacted = as_role_compacted(role, PLAN)
    redrive_compacted = as_role_compacted(role, REDRIVE)
    return [
        Case(role, "order_paid", "Read", plan, '"counts"', "cannot be read"),
        Case(role, "cart_abandoned", "Read", plan, '"counts"', "cannot be read"),
        Case(role, "results", "Read", plan, '"counts"', "cannot be read"),
        Case(role, "dead_letters", "Read", redrive, '"counts"', "cannot be read"),
        Case(role, "order_paid", "DescribeConfigs", plan_compacted, "is compacted"),
        Case(role, "cart_abandoned", "DescribeConfigs", plan_compacted, "is compacted"),
        Case(role, "dead_letters", "DescribeConfigs", redrive_compacted, "is compacted"),
        Case(role, "group", "Describe", plan, '"counts"', "does not tell where"),
    ]


CHECK = as_role("check", "check --json")
LOOKS = "All 12 rights that `check` needs"
INSPECT = as_role("look-back", "inspect c-bad --json")
LIST = as_role("look-back", "replay list")
CASES = [
    Case("run", "order_paid", "Read", work, "drained", "authorization failed"),
    Case("run", "cart_abandoned", "Read", work, "drained", "authorization failed"),
    Case("run", "replay", "Read", work, "drained", "authorization failed"),
    Case("run", "results", "Read", work_anew, "drained", "authorization failed"),
    Case("run", "results", "Write", work, "drained", "does not take it"),
    Case("run", "results", "DescribeConfigs", work_compacted, "is compacted", "drained"),
    Case("run", "dead_letters", "Write", work, "drained", "does not take it"),
    Case("run", "group", "Read", work, "drained", "Group authorization failed"),
    Case("run", "accepted-gaps", "Describe", accepted, "goes on", "still parked"),
    *(
        Case("check", on, operation, CHECK, LOOKS, f"Without the right {kafkas} on topic ")
        for on in ("order_paid", "cart_abandoned", "results", "dead_letters", "replay")
        for operation, kafkas in (("Describe", "DESCRIBE"), ("DescribeConfigs", "DESCRIBE_CONFIGS"))
    ),
    Case("check", "group", "Describe", CHECK, LOOKS, "right DESCRIBE on group "),
    Case("check", "cluster", "DescribeConfigs", CHECK, LOOKS, "DESCRIBE_CONFIGS on cluster "),
    *history("look-back"),
    Case("look-back", "replay", "Read", INSPECT, "exit code 0", "cannot be read"),
    Case("look-back", "replay.", "Describe", LIST, "finished", "has no replays"),
    *history("copy"),
    Case("copy", "replay", "Write", copy, COPIED, "takes no copies"),
    Case("copy", "replay", "DescribeConfigs", copy_compacted, "is compacted", COPIED),
    Case("copy", "replay.", "Read", copy, COPIED, "user needs READ on groups"),
    Case("accept-gap", "order_paid", "Read", accept, "Accepted: ", "did not take it"),
    Case("accept-gap", "cart_abandoned", "Read", accept, "Accepted: ", "did not take it"),
    Case("accept-gap", "replay", "Read", accept, "Accepted: ", "did not take it"),
    Case("accept-gap", "group", "Describe", accept, "Accepted: ", "does not tell what group"),
    Case("accept-gap", "accepted-gaps", "Read", accept, "Accepted: ", "did not take it"),
    *(
        case
        for on in MADE
        for case in (
            Case("topics", on, "Create", create, "Created: ", "The user needs CREATE"),
            Case("topics", on, "Describe", plan_topics, '"exists": true', "needs DESCRIBE on"),
            Case(
                "topics",
                on,
                "DescribeConfigs",
                plan_topics,
                '"exists": true',
                "needs DESCRIBE_CONFIGS on",
            ),
        )
    ),
    *(
        Case("scale", on, "Describe", lag, "the lag is known", "authorization failed")
        for on in ("order_paid", "cart_abandoned", "group")
    ),
    *(
        Case(
            f"produce-{on.replace('_', '-')}",
            on,
            "Write",
            produce(role),
            "delivered",
            "authorization failed",
        )
        for on in ("order_paid", "cart_abandoned")
        for role in [f"produce-{on.replace('_', '-')}"]
    ),
]


def right_of(case: Case, stage: Stage) -> Granted:
    """Return the right that a case is about."""
    topics, group = stage.world.topics, stage.world.group
    names = {
        "group": group,
        "cluster": "kafka-cluster",
        "accepted-gaps": f"{group}.accepted-gaps",
        "replay.": f"{group}.replay.",
        **MADE,
    }
    name = names.get(case.on) or getattr(topics, case.on)
    (found,) = [
        each
        for each in stage.granted
        if (each.role, each.listed["name"], each.listed["operation"])
        == (case.role, name, case.operation)
    ]
    return found


def test_the_commands_give_exactly_the_rights_that_are_listed(stage: Stage) -> None:
    listed = {each.binding for each in stage.granted}
    assert set(stage.rights_in_force()) == listed
    assert len(listed) == len(stage.granted)


def test_every_right_is_tried(stage: Stage) -> None:
    tried = [right_of(case, stage).binding for case in CASES]
    assert sorted(map(str, tried)) == sorted(str(each.binding) for each in stage.granted)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.role}-{case.operation}-{case.on}")
def test_without_a_right_something_named_does_not_work(stage: Stage, case: Case) -> None:
    right = right_of(case, stage)
    name = right.listed["name"]
    with stage.without(right):
        without = case.probe(stage, name)
    with_it = case.probe(stage, name)
    assert case.breaks in without
    assert case.works not in without
    assert case.works in with_it
    assert PASSWORD not in without + with_it


def test_the_new_group_protocol_needs_no_further_right(stage: Stage) -> None:
    assert stage.work("consumer").startswith("drained")
