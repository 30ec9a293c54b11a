"""What each value of the chart does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.cases import CASES
from tests.support.chart_schema import CHART
from tests.support.helm import NAME, Rendered, Values, render, values_of

pytestmark = pytest.mark.deploy

Render = Callable[..., Rendered]

TRACED: Values = {"settings.tracing.endpoint": "http://collector:4318"}
RULES: Values = {"rules.enabled": True}
MONITORED: Values = {"monitor.kind": "pod", "networkPolicy.from": "anywhere"}
TOOLBOX: Values = {"toolbox.enabled": True}
CHANGES: dict[str, tuple[object, Values]] = {
    "image.repository": ("registry.example/processor", {}),
    "image.tag": ("2.0.0", {}),
    "image.digest": (f"sha256:{'1' * 64}", {}),
    "image.pullPolicy": ("Always", {}),
    "image.pullSecrets": (["mine"], {}),
    "partitions": (16, {"keda.enabled": True}),
    "replicas": (3, {}),
    "settings.kafka.bootstrap_servers": ("elsewhere:9092", {}),
    "settings.schema_registry.url": ("http://elsewhere", {}),
    "settings.rokt.base_url": ("https://elsewhere", {}),
    "settings.rokt.tag_id": ("another", {}),
    "settings.server.host": ("::", {}),
    "settings.server.port": (9000, {}),
    "secrets.roktApiKey.name": ("another", {}),
    "secrets.roktApiKey.key": ("another", {}),
    "secrets.kafkaProperties.name": ("another", {}),
    "secrets.kafkaProperties.key": ("another", CASES["secured"]),
    "secrets.registryPassword.name": ("another", {"settings.schema_registry.username": "me"}),
    "secrets.registryPassword.key": ("another", CASES["secured"]),
    "secrets.serverPassword.name": ("another", CASES["guarded port"]),
    "secrets.serverPassword.key": ("another", CASES["guarded port"]),
    "secrets.tracingHeaders.name": ("another", TRACED),
    "secrets.tracingHeaders.key": ("another", CASES["secured"]),
    "files": ([{"name": "ca", "configMap": "ca"}], {}),
    "volume.enabled": (True, {}),
    "volume.size": ("1Gi", {}),
    "volume.storageClass": ("slow", {"volume.enabled": True}),
    "resources.requests.cpu": ("1", {}),
    "resources.requests.memory": ("600Mi", {}),
    "resources.limits.memory": ("2Gi", {}),
    "toolbox.enabled": (True, {}),
    "toolbox.kafkaProperties.name": ("another", TOOLBOX),
    "toolbox.kafkaProperties.key": ("another", CASES["toolbox"]),
    "toolbox.size": ("2Gi", TOOLBOX),
    "toolbox.resources.requests.cpu": ("1", TOOLBOX),
    "toolbox.resources.requests.memory": ("300Mi", TOOLBOX),
    "toolbox.resources.limits.memory": ("3Gi", TOOLBOX),
    "podDisruptionBudget.enabled": (False, {}),
    "podDisruptionBudget.maxUnavailable": ("25%", {}),
    "networkPolicy.enabled": (False, {}),
    "networkPolicy.from": ("anywhere", {}),
    "networkPolicy.to.kafka": ([{"podSelector": {}}], {}),
    "networkPolicy.to.registry": ([{"podSelector": {}}], {}),
    "networkPolicy.to.rokt": ([{"podSelector": {}}], {}),
    "networkPolicy.to.tracing": ([{"podSelector": {}}], TRACED),
    "networkPolicy.kafkaPorts": ([9095], {}),
    "networkPolicy.egress": ([{"to": [{"podSelector": {}}]}], {}),
    "keda.enabled": (True, {}),
    "keda.minReplicas": (3, {"keda.enabled": True}),
    "keda.maxReplicas": (4, {"keda.enabled": True}),
    "keda.lagThreshold": (10, {"keda.enabled": True}),
    "keda.pollingInterval": (5, {"keda.enabled": True}),
    "keda.authentication": ("mine", {"keda.enabled": True}),
    "keda.metadata": ({"sasl": "scram_sha512"}, {"keda.enabled": True}),
    "monitor.kind": ("pod", {"networkPolicy.from": "anywhere"}),
    "monitor.interval": ("30s", MONITORED),
    "monitor.labels": ({"a": "b"}, MONITORED),
    "monitor.tlsConfig": ({"insecureSkipVerify": True}, CASES["guarded port"]),
    "monitor.basicAuth": ({"username": {"name": "u", "key": "u"}}, CASES["guarded port"]),
    "rules.enabled": (True, {}),
    "rules.labels": ({"a": "b"}, RULES),
    "rules.errorBudget": (0.002, RULES),
    "rules.inputsRetentionSeconds": (86_400, RULES),
    "dashboard.enabled": (True, {}),
    "dashboard.labels.grafana_dashboard": ("yes", {"dashboard.enabled": True}),
    "dashboard.annotations": ({"a": "b"}, {"dashboard.enabled": True}),
    "runbook": ("https://wiki.example", RULES),
    "test.enabled": (False, {}),
    "test.failOn": ("warning", {}),
    "topologySpread.whenUnsatisfiable": ("DoNotSchedule", {}),
    "topologySpread.keys": (["rack"], {}),
    "serviceAccount.create": (False, {}),
    "serviceAccount.name": ("another", {}),
    "serviceAccount.annotations": ({"a": "b"}, {}),
    "podAnnotations": ({"a": "b"}, {}),
    "podLabels": ({"a": "b"}, {}),
    "nodeSelector": ({"a": "b"}, {}),
    "tolerations": ([{"operator": "Exists"}], {}),
    "affinity": ({"podAntiAffinity": {}}, {}),
    "priorityClassName": ("orders", {}),
}
"""A change of each value that there is, and the values without which it would have no effect."""


@pytest.fixture
def rendering(tmp_path: Path) -> Render:
    """Give a function that renders the chart with values by dotted names."""
    return lambda values=None: render(tmp_path, values)


def leaves(values: dict[str, Any], prefix: str = "") -> list[str]:
    """Return the dotted names of all values, empty tables among them."""
    found: list[str] = []
    for name, value in values.items():
        is_group = isinstance(value, dict) and value
        found += leaves(value, f"{prefix}{name}.") if is_group else [f"{prefix}{name}"]
    return found


def test_every_value_that_there_is_has_its_case_here() -> None:
    assert sorted(CHANGES) == sorted(leaves(values_of(CHART / "values.yaml")))


@pytest.mark.parametrize("name", CHANGES)
def test_every_value_changes_what_is_rendered(rendering: Render, name: str) -> None:
    value, needed = CHANGES[name]
    changed = rendering({**needed, name: value})
    assert changed != rendering(needed)


def test_by_default_it_is_a_deployment_and_nothing_that_an_operator_brings(
    rendering: Render,
) -> None:
    plain = rendering()
    assert plain.kinds == [
        "Deployment",
        "NetworkPolicy",
        "Pod",
        "PodDisruptionBudget",
        "ServiceAccount",
    ]
    assert plain.workload["replicas"] == 2
    assert plain.workload["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert mounted_at(plain, plain.environment["PROCESSOR_STATE_DIR"]) == {
        "name": "state",
        "emptyDir": {"sizeLimit": "10Gi"},
    }


def mounted_at(rendered: Rendered, path: str) -> dict[str, Any]:
    """Return the volume that members have at a path."""
    (name,) = (
        each["name"] for each in rendered.container["volumeMounts"] if each["mountPath"] == path
    )
    (volume,) = (each for each in rendered.pod["volumes"] if each["name"] == name)
    found: dict[str, Any] = volume
    return found


def test_a_volume_makes_it_a_stateful_set(rendering: Render) -> None:
    made = rendering(CASES["volume"])
    assert "Deployment" not in made.kinds
    assert made.workload["serviceName"] == made.one("Service")["metadata"]["name"] == NAME
    (claim,) = made.workload["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"]["requests"]["storage"] == "20Gi"
    (mount,) = (each for each in made.container["volumeMounts"] if each["name"] == "state")
    assert made.environment["PROCESSOR_STATE_DIR"] == mount["mountPath"]


def test_keda_scales_on_the_lag_of_both_inputs_up_to_the_partitions(rendering: Render) -> None:
    made = rendering({"keda.enabled": True, "settings.topics.order_paid": "paid"})
    assert "replicas" not in made.workload
    spec = made.one("ScaledObject")["spec"]
    assert spec["scaleTargetRef"] == {"kind": "Deployment", "name": NAME}
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (2, 12)
    assert [trigger["metadata"]["topic"] for trigger in spec["triggers"]] == [
        "paid",
        "cart-abandoned",
    ]
    (first, _) = (trigger["metadata"] for trigger in spec["triggers"])
    assert first["bootstrapServers"] == made.environment["PROCESSOR_KAFKA__BOOTSTRAP_SERVERS"]
    assert first["consumerGroup"] == "rokt-cart-processor"
    assert (first["allowIdleConsumers"], first["excludePersistentLag"]) == ("false", "true")


def test_keda_gets_the_brokers_without_blanks(rendering: Render) -> None:
    made = rendering(
        {"keda.enabled": True, "settings.kafka.bootstrap_servers": "b1:9093 , b2:9094"}
    )
    for trigger in made.one("ScaledObject")["spec"]["triggers"]:
        assert trigger["metadata"]["bootstrapServers"] == "b1:9093,b2:9094"


def test_keda_can_show_who_it_is(rendering: Render) -> None:
    for trigger in rendering(CASES["keda"]).one("ScaledObject")["spec"]["triggers"]:
        assert trigger["authenticationRef"] == {"name": "kafka"}
        assert trigger["metadata"]["tls"] == "enable"


def test_keda_scales_a_stateful_set_as_well(rendering: Render) -> None:
    made = rendering(CASES["keda and volume"])
    assert made.one("ScaledObject")["spec"]["scaleTargetRef"]["kind"] == "StatefulSet"


def test_prometheus_finds_the_pods(rendering: Render) -> None:
    made = rendering(CASES["pod monitor"])
    monitor = made.one("PodMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("http", "/metrics")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    assert wanted <= made.workload["template"]["metadata"]["labels"].items()


def test_prometheus_and_probes_ask_as_the_members_want_it(rendering: Render) -> None:
    made = rendering(CASES["guarded port"])
    (endpoint,) = made.one("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert endpoint["scheme"] == "https"
    assert endpoint["tlsConfig"]["serverName"] == "processor"
    assert sorted(endpoint["basicAuth"]) == ["password", "username"]
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert made.container[name]["httpGet"]["scheme"] == "HTTPS"
        assert "httpHeaders" not in made.container[name]["httpGet"]
    given = {each["name"]: each["value"] for each in made.container["env"]}
    password = "/run/secrets/processor/server-password/password"
    assert given["PROCESSOR_SERVER__PASSWORD_FILE"] == password
    plain = rendering(CASES["pod monitor"])
    (endpoint,) = plain.one("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert endpoint.keys() == {"port", "path", "interval"}
    assert "scheme" not in plain.container["livenessProbe"]["httpGet"]


def test_prometheus_finds_the_service_and_with_it_members_that_are_not_ready(
    rendering: Render,
) -> None:
    made = rendering(CASES["service monitor"])
    monitor, service = made.one("ServiceMonitor"), made.one("Service")
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    assert wanted <= service["metadata"]["labels"].items()
    assert service["spec"]["publishNotReadyAddresses"] is True
    labels = made.workload["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()


def test_secrets_are_files_of_whole_secrets_and_no_variables(rendering: Render) -> None:
    made = rendering(CASES["secured"])
    secrets = {name: path for name, path in made.environment.items() if "/run/secrets/" in path}
    assert secrets == {
        "PROCESSOR_KAFKA__PROPERTIES_FILE": (
            "/run/secrets/processor/kafka-properties/properties.json"
        ),
        "PROCESSOR_ROKT__API_KEY_FILE": "/run/secrets/processor/rokt-api-key/api-key",
        "PROCESSOR_SCHEMA_REGISTRY__PASSWORD_FILE": (
            "/run/secrets/processor/registry-password/password"
        ),
        "PROCESSOR_TRACING__HEADERS_FILE": "/run/secrets/processor/tracing-headers/headers",
    }
    mounts = {each["mountPath"]: each["name"] for each in made.container["volumeMounts"]}
    volumes = {each["name"]: each for each in made.pod["volumes"]}
    for path in secrets.values():
        folder, _, name = path.rpartition("/")
        assert volumes[mounts[folder]]["secret"]["items"] == [{"key": name, "path": name}]
    assert all("subPath" not in each for each in made.container["volumeMounts"])
    assert all("valueFrom" not in each for each in made.container["env"])


def test_files_are_mounted_where_the_settings_look_for_them(rendering: Render) -> None:
    made = rendering(CASES["secured"])
    mounts = {each["mountPath"]: each["name"] for each in made.container["volumeMounts"]}
    volumes = {each["name"]: each for each in made.pod["volumes"]}
    assert volumes[mounts["/etc/processor/ca"]]["configMap"] == {"name": "company-ca"}
    assert volumes[mounts["/etc/processor/tls"]]["secret"]["secretName"] == "our-tls"


@pytest.mark.parametrize(
    ("deadline", "seconds"),
    [(None, 60), ("35s", 60), ("10 s", 35), (12, 37), ("0.5", 26), ("1500ms", 27), ("1.5m", 115)],
)
def test_a_stop_may_take_the_drain_and_what_comes_after(
    rendering: Render, deadline: object, seconds: int
) -> None:
    given = {} if deadline is None else {"settings.kafka.drain_deadline": deadline}
    assert rendering(given).pod["terminationGracePeriodSeconds"] == seconds


def test_the_probes_ask_for_life_and_readiness_on_the_servers_port(rendering: Render) -> None:
    container = rendering({"settings.server.port": 9999}).container
    assert container["ports"] == [{"name": "http", "containerPort": 9999}]
    assert {
        name: container[name]["httpGet"]
        for name in ("startupProbe", "livenessProbe", "readinessProbe")
    } == {
        "startupProbe": {"path": "/livez", "port": "http"},
        "livenessProbe": {"path": "/livez", "port": "http"},
        "readinessProbe": {"path": "/readyz", "port": "http"},
    }


def test_the_network_lets_out_what_the_settings_name(rendering: Render) -> None:
    addresses = {
        "settings.kafka.bootstrap_servers": " a:9093 , b:9094, c ",
        "settings.schema_registry.url": "http://registry/path",
        "settings.rokt.base_url": "https://rokt.example:8443",
        "settings.tracing.endpoint": "http://collector:4318",
        "networkPolicy.to.tracing": [{"podSelector": {}}],
    }
    spec = rendering({**CASES["narrow network"], **addresses}).one("NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert [(ports(rule), rule.get("to")) for rule in spec["egress"]] == [
        ([53, 53], None),
        ([9093, 9094, 9092, 9095], [{"ipBlock": {"cidr": "192.0.2.0/24"}}]),
        ([80], None),
        ([8443], None),
        ([4318], [{"podSelector": {}}]),
        ([5000], None),
    ]


def ports(rule: dict[str, Any]) -> list[int]:
    """Return the ports of a rule."""
    return [each["port"] for each in rule["ports"]]


def test_the_network_lets_in_scrapes_only(rendering: Render) -> None:
    (rule,) = rendering(CASES["narrow network"]).one("NetworkPolicy")["spec"]["ingress"]
    assert rule == {
        "from": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
        "ports": [{"port": "http"}],
    }


def test_an_empty_list_is_nobody_and_anywhere_everybody(rendering: Render) -> None:
    closed = rendering({"networkPolicy.to.rokt": []}).one("NetworkPolicy")["spec"]
    assert closed["ingress"] == []
    assert [ports(rule) for rule in closed["egress"]] == [[53, 53], [9092], [8081]]
    spec = rendering({"networkPolicy.from": "anywhere"}).one("NetworkPolicy")["spec"]
    assert spec["ingress"] == [{"ports": [{"port": "http"}]}]
    assert [(ports(rule), "to" in rule) for rule in spec["egress"]] == [
        ([53, 53], False),
        ([9092], False),
        ([8081], False),
        ([443], False),
    ]


def test_a_node_can_be_drained_even_of_members_that_are_not_ready(rendering: Render) -> None:
    spec = rendering().one("PodDisruptionBudget")["spec"]
    assert (spec["maxUnavailable"], spec["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")


def test_members_spread_over_zones_and_nodes(rendering: Render) -> None:
    made = rendering()
    spread = made.pod["topologySpreadConstraints"]
    assert [(each["topologyKey"], each["whenUnsatisfiable"]) for each in spread] == [
        ("topology.kubernetes.io/zone", "ScheduleAnyway"),
        ("kubernetes.io/hostname", "ScheduleAnyway"),
    ]
    labels = made.workload["template"]["metadata"]["labels"]
    assert spread[0]["labelSelector"]["matchLabels"].items() <= labels.items()


def test_numbers_stay_whole_and_tables_become_json(rendering: Render) -> None:
    made = rendering(
        {
            "settings.calls.max_span": 2_000_000,
            "settings.calls.rate_limit": 0.5,
            "settings.rokt.send_catalog_item_id": False,
            "settings.kafka.properties": {"client.rack": "a", "queued.min.messages": 100_000},
        }
    ).environment
    assert made["PROCESSOR_CALLS__MAX_SPAN"] == "2000000"
    assert made["PROCESSOR_CALLS__RATE_LIMIT"] == "0.5"
    assert made["PROCESSOR_ROKT__SEND_CATALOG_ITEM_ID"] == "false"
    properties = json.loads(made["PROCESSOR_KAFKA__PROPERTIES"])
    assert properties == {"client.rack": "a", "queued.min.messages": 100_000}


def test_labels_of_ones_own_win_and_none_is_there_twice(rendering: Render) -> None:
    own = {"helm.sh/chart": "mine"}
    names = ("monitor.labels", "rules.labels", "dashboard.labels")
    switches = {**MONITORED, **RULES, "dashboard.enabled": True}
    made = rendering(switches | dict.fromkeys(names, own))
    for kind in ("PodMonitor", "PrometheusRule", "ConfigMap"):
        labels = made.one(kind)["metadata"]["labels"]
        assert (labels["helm.sh/chart"], labels["app.kubernetes.io/name"]) == ("mine", "processor")


def test_a_digest_wins_over_the_tag(rendering: Render) -> None:
    made = rendering({"image.tag": "2.0.0", "image.digest": f"sha256:{'1' * 64}"})
    assert made.container["image"] == f"registry.example/rokt-cart-processor@sha256:{'1' * 64}"
