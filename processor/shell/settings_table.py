"""The table of all settings: groups of frozen values, each with its default and meaning.

The environment variable of a setting is `PROCESSOR_`, its group, two underscores and its name.
Durations are float seconds, sizes are bytes.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from processor.shell.secrets import Credential, Secret
from processor.shell.settings_addresses import BASE_URL, SERVERS
from processor.shell.settings_kinds import (
    Access,
    Attempts,
    Count,
    Group,
    Header,
    Path_,
    Pause,
    Text,
    Timeout,
    Topic,
    Wait,
    computed,
)
from processor.shell.settings_peers import HttpClient, SchemaRegistry
from processor.shell.settings_properties import PROPERTIES, PropertyValue, session_timeout
from processor.shell.settings_server import Server
from processor.shell.settings_tracing import Tracing
from processor.shell.settings_values import (
    BOOLEAN,
    FOLDER,
    HEADER_SECRET,
    START,
    duration,
    number,
    one_of,
    whole_number,
)

_LONGEST_LEASE: Final = 10.0


def _no_properties() -> Mapping[str, PropertyValue]:
    return MappingProxyType({})


def _default_lease(given: dict[str, Any]) -> float:
    timeout = session_timeout(given.get("group_protocol", "classic"), given.get("properties", {}))
    return _LONGEST_LEASE if timeout is None else min(_LONGEST_LEASE, timeout / 3)


class Kafka(Group):
    """How Kafka is reached and how the consumer group behaves."""

    bootstrap_servers: Annotated[str, SERVERS] = Field(
        description="the brokers to start from", examples=["broker-1:9092,broker-2:9092"]
    )
    group_id: Text = Field(default="rokt-cart-processor", description="consumer group")
    group_protocol: Annotated[Literal["classic", "consumer"], one_of("classic", "consumer")] = (
        Field(default="classic", description="`consumer` is KIP-848; range assignment in both")
    )
    start: Annotated[Literal["earliest", "latest"] | datetime | None, START] = Field(
        default=None,
        description="where a group without offsets starts: `earliest` confirms all history, "
        "`latest` only what comes from now on, an ISO time what came since then; "
        "needed for the first start only",
    )
    properties: Annotated[Mapping[str, PropertyValue], PROPERTIES] = Field(
        default_factory=_no_properties,
        description="JSON object of further librdkafka properties, for all clients; in a file, "
        "`sasl.username` and `sasl.password` may change at run time",
    )
    lease: Annotated[float, duration(0.001, 600)] = Field(
        default_factory=_default_lease,
        description="how long calls may go on after the sending of the last acknowledged commit",
        json_schema_extra=computed("10 s, at most a third of the session timeout"),
    )
    drain_deadline: Timeout = Field(
        default=35.0, description="how long a revoke or a stop waits for the calls in the air"
    )

    @property
    def session_timeout(self) -> float | None:
        """The group's session timeout; None where only the brokers know it."""
        return session_timeout(self.group_protocol, self.properties)

    def client_properties(self) -> dict[str, str | int | float | bool]:
        """Return the further librdkafka properties as they are, secrets unmasked."""
        return {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in self.properties.items()
        }


class Topics(Group):
    """The names of the topics."""

    order_paid: Topic = Field(default="order-paid", description="input")
    cart_abandoned: Topic = Field(default="cart-abandoned", description="input")
    results: Topic = Field(default="rokt-results", description="output and ledger")
    dead_letters: Topic = Field(default="rokt-dead-letters", description="output")
    replay: Topic = Field(
        default="rokt-replay",
        description="the replay lane, written by `replay` and `redrive` only; missing: it is off",
    )


class Rokt(Group):
    """How Rokt is reached and who calls."""

    base_url: Annotated[str, BASE_URL] = Field(
        description="https only, except for this machine itself", examples=["https://host"]
    )
    api_key: Annotated[Credential, HEADER_SECRET] = Field(
        description="header `rokt-api-key`", examples=["key"]
    )
    tag_id: Header = Field(
        description="header `rokt-tag-id`; an event may override it", examples=["tag"]
    )
    confirm_path: Path_ = Field(default="/v1/Cart/confirm", description="path of the confirm call")
    release_path: Path_ = Field(default="/v1/cart/release", description="path of the release call")
    send_catalog_item_id: Annotated[bool, BOOLEAN] = Field(
        default=True, description="whether confirms carry `catalogItemId`"
    )


class Calls(Group):
    """How many calls, and how much may wait for them."""

    max_in_flight: Annotated[int, whole_number(1, 10_000)] = Field(
        default=64, description="calls at once, per process"
    )
    rate_limit: Annotated[float | None, number(0.01, 1_000_000)] = Field(
        default=None, description="calls per second over the whole fleet"
    )
    release_delay: Pause = Field(
        default=0.0, description="how long a release waits for a late OrderPaid"
    )
    max_unfinished: Count = Field(
        default=1_000,
        description="unfinished records per topic and partition; large ones count more, those that "
        "wait for their schema only when they are many",
    )
    max_span: Count = Field(
        default=100_000,
        description="records from the committed to the newest, per topic and partition",
    )


class Retries(Group):
    """When attempts are used up."""

    give_up_after: Wait = Field(
        default=900.0, description="how long a record is repeated whose failures may be its own"
    )
    confirm_attempts: Attempts = Field(default=5, description="attempts of a confirm, at least")
    confirm_min_time: Pause = Field(
        default=60.0, description="time that the attempts of a confirm take"
    )
    release_attempts: Attempts = Field(default=3, description="attempts of a release")


class Log(Group):
    """How the processor speaks."""

    format: Annotated[Literal["json", "console"] | None, one_of("json", "console")] = Field(
        default=None,
        description="one JSON object a line, or for people",
        json_schema_extra=computed("`json` unless a terminal"),
    )
    level: Annotated[
        Literal["debug", "info", "warning", "error"], one_of("debug", "info", "warning", "error")
    ] = Field(default="info", description="the least important lines that are written")


class Replay(Group):
    """What keeps a replay of history from doing harm."""

    max_age: Annotated[float, duration(0, 315_360_000)] = Field(
        default=2_592_000.0, description="older events are replayed only with `--allow-stale`"
    )
    confirm_above: Annotated[int, whole_number(0, 10_000_000)] = Field(
        default=1_000, description="how many calls a replay makes without asking a person"
    )
    most_redrives: Attempts = Field(
        default=3, description="how often a record is redriven before it is quarantined"
    )


class ServerAccess(Access):
    """The settings of a command that only asks a processor's server."""

    server: Server = Server()


class RegistryAccess(Access):
    """The settings of a command that only needs the schema registry."""

    schema_registry: SchemaRegistry
    topics: Topics = Topics()
    log: Log = Log()
    start_timeout: Annotated[float, duration(0, 3_600)] = Field(
        default=30.0, description="how long Kafka and the registry may be away at start"
    )


class TopicAccess(Access):
    """The settings of a command that plans the topics and the rights on them."""

    kafka: Kafka
    topics: Topics = Topics()
    http_client: HttpClient = HttpClient()
    log: Log = Log()


class Connections(RegistryAccess):
    """The settings of a command that needs Kafka and the schema registry, but never calls."""

    kafka: Kafka
    replay: Replay = Replay()


class Settings(Connections):
    """All settings of the processor."""

    rokt: Rokt
    calls: Calls = Calls()
    retries: Retries = Retries()
    http_client: HttpClient = HttpClient()
    server: Server = Server()
    tracing: Tracing = Tracing()
    on_outage: Annotated[Literal["hold", "dead-letter"], one_of("hold", "dead-letter")] = Field(
        default="hold",
        description="while everything fails, hold and probe until Rokt answers again; or "
        "`dead-letter` what would concern everything at once, and the rest when its attempts are "
        "used up",
    )
    state_dir: Annotated[Path | None, FOLDER] = Field(
        default=None,
        description="where the ledger's local copy lives, a folder of its own for each process: "
        "a restart reads only what came since, without it all results",
        json_schema_extra=computed("a temporary folder"),
    )
