"""The chart, rendered by a real helm."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.chart_schema import CHART

BIN: Final = Path(__file__).parents[2] / ".venv" / "bin"
RELEASE: Final = "shop"
NAME: Final = "shop-processor"
EXAMPLE: Final = CHART / "example.yaml"
KUBERNETES: Final = "1.34.0"

Values = Mapping[str, object]
Manifest = dict[str, Any]


class HelmMissingError(RuntimeError):
    """There is no helm, or not all that belongs to it; the message says how to get it."""


class RefusedError(Exception):
    """Helm refuses the values; the text is what it says to its user."""


def find(program: str) -> str:
    """Return the path of a program, ours first; HelmMissingError if there is none."""
    path = shutil.which(program, path=f"{BIN}{os.pathsep}{os.environ['PATH']}")
    if path is None:
        message = f"{program} is missing: `make deploy-check` installs it, then runs these tests"
        raise HelmMissingError(message)
    return path


def parse(text: str) -> list[Manifest]:
    """Return the documents of a YAML text, empty ones left out; ValueError for a key twice."""
    try:
        import yaml  # noqa: PLC0415  `make test` does without it
    except ImportError as error:
        message = "PyYAML is missing: `make deploy-check` installs it, then runs these tests"
        raise HelmMissingError(message) from error
    for node in yaml.compose_all(text, yaml.SafeLoader):
        _refuse_twice(node)
    return [document for document in yaml.safe_load_all(text) if document]


def _refuse_twice(node: Any) -> None:  # noqa: ANN401  PyYAML has no types
    """Refuse a key that is given twice, of which PyYAML would take the last one."""
    if isinstance(getattr(node, "value", None), str) or node is None:
        return
    if node.id == "mapping":
        keys = [key.value for key, _ in node.value]
        if len(set(keys)) < len(keys):
            message = f"a key is given twice: {keys}"
            raise ValueError(message)
    for each in node.value:
        _refuse_twice(each[1] if node.id == "mapping" else each)


def helm(*arguments: str | Path) -> str:
    """Run helm to its end and return what it printed; RefusedError otherwise."""
    done = subprocess.run(
        [find("helm"), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise RefusedError(done.stdout + done.stderr)
    return done.stdout


def values_of(path: Path) -> dict[str, Any]:
    """Return the values in a file."""
    (values,) = parse(path.read_text())
    return values


def nested(values: Values) -> dict[str, Any]:
    """Return values by dotted names as helm has them: tables in tables."""
    root: dict[str, Any] = {}
    for dotted, value in values.items():
        *groups, name = dotted.split(".")
        place = root
        for group in groups:
            place = place.setdefault(group, {})
        place[name] = value
    return root


@dataclass(frozen=True)
class Rendered:
    """What helm makes of the chart."""

    manifests: tuple[Manifest, ...]

    @property
    def kinds(self) -> list[str]:
        """Return the kinds of all manifests, in the order of the alphabet."""
        return sorted(manifest["kind"] for manifest in self.manifests)

    def one(self, kind: str) -> Manifest:
        """Return the only manifest of a kind."""
        (found,) = (manifest for manifest in self.manifests if manifest["kind"] == kind)
        return found

    @property
    def workload(self) -> Manifest:
        """Return the spec of the members' Deployment or StatefulSet."""
        return self._workload(NAME)

    @property
    def toolbox(self) -> Manifest:
        """Return the spec of the Deployment of the toolbox."""
        return self._workload(f"{NAME}-toolbox")

    def _workload(self, name: str) -> Manifest:
        (found,) = (
            manifest
            for manifest in self.manifests
            if manifest["kind"] in ("Deployment", "StatefulSet")
            and manifest["metadata"]["name"] == name
        )
        spec: Manifest = found["spec"]
        return spec

    @property
    def pod(self) -> Manifest:
        """Return the pod's spec."""
        spec: Manifest = self.workload["template"]["spec"]
        return spec

    @property
    def tester(self) -> Manifest:
        """Return the spec of the pod of `helm test`."""
        spec: Manifest = self.one("Pod")["spec"]
        return spec

    @property
    def container(self) -> Manifest:
        """Return the only container."""
        (container,) = self.pod["containers"]
        found: Manifest = container
        return found

    @property
    def environment(self) -> dict[str, str]:
        """Return the container's variables."""
        return variables(self.container)


def variables(container: Manifest) -> dict[str, str]:
    """Return a container's variables."""
    return {each["name"]: each["value"] for each in container["env"]}


def render(folder: Path, values: Values | None = None, *, base: Path | None = EXAMPLE) -> Rendered:
    """Render the chart with values by dotted names over those of a file."""
    given = folder / "values.json"
    given.write_text(json.dumps(nested(values or {})))
    files = [base, given] if base is not None else [given]
    said = helm(
        "template",
        RELEASE,
        CHART,
        "--kube-version",
        KUBERNETES,
        *(part for path in files for part in ("--values", path)),
    )
    return Rendered(tuple(parse(said)))
