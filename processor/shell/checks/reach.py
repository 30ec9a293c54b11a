"""How the settings lead to the brokers: addresses, TLS, and clients that complain to nobody."""

import logging
import ssl
from typing import Final

from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient

from processor.shell.checks.network import Address, Trust
from processor.shell.kafka import clients
from processor.shell.settings import Kafka
from processor.shell.settings_source import variable

PROPERTIES: Final = variable("kafka.properties")
_PORT: Final = 9092
# What is said is in the findings.
_SILENT: Final = logging.getLogger("librdkafka, checking")
_SILENT.propagate = False
_SILENT.addHandler(logging.NullHandler())


def quiet(properties: clients.Properties) -> clients.Properties:
    """Return the properties of a client that complains to nobody."""
    return properties | {"logger": _SILENT}


def open_admin(kafka: Kafka) -> tuple[AdminClient, list[KafkaError]]:
    """Return a client, and the list that it will put its complaints in."""
    complaints: list[KafkaError] = []
    properties = quiet(clients.common(kafka)) | {"error_cb": complaints.append}
    return AdminClient(properties), complaints


def address_of(server: str) -> Address:
    """Return a server of the settings as an address."""
    host, _, port = server.rpartition(":") if not server.endswith("]") else (server, "", "")
    if not host or not port.isdigit():
        host, port = server, str(_PORT)
    return Address(host=host.strip("[]"), port=int(port))


def protocol_of(kafka: Kafka) -> str:
    """Return librdkafka's `security.protocol`."""
    return str(kafka.client_properties().get("security.protocol", "plaintext")).upper()


def trust_of(kafka: Kafka) -> Trust | None:
    """Return how TLS is spoken to the brokers, None where it is not; OSError of its files."""
    if not protocol_of(kafka).endswith("SSL"):
        return None
    given = kafka.client_properties()
    context = ssl.create_default_context()
    place, text = str(given.get("ssl.ca.location", "probe")), given.get("ssl.ca.pem")
    if place != "probe":
        # Whoever names an authority trusts no other.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _load(context, place)
    elif text:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=str(text))
    if str(given.get("ssl.endpoint.identification.algorithm", "https")) == "none":
        context.check_hostname = False
    if str(given.get("enable.ssl.certificate.verification", True)).lower() == "false":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate = given.get("ssl.certificate.location")
    if certificate:
        key = str(given.get("ssl.key.location", certificate))
        context.load_cert_chain(str(certificate), key, str(given.get("ssl.key.password", "")))
    return Trust(context=context, setting=f"`ssl.ca.location` of {PROPERTIES}")


def _load(context: ssl.SSLContext, place: str) -> None:
    try:
        context.load_verify_locations(cafile=place)
    except IsADirectoryError:
        context.load_verify_locations(capath=place)


def is_shown_elsewhere(kafka: Kafka) -> bool:
    """Whether our certificate has a form that only librdkafka reads: a key store, or a text."""
    return bool({"ssl.keystore.location", "ssl.certificate.pem"} & kafka.properties.keys())
