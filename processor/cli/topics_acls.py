"""`processor topics acls`: what each user of the topics has to be allowed, and no more."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from processor.cli import ConfigFile
from processor.cli import topics_options as options
from processor.cli.acl_texts import Grant, commands, hcl, strimzi, to_json
from processor.cli.texts import open_console
from processor.cli.topic_texts import Tools, is_resource_name
from processor.cli.topics_options import Format
from processor.cli.topics_plan import names_of
from processor.cli.topics_report import show_grants
from processor.core.rights import DEFAULT_USERS, Groups, Role, rights
from processor.errors import ConfigurationError
from processor.shell.history.progress import group_of
from processor.shell.kafka.marks import acceptances
from processor.shell.settings import load_topic_access


def acls(
    role: Annotated[
        list[Role] | None,
        typer.Option(
            "--role",
            metavar="ROLE",
            show_default="all",
            help=f"One of {', '.join(Role)}. The processors `run`; `look-back` plans, inspects and "
            "reconciles; `copy` replays and redrives; `scale` is KEDA's.",
        ),
    ] = None,
    user: Annotated[
        list[str] | None,
        typer.Option("--user", metavar="ROLE=NAME", help="What the user of a role is called."),
    ] = None,
    *,
    printed: options.Printed = Format.TABLE,
    command_config: options.CommandConfig = None,
    strimzi_cluster: options.StrimziCluster = options.DEFAULT_CLUSTER,
    config: ConfigFile = None,
) -> None:
    """List the rights in Kafka that each user needs, and what does not work without them.

    No broker is asked and nothing is changed.
    """
    settings = load_topic_access(config, asks_brokers=printed is Format.COMMANDS)
    group = settings.kafka.group_id
    groups = Groups(own=group, accepted_gaps=acceptances(group), replays=group_of(group, ""))
    users = DEFAULT_USERS | _users(user or ())
    names = names_of(settings.topics)
    grants = [
        Grant(role=each, user=users[each], rights=rights(each, names, groups))
        for each in Role
        if each in (role or Role)
    ]
    match printed:
        case Format.TABLE:
            show_grants(grants, open_console())
        case Format.COMMANDS:
            servers = settings.kafka.bootstrap_servers
            tools = Tools(bootstrap_servers=servers, command_config=command_config)
            typer.echo(commands(grants, tools))
        case Format.HCL:
            typer.echo(hcl(grants), nl=False)
        case Format.STRIMZI:
            _check_names(grants)
            typer.echo(strimzi(grants, strimzi_cluster), nl=False)
        case Format.JSON:
            typer.echo(json.dumps(to_json(grants), indent=2))


def _check_names(grants: Sequence[Grant]) -> None:
    """Refuse users that a KafkaUser cannot stand for: it is called as its user is."""
    for grant in grants:
        if not is_resource_name(grant.user):
            raise ConfigurationError(
                f"Kubernetes has no name {grant.user!r}, and a KafkaUser is called as its user: "
                f"choose another --user {grant.role}=…, or another --format."
            )


def _users(given: Sequence[str]) -> dict[Role, str]:
    """Return what was said of users; typer.BadParameter where it cannot be read."""
    roles = {each.value: each for each in Role}
    users = {}
    for text in given:
        role, _, name = text.partition("=")
        if role not in roles or not name.strip() or not name.isprintable():
            raise typer.BadParameter(f"{text!r} is not ROLE=NAME. Roles: {', '.join(roles)}.")
        users[roles[role]] = name.strip()
    return users
