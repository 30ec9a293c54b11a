"""`processor check` warns of what crosses a network unencrypted, and of what anybody may read."""

import json
from pathlib import Path

from processor.shell.checks import kafka, registry, server
from tests.support.checked import WebServer, scene, told
from tests.support.hostile_server import refusing_port
from tests.support.watched_server import new_pair

SEEN = "whoever reaches the port sees ids of carts and orders"


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


def test_certificates_for_a_registry_without_tls_are_warned_of(tmp_path: Path) -> None:
    pair = new_pair(tmp_path)
    with WebServer(status=401).serving() as web:
        given = scene(
            schema_registry__url=f"http://127.0.0.1:{web.port}",
            schema_registry__ca_file=pair.certificate,
            schema_registry__client_certificate_file=pair.certificate,
            schema_registry__client_key_file=pair.key,
        )
        found = told(registry.look(given))
    assert found[1:3] == [
        f"warning PROCESSOR_SCHEMA_REGISTRY__{name}: It has no effect: http is spoken, not TLS"
        for name in ("CA_FILE", "CLIENT_CERTIFICATE_FILE")
    ]


def test_a_port_that_asks_for_no_password_is_warned_of_where_others_reach_it() -> None:
    def warned(host: str) -> list[str]:
        found = server.look(scene(2.0, server__port=0, server__host=host))
        return [each for each in told(found) if "PROCESSOR_SERVER__HOST" in each]

    assert warned("0.0.0.0") == [  # noqa: S104  the case itself
        f"warning PROCESSOR_SERVER__HOST: No password is asked for: {SEEN}"
    ]
    assert warned("127.0.0.1") == warned("::1") == warned("localhost") == []
