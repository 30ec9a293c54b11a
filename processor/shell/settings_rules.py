"""What must hold between settings, and between them and the time."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from pathlib import Path

from processor.shell.settings_kinds import Access
from processor.shell.settings_peers import HttpClient, SchemaRegistry
from processor.shell.settings_properties import owned_by_us, poll_interval
from processor.shell.settings_server import Server
from processor.shell.settings_source import variable
from processor.shell.settings_table import (
    Connections,
    Kafka,
    RegistryAccess,
    ServerAccess,
    Settings,
    TopicAccess,
    Topics,
)
from processor.shell.settings_tracing import EXTRA, Tracing, has_extra
from processor.shell.settings_values import show_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """Settings that do not fit each other; the first of `keys` is the one to report."""

    keys: tuple[str, ...]
    wrong: str
    remedy: str


def clashes(settings: Access, now: datetime) -> Iterator[Clash]:
    """Yield everything that does not fit; `now` has a zone."""
    if isinstance(settings, RegistryAccess | TopicAccess):
        yield from _topics(settings.topics)
    if isinstance(settings, RegistryAccess):
        yield from _basic_authentication(settings)
        yield from _client_certificate("schema_registry", settings.schema_registry)
    if isinstance(settings, Connections | TopicAccess):
        yield from _properties(settings.kafka)
        yield from _session(settings.kafka)
        yield from _start(settings.kafka, now)
    if isinstance(settings, ServerAccess | Settings):
        yield from _server(settings.server)
    if isinstance(settings, Settings):
        yield from _lease(settings)
        yield from _deadlines(settings)
        yield from _timeouts(settings.http_client)
        yield from _client_certificate("http_client", settings.http_client)
        yield from _limits(settings)
        yield from _tracing(settings.tracing)


def _topics(topics: Topics) -> Iterator[Clash]:
    for (one, name), (other, twin) in combinations(topics, 2):
        if name == twin:
            keys = (f"topics.{other}", f"topics.{one}")
            wrong = f"names the same topic as {variable(keys[1])}"
            yield Clash(keys=keys, wrong=wrong, remedy="Give each of them a topic of its own")


def _basic_authentication(settings: RegistryAccess) -> Iterator[Clash]:
    registry = settings.schema_registry
    keys = ("schema_registry.username", "schema_registry.password")
    if registry.username is None and registry.password is not None:
        yield _alone(keys)
    if registry.password is None and registry.username is not None:
        yield _alone(keys[::-1])


def _client_certificate(group: str, client: HttpClient | SchemaRegistry) -> Iterator[Clash]:
    keys = (f"{group}.client_certificate_file", f"{group}.client_key_file")
    if client.client_certificate_file is None and client.client_key_file is not None:
        yield _alone(keys)
    if client.client_key_file is None and client.client_certificate_file is not None:
        yield _alone(keys[::-1])
    if client.client_certificate_file is not None and client.client_key_file is not None:
        yield from _pair(keys, client.client_certificate_file, client.client_key_file)


def _server(server: Server) -> Iterator[Clash]:
    keys = ("server.certificate_file", "server.key_file")
    yield from _both(keys, server.certificate_file, server.key_file)
    if server.certificate_file is not None and server.key_file is not None:
        yield from _pair(keys, server.certificate_file, server.key_file)
    yield from _both(("server.username", "server.password"), server.username, server.password)


def _both(keys: tuple[str, str], one: object, other: object) -> Iterator[Clash]:
    if one is None and other is not None:
        yield _alone(keys)
    if other is None and one is not None:
        yield _alone(keys[::-1])


def _pair(keys: tuple[str, str], certificate: Path, key: Path) -> Iterator[Clash]:
    try:
        # An empty password, because none at all would ask for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="")
    except OSError as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else None
        wrong, remedy = "names a file that holds no PEM key, or one with a password", "a key file"
        if reason == "KEY_VALUES_MISMATCH":
            wrong, remedy = f"does not belong to {variable(keys[0])}", "the key file"
        elif reason:
            said = reason.lower().replace("_", " ")
            wrong = f"cannot be used with {variable(keys[0])} ({said})"
        yield Clash(keys=keys[::-1], wrong=wrong, remedy=f"Set it to {remedy} of that certificate")


def _alone(keys: tuple[str, ...]) -> Clash:
    wrong = f"is missing beside {variable(keys[1])}"
    return Clash(keys=keys, wrong=wrong, remedy="Set both, or neither")


def _properties(kafka: Kafka) -> Iterator[Clash]:
    for name, remedy in owned_by_us(kafka.properties):
        wrong = f"sets `{name}`, which belongs to the processor"
        yield Clash(keys=("kafka.properties",), wrong=wrong, remedy=remedy)
    if kafka.group_protocol == "consumer":
        for name in kafka.properties.keys() & {"session.timeout.ms", "heartbeat.interval.ms"}:
            yield Clash(
                keys=("kafka.properties", "kafka.group_protocol"),
                wrong=f"sets `{name}`, which only the brokers decide for the group protocol "
                "`consumer`",
                remedy="Leave it out, and set it for the group on the brokers",
            )


def _start(kafka: Kafka, now: datetime) -> Iterator[Clash]:
    if isinstance(kafka.start, datetime) and kafka.start > now:
        remedy = "Set it to a time that is over, or to `latest`"
        yield Clash(keys=("kafka.start",), wrong="is in the future", remedy=remedy)


def _session(kafka: Kafka) -> Iterator[Clash]:
    longest = poll_interval(kafka.properties)
    if kafka.session_timeout is not None and kafka.session_timeout > longest:
        yield Clash(
            keys=("kafka.properties",),
            wrong="sets a `session.timeout.ms` above `max.poll.interval.ms`",
            remedy=f"Keep it at or below {show_seconds(longest)}",
        )
    if kafka.drain_deadline >= longest:
        yield _too_long(
            ("kafka.drain_deadline", "kafka.properties"), "max.poll.interval.ms", longest
        )


def _lease(settings: Settings) -> Iterator[Clash]:
    kafka, connect_timeout = settings.kafka, settings.http_client.connect_timeout
    timeout = kafka.session_timeout
    if timeout is None:
        return
    if kafka.lease > timeout / 3:
        yield Clash(
            keys=("kafka.lease", "kafka.properties", "kafka.group_protocol"),
            wrong=f"is more than a third of the session timeout of {show_seconds(timeout)}",
            remedy=f"Set it to at most {show_seconds(timeout / 3)}, or leave it out",
        )
    elif kafka.lease + connect_timeout >= timeout:
        yield Clash(
            keys=("http_client.connect_timeout", "kafka.lease", "kafka.properties"),
            wrong=f"and {variable('kafka.lease')} together are not shorter than the session "
            f"timeout of {show_seconds(timeout)}",
            remedy=f"Set it below {show_seconds(timeout - kafka.lease)}",
        )


def _deadlines(settings: Settings) -> Iterator[Clash]:
    client, kafka = settings.http_client, settings.kafka
    timeout = kafka.session_timeout
    for key, deadline in (
        ("http_client.confirm_deadline", client.confirm_deadline),
        ("http_client.release_deadline", client.release_deadline),
    ):
        if timeout is not None and deadline >= timeout:
            yield _too_long((key, "kafka.properties"), "session timeout", timeout)
        if deadline > kafka.drain_deadline:
            yield Clash(
                keys=("kafka.drain_deadline", key),
                wrong=f"is shorter than {variable(key)}",
                remedy=f"Set it to {show_seconds(deadline)} or more",
            )


def _too_long(keys: tuple[str, ...], what: str, limit: float) -> Clash:
    return Clash(
        keys=keys,
        wrong=f"is not shorter than the {what} of {show_seconds(limit)}",
        remedy=f"Set it below {show_seconds(limit)}",
    )


def _timeouts(client: HttpClient) -> Iterator[Clash]:
    # An engine may report a read timeout as a connect timeout: only their order tells them apart.
    longer = {
        "http_client.confirm_read_timeout": client.confirm_read_timeout,
        "http_client.release_read_timeout": client.release_read_timeout,
        "http_client.confirm_deadline": client.confirm_deadline,
        "http_client.release_deadline": client.release_deadline,
    }
    for key, limit in longer.items():
        if client.connect_timeout >= limit:
            yield Clash(
                keys=("http_client.connect_timeout", key),
                wrong=f"is not shorter than {variable(key)}",
                remedy=f"Set it below {show_seconds(limit)}",
            )


def _limits(settings: Settings) -> Iterator[Clash]:
    calls, retries = settings.calls, settings.retries
    if calls.max_span < calls.max_unfinished:
        yield Clash(
            keys=("calls.max_span", "calls.max_unfinished"),
            wrong=f"is less than {variable('calls.max_unfinished')}",
            remedy=f"Set it to {calls.max_unfinished} or more",
        )
    if retries.give_up_after < retries.confirm_min_time:
        yield Clash(
            keys=("retries.give_up_after", "retries.confirm_min_time"),
            wrong=f"is less than {variable('retries.confirm_min_time')}",
            remedy=f"Set it to {show_seconds(retries.confirm_min_time)} or more",
        )


def _tracing(tracing: Tracing) -> Iterator[Clash]:
    keys = ("tracing.endpoint", "tracing.headers")
    if tracing.endpoint is None and tracing.headers is not None:
        yield _alone(keys)
    if tracing.endpoint is not None and not has_extra():
        yield Clash(
            keys=keys[:1],
            wrong="is set, but the packages that export spans are not installed",
            remedy=f"Run `pip install '{EXTRA}'`, or leave it out",
        )
