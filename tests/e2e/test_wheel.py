"""The wheel, in an environment with nothing but what the runtime lock says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.test_settings import ENOUGH

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, within: float = 120.0) -> str:
    """Run a command to its end and return what it printed; fail with it otherwise."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=within, check=False, cwd="/"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(300)
def test_the_wheel_installs_and_runs_the_demo_in_an_empty_environment(tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    run(sys.executable, "-m", "venv", environment)
    pip = (environment / "bin" / "python", "-m", "pip", "--quiet")
    build = ROOT / "requirements" / "build.txt"
    run(*pip, "install", "--require-hashes", "-r", build)
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    run(*pip, "install", "--require-hashes", "-r", ROOT / "requirements" / "runtime.txt")
    run(*pip, "install", "--no-deps", wheel)
    processor = environment / "bin" / "processor"
    page = "from processor.shell.page.document import document; print(len(document().body))"
    assert int(run(environment / "bin" / "python", "-c", page)) > 20_000
    assert '"OrderPaid"' in run(processor, "schemas", "show", "OrderPaid")
    assert "all as they should be" in run(processor, "demo")
    endpoint = {"PROCESSOR_TRACING__ENDPOINT": "http://localhost:4318"}
    done = subprocess.run(
        [processor, "config"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | ENOUGH | endpoint,
    )
    assert done.returncode == 2
    assert "pip install 'rokt-cart-processor[otel]'" in done.stderr
