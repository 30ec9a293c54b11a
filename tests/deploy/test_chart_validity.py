"""What the chart renders, in all cases: valid for Kubernetes, restricted, and settings of ours."""

import json
from pathlib import Path
from typing import Any

import pytest

from processor.shell.settings import load, load_connections
from tests.deploy.cases import CASES
from tests.support.chart_schema import CHART
from tests.support.helm import (
    EXAMPLE,
    KUBERNETES,
    Manifest,
    Rendered,
    helm,
    parse,
    render,
    variables,
)
from tests.support.operators import OPERATORS, definition_of
from tests.support.watched_server import new_pair

pytestmark = pytest.mark.deploy

VERSIONS = tuple(f"1.{minor}" for minor in range(27, 38))


@pytest.fixture(params=CASES)
def rendered(request: pytest.FixtureRequest, tmp_path: Path) -> Rendered:
    """Give what helm renders in each case."""
    return render(tmp_path, CASES[request.param])


def test_helm_finds_nothing_to_complain_of() -> None:
    said = helm("lint", "--strict", CHART, "--values", EXAMPLE, "--kube-version", KUBERNETES)
    assert "0 chart(s) failed" in said


def test_every_manifest_is_valid_for_every_version_of_kubernetes(rendered: Rendered) -> None:
    import kubernetes_validate  # noqa: PLC0415  `make test` does without it

    own = [each for each in rendered.manifests if each["kind"] not in OPERATORS]
    assert own
    for version in VERSIONS:
        for manifest in own:
            assert kubernetes_validate.validate(manifest, version, strict=True) == version


def test_every_manifest_of_an_operator_fits_its_schema(rendered: Rendered) -> None:
    import jsonschema  # noqa: PLC0415  `make test` does without it

    for manifest in rendered.manifests:
        if manifest["kind"] in OPERATORS:
            schema = strict(operators_schema(manifest["kind"], manifest["apiVersion"]))
            # What the API server itself knows of every object.
            own = {name: part for name, part in manifest.items() if name != "metadata"}
            jsonschema.validate(own, schema)


def operators_schema(kind: str, api_version: str) -> dict[str, Any]:
    """Return the schema of an operator's kind."""
    (definition,) = parse(definition_of(kind).read_text())
    wanted = api_version.rpartition("/")[2]
    (version,) = (each for each in definition["spec"]["versions"] if each["name"] == wanted)
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def strict(schema: Any) -> Any:  # noqa: ANN401  a schema is whatever JSON has
    """Return a schema that takes no names beside its own."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(part) for name, part in schema.items() if name != "pattern"}
    if isinstance(made.get("properties"), dict):
        made.setdefault("additionalProperties", False)
    return made


def test_pod_security_restricted_lets_every_pod_in(rendered: Rendered) -> None:
    assert offences(rendered.pod) == []
    assert [each for pod in pods_beside(rendered) for each in offences(pod)] == []


def pods_beside(rendered: Rendered) -> list[Manifest]:
    """Return the specs of the pods that are no members."""
    pods = [each["spec"] for each in rendered.manifests if each["kind"] == "Pod"]
    deployments = [each["spec"] for each in rendered.manifests if each["kind"] == "Deployment"]
    return pods + [
        each["template"]["spec"] for each in deployments if each is not rendered.workload
    ]


def offences(pod: Manifest) -> list[str]:
    """Return what the pod security standard "restricted" forbids of a pod."""
    found = [name for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name)]
    kinds = {kind for volume in pod["volumes"] for kind in volume if kind != "name"}
    allowed = {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
    found += sorted(kinds - allowed)
    if pod["securityContext"].get("seccompProfile", {}).get("type") != "RuntimeDefault":
        found.append("seccompProfile")
    if not pod["securityContext"].get("runAsNonRoot") or not pod["securityContext"]["runAsUser"]:
        found.append("root")
    for container in (*pod["containers"], *pod.get("initContainers", ())):
        context = container["securityContext"]
        if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
            found.append("privileges")
        if context.get("capabilities", {}).get("drop") != ["ALL"] or "add" in context:
            found.append("capabilities")
        if any("hostPort" in port for port in container.get("ports", ())):
            found.append("hostPort")
    return found


def test_the_root_is_read_only_and_other_services_set_no_variables(rendered: Rendered) -> None:
    for pod in (rendered.pod, *pods_beside(rendered)):
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert pod["enableServiceLinks"] is False
        assert pod["automountServiceAccountToken"] is False


def test_no_member_is_static(rendered: Rendered) -> None:
    assert "group.instance.id" not in json.dumps(rendered.manifests)


def test_the_processor_takes_every_variable(rendered: Rendered, tmp_path: Path) -> None:
    settings = load(None, with_files(rendered.environment, tmp_path))
    assert (settings.server.host, settings.server.port) == ("0.0.0.0", 9464)  # noqa: S104  its pod's


def with_files(environment: dict[str, str], folder: Path) -> dict[str, str]:
    """Return variables whose secrets are files of a folder."""
    here = dict(environment)
    here.pop("PROCESSOR_SCHEMA_REGISTRY__CA_FILE", None)  # a certificate that is not here
    if "PROCESSOR_SERVER__CERTIFICATE_FILE" in here:
        pair = new_pair(folder)
        here["PROCESSOR_SERVER__CERTIFICATE_FILE"] = str(pair.certificate)
        here["PROCESSOR_SERVER__KEY_FILE"] = str(pair.key)
    for name, value in here.items():
        if value.startswith("/run/secrets/"):
            path = folder / name
            held = {"PROPERTIES_FILE": '{"client.id": "x"}', "HEADERS_FILE": "x=canary"}
            path.write_text(held.get(name.partition("__")[2], "canary"))
            here[name] = str(path)
    return here


def test_the_runbooks_commands_take_every_variable_of_the_toolbox(tmp_path: Path) -> None:
    (container,) = render(tmp_path, CASES["toolbox"]).toolbox["template"]["spec"]["containers"]
    settings = load_connections(None, with_files(variables(container), tmp_path))
    assert settings.kafka.bootstrap_servers == "broker-1.kafka:9092,broker-2.kafka:9092"
    assert settings.kafka.properties == {"client.id": "x"}
