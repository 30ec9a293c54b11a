"""`processor topics plan` and `create`: the topics that the promises need."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from processor.cli import ConfigFile
from processor.cli import topics_options as options
from processor.cli.folding import tell
from processor.cli.texts import open_console
from processor.cli.topic_texts import Tools, commands, hcl, strimzi, to_json
from processor.cli.topics_options import Format
from processor.cli.topics_report import show
from processor.core.blueprints import Names, Purpose
from processor.core.topic_plans import Choices, Cluster, TopicPlan
from processor.core.topic_plans import plan as compare
from processor.errors import ConfigurationError
from processor.shell import logs
from processor.shell.kafka import topics as brokers
from processor.shell.settings import TopicAccess, Topics, load_topic_access

_FOUND: Final = 3


def plan(  # noqa: PLR0913  each is an option of the command
    *,
    partitions: options.Partitions = None,
    replication_factor: options.ReplicationFactor = None,
    min_insync: options.MinInsync = None,
    retention: options.Retention = options.DEFAULT_RETENTION,
    dead_letter_retention: options.DeadLetterRetention = options.DEFAULT_DEAD_LETTER_RETENTION,
    max_message_bytes: options.MaxMessageBytes = None,
    printed: options.Printed = Format.TABLE,
    command_config: options.CommandConfig = None,
    strimzi_cluster: options.StrimziCluster = options.DEFAULT_CLUSTER,
    offline: options.Offline = False,
    config: ConfigFile = None,
) -> None:
    """Compare the topics with what the promises need; exit with 3 when something is to be done.

    Nothing is changed. What is there and as good, or better, is kept.
    """
    settings = _settings(config, asks_brokers=not offline or printed is Format.COMMANDS)
    choices = Choices(
        partitions=partitions,
        replicas=replication_factor,
        min_insync=min_insync,
        retention_ms=options.read_time(retention),
        dead_letter_retention_ms=options.read_time(dead_letter_retention),
        largest_input=max_message_bytes,
        largest_reply=settings.http_client.reply_limit,
    )
    tools = Tools(bootstrap_servers=settings.kafka.bootstrap_servers, command_config=command_config)
    drawn = _draw(settings, choices, offline=offline)
    match printed:
        case Format.TABLE:
            show(drawn, tools, open_console())
            if drawn.missing and drawn.brokers:
                tell("`processor topics create` creates what is missing, and nothing else.")
        case Format.COMMANDS:
            typer.echo(commands(drawn, tools))
        case Format.HCL:
            typer.echo(hcl(drawn), nl=False)
        case Format.STRIMZI:
            typer.echo(strimzi(drawn, strimzi_cluster), nl=False)
        case Format.JSON:
            typer.echo(json.dumps(to_json(drawn, tools), indent=2))
    if drawn.brokers and (drawn.missing or drawn.differing):
        raise typer.Exit(_FOUND)


def create(  # noqa: PLR0913  each is an option of the command
    *,
    partitions: options.Partitions = None,
    replication_factor: options.ReplicationFactor = None,
    min_insync: options.MinInsync = None,
    retention: options.Retention = options.DEFAULT_RETENTION,
    dead_letter_retention: options.DeadLetterRetention = options.DEFAULT_DEAD_LETTER_RETENTION,
    max_message_bytes: options.MaxMessageBytes = None,
    command_config: options.CommandConfig = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigFile = None,
) -> None:
    """Create the topics that are missing; exit with 3 when one that exists is not as needed.

    What exists is never altered: what differs is told, with the command that would alter it.
    """
    settings = _settings(config)
    choices = Choices(
        partitions=partitions,
        replicas=replication_factor,
        min_insync=min_insync,
        retention_ms=options.read_time(retention),
        dead_letter_retention_ms=options.read_time(dead_letter_retention),
        largest_input=max_message_bytes,
        largest_reply=settings.http_client.reply_limit,
    )
    tools = Tools(bootstrap_servers=settings.kafka.bootstrap_servers, command_config=command_config)
    drawn = _draw(settings, choices, offline=False)
    show(drawn, tools, open_console())
    if drawn.missing:
        listed = ", ".join(topic.name for topic in drawn.missing)
        if not yes:
            typer.confirm(f"Create {listed}?", abort=True)
        brokers.create(settings.kafka, drawn.missing)
        tell(f"Created: {listed}.")
        drawn = _draw(settings, choices, offline=False)
    else:
        tell("Nothing is missing.")
    if drawn.differing:
        listed = ", ".join(topic.name for topic in drawn.differing)
        tell(f"Not as needed, and not touched: {listed}. `processor topics plan` tells why.")
        raise typer.Exit(_FOUND)


def names_of(topics: Topics) -> Names:
    """Return the topics of the settings by what they are for."""
    return {
        Purpose.ORDER_PAID: topics.order_paid,
        Purpose.CART_ABANDONED: topics.cart_abandoned,
        Purpose.RESULTS: topics.results,
        Purpose.DEAD_LETTERS: topics.dead_letters,
        Purpose.REPLAY: topics.replay,
    }


def _settings(config: Path | None, *, asks_brokers: bool = True) -> TopicAccess:
    settings = load_topic_access(config, asks_brokers=asks_brokers)
    logs.configure(settings.log.format, settings.log.level)
    return settings


def _draw(settings: TopicAccess, choices: Choices, *, offline: bool) -> TopicPlan:
    names = names_of(settings.topics)
    nothing = Cluster(brokers=(), topics={})
    cluster = nothing if offline else brokers.look(settings.kafka, names)
    try:
        return compare(names, choices, cluster)
    except ValueError as wrong:
        raise ConfigurationError(f"{wrong}.") from None
