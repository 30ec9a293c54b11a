"""What `check` makes of what the brokers allow."""

from processor.core.rights import Operation, Role, rights
from processor.shell.checks import rights as rights_check
from processor.shell.checks.rights import NOTHING, UNTOLD, Allowed
from tests.support.checked import scene, told


def judged(**changed: Allowed) -> list[str]:
    given = scene()
    everything = Allowed(operations=frozenset({"READ", "WRITE", "DESCRIBE", "DESCRIBE_CONFIGS"}))
    topics = {
        name: changed.get(name.replace("-", "_"), everything) for name in given.names.values()
    }
    own = {name: changed.get(name, everything) for name in ("g", "g.accepted-gaps")}
    cluster = changed.get("cluster", everything)
    every = rights_check.Everything(topics=topics, groups=own, cluster=cluster)
    return told(rights_check.judge(given.names, given.groups, every))


def test_who_has_all_rights_is_told_so() -> None:
    count = len(rights(Role.RUN, scene().names, scene().groups))
    assert judged() == [f"ok run: All {count} rights that `run` needs"]


def test_each_missing_right_is_told_with_what_it_breaks() -> None:
    lesser = Allowed(operations=frozenset({"DESCRIBE", "READ"}))
    assert judged(rokt_results=lesser, g=NOTHING, rokt_replay=NOTHING) == [
        "warning topic rokt-replay: The right READ is missing: without it the replay lane is off",
        (
            "error topic rokt-results: The right WRITE is missing: without it outcomes are not "
            "written, and nothing is committed"
        ),
        (
            "warning topic rokt-results: The right DESCRIBE_CONFIGS is missing: without it a "
            "results topic that is compacted is not refused at start"
        ),
        "error group g: The right READ is missing: without it no partition is assigned",
    ]


def test_what_is_not_looked_at_is_told_in_one_line_a_reason() -> None:
    doing = Allowed(operations=frozenset({"DESCRIBE", "READ", "WRITE"}))
    count = len(rights(Role.RUN, scene().names, scene().groups))
    assert judged(order_paid=doing, rokt_replay=doing, cluster=NOTHING) == [
        f"ok run: All {count} rights that `run` needs",
        (
            "not checked check: Without the right DESCRIBE_CONFIGS on topic order-paid, topic "
            "rokt-replay its settings are not looked at"
        ),
        (
            "not checked check: Without the right DESCRIBE_CONFIGS on cluster kafka-cluster "
            "sessions and assignors of the brokers are not looked at"
        ),
    ]


def test_who_may_only_look_is_not_told_what_run_lacks() -> None:
    look = Allowed(operations=frozenset({"DESCRIBE", "DESCRIBE_CONFIGS"}))
    names = [name.replace("-", "_") for name in scene().names.values()]
    only = dict.fromkeys((*names, "g", "g.accepted-gaps", "cluster"), look)
    nobody = "not checked run: This user may look, and neither read nor write: what `run` may do, "
    assert judged(**only) == [
        f"{nobody}it cannot know",
        "ok check: All 12 rights that `check` needs",
    ]
    assert judged(**only | {"order_paid": NOTHING})[1:] == [
        (
            "not checked check: Without the right DESCRIBE on topic order-paid nobody knows "
            "whether it is there"
        )
    ]
    nothing = judged(**dict.fromkeys(only, NOTHING))
    assert nothing[0].startswith("error topic order-paid: The right READ is missing")


def test_rights_that_nobody_tells_are_not_missing() -> None:
    assert judged(g=UNTOLD) == [
        "not checked run: The brokers do not tell what may be done with: group g"
    ]


def test_every_operation_has_kafkas_name() -> None:
    needed = rights(Role.RUN, scene().names, scene().groups)
    assert {each.operation for each in needed} <= set(Operation)
