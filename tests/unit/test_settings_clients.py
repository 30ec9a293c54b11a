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


SIGNS_IN = {"sasl.mechanism": "PLAIN", "sasl.username": "x", "sasl.password": CANARY}
NO_EFFECT = "without effect, as `security.protocol`"
UNHEARD = f"sets `sasl.mechanism` and `sasl.username` and `sasl.password` {NO_EFFECT}"


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        (SIGNS_IN, [f"{UNHEARD} is PLAINTEXT"]),
        (
            SIGNS_IN | {"security.protocol": "ssl"},
            [f"{UNHEARD} is SSL"],
        ),
        (
            {"ssl.ca.location": f"/{CANARY}", "ssl.key.pem": CANARY},
            [f"sets `ssl.ca.location` and `ssl.key.pem` {NO_EFFECT} is PLAINTEXT"],
        ),
        (
            SIGNS_IN | {"security.protocol": "Sasl_Plaintext", "ssl.ca.location": f"/{CANARY}"},
            [f"sets `ssl.ca.location` {NO_EFFECT} is SASL_PLAINTEXT"],
        ),
        (
            SIGNS_IN | {"security.protocl": "SASL_SSL"},
            [
                f"{UNHEARD} is PLAINTEXT",
                "sets `security.protocl`, which librdkafka does not know",
            ],
        ),
        (
            SIGNS_IN | {"security.protocol": CANARY},
            ["gives `security.protocol` a value that librdkafka refuses"],
        ),
    ],
)
def test_a_property_that_librdkafka_would_pass_over_is_refused(
    properties: Mapping[str, object], found: list[str]
) -> None:
    assert wrong(properties) == found


@pytest.mark.parametrize(
    "properties",
    [
        SIGNS_IN | {"security.protocol": "SASL_PLAINTEXT"},
        SIGNS_IN | {"security.protocol": "sasl_ssl", "ssl.key.password": CANARY},
        {"security.protocol": "SSL", "ssl.key.password": CANARY, "sasl.mechanism": "GSSAPI"},
        {"sasl.kerberos.principal": "kafkaclient", "ssl.key.password": "", "https.ca.pem": CANARY},
        {
            "ssl.endpoint.identification.algorithm": "https",
            "sasl.oauthbearer.assertion.claim.jti.include": False,
            "enable.ssl.certificate.verification": True,
        },
    ],
)
def test_what_counts_and_defaults_that_are_spelt_out_are_taken(
    properties: Mapping[str, object],
) -> None:
    assert wrong(properties) == []


def test_the_remedy_names_the_protocols_by_which_it_would_count() -> None:
    given = {"PROCESSOR_KAFKA__PROPERTIES": json.dumps(SIGNS_IN)}
    with pytest.raises(SettingsError) as caught:
        load_connections(None, ENOUGH | given)
    assert [each.remedy for each in caught.value.problems] == [
        "Set `security.protocol` to SASL_SSL or SASL_PLAINTEXT, or leave them out"
    ]


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
