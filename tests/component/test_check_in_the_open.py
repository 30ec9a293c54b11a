"""`processor check` warns of passwords that cross a network unencrypted."""

import json

from processor.shell.checks import kafka, registry
from tests.support.checked import WebServer, scene, told
from tests.support.hostile_server import refusing_port


def test_a_password_for_kafka_without_tls_is_warned_of() -> None:
    properties = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "shop",
        "sasl.password": "canary",
    }
    with refusing_port() as port:
        place = f"127.0.0.1:{port}"
        given = scene(0.5, kafka__bootstrap_servers=place, kafka__properties=json.dumps(properties))
        found = list(kafka.look(given))
    assert (found[0].level, found[0].found) == (
        "warning",
        "Passwords and records cross the network unencrypted (SASL_PLAINTEXT)",
    )
    assert "canary" not in str(found)


def test_a_password_for_the_registry_without_tls_is_warned_of() -> None:
    with WebServer(status=401).serving() as web:
        url = f"http://127.0.0.1:{web.port}"
        given = scene(
            schema_registry__url=url,
            schema_registry__username="shop",
            schema_registry__password="canary",
        )
        found = list(registry.look(given))
    assert told(found)[1] == f"warning {url}: The password for it crosses the network unencrypted"
    assert "canary" not in str(found)
