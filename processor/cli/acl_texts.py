"""Rights in the words of tools: Kafka's own commands, Terraform, Strimzi, JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from processor.cli.topic_texts import STRIMZI_API, Tools, resource
from processor.cli.yaml_text import Value, document
from processor.core.rights import Kind, Operation, Right, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the user of a role has to be allowed; `user` is a name without `User:`."""

    role: Role
    user: str
    rights: tuple[Right, ...]

    def by_resource(self) -> Mapping[tuple[Kind, str, bool], Sequence[Operation]]:
        """Return what is allowed on each thing."""
        found: dict[tuple[Kind, str, bool], list[Operation]] = {}
        for right in self.rights:
            thing = (right.kind, right.name, right.is_prefix)
            found.setdefault(thing, []).append(right.operation)
        return found


def commands(grants: Sequence[Grant], tools: Tools) -> str:
    """Return the commands that give the rights, a few lines for each role."""
    return "\n".join(line for grant in grants for line in _commands(grant, tools))


def _commands(grant: Grant, tools: Tools) -> Iterator[str]:
    yield f"# {grant.role}"
    named: dict[tuple[Kind, bool, tuple[Operation, ...]], list[str]] = {}
    for (kind, name, is_prefix), operations in grant.by_resource().items():
        named.setdefault((kind, is_prefix, tuple(operations)), []).append(name)
    for (kind, is_prefix, operations), names in named.items():
        allowed = [word for each in operations for word in ("--operation", each)]
        things = [word for each in names for word in _thing(kind, each)]
        pattern = ["--resource-pattern-type", "prefixed"] if is_prefix else []
        user = ("--allow-principal", f"User:{grant.user}")
        yield tools.line("kafka-acls.sh", "--add", *user, *allowed, *things, *pattern)


def _thing(kind: Kind, name: str) -> tuple[str, ...]:
    # There is one cluster only, which the tool does not want named.
    return ("--cluster",) if kind is Kind.CLUSTER else (f"--{kind}", name)


def hcl(grants: Sequence[Grant]) -> str:
    """Return the rights as resources of Terraform's provider Mongey/kafka."""
    return "\n".join(
        resource(
            "kafka_acl",
            f"{grant.role.replace('-', '_')}_{number}",
            {
                "resource_type": right.kind.capitalize(),
                "resource_name": right.name,
                "resource_pattern_type_filter": "Prefixed" if right.is_prefix else "Literal",
                "acl_principal": f"User:{grant.user}",
                "acl_host": "*",
                "acl_operation": right.operation.value,
                "acl_permission_type": "Allow",
            },
        )
        for grant in grants
        for number, right in enumerate(grant.rights, 1)
    )


def strimzi(grants: Sequence[Grant], cluster: str) -> str:
    """Return a user for each role, for Strimzi's operator; `cluster` names the Kafka resource.

    Users have to be called as Kubernetes calls things.
    """
    return "".join(document(_kafka_user(grant, cluster)) for grant in grants)


def _kafka_user(grant: Grant, cluster: str) -> dict[str, Value]:
    acls: list[Value] = [
        {
            "resource": _strimzi_thing(kind, name, is_prefix=is_prefix),
            "operations": [each.value for each in operations],
        }
        for (kind, name, is_prefix), operations in grant.by_resource().items()
    ]
    return {
        "apiVersion": STRIMZI_API,
        "kind": "KafkaUser",
        "metadata": {
            "name": grant.user,
            "labels": {"strimzi.io/cluster": cluster},
        },
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": acls},
        },
    }


def _strimzi_thing(kind: Kind, name: str, *, is_prefix: bool) -> dict[str, Value]:
    if kind is Kind.CLUSTER:
        return {"type": kind.value}
    return {
        "type": kind.value,
        "name": name,
        "patternType": "prefix" if is_prefix else "literal",
    }


def to_json(grants: Sequence[Grant]) -> list[dict[str, Any]]:
    """Return the rights as JSON has them, one object for each role."""
    return [
        {
            "role": grant.role,
            "user": grant.user,
            "rights": [
                {
                    "type": right.kind,
                    "name": right.name,
                    "pattern": "prefixed" if right.is_prefix else "literal",
                    "operation": right.operation,
                    "without": right.without,
                }
                for right in grant.rights
            ],
        }
        for grant in grants
    ]
