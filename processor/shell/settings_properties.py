"""Further librdkafka properties: which ones users may set, and which of them may show."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from processor.shell.clock import steady
from processor.shell.secrets import MASK, Secret, SecretFile
from processor.shell.settings_values import FromFile, Kind, refuse

PropertyValue = str | int | float | bool | Secret

_SESSION_TIMEOUT: Final = 45.0
_POLL_INTERVAL: Final = 300.0
HARMLESS_FAMILIES: Final = ("fetch.", "queue.", "queued.", "reconnect.", "retry.", "socket.")
HARMLESS: Final = frozenset({
    "allow.auto.create.topics",
    "api.version.request",
    "batch.num.messages",
    "batch.size",
    "broker.address.family",
    "broker.address.ttl",
    "check.crcs",
    "client.dns.lookup",
    "client.id",
    "client.rack",
    "compression.codec",
    "compression.level",
    "compression.type",
    "connections.max.idle.ms",
    "debug",
    "delivery.timeout.ms",
    "enable.metrics.push",
    "enable.random.seed",
    "enable.ssl.certificate.verification",
    "group.instance.id",
    "heartbeat.interval.ms",
    "linger.ms",
    "log.connection.close",
    "log_level",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "message.copy.max.bytes",
    "message.max.bytes",
    "message.send.max.retries",
    "message.timeout.ms",
    "metadata.max.age.ms",
    "metadata.recovery.strategy",
    "partitioner",
    "receive.message.max.bytes",
    "request.timeout.ms",
    "retries",
    "sasl.kerberos.service.name",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.oauthbearer.method",
    "sasl.oauthbearer.scope",
    "security.protocol",
    "session.timeout.ms",
    "ssl.ca.certificate.stores",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.cipher.suites",
    "ssl.crl.location",
    "ssl.curves.list",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.location",
    "ssl.keystore.location",
    "ssl.providers",
    "ssl.sigalgs.list",
    "statistics.interval.ms",
    "sticky.partitioning.linger.ms",
    "topic.metadata.propagation.max.ms",
    "topic.metadata.refresh.interval.ms",
    "topic.metadata.refresh.sparse",
})  # fmt: skip
"""Properties that are no secrets, by names and by what names begin with."""
LOGIN: Final = ("sasl.username", "sasl.password")
"""The properties that name a user to the brokers, by PLAIN or SCRAM."""
_GUARANTEE: Final = "Leave it out: what the processor promises rests on its own value"
_CALLBACK: Final = "Leave it out: the processor sets its own callbacks"
_OWNED: Final[Mapping[str, str]] = {
    "bootstrap.servers": "Set PROCESSOR_KAFKA__BOOTSTRAP_SERVERS instead",
    "metadata.broker.list": "Set PROCESSOR_KAFKA__BOOTSTRAP_SERVERS instead",
    "group.id": "Set PROCESSOR_KAFKA__GROUP_ID instead",
    "group.protocol": "Set PROCESSOR_KAFKA__GROUP_PROTOCOL instead",
    "auto.offset.reset": "Set PROCESSOR_KAFKA__START instead",
    **dict.fromkeys(
        (
            "acks",
            "delivery.report.only.error",
            "enable.auto.commit",
            "enable.auto.offset.store",
            "enable.idempotence",
            "enable.partition.eof",
            "group.remote.assignor",
            "isolation.level",
            "partition.assignment.strategy",
            "request.required.acks",
            "transactional.id",
        ),
        _GUARANTEE,
    ),
    "default.topic.config": "Set the properties that it holds, each by its own name",
    **dict.fromkeys(("on_commit", "on_delivery", "logger"), _CALLBACK),
}


def owned_by_us(names: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the names that users may not set, each with what to do instead."""
    for name in names:
        if name.endswith("_cb"):
            yield name, _CALLBACK
        elif name in _OWNED:
            yield name, _OWNED[name]


def session_timeout(protocol: str, properties: Mapping[str, PropertyValue]) -> float | None:
    """Return the group's session timeout; None where only the brokers know it (KIP-848)."""
    if protocol == "consumer":
        return None
    return _seconds(properties, "session.timeout.ms", _SESSION_TIMEOUT)


def poll_interval(properties: Mapping[str, PropertyValue]) -> float:
    """Return how long the consumer may go without polling, in seconds."""
    return _seconds(properties, "max.poll.interval.ms", _POLL_INTERVAL)


def _seconds(properties: Mapping[str, PropertyValue], name: str, default: float) -> float:
    # librdkafka reports a value that is no whole number better than we could.
    value = str(properties.get(name, ""))
    return int(value) / 1000 if value.isascii() and value.isdigit() else default


class PropertiesFile(Mapping[str, PropertyValue]):
    """The properties that a file holds: the user and the password follow it, the others do not.

    Those two are all that a client can be given while it runs.
    """

    def __init__(self, path: Path) -> None:
        """Read the file; ValueError says what is wrong with it."""
        self.file = SecretFile(path, _vetted)
        self._seen = self.file.current(steady())
        self._now = self._first = _parse_properties(self._seen.reveal())

    def __getitem__(self, name: str) -> PropertyValue:
        """Return a property as it holds now; the file is looked at once a second."""
        return self._current()[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._first)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._first)

    def unused(self) -> list[str]:
        """Return the names whose values in the file only a restart would bring into use."""
        self._current()
        told = _parse_properties(self._seen.reveal())
        names = sorted(self._first.keys() | told.keys())
        return [name for name in names if self._now.get(name) != told.get(name)]

    def _current(self) -> Mapping[str, PropertyValue]:
        seen = self.file.current(steady())
        if seen is not self._seen:
            told = _parse_properties(seen.reveal())
            follow = {name: told[name] for name in LOGIN if name in told and name in self._first}
            self._now, self._seen = {**self._first, **follow}, seen
        return self._now


def _vetted(text: str) -> str:
    _parse_properties(text)
    return text


def _parse_properties(raw: object) -> Mapping[str, PropertyValue]:
    if isinstance(raw, FromFile):
        return PropertiesFile(raw.path)
    if isinstance(raw, str):
        try:
            raw = json.loads(raw, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            refuse("is not valid JSON")
    if not isinstance(raw, Mapping):
        refuse("is not a JSON object")
    return MappingProxyType({name: _property(name, value) for name, value in _flat(raw)})


def _flat(table: Mapping[str, object], prefix: str = "") -> list[tuple[str, object]]:
    # TOML reads an unquoted `session.timeout.ms = 6000` as tables within tables.
    pairs: list[tuple[str, object]] = []
    for name, value in table.items():
        nested = _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else None
        pairs += nested if nested is not None else [(f"{prefix}{name}", value)]
    return pairs


def _property(name: str, value: object) -> PropertyValue:
    if not name.isprintable():
        refuse("holds a name that cannot be printed")
    if not isinstance(value, (str, int, float, Secret)):
        refuse(f"gives `{name}` a value that is no string, number or boolean")
    if value == MASK:
        refuse(f"gives `{name}` the mask that stands for the secret")
    is_harmless = name in HARMLESS or name.startswith(HARMLESS_FAMILIES)
    # A name that is not known may be a misspelt secret.
    return value if is_harmless or isinstance(value, Secret) else Secret(_text(value))


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refuse_constant(name: str) -> None:
    refuse(f"{name} is no JSON")


PROPERTIES: Final = Kind(
    "a JSON object of librdkafka properties whose values are strings, numbers or booleans, "
    "or its `_FILE` twin to the path of a file that holds one",
    _parse_properties,
    has_file_twin=True,
)
