"""What the chart brings beside the members: `helm test`, the alert rules, the dashboard."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from processor.cli.check import FailOn
from tests.deploy.cases import CASES, PLAIN
from tests.support import dashboard
from tests.support.alert_rules import RULES
from tests.support.helm import NAME, Manifest, render, variables

pytestmark = pytest.mark.deploy

Group = dict[str, Any]


# helm test


@pytest.mark.parametrize("case", [case for case in CASES if case != "nothing optional"])
def test_the_doctor_has_what_the_members_have(case: str, tmp_path: Path) -> None:
    made = render(tmp_path, CASES[case])
    (container,) = made.tester["containers"]
    member = made.container
    for name in ("image", "imagePullPolicy", "env", "resources", "securityContext", "volumeMounts"):
        assert container[name] == member[name]
    for name in ("serviceAccountName", "securityContext", "nodeSelector", "tolerations"):
        assert made.tester.get(name) == made.pod.get(name)
    given = {each["name"] for each in made.tester["volumes"]}
    assert given == {each["name"] for each in container["volumeMounts"]}
    assert [each for each in made.pod["volumes"] if each not in made.tester["volumes"]] == []
    assert container["args"] == ["check", "--fail-on", "error"]


def test_the_doctor_comes_when_it_is_called_and_ends(tmp_path: Path) -> None:
    made = render(tmp_path)
    assert made.one("Pod")["metadata"]["annotations"] == {
        "helm.sh/hook": "test",
        "helm.sh/hook-delete-policy": "before-hook-creation",
    }
    assert made.tester["restartPolicy"] == "Never"
    assert made.tester["activeDeadlineSeconds"] == 300


@pytest.mark.parametrize("case", [PLAIN, "service monitor", "pod monitor", "placed"])
def test_the_doctor_is_no_member_and_has_their_network(case: str, tmp_path: Path) -> None:
    made = render(tmp_path, CASES[case])
    labels = made.one("Pod")["metadata"]["labels"]
    selectors = {
        each["kind"]: each["spec"]["selector"]
        for each in made.manifests
        if "selector" in each.get("spec", {})
    }
    for kind, selector in selectors.items():
        wanted = selector.get("matchLabels", selector)
        assert not wanted.items() <= labels.items(), kind
    assert {"Deployment", "PodDisruptionBudget"} <= selectors.keys()
    network = made.one("NetworkPolicy")["spec"]["podSelector"]
    for each in (labels, made.workload["template"]["metadata"]["labels"]):
        assert selects(network, each)


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    """Return whether a selector of `In` expressions selects labels."""
    listed = selector.get("matchExpressions", ())
    assert {each["operator"] for each in listed} <= {"In"}
    return selector["matchLabels"].items() <= labels.items() and all(
        labels[each["key"]] in each["values"] for each in listed
    )


def test_the_doctor_can_be_left_out_and_the_network_is_the_members_alone(tmp_path: Path) -> None:
    made = render(tmp_path, {"test.enabled": False})
    assert "Pod" not in made.kinds
    network = made.one("NetworkPolicy")["spec"]["podSelector"]
    assert selects(network, made.workload["template"]["metadata"]["labels"])
    (expression,) = network["matchExpressions"]
    assert expression["values"] == ["processor"]


@pytest.mark.parametrize("level", FailOn)
def test_the_doctor_may_fail_on_warnings(level: FailOn, tmp_path: Path) -> None:
    (container,) = render(tmp_path, {"test.failOn": level}).tester["containers"]
    assert container["args"] == ["check", "--fail-on", level]


def test_the_doctor_may_run_on_the_nodes_of_members_and_beside_them(tmp_path: Path) -> None:
    nodes: Manifest = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}
    given = {"affinity": {"nodeAffinity": nodes, "podAntiAffinity": {"x": "y"}}}
    assert render(tmp_path, given).tester["affinity"] == {"nodeAffinity": nodes}


# Rules


def groups_of_the_rules() -> list[Group]:
    """Return all groups of rules, as they lie beside the chart."""
    return [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]


def test_the_operator_gets_the_rules_as_they_are(tmp_path: Path) -> None:
    made = render(tmp_path, {"rules.enabled": True, "rules.labels": {"release": "prometheus"}})
    rule = made.one("PrometheusRule")
    assert rule["spec"]["groups"] == groups_of_the_rules()
    assert rule["metadata"]["labels"]["release"] == "prometheus"


def test_what_is_to_be_set_in_the_rules_can_be_set(tmp_path: Path) -> None:
    made = render(
        tmp_path,
        {
            "rules.enabled": True,
            "rules.errorBudget": 0.0005,
            "rules.inputsRetentionSeconds": 1_209_600,
            "settings.topics.replay": "lane",
            "settings.topics.cart_abandoned": "given-up",
            "runbook": "https://wiki.example/rokt",
        },
    )
    groups = made.one("PrometheusRule")["spec"]["groups"]
    expected = json.dumps(groups_of_the_rules())
    for before, after in (
        ("vector(0.001)", "vector(0.0005)"),
        ("vector(604800)", "vector(1209600)"),
        ("rokt-replay", "lane"),
        ("cart-abandoned", "given-up"),
        ("deploy/README.md", "https://wiki.example/rokt"),
    ):
        assert before in expected
        expected = expected.replace(before, after)
    assert groups == json.loads(expected)


# Dashboard


def test_grafana_gets_the_dashboard_as_it_is(tmp_path: Path) -> None:
    made = render(tmp_path, {"dashboard.enabled": True}).one("ConfigMap")
    assert made["metadata"]["name"] == f"{NAME}-dashboard"
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert made["data"] == {"processor.json": dashboard.PATH.read_text()}


def test_the_dashboard_can_have_a_folder_and_a_runbook(tmp_path: Path) -> None:
    made = render(tmp_path, CASES["rules and dashboard"]).one("ConfigMap")
    assert made["metadata"]["annotations"] == {"grafana_folder": "Orders"}
    written = made["data"]["processor.json"]
    assert "deploy/README.md" not in written
    found = {each["name"]: each for each in json.loads(written)["templating"]["list"]}
    assert found["runbook"]["query"] == "https://wiki.example/rokt"


# The toolbox


def test_the_toolbox_has_its_own_user_and_memory_and_neither_the_key_nor_a_ledger(
    tmp_path: Path,
) -> None:
    made = render(tmp_path, CASES["toolbox"])
    pod = made.toolbox["template"]["spec"]
    (container,) = pod["containers"]
    secrets = {
        each["name"]: each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each
    }
    assert secrets == {
        "kafka-properties": "operator-client",
        "registry-password": "registry-client",
    }
    assert {each["name"] for each in pod["volumes"]} == {
        each["name"] for each in container["volumeMounts"]
    }
    assert container["resources"]["limits"] == {"memory": "2Gi"}
    without = {"PROCESSOR_ROKT__API_KEY_FILE", "PROCESSOR_STATE_DIR"}
    assert made.environment.keys() - variables(container).keys() == without
    assert container["image"] == made.container["image"]


def test_the_toolbox_is_one_pod_that_sleeps_and_goes_at_once(tmp_path: Path) -> None:
    spec = render(tmp_path, CASES["toolbox"]).toolbox
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert container["command"] == ["sleep", "infinity"]
    assert pod["shareProcessNamespace"] is True
    assert not {"livenessProbe", "readinessProbe", "ports"} & container.keys()


@pytest.mark.parametrize("tested", [True, False])
def test_the_toolbox_is_no_member_and_has_their_network(tmp_path: Path, *, tested: bool) -> None:
    made = render(tmp_path, {**CASES["toolbox"], "test.enabled": tested})
    labels = made.toolbox["template"]["metadata"]["labels"]
    assert made.toolbox["selector"]["matchLabels"].items() <= labels.items()
    assert labels["team"] == "orders"
    members = made.workload["selector"]["matchLabels"]
    assert not members.items() <= labels.items()
    member = made.workload["template"]["metadata"]["labels"]
    assert not made.toolbox["selector"]["matchLabels"].items() <= member.items()
    network = made.one("NetworkPolicy")["spec"]["podSelector"]
    assert selects(network, labels)
    assert selects(network, member)
