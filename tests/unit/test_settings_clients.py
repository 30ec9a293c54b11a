"""Settings: what librdkafka refuses of its further properties, found without any broker."""

import json
import socket
from collections.abc import Mapping

import pytest

from processor.errors import SettingsError
from processor.shell.settings import load, load_connections

CANARY = "canary-5f1d"
ENOUGH = {
    "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS": "broker:9092",
    "PROCESSOR_SCHEMA_REGISTRY__URL": "http://registry:8081",
}
OIDC = {
    "security.protocol": "sasl_ssl",
    "sasl.mechanism": "OAUTHBEARER",
    "sasl.oauthbearer.method": "oidc",
}


def wrong(properties: Mapping[str, object], **variables: str) -> list[str]:
    """Return what is wrong with these properties."""
    given = {"PROCESSOR_KAFKA__PROPERTIES": json.dumps(properties)}
    found: SettingsError | None = None
    try:
        load_connections(None, ENOUGH | given | variables)
    except SettingsError as error:
        found = error
    assert CANARY not in str(found)
    problems = found.problems if found else ()
    assert {each.name for each in problems} <= {"PROCESSOR_KAFKA__PROPERTIES"}
    return sorted(each.wrong for each in problems)


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        ({"bogus": CANARY}, ["sets `bogus`, which librdkafka does not know"]),
        ({"sasl.pasword": CANARY}, ["sets `sasl.pasword`, which librdkafka does not know"]),
        (
            {"security.protocol": CANARY},
            ["gives `security.protocol` a value that librdkafka refuses"],
        ),
        ({"linger.ms": "soon"}, ["gives `linger.ms` a value that librdkafka refuses"]),
        ({"linger.ms": -5}, ["gives `linger.ms` a value that is out of range"]),
        (
            {"security.protocol": "ssl", "ssl.ca.location": f"/{CANARY}"},
            ["names in `ssl.ca.location` a file that cannot be used"],
        ),
        (
            {"security.protocol": "ssl", "ssl.key.pem": CANARY},
            ["gives `ssl.key.pem` a value that librdkafka refuses"],
        ),
        (
            {"security.protocol": "sasl_ssl", "sasl.mechanism": "PLAIN"},
            [
                (
                    "sets `security.protocol` and `sasl.mechanism` "
                    "without `sasl.username` and `sasl.password`"
                )
            ],
        ),
        (
            {"security.protocol": "sasl_ssl"},
            [
                (
                    "asks with `security.protocol` for a SASL mechanism "
                    "that this librdkafka does not have"
                )
            ],
        ),
        (
            OIDC,
            ["sets `sasl.oauthbearer.method` without `sasl.oauthbearer.token.endpoint.url`"],
        ),
        ({"retries": 0}, ["gives `retries` a value that breaks the order of the outputs"]),
        (
            {"bogus": 1, "debug": CANARY, "client.id": "x"},
            [
                "gives `debug` a value that librdkafka refuses",
                "sets `bogus`, which librdkafka does not know",
            ],
        ),
        (
            {"linger.ms": "soon", "queue.buffering.max.ms": "soon"},
            ["gives some property a value that librdkafka refuses"],
        ),
    ],
)
def test_a_property_that_librdkafka_refuses_is_named_without_its_value(
    properties: Mapping[str, object], found: list[str]
) -> None:
    assert wrong(properties) == found


def test_properties_of_one_kind_of_client_are_given_to_all() -> None:
    properties = {"linger.ms": 5, "fetch.min.bytes": 1, "session.timeout.ms": 46_000}
    assert wrong({**properties, "enable.ssl.certificate.verification": False}) == []
    assert wrong({"linger.ms": 5}, PROCESSOR_KAFKA__GROUP_PROTOCOL="consumer") == []


def test_nobody_is_asked_for_a_token() -> None:
    with socket.create_server(("127.0.0.1", 0)) as provider:
        port = provider.getsockname()[1]
        whole = OIDC | {
            "sasl.oauthbearer.client.id": "x",
            "sasl.oauthbearer.client.secret": CANARY,
            "sasl.oauthbearer.token.endpoint.url": f"http://127.0.0.1:{port}",
        }
        assert wrong(whole) == []
        provider.setblocking(False)  # noqa: FBT003  as sockets have it
        with pytest.raises(BlockingIOError):
            provider.accept()


def test_run_and_config_hear_of_it_beside_all_else_that_is_wrong() -> None:
    with pytest.raises(SettingsError) as caught:
        load(None, ENOUGH | {"PROCESSOR_KAFKA__PROPERTIES": '{"bogus": 1}'})
    assert [each.name for each in caught.value.problems] == [
        "PROCESSOR_KAFKA__PROPERTIES",
        "PROCESSOR_ROKT__API_KEY",
        "PROCESSOR_ROKT__BASE_URL",
        "PROCESSOR_ROKT__TAG_ID",
    ]
