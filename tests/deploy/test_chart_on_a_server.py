"""What the chart renders, tried by a real API server that lets in restricted pods only.

All is a dry run, in a namespace of its own that is removed; missing kinds of operators are added.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.deploy.cases import CASES
from tests.support.helm import Manifest, find, render
from tests.support.operators import OPERATORS, definition_of

pytestmark = pytest.mark.server


def kubectl(*arguments: str | Path, given: object = None) -> tuple[int, str]:
    """Run kubectl to its end; return its code, and what it printed."""
    done = subprocess.run(
        [find("kubectl"), *arguments],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def done(*arguments: str | Path, given: object = None) -> str:
    """Run kubectl and return what it printed; fail with it when it fails."""
    code, said = kubectl(*arguments, given=given)
    assert code == 0, said
    return said


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    """Give a namespace that lets in restricted pods only, on a server that knows all kinds."""
    for kind in OPERATORS:
        group = {"ScaledObject": "keda.sh"}.get(kind, "monitoring.coreos.com")
        name = f"{kind.lower()}s.{group}"
        if kubectl("get", "crd", name)[0] != 0:
            done("apply", "--server-side", "--filename", definition_of(kind))
        done("wait", "--for=condition=established", "--timeout=30s", f"crd/{name}")
    name = f"processor-{uuid4().hex[:8]}"
    levels = {
        f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")
    }
    labelled = {"metadata": {"name": name, "labels": levels}}
    done("create", "--filename=-", given={"apiVersion": "v1", "kind": "Namespace"} | labelled)
    yield name
    done("delete", "namespace", name, "--wait=false")


def tried(namespace: str, manifest: Manifest) -> tuple[int, str]:
    """Have the server try a manifest; return kubectl's code, and what it printed."""
    how = ("--dry-run=server", "--server-side", "--validate=strict")
    return kubectl("apply", *how, "--namespace", namespace, "--filename=-", given=manifest)


@pytest.mark.parametrize("case", CASES)
def test_the_server_takes_everything_without_a_warning(
    namespace: str, case: str, tmp_path: Path
) -> None:
    for manifest in render(tmp_path, CASES[case]).manifests:
        if manifest["kind"] == "Pod":
            manifest["spec"] = without_what_is_not_there(manifest["spec"])
        code, said = tried(namespace, manifest)
        assert (code, len(said.splitlines())) == (0, 1), said


@pytest.mark.parametrize("case", CASES)
def test_the_server_lets_the_pods_in(namespace: str, case: str, tmp_path: Path) -> None:
    code, said = tried(namespace, pod(render(tmp_path, CASES[case]).workload))
    assert code == 0, said


def pod(workload: Manifest) -> Manifest:
    """Return the pod that a Deployment or StatefulSet would make."""
    spec = dict(workload["template"]["spec"])
    claims = [claim["metadata"]["name"] for claim in workload.get("volumeClaimTemplates", ())]
    volumes = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
    spec["volumes"] = [*spec["volumes"], *volumes]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one"},
        "spec": without_what_is_not_there(spec),
    }


def without_what_is_not_there(spec: Manifest) -> Manifest:
    """Return a pod's spec without what the server would look up in vain."""
    kept = {name: part for name, part in spec.items() if name != "priorityClassName"}
    return {**kept, "serviceAccountName": "default"}


def test_the_server_refuses_a_pod_that_is_not_restricted(namespace: str, tmp_path: Path) -> None:
    bad = pod(render(tmp_path).workload)
    bad["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    code, said = tried(namespace, bad)
    assert code != 0
    assert 'violates PodSecurity "restricted' in said
