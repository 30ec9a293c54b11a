"""Further librdkafka properties, tried on clients that are thrown away before they connect.

librdkafka's own texts quote values, which may be secret. So the guilty properties are found by
leaving them out one by one, and what is wrong with them is said in our words. What it would pass
over without a word is refused, too: somebody counts on it.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, Producer

from processor.shell.kafka import clients
from processor.shell.secrets import Secret
from processor.shell.settings_properties import PropertyValue
from processor.shell.settings_rules import Clash
from processor.shell.settings_table import Kafka

# What librdkafka warns of, it says again to the clients that stay.
_SILENT: Final = logging.getLogger("librdkafka on trial")
_SILENT.propagate = False
_SILENT.addHandler(logging.NullHandler())

_TOKEN_URL: Final = "sasl.oauthbearer.token.endpoint.url"  # noqa: S105  a name
_TOKEN_PLACES: Final = {_TOKEN_URL, "sasl.oauthbearer.metadata.authentication.type"}
_NOWHERE: Final = "none://"

_PROTOCOL: Final = "security.protocol"
_NEEDS: Final = {
    "sasl.": ("SASL_SSL", "SASL_PLAINTEXT"),
    "ssl.": ("SASL_SSL", "SSL"),
}
# What librdkafka has where nothing is set, in lower case: to spell it out means nothing.
_DEFAULTS: Final = {
    ("sasl.kerberos.min.time.before.relogin", "60000"),
    ("sasl.kerberos.principal", "kafkaclient"),
    ("sasl.kerberos.service.name", "kafka"),
    ("sasl.mechanism", "gssapi"),
    ("sasl.mechanisms", "gssapi"),
    ("sasl.oauthbearer.assertion.algorithm", "rs256"),
    ("sasl.oauthbearer.assertion.claim.exp.seconds", "300"),
    ("sasl.oauthbearer.assertion.claim.jti.include", "false"),
    ("sasl.oauthbearer.assertion.claim.nbf.seconds", "60"),
    ("sasl.oauthbearer.grant.type", "client_credentials"),
    ("sasl.oauthbearer.metadata.authentication.type", "none"),
    ("sasl.oauthbearer.method", "default"),
    ("sasl.oauthbearer.sub.claim.name", "sub"),
    ("ssl.ca.certificate.stores", "root"),
    ("ssl.endpoint.identification.algorithm", "https"),
    ("ssl.engine.id", "dynamic"),
}

# What librdkafka says, and what we say; `{}` is the guilty properties, then what was matched.
_SAYINGS: Final = (
    (
        r"No such configuration property",
        "sets {}, which librdkafka does not know",
        "Leave it out, or look up its right name",
    ),
    (
        r"outside allowed range (-?\d+)\.\.(-?\d+)",
        "gives {} a value that is out of range",
        "Set it from {} to {}",
    ),
    (
        r"sasl\.username and sasl\.password must be set",
        "sets {} without `sasl.username` and `sasl.password`",
        "Set both",
    ),
    (r"`([a-z.]+)` is mandatory", "sets {} without `{}`", "Set it as well"),
    (
        r"when `enable\.idempotence` is true",
        "gives {} a value that breaks the order of the outputs",
        "Leave it out",
    ),
    (
        r"SASL mechanism",
        "asks with {} for a SASL mechanism that this librdkafka does not have",
        "Set `sasl.mechanism` to PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
    ),
    (
        r"\.location",
        "names in {} a file that cannot be used",
        "Give the path of a file that can be read, in the form that librdkafka asks for",
    ),
    (
        r"",
        "gives {} a value that librdkafka refuses",
        "Look up which values it takes, or leave it out",
    ),
)


def refused(kafka: Kafka) -> Iterator[Clash]:
    """Yield what librdkafka refuses of the further properties, and what it would pass over.

    Nothing is sent to anybody.
    """
    properties = dict(kafka.properties)
    while (trouble := _trouble(kafka, properties)) is not None:
        guilty = _guilty(kafka, properties, trouble)
        yield _clash(guilty, trouble)
        if not guilty:
            return
        for name in guilty:
            del properties[name]
    if _PROTOCOL in properties or _PROTOCOL not in kafka.properties:
        yield from _without_effect(properties)


def _without_effect(properties: Mapping[str, PropertyValue]) -> Iterator[Clash]:
    """Yield those that are for signing in or for TLS, where neither is to be spoken."""
    protocol = str(properties.get(_PROTOCOL, "plaintext")).upper()
    for family, protocols in _NEEDS.items():
        names = [name for name in properties if name.startswith(family)]
        told = [f"`{name}`" for name in names if not _is_default(name, properties[name])]
        if told and protocol not in protocols:
            yield Clash(
                keys=("kafka.properties",),
                wrong=f"sets {' and '.join(told)} without effect, as `{_PROTOCOL}` is {protocol}",
                remedy=f"Set `{_PROTOCOL}` to {' or '.join(protocols)}, or leave them out",
            )


def _is_default(name: str, value: PropertyValue) -> bool:
    text = str(value.reveal() if isinstance(value, Secret) else value).lower()
    return not text or (name, text) in _DEFAULTS


def _trouble(kafka: Kafka, properties: Mapping[str, PropertyValue]) -> str | None:
    """Return why librdkafka would not have these properties; None when it would."""
    tried = kafka.model_copy(update={"properties": properties})
    try:
        Consumer(_unconnected(clients.consumer(tried))).close()
        Producer(_unconnected(clients.producer(tried)))
    except KafkaException as error:
        return str(error.args[0].str())
    return None


def _unconnected(properties: dict[str, Any]) -> dict[str, Any]:
    del properties["bootstrap.servers"]
    if _TOKEN_PLACES & properties.keys():
        # A client asks its identity provider for a token at once, and waits for it to end.
        properties[_TOKEN_URL] = _NOWHERE
    return properties | {"logger": _SILENT}


def _guilty(kafka: Kafka, properties: Mapping[str, PropertyValue], trouble: str) -> list[str]:
    """Return the properties without which there is no trouble, or another one."""
    needed = [
        name
        for name in properties
        if trouble != _trouble(kafka, {key: properties[key] for key in properties if key != name})
    ]
    return [name for name in needed if name in trouble] or needed


def _clash(guilty: list[str], trouble: str) -> Clash:
    names = " and ".join(f"`{name}`" for name in guilty) or "some property"
    found, wrong, remedy = next(
        (match.groups(), wrong, remedy)
        for pattern, wrong, remedy in _SAYINGS
        if (match := re.search(pattern, trouble)) is not None
    )
    return Clash(
        keys=("kafka.properties",), wrong=wrong.format(names, *found), remedy=remedy.format(*found)
    )
