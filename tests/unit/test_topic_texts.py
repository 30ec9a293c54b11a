"""A plan of topics in the words of tools, each read back as the tool would read it."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import hcl2
import pytest
import yaml

from processor.cli import topic_texts as texts
from processor.cli.topic_texts import Tools
from processor.cli.yaml_text import Value, document
from processor.core.blueprints import Purpose
from processor.core.topic_plans import Cluster, Found, TopicPlan, plan
from tests.unit.test_topic_plans import BROKERS, CHOICES, NAMES, NOTHING, changed, well

TOOLS = Tools(bootstrap_servers="broker-1:9092,broker-2:9092")
SHARED = {
    "cleanup.policy": "delete",
    "retention.bytes": "-1",
    "min.insync.replicas": "2",
    "unclean.leader.election.enable": "false",
}
CONFIGS = {
    "order-paid": SHARED | {"retention.ms": "604800000", "max.message.bytes": "1048588"},
    "cart-abandoned": SHARED | {"retention.ms": "604800000", "max.message.bytes": "1048588"},
    "rokt-results": SHARED | {"retention.ms": "-1", "max.message.bytes": "2162700"},
    "rokt-dead-letters": SHARED | {"retention.ms": "7776000000", "max.message.bytes": "3211288"},
    "rokt-replay": SHARED | {"retention.ms": "604800000", "max.message.bytes": "1114124"},
}
PLAN = plan(NAMES, replace(CHOICES, partitions=6), NOTHING)


def with_topics(topics: Mapping[Purpose, Found | None]) -> TopicPlan:
    return plan(NAMES, CHOICES, Cluster(brokers=BROKERS, topics=topics))


def options(command: str) -> dict[str, list[str]]:
    """Return the options of a command with their values, its name under the empty text."""
    found: dict[str, list[str]] = {}
    name = ""
    for word in shlex.split(command):
        if word.startswith("--"):
            name, _, value = word.partition("=")
            found.setdefault(name, []).extend([value] if value else [])
        else:
            found.setdefault(name, []).append(word)
    return found


def script(drawn: TopicPlan, tools: Tools = TOOLS) -> list[str]:
    """Return the lines that a shell would run."""
    lines = texts.commands(drawn, tools).splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_commands_create_every_topic() -> None:
    made = [options(line) for line in script(PLAN)]
    assert {each["--topic"][0]: dict(map(pair, each["--config"])) for each in made} == CONFIGS
    rest = [{k: v for k, v in each.items() if k not in ("--topic", "--config")} for each in made]
    assert (
        rest
        == [
            {
                "": ["kafka-topics.sh"],
                "--bootstrap-server": ["broker-1:9092,broker-2:9092"],
                "--create": [],
                "--partitions": ["6"],
                "--replication-factor": ["3"],
            }
        ]
        * 5
    )


def pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def test_a_file_of_client_properties_is_named_in_every_command() -> None:
    tools = replace(TOOLS, command_config="my admin.properties")
    drawn = with_topics(changed(Purpose.RESULTS, retention_ms="1") | {Purpose.REPLAY: None})
    lines = script(drawn, tools)
    assert [options(line)["--command-config"] for line in lines] == [["my admin.properties"]] * 2


def test_what_is_well_needs_no_command() -> None:
    assert script(with_topics(well())) == []
    assert "# Nothing is missing." in texts.commands(with_topics(well()), TOOLS)


def test_a_setting_is_altered_by_its_own_command() -> None:
    (line,) = script(with_topics(changed(Purpose.RESULTS, cleanup_policy="compact,delete")))
    assert options(line) == {
        "": ["kafka-configs.sh"],
        "--bootstrap-server": ["broker-1:9092,broker-2:9092"],
        "--alter": [],
        "--entity-type": ["topics"],
        "--entity-name": ["rokt-results"],
        "--add-config": ["cleanup.policy=delete"],
    }


@pytest.mark.parametrize(
    ("purpose", "caution"),
    [(Purpose.DEAD_LETTERS, ""), (Purpose.CART_ABANDONED, "Only while nothing lies in it")],
)
def test_partitions_are_added_with_care(purpose: Purpose, caution: str) -> None:
    drawn = with_topics(changed(purpose, partitions=4))
    (line,) = script(drawn)
    assert options(line) | {"--bootstrap-server": []} == {
        "": ["kafka-topics.sh"],
        "--bootstrap-server": [],
        "--alter": [],
        "--topic": [NAMES[purpose]],
        "--partitions": ["12"],
    }
    assert caution in texts.commands(drawn, TOOLS)


def test_partitions_that_are_too_many_are_no_matter_of_a_command() -> None:
    drawn = with_topics(changed(Purpose.RESULTS, partitions=13))
    assert script(drawn) == []
    assert "name it in PROCESSOR_TOPICS__RESULTS." in texts.commands(drawn, TOOLS)


def test_replicas_are_added_behind_the_leaders() -> None:
    topics = well(partitions=3)
    results = topics[Purpose.RESULTS]
    assert results is not None
    topics[Purpose.RESULTS] = replace(results, assignment=((2,), (3, 1), (1, 2, 3)))
    (line,) = script(with_topics(topics))
    begin, _, rest = line.partition(" <(echo ")
    assert begin == (
        "kafka-reassign-partitions.sh --bootstrap-server broker-1:9092,broker-2:9092 --execute "
        "--reassignment-json-file"
    )
    assert json.loads(shlex.split(rest.removesuffix(")"))[0]) == {
        "version": 1,
        "partitions": [
            {"topic": "rokt-results", "partition": 0, "replicas": [2, 1, 3]},
            {"topic": "rokt-results", "partition": 1, "replicas": [3, 1, 2]},
            {"topic": "rokt-results", "partition": 2, "replicas": [1, 2, 3]},
        ],
    }


def unquoted(value: Any) -> Any:  # noqa: ANN401  whatever the parser returns
    """Return what the parser of HCL returns, without the quotes that it keeps."""
    if isinstance(value, dict):
        inner = {unquoted(k): unquoted(v) for k, v in value.items()}
        return {k: v for k, v in inner.items() if not str(k).startswith("__")}
    if isinstance(value, list):
        return [unquoted(each) for each in value]
    return json.loads(value) if isinstance(value, str) and value.startswith('"') else value


def test_terraform_reads_every_topic() -> None:
    resources = unquoted(hcl2.loads(texts.hcl(PLAN)))["resource"]
    assert resources == [
        {
            "kafka_topic": {
                label: {
                    "name": name,
                    "partitions": 6,
                    "replication_factor": 3,
                    "config": CONFIGS[name],
                }
            }
        }
        for label, name in zip(
            ("order_paid", "cart_abandoned", "results", "dead_letters", "replay"),
            CONFIGS,
            strict=True,
        )
    ]


def test_terraform_does_not_take_a_text_for_a_template() -> None:
    written = texts.resource("kafka_acl", "a", {"acl_principal": 'User:${x}%{y}"z'})
    assert 'acl_principal = "User:$${x}%%{y}\\"z"' in written


def test_strimzi_reads_every_topic() -> None:
    found = list(yaml.safe_load_all(texts.strimzi(PLAN, "shop")))
    assert found == [
        {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "KafkaTopic",
            "metadata": {"name": name, "labels": {"strimzi.io/cluster": "shop"}},
            "spec": {"partitions": 6, "replicas": 3, "config": typed(config)},
        }
        for name, config in CONFIGS.items()
    ]


def typed(config: Mapping[str, str]) -> dict[str, str | int | bool]:
    plain: dict[str, str | bool] = {"delete": "delete", "false": False}
    return {name: plain[each] if each in plain else int(each) for name, each in config.items()}


def test_a_topic_that_kubernetes_cannot_name_is_named_within() -> None:
    names = NAMES | {Purpose.RESULTS: "Rokt_Results"}
    found = list(yaml.safe_load_all(texts.strimzi(plan(names, CHOICES, NOTHING), "shop")))
    assert found[2]["metadata"]["name"] == "rokt-cart-results"
    assert found[2]["spec"]["topicName"] == "Rokt_Results"


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("a", True),
        ("order-paid.v1", True),
        ("9", True),
        ("Order", False),
        ("a_b", False),
        ("-a", False),
        ("a.", False),
        ("a..b", False),
        ("a.-b", False),
        ("a-.b", False),
        ("a" * 254, False),
    ],
)
def test_names_that_kubernetes_takes(name: str, *, is_one: bool) -> None:
    assert texts.is_resource_name(name) is is_one


def test_json_tells_all_of_it() -> None:
    drawn = with_topics(changed(Purpose.RESULTS, retention_ms="5") | {Purpose.REPLAY: None})
    told = json.loads(json.dumps(texts.to_json(drawn, TOOLS)))
    assert [topic["purpose"] for topic in told["topics"]] == [
        "order_paid",
        "cart_abandoned",
        "results",
        "dead_letters",
        "replay",
    ]
    assert {topic["name"]: topic["config"] for topic in told["topics"]} == CONFIGS
    assert [topic["exists"] for topic in told["topics"]] == [True, True, True, True, False]
    results, replay = told["topics"][2], told["topics"][4]
    assert results["differences"] == [
        {
            "what": "retention.ms",
            "actual": "5",
            "needed": "-1",
            "rule": "exactly",
            "why": "the ledger forgets an order whose outcome is deleted, and would call it again "
            "when it is replayed",
            "caution": None,
            "command": "kafka-configs.sh --bootstrap-server broker-1:9092,broker-2:9092 --alter "
            "--entity-type topics --entity-name rokt-results --add-config retention.ms=-1",
        }
    ]
    assert (results["command"], replay["differences"]) == (None, [])
    assert replay["command"] == texts.creation(drawn.topics[4], TOOLS)


AWKWARD: dict[str, Value] = {
    "plain": "a-b.c/d",
    "words": [
        "yes",
        "No",
        "null",
        "1.0",
        "0x1",
        "~",
        "",
        " a",
        "a: b",
        "# a",
        "- a",
        "é\u2028\x1b",
    ],
    "on": {"true": True, "number": -1, "quoted": 'a "b" \\ c', "y": "y"},
    "list": [{"a": "1", "b": {"c": "d"}, "e": ["f"]}, {"a": "2"}],
}


def test_yaml_is_read_back_as_it_was_meant() -> None:
    assert yaml.safe_load(document(AWKWARD)) == AWKWARD
