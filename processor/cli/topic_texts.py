"""A topic plan in the words of tools: Kafka's own commands, Terraform, Strimzi, JSON."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from processor.cli.yaml_text import Value, document
from processor.core.blueprints import INPUTS, Purpose
from processor.core.topic_plans import Change, Difference, PlannedTopic, TopicPlan

STRIMZI_API: Final = "kafka.strimzi.io/v1"
_LONGEST_NAME: Final = 253
_LABELS: Final = {
    Purpose.ORDER_PAID: "order_paid",
    Purpose.CART_ABANDONED: "cart_abandoned",
    Purpose.RESULTS: "results",
    Purpose.DEAD_LETTERS: "dead_letters",
    Purpose.REPLAY: "replay",
}
_VARIABLES: Final = {
    purpose: f"PROCESSOR_TOPICS__{label.upper()}" for purpose, label in _LABELS.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """How Kafka's own tools reach the brokers; `command_config` is a file of client properties."""

    bootstrap_servers: str
    command_config: str | None = None

    def line(self, tool: str, *arguments: str) -> str:
        """Return a command for a shell."""
        reach = ["--bootstrap-server", self.bootstrap_servers]
        if self.command_config is not None:
            reach += ["--command-config", self.command_config]
        return shlex.join([tool, *reach, *arguments])


def creation(topic: PlannedTopic, tools: Tools) -> str:
    """Return the command that creates a topic."""
    config = (f"--config={name}={value}" for name, value in topic.config.items())
    counts = ("--partitions", str(topic.partitions), "--replication-factor", str(topic.replicas))
    return tools.line("kafka-topics.sh", "--create", "--topic", topic.name, *counts, *config)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """How a difference is mended: what to know before, and the command, if there is one."""

    caution: str | None
    command: str | None


def remedy(topic: PlannedTopic, difference: Difference, plan: TopicPlan, tools: Tools) -> Remedy:
    """Return how a topic becomes as it is needed."""
    match difference.change:
        case Change.CONFIG:
            change = f"{difference.what}={difference.needed}"
            entity = ("--entity-type", "topics", "--entity-name", topic.name)
            line = tools.line("kafka-configs.sh", "--alter", *entity, "--add-config", change)
            return Remedy(caution=None, command=line)
        case Change.MORE_PARTITIONS:
            count = ("--partitions", str(topic.partitions))
            line = tools.line("kafka-topics.sh", "--alter", "--topic", topic.name, *count)
            return Remedy(caution=_caution(topic), command=line)
        case Change.FEWER_PARTITIONS:
            name = _VARIABLES[topic.blueprint.purpose]
            text = f"Kafka takes no partitions away: create another topic, and name it in {name}."
            return Remedy(caution=text, command=None)
        case Change.MORE_REPLICAS:
            return Remedy(
                caution="This moves data between brokers: see --throttle. Afterwards --verify.",
                command=_reassignment(topic, plan, tools),
            )


def _caution(topic: PlannedTopic) -> str | None:
    if topic.blueprint.purpose not in INPUTS:
        return None
    return (
        "Only while nothing lies in it: carts move to other partitions, and their payments and "
        "ledgers stay where they are. Otherwise create both inputs anew."
    )


def _reassignment(topic: PlannedTopic, plan: TopicPlan, tools: Tools) -> str:
    """Return the command that adds replicas: the leaders stay, brokers are taken in turn."""
    partitions = []
    for number, have in enumerate(topic.found.assignment if topic.found else ()):
        turn = number % len(plan.brokers)
        others = [each for each in plan.brokers[turn:] + plan.brokers[:turn] if each not in have]
        replicas = [*have, *others[: max(0, topic.blueprint.replicas - len(have))]]
        partitions.append({"topic": topic.name, "partition": number, "replicas": replicas})
    file = json.dumps({"version": 1, "partitions": partitions}, separators=(",", ":"))
    line = tools.line("kafka-reassign-partitions.sh", "--execute", "--reassignment-json-file")
    return f"{line} <(echo {shlex.quote(file)})"


def commands(plan: TopicPlan, tools: Tools) -> str:
    """Return what is to be done as commands for a shell; what is well is not in it."""
    lines = ["# What is missing" if plan.missing else "# Nothing is missing."]
    lines += [creation(topic, tools) for topic in plan.missing]
    for topic in plan.differing:
        for difference in topic.differences:
            mending = remedy(topic, difference, plan, tools)
            lines += ["", f"# {topic.name}: {told(difference)}"]
            lines += [f"# {mending.caution}"] if mending.caution else []
            lines += [mending.command] if mending.command else []
    lines += [f"# {note}" for note in plan.notes]
    return "\n".join(lines)


def told(difference: Difference) -> str:
    """Return what differs, and why it is needed otherwise, as one sentence."""
    rule = "" if difference.rule == "exactly" else f"{difference.rule} "
    return (
        f"{difference.what} is {difference.actual}, needed is {rule}{difference.needed}: "
        f"{difference.why}."
    )


def hcl(plan: TopicPlan) -> str:
    """Return all topics as resources of Terraform's provider Mongey/kafka."""
    return "\n".join(
        resource(
            "kafka_topic",
            _LABELS[topic.blueprint.purpose],
            {
                "name": topic.name,
                "partitions": topic.partitions,
                "replication_factor": topic.replicas,
                "config": topic.config,
            },
        )
        for topic in plan.topics
    )


def resource(kind: str, label: str, fields: Mapping[str, str | int | Mapping[str, str]]) -> str:
    """Return a resource in the language of Terraform."""
    lines = [f'resource "{kind}" "{label}" {{', *_aligned(fields, "  "), "}"]
    return "".join(f"{line}\n" for line in lines)


def _aligned(
    fields: Mapping[str, str | int | Mapping[str, str]], indent: str, quote: str = ""
) -> Iterator[str]:
    names = {name: f"{quote}{name}{quote}" for name in fields}
    width = max(
        len(names[name]) for name, value in fields.items() if not isinstance(value, Mapping)
    )
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield ""
            yield f"{indent}{names[name]} = {{"
            yield from _aligned(value, f"{indent}  ", '"')
            yield f"{indent}}}"
        else:
            shown = value if isinstance(value, int) else _hcl_text(value)
            yield f"{indent}{names[name]:<{width}} = {shown}"


def _hcl_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def strimzi(plan: TopicPlan, cluster: str) -> str:
    """Return all topics as resources for Strimzi's operator; `cluster` names the Kafka resource."""
    return "".join(document(_kafka_topic(topic, cluster)) for topic in plan.topics)


def _kafka_topic(topic: PlannedTopic, cluster: str) -> dict[str, Value]:
    is_name = is_resource_name(topic.name)
    name = topic.name if is_name else f"rokt-cart-{_slug(topic)}"
    spec: dict[str, Value] = {} if is_name else {"topicName": topic.name}
    spec |= {
        "partitions": topic.partitions,
        "replicas": topic.replicas,
        "config": {setting: _plain(value) for setting, value in topic.config.items()},
    }
    return {
        "apiVersion": STRIMZI_API,
        "kind": "KafkaTopic",
        "metadata": {"name": name, "labels": {"strimzi.io/cluster": cluster}},
        "spec": spec,
    }


def _slug(topic: PlannedTopic) -> str:
    return _LABELS[topic.blueprint.purpose].replace("_", "-")


def is_resource_name(name: str) -> bool:
    """Whether Kubernetes takes this name."""
    fits = len(name) <= _LONGEST_NAME and re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", name)
    return bool(fits) and not re.search(r"\.[.-]|-\.", name)


def _plain(value: str) -> str | int | bool:
    """Return a setting's value as YAML has it."""
    if value in ("true", "false"):
        return value == "true"
    return int(value) if re.fullmatch(r"-?\d+", value) else value


def to_json(plan: TopicPlan, tools: Tools) -> dict[str, Any]:
    """Return a plan as JSON has it."""
    return {
        "topics": [
            {
                "name": topic.name,
                "purpose": _LABELS[topic.blueprint.purpose],
                "exists": topic.found is not None,
                "partitions": topic.partitions,
                "replicas": topic.replicas,
                "config": topic.config,
                "command": creation(topic, tools) if topic.found is None else None,
                "differences": [
                    {
                        "what": each.what,
                        "actual": each.actual,
                        "needed": each.needed,
                        "rule": each.rule,
                        "why": each.why,
                        "caution": (mending := remedy(topic, each, plan, tools)).caution,
                        "command": mending.command,
                    }
                    for each in topic.differences
                ],
            }
            for topic in plan.topics
        ],
        "notes": plan.notes,
    }
