"""Further librdkafka properties: which ones users may set, and which of them are secret."""

import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from processor.shell.secrets import Secret, read_text
from processor.shell.settings_values import FromFile, Kind, refuse

PropertyValue = str | int | float | bool | Secret

_SESSION_TIMEOUT: Final = 45.0
_POLL_INTERVAL: Final = 300.0
_SECRET: Final = re.compile(r"password|secret|token|jaas|pem|credential|oauthbearer\.config")
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


def _parse_properties(raw: object) -> Mapping[str, PropertyValue]:
    if isinstance(raw, FromFile):
        raw = read_text(raw.path)
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
    if not isinstance(value, (str, int, float, bool, Secret)):
        refuse(f"gives `{name}` a value that is no string, number or boolean")
    if isinstance(value, str) and _SECRET.search(name.lower()):
        return Secret(value)
    return value


def _refuse_constant(name: str) -> None:
    refuse(f"{name} is no JSON")


PROPERTIES: Final = Kind(
    "a JSON object of librdkafka properties whose values are strings, numbers or booleans, "
    "or its `_FILE` twin to the path of a file that holds one",
    _parse_properties,
    has_file_twin=True,
)
