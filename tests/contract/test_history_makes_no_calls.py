"""Commands that look back, or plan, cannot call Rokt: what would call is not even loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PROBE = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    for each in pkgutil.iter_modules(getattr(module, "__path__", ()), name + "."):
        importlib.import_module(each.name)
print([name for name in sys.modules if name.startswith("processor.shell.http")])
"""


@pytest.mark.parametrize(
    "modules",
    [
        ("processor.cli.replay", "processor.shell.history"),
        ("processor.cli.redrive", "processor.shell.history"),
        ("processor.cli.inspect", "processor.shell.history"),
        ("processor.cli.reconcile", "processor.shell.history"),
        ("processor.cli.copying", "processor.cli.replay_list"),
    ],
)
def test_no_client_of_rokt_is_loaded(modules: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, *modules],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "[]\n"
