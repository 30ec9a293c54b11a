"""Values that cannot work are refused before anything reaches a cluster, with the remedy."""

from pathlib import Path
from typing import Any

import pytest

from tests.deploy.cases import CASES
from tests.support.chart_schema import CHART
from tests.support.helm import RefusedError, Values, render, values_of

pytestmark = pytest.mark.deploy

GUARDED: Values = {
    name: value for name, value in CASES["guarded port"].items() if not name.startswith("monitor.")
} | {"monitor.kind": "pod", "monitor.tlsConfig": {"a": "b"}, "monitor.basicAuth": {"a": "b"}}


def test_everything_that_must_be_given_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as caught:
        render(tmp_path, base=None)
    for name in (
        "image.repository",
        "secrets.roktApiKey.name",
        "settings.kafka.bootstrap_servers",
        "settings.rokt.base_url",
        "settings.rokt.tag_id",
        "settings.schema_registry.url",
    ):
        assert f"\n  - {name} is not set. Set it to " in str(caught.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replicas": 13}, "replicas is 13, but only 12 members have work"),
        ({"settings.server.host": "127.0.0.1"}, "settings.server.host is a loopback address"),
        ({"settings.server.host": "localhost"}, "settings.server.host is a loopback address"),
        (
            {"keda.enabled": True, "keda.maxReplicas": 13},
            "keda.maxReplicas is 13, but only 12 members have work",
        ),
        (
            {"keda.enabled": True, "keda.minReplicas": 5, "keda.maxReplicas": 4},
            "keda.minReplicas is 5, above the most there may be, 4",
        ),
        (
            {"settings.kafka.properties": {"sasl.password": "canary"}},
            "settings.kafka.properties holds sasl.password, which may be a secret",
        ),
        (
            {
                "settings.kafka.properties": {
                    "sasl.oauthbearer.assertion.private.key.passphrase": "canary"
                }
            },
            "settings.kafka.properties holds sasl.oauthbearer.assertion.private.key.passphrase",
        ),
        (
            {"settings.kafka.properties": {"fetchx.max.bytes": "canary"}},
            "settings.kafka.properties holds fetchx.max.bytes, which may be a secret",
        ),
        *(
            ({name: address}, f"{name} holds an @, so perhaps a password")
            for name, address in (
                ("settings.kafka.bootstrap_servers", "shop:canary@broker:9092"),
                ("settings.schema_registry.url", "https://shop:canary@registry"),
                ("settings.rokt.base_url", "https://canary@rokt.example"),
                ("settings.tracing.endpoint", "https://shop:canary@collector"),
            )
        ),
        (
            {"keda.enabled": True, "secrets.kafkaProperties.name": "kafka"},
            "keda.enabled is set without keda.authentication",
        ),
        (
            {"toolbox.enabled": True, "secrets.kafkaProperties.name": "kafka"},
            "toolbox.kafkaProperties.name is not set, though secrets.kafkaProperties.name is",
        ),
        (
            {
                "settings.kafka.properties": {"client.id": "x"},
                "toolbox.kafkaProperties.name": "operator",
            },
            "settings.kafka.properties and toolbox.kafkaProperties are both set",
        ),
        ({"monitor.kind": "pod"}, "monitor.kind is pod, but networkPolicy.from lets nobody in"),
        (
            {"podLabels": {"app.kubernetes.io/name": "canary"}},
            "podLabels holds app.kubernetes.io/name, which the chart sets. Leave it out",
        ),
        (
            {
                "settings.kafka.properties": {"client.id": "x"},
                "secrets.kafkaProperties.name": "kafka",
            },
            "settings.kafka.properties and secrets.kafkaProperties are both set",
        ),
        (
            {"secrets.registryPassword.name": "registry"},
            "secrets.registryPassword is set without settings.schema_registry.username",
        ),
        (
            {"secrets.serverPassword.name": "login"},
            "only one of secrets.serverPassword and settings.server.username is set",
        ),
        (
            {"settings.server.key_file": "/etc/processor/tls/tls.key"},
            "only one of settings.server.certificate_file and settings.server.key_file is set",
        ),
        (
            {**GUARDED, "monitor.tlsConfig": {}},
            "monitor.tlsConfig is not set, though members speak TLS",
        ),
        (
            {**GUARDED, "monitor.basicAuth": {}},
            "monitor.basicAuth is not set, though members ask for a password",
        ),
        (
            {"settings.kafka.drain_deadline": "soon"},
            "settings.kafka.drain_deadline is not a duration",
        ),
        (
            {"settings.kafka.properties": {"group.instance.id": "one"}},
            "a member of that name would take over without a drain",
        ),
        (
            {"secrets.tracingHeaders.name": "tracing-client"},
            "secrets.tracingHeaders is set without settings.tracing.endpoint",
        ),
        ({"files": [{"name": "ca"}]}, "files: ca needs either secret or configMap"),
        (
            {"files": [{"name": "ca", "secret": "a"}, {"name": "ca", "secret": "b"}]},
            "files: ca is there twice",
        ),
    ],
)
def test_what_cannot_work_together_is_refused_with_its_remedy(
    tmp_path: Path, values: Values, said: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        render(tmp_path, values)
    assert said in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replica": 3}, "at '': additional properties 'replica' not allowed"),
        (
            {"settings.kafka.bootstrap_server": "x"},
            "at '/settings/kafka': additional properties 'bootstrap_server' not allowed",
        ),
        (
            {"settings.rokt.api_key": "canary"},
            "at '/settings/rokt': additional properties 'api_key' not allowed",
        ),
        ({"settings.state_dir": "/x"}, "at '/settings': additional properties 'state_dir'"),
        ({"settings.rokt.tag_id": 253439}, "at '/settings/rokt/tag_id': got number, want string"),
        ({"settings.server.port": 0}, "at '/settings/server/port': minimum: got 0, want 1"),
        ({"settings.log.level": "loud"}, "at '/settings/log/level': value must be one of 'debug'"),
        ({"monitor.kind": "pods"}, "at '/monitor/kind': value must be one of 'none', 'pod'"),
        ({"settings.kafka": None}, "at '/settings': missing property 'kafka'"),
        ({"networkPolicy.to.kafka": "everywhere"}, "at '/networkPolicy/to/kafka': "),
        ({"networkPolicy.from": [{}]}, "at '/networkPolicy/from/0': minProperties"),
        ({"partitions": "eight"}, "at '/partitions': got string, want integer"),
        ({"volume.size": "ten"}, "at '/volume/size': 'ten' does not match pattern"),
        ({"image.digest": "latest"}, "at '/image/digest': 'latest' does not match pattern"),
    ],
)
def test_what_is_no_value_is_refused_by_its_name(tmp_path: Path, values: Values, said: str) -> None:
    with pytest.raises(RefusedError) as caught:
        render(tmp_path, values)
    assert said in str(caught.value)
    assert "canary" not in str(caught.value)


def groups(values: dict[str, Any], prefix: str = "") -> list[str]:
    """Return the dotted names of all values, and of the tables that they are in."""
    found: list[str] = []
    for name, value in values.items():
        found.append(f"{prefix}{name}")
        if isinstance(value, dict):
            found += groups(value, f"{prefix}{name}.")
    return found


@pytest.mark.parametrize("name", groups(values_of(CHART / "values.yaml")))
def test_a_value_that_is_taken_away_breaks_no_template(tmp_path: Path, name: str) -> None:
    given = {**CASES["toolbox"], **CASES["rules and dashboard"], **CASES["keda"]}
    others = {key: value for key, value in given.items() if not key.startswith(f"{name}.")}
    try:
        render(tmp_path, {**others, name: None})
    except RefusedError as refused:
        said = str(refused)
        assert any(
            each in said for each in ("missing propert", " is not set", " is set without ")
        ), said
