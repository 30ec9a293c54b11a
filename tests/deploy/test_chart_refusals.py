"""Values that cannot work are refused before anything reaches a cluster, with the remedy."""

from pathlib import Path

import pytest

from tests.support.helm import RefusedError, Values, render

pytestmark = pytest.mark.deploy


def test_everything_that_must_be_given_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as caught:
        render(tmp_path, base=None)
    for name in (
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
        ({"replicas": 9}, "replicas is 9, but only 8 members have work"),
        ({"settings.server.host": "127.0.0.1"}, "settings.server.host is a loopback address"),
        ({"settings.server.host": "localhost"}, "settings.server.host is a loopback address"),
        (
            {"keda.enabled": True, "keda.maxReplicas": 9},
            "keda.maxReplicas is 9, but only 8 members have work",
        ),
        (
            {"keda.enabled": True, "keda.minReplicas": 5, "keda.maxReplicas": 4},
            "keda.minReplicas is 5, above the most there may be, 4",
        ),
        (
            {"settings.kafka.properties": {"sasl.password": "canary"}},
            "settings.kafka.properties holds sasl.password, a secret",
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
