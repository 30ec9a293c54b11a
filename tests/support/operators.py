"""The kinds that operators bring, from the operators' own sources."""

import json
import subprocess
from pathlib import Path
from typing import Final

from tests.support.helm import find

OPERATORS: Final = {
    "ScaledObject": ("github.com/kedacore/keda/v2@v2.17.2", "config/crd/bases/keda.sh_%s.yaml"),
    **dict.fromkeys(
        ("PodMonitor", "PrometheusRule", "ServiceMonitor"),
        (
            "github.com/prometheus-operator/prometheus-operator@v0.84.0",
            "example/prometheus-operator-crd/monitoring.coreos.com_%s.yaml",
        ),
    ),
}
"""The kinds that operators bring: the Go module that has their schema, and the file's name."""


def definition_of(kind: str) -> Path:
    """Return the file of a kind's CustomResourceDefinition, fetched if need be."""
    module, name = OPERATORS[kind]
    done = subprocess.run(
        [find("go"), "mod", "download", "-json", module],
        capture_output=True,
        text=True,
        timeout=110,
        check=True,
        cwd="/",
    )
    return Path(json.loads(done.stdout)["Dir"]) / (name % f"{kind.lower()}s")
