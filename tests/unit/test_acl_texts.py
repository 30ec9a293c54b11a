"""Rights in the words of tools, each read back as the tool would read it."""

import json
from itertools import product

import hcl2
import pytest
import yaml

from processor.cli import acl_texts as texts
from processor.cli.acl_texts import Grant
from processor.cli.topic_texts import Tools
from processor.core.rights import DEFAULT_USERS, Groups, Role, rights
from tests.unit.test_topic_plans import NAMES
from tests.unit.test_topic_texts import options, unquoted

GROUPS = Groups(own="shop", accepted_gaps="shop.accepted-gaps", replays="shop.replay.")
GRANTS = [
    Grant(role=role, user=DEFAULT_USERS[role], rights=rights(role, NAMES, GROUPS)) for role in Role
]
TOOLS = Tools(bootstrap_servers="broker:9092", command_config="admin.properties")

# Role, kind, name, pattern, operation.
Line = tuple[str, str, str, str, str]
INPUTS = ("order-paid", "cart-abandoned")
HISTORY = [
    *(("topic", name, "Read") for name in (*INPUTS, "rokt-results", "rokt-dead-letters")),
    *(("topic", name, "DescribeConfigs") for name in (*INPUTS, "rokt-dead-letters")),
    ("group", "shop", "Describe"),
]
EXPECTED = {
    "run": [
        *(("topic", name, "Read") for name in (*INPUTS, "rokt-replay", "rokt-results")),
        *(("topic", name, "Write") for name in ("rokt-results", "rokt-dead-letters")),
        ("topic", "rokt-results", "DescribeConfigs"),
        ("group", "shop", "Read"),
        ("group", "shop.accepted-gaps", "Describe"),
    ],
    "check": [
        ("topic", name, operation)
        for name, operation in product(NAMES.values(), ("Describe", "DescribeConfigs"))
    ]
    + [("group", "shop", "Describe"), ("cluster", "kafka-cluster", "DescribeConfigs")],
    "look-back": [
        *HISTORY,
        ("topic", "rokt-replay", "Read"),
        ("group", "shop.replay.*", "Describe"),
    ],
    "copy": [
        *HISTORY,
        ("topic", "rokt-replay", "Write"),
        ("topic", "rokt-replay", "DescribeConfigs"),
        ("group", "shop.replay.*", "Read"),
    ],
    "accept-gap": [
        *(("topic", name, "Read") for name in (*INPUTS, "rokt-replay")),
        ("group", "shop", "Describe"),
        ("group", "shop.accepted-gaps", "Read"),
    ],
    "topics": [
        ("topic", name, operation)
        for name, operation in product(NAMES.values(), ("Create", "Describe", "DescribeConfigs"))
    ],
    "scale": [*(("topic", name, "Describe") for name in INPUTS), ("group", "shop", "Describe")],
    "produce-order-paid": [("topic", "order-paid", "Write")],
    "produce-cart-abandoned": [("topic", "cart-abandoned", "Write")],
}
LINES: list[Line] = sorted(
    (
        role,
        kind,
        name.removesuffix("*"),
        "prefixed" if name.endswith("*") else "literal",
        operation,
    )
    for role, listed in EXPECTED.items()
    for kind, name, operation in listed
)
ROLES = {user: role.value for role, user in DEFAULT_USERS.items()}


def test_json_lists_every_right() -> None:
    told = json.loads(json.dumps(texts.to_json(GRANTS)))
    lines = [
        (each["role"], right["type"], right["name"], right["pattern"], right["operation"])
        for each in told
        for right in each["rights"]
    ]
    assert sorted(lines) == LINES
    assert [each["user"] for each in told] == list(DEFAULT_USERS.values())
    assert all(right["without"] for each in told for right in each["rights"])


def test_the_commands_give_every_right() -> None:
    lines: list[Line] = []
    for line in texts.commands(GRANTS, TOOLS).splitlines():
        if line.startswith("#"):
            continue
        given = options(line)
        assert (given[""], given["--add"]) == (["kafka-acls.sh"], [])
        assert given["--command-config"] == ["admin.properties"]
        role = ROLES[given["--allow-principal"][0].removeprefix("User:")]
        pattern = given.get("--resource-pattern-type", ["literal"])[0]
        if "--cluster" in given:
            assert given.pop("--cluster") == []
            given["--cluster"] = ["kafka-cluster"]
        lines += [
            (role, kind, name, pattern, operation)
            for kind in ("topic", "group", "cluster")
            for name, operation in product(given.get(f"--{kind}", []), given["--operation"])
        ]
    assert sorted(lines) == LINES


def test_terraform_reads_every_right() -> None:
    resources = [each["kafka_acl"] for each in unquoted(hcl2.loads(texts.hcl(GRANTS)))["resource"]]
    labels = [label for each in resources for label in each]
    assert len(set(labels)) == len(labels)
    found = [fields for each in resources for fields in each.values()]
    assert {(each["acl_host"], each["acl_permission_type"]) for each in found} == {("*", "Allow")}
    assert (
        sorted(
            (
                ROLES[each["acl_principal"].removeprefix("User:")],
                each["resource_type"].lower(),
                each["resource_name"],
                each["resource_pattern_type_filter"].lower(),
                each["acl_operation"],
            )
            for each in found
        )
        == LINES
    )


def test_strimzi_reads_every_right() -> None:
    users = list(yaml.safe_load_all(texts.strimzi(GRANTS, "shop")))
    assert {(user["apiVersion"], user["kind"]) for user in users} == {
        ("kafka.strimzi.io/v1", "KafkaUser")
    }
    assert {user["metadata"]["labels"]["strimzi.io/cluster"] for user in users} == {"shop"}
    assert {user["spec"]["authentication"]["type"] for user in users} == {"scram-sha-512"}
    assert {user["spec"]["authorization"]["type"] for user in users} == {"simple"}
    patterns = {"literal": "literal", "prefix": "prefixed"}
    assert (
        sorted(
            (
                ROLES[user["metadata"]["name"]],
                acl["resource"]["type"],
                acl["resource"].get("name", "kafka-cluster"),
                patterns[acl["resource"].get("patternType", "literal")],
                operation,
            )
            for user in users
            for acl in user["spec"]["authorization"]["acls"]
            for operation in acl["operations"]
        )
        == LINES
    )


@pytest.mark.parametrize("grant", GRANTS, ids=lambda grant: grant.role)
def test_no_right_is_given_twice(grant: Grant) -> None:
    things = [(each.kind, each.name, each.operation) for each in grant.rights]
    assert len(set(things)) == len(things)
