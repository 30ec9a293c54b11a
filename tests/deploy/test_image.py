"""The image, built and run by a real Docker, as a container platform that trusts nobody would."""

import gzip
import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from requirements import sbom
from tests.support.brokers import KafkaProcess
from tests.support.events import order_paid
from tests.support.programs import free_port, wait_until
from tests.support.receiver import receiving
from tests.support.registries import RealRegistry
from tests.support.world import Processor, open_world

pytestmark = [pytest.mark.image, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
DOCKER = os.environ.get("DOCKER", "docker")
BASE = os.environ.get("PYTHON_IMAGE")
CANARY = "canary-image-4711"
LOCKED_DOWN = (
    "--network=host",
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)


def docker(*arguments: str | Path, within: float = 60.0) -> str:
    """Run a docker command to its end and return what it printed; fail with it otherwise."""
    done = subprocess.run(
        [DOCKER, *arguments],
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
        env=os.environ | {"DOCKER_BUILDKIT": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(source: Path, tag: str, *options: str) -> str:
    """Build the image under a tag and return the tag."""
    base = (f"--build-arg=PYTHON_IMAGE={BASE}",) if BASE else ()
    docker("build", "--network=host", "--tag", tag, *base, *options, source, within=600)
    return tag


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the source, which may be edited while the tests run."""
    ignored = shutil.ignore_patterns(".*_cache", ".fuzz", ".git", ".venv", "__pycache__")
    return shutil.copytree(ROOT, tmp_path_factory.mktemp("source") / "copy", ignore=ignored)


@pytest.fixture(scope="session")
def image(source: Path) -> Iterator[str]:
    """Build the image; it is removed when the tests have ended."""
    if shutil.which(DOCKER) is None:
        pytest.fail("these tests need Docker, or DOCKER=… to name its command")
    tag = f"rokt-cart-processor:test-{uuid4().hex[:8]}"
    yield build(source, tag)
    docker("image", "rm", "--force", tag)


@contextmanager
def container(image: str, environment: dict[str, str]) -> Iterator[str]:
    """Run the image in the background, locked down; yields the container's name."""
    name = f"processor-{uuid4().hex[:8]}"
    given = (f"--env={variable}={value}" for variable, value in environment.items())
    docker("run", "--detach", "--name", name, "--health-interval=1s", *LOCKED_DOWN, *given, image)
    try:
        yield name
    finally:
        docker("rm", "--force", name)


def state(name: str) -> dict[str, object]:
    """Return the state of a container."""
    found: dict[str, object] = json.loads(docker("inspect", "--format={{json .State}}", name))
    return found


def health(name: str) -> object:
    """Return what a container's own health check says."""
    return json.loads(docker("inspect", "--format={{json .State.Health.Status}}", name))


def test_the_demo_runs_locked_down(image: str) -> None:
    said = docker("run", "--rm", *LOCKED_DOWN, image, "demo", within=120)
    assert "all as they should be" in said


def test_it_runs_as_nobody_and_says_what_it_is(image: str) -> None:
    (found,) = json.loads(docker("inspect", image))
    config = found["Config"]
    assert (config["User"], config["Entrypoint"], config["Cmd"]) == (
        "10001:10001",
        ["processor"],
        ["run"],
    )
    assert config["Healthcheck"]["Test"] == ["CMD", "processor", "healthcheck"]
    assert "PROCESSOR_SERVER__HOST=0.0.0.0" in config["Env"]
    assert {name.removeprefix("org.opencontainers.image.") for name in config["Labels"]} >= {
        "title",
        "description",
        "licenses",
        "version",
        "revision",
    }


def test_it_holds_the_processor_and_nothing_to_build_with(image: str) -> None:
    script = "find /opt/processor / -maxdepth 1; ls /opt/processor/lib/*/site-packages"
    found = docker("run", "--rm", "--entrypoint=sh", image, "-c", script).split()
    assert "processor" in found
    left_over = {"pip", "hatchling", "tests", "/build", "/tools"}
    assert sorted(left_over.intersection(found)) == []


def test_it_holds_the_packages_of_the_bill_of_materials_and_no_other(image: str) -> None:
    listing = (
        "from importlib.metadata import distributions as found; import json;"
        "print(json.dumps({d.name.lower().replace('_', '-'): d.version for d in found()}))"
    )
    isolated = ("/opt/processor/bin/python", "-I", "-c", listing)
    found = json.loads(
        docker("run", "--rm", *LOCKED_DOWN, "--entrypoint", *isolated[:1], image, *isolated[1:])
    )
    bill = json.loads(sbom.document())
    packages = [bill["metadata"]["component"], *bill["components"][1:]]
    assert found == {each["name"]: each["version"] for each in packages}


def test_it_can_sleep_as_the_charts_toolbox_does(image: str) -> None:
    docker("run", "--rm", *LOCKED_DOWN, "--entrypoint=sleep", image, "0")


def test_the_same_source_gives_the_same_files_and_no_secret_gets_into_a_layer(
    source: Path, image: str, tmp_path: Path
) -> None:
    """Secrets lie beside the source, and the build is given one for its package index."""
    beside = shutil.copytree(source, tmp_path / "beside")
    for name in (".env", "api-key", "deploy/properties.json", "requirements/key.txt"):
        (beside / name).write_text(CANARY)
    pip = tmp_path / "pip.conf"
    pip.write_text(f"# {CANARY}\n")
    again = build(beside, f"{image}-again", "--no-cache", f"--secret=id=pip,src={pip}")
    try:
        assert digest(again) == digest(image)
        assert CANARY not in docker("history", "--no-trunc", again)
        assert CANARY not in docker("inspect", again)
        layers = [*contents(again, tmp_path / "image.tar")]
        assert any(b"def main() -> None:" in layer for layer in layers)
        assert not any(CANARY.encode() in layer for layer in layers)
    finally:
        docker("image", "rm", "--force", again)


def contents(image: str, archive: Path) -> Iterator[bytes]:
    """Yield all that an image is made of, layer by layer, unpacked."""
    docker("save", "--output", archive, image, within=300)
    with tarfile.open(archive) as saved:
        for member in saved:
            if (file := saved.extractfile(member)) is not None:
                content = file.read()
                yield gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def digest(image: str) -> str:
    """Return a digest over the names and contents of all that we have put into an image."""
    script = "find /opt/processor -type f | LC_ALL=C sort | xargs sha256sum | sha256sum"
    return docker("run", "--rm", "--entrypoint=sh", image, "-c", script)


def test_it_works_on_a_real_kafka_tells_its_health_and_stops_cleanly(
    image: str, own_kafka: KafkaProcess, own_registry: RealRegistry, tmp_path: Path
) -> None:
    with open_world(own_kafka, own_registry, tmp_path) as world, receiving() as receiver:
        for number in range(50):
            world.shop.paid(order_paid(f"o-{number}", f"c-{number}"))
        world.shop.flush()
        settings = world.environment(tracing__endpoint=receiver.endpoint)
        ours = {k: v for k, v in settings.items() if k.startswith("PROCESSOR_")}
        started = time.monotonic()
        with container(image, ours) as name:
            # Only to look at it: the process is the container's.
            looking = Processor(world.environment() | ours, tmp_path / "unused.log")
            wait_until(lambda: looking.answers("/readyz") == 200, within=60, what="it is ready")
            ready_after = time.monotonic() - started
            world.wait_until_drained()
            wait_until(lambda: health(name) == "healthy", within=30, what="its health is told")
            docker("kill", "--signal=TERM", name)
            wait_until(lambda: not state(name)["Running"], within=30, what="it has stopped")
            assert (state(name)["ExitCode"], state(name)["OOMKilled"]) == (0, False)
        size = int(docker("inspect", "--format={{.Size}}", image))
        print(f"ready {ready_after:.1f} s after `docker run`; {size / 1e6:.0f} MB")  # noqa: T201  figures
    assert len(world.rokt.ledger.entries) == 50
    assert len(receiver.spans) == 100  # a record and its call: the image has what exports them


def test_a_processor_that_is_not_there_is_unhealthy(image: str) -> None:
    name = f"processor-{uuid4().hex[:8]}"
    port = f"--env=PROCESSOR_SERVER__PORT={free_port()}"
    probes = ("--health-interval=1s", "--health-start-period=1ms", "--health-retries=1")
    docker("run", "--detach", "--name", name, *probes, port, *LOCKED_DOWN, image, "fake-rokt")
    try:
        wait_until(lambda: health(name) == "unhealthy", within=30, what="its illness is told")
    finally:
        docker("rm", "--force", name)
