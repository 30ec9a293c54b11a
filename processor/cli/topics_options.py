"""The options of `processor topics plan`, `create` and `acls`."""

import re
from enum import StrEnum
from typing import Annotated, Final

import typer

from processor.core.blueprints import (
    DEFAULT_DEAD_LETTER_RETENTION_MS,
    DEFAULT_LARGEST_INPUT,
    DEFAULT_PARTITIONS,
    DEFAULT_REPLICAS,
    DEFAULT_RETENTION_MS,
    ENDLESS,
    is_endless,
)

TOPICS: Final = "What the topics are to be like"
OUTPUT: Final = "What is printed"
_SECONDS: Final = {"h": 3_600, "d": 86_400, "w": 604_800}
_TIME: Final = re.compile(r"([1-9]\d{0,4})\s*([hdw])", re.ASCII)


class Format(StrEnum):
    """How a plan, or a list of rights, is printed."""

    TABLE = "table"
    COMMANDS = "commands"
    HCL = "hcl"
    STRIMZI = "strimzi"
    JSON = "json"


def read_time(text: str) -> int:
    """Return a retention in milliseconds, -1 without a limit; typer.BadParameter if it is none."""
    given = text.strip().lower()
    if given == "forever":
        return int(ENDLESS)
    found = _TIME.fullmatch(given)
    if found is None:
        raise typer.BadParameter("It is a time such as 36h, 7d or 4w, or forever.")
    return int(found[1]) * _SECONDS[found[2]] * 1_000


def show_time(milliseconds: str) -> str:
    """Return a retention for people: `7d`, `36h`, `forever`."""
    if is_endless(milliseconds):
        return "forever"
    seconds = int(milliseconds) / 1_000
    for unit in ("d", "h"):
        if seconds >= _SECONDS[unit] and (seconds / _SECONDS[unit]).is_integer():
            return f"{seconds / _SECONDS[unit]:.0f}{unit}"
    return f"{seconds:g}s"


def show_size(size: int) -> str:
    """Return a number of bytes for people: `3.1 MiB`."""
    kibi, mebi = 1_024, 1_048_576
    return f"{size / mebi:.1f} MiB" if size >= mebi else f"{size / kibi:.1f} KiB"


Partitions = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=100_000,
        metavar="N",
        show_default=f"as many as the inputs have, or {DEFAULT_PARTITIONS}",
        help="Of each topic, where there are no inputs yet.",
        rich_help_panel=TOPICS,
    ),
]
ReplicationFactor = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=100,
        metavar="N",
        show_default=f"{DEFAULT_REPLICAS}, or as many as there are brokers",
        help="Replicas of each partition.",
        rich_help_panel=TOPICS,
    ),
]
MinInsync = Annotated[
    int | None,
    typer.Option(
        "--min-insync-replicas",
        min=1,
        max=100,
        metavar="N",
        show_default="2, or 1 with fewer than 3 replicas",
        help="How many replicas must hold a record before it is acknowledged.",
        rich_help_panel=TOPICS,
    ),
]
Retention = Annotated[
    str,
    typer.Option(
        metavar="TIME",
        help="How long inputs and copies are kept at least: 36h, 7d, 4w, forever. No longer may an "
        "outage take, and no older events be replayed.",
        rich_help_panel=TOPICS,
    ),
]
DeadLetterRetention = Annotated[
    str,
    typer.Option(
        metavar="TIME",
        help="How long dead letters are kept at least.",
        rich_help_panel=TOPICS,
    ),
]
MaxMessageBytes = Annotated[
    int | None,
    typer.Option(
        min=1_024,
        max=1_000_000_000,
        metavar="BYTES",
        show_default=f"what the inputs take, or {DEFAULT_LARGEST_INPUT}",
        help="The largest record of an input; the limits of the other topics follow from it.",
        rich_help_panel=TOPICS,
    ),
]
Printed = Annotated[
    Format,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="`table` for people, `commands` of Kafka's own tools, `hcl` for Terraform "
        "(Mongey/kafka), `strimzi`, or `json`.",
        rich_help_panel=OUTPUT,
    ),
]
CommandConfig = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="The file of client properties that the printed commands name.",
        rich_help_panel=OUTPUT,
    ),
]
StrimziCluster = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="The Kafka resource that Strimzi's operator looks after.",
        rich_help_panel=OUTPUT,
    ),
]
Offline = Annotated[
    bool,
    typer.Option("--offline", help="Ask no broker: show everything as if nothing was there yet."),
]
DEFAULT_RETENTION: Final = show_time(str(DEFAULT_RETENTION_MS))
DEFAULT_DEAD_LETTER_RETENTION: Final = show_time(str(DEFAULT_DEAD_LETTER_RETENTION_MS))
DEFAULT_CLUSTER: Final = "kafka"
