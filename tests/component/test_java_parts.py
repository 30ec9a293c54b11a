"""Nothing that was fetched from Maven Central is run unless it is what is pinned."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import java_parts
from tests.support.java_parts import (
    KAFKA_VERSION,
    REGISTRY_VERSION,
    PartsMissingError,
    expect_pinned,
    kafka_tools,
    registry_folder,
)


@pytest.fixture
def pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "pins"
    monkeypatch.setattr(java_parts, "PINS", path)
    path.write_text(f"{hashlib.sha256(b'good').hexdigest()}  one.jar\n")
    return path


@pytest.mark.parametrize(
    ("name", "content", "is_taken"),
    [
        ("one.jar", b"good", True),
        ("one.jar", b"evil", False),
        ("two.jar", b"good", False),
    ],
)
def test_a_file_is_taken_by_its_name_and_digest_only(
    pins: Path, name: str, content: bytes, *, is_taken: bool
) -> None:
    file = pins.parent / name
    file.write_bytes(content)
    if is_taken:
        expect_pinned(file)
        return
    with pytest.raises(ValueError, match=f"{hashlib.sha256(content).hexdigest()}  {name}"):
        expect_pinned(file)


class Exchanged:
    """Maven Central, where everything is a file with other bytes."""

    def __init__(self, *, repo_cache: Path, **_: object) -> None:
        self._file = repo_cache / "part"
        repo_cache.mkdir()
        self._file.write_bytes(b"evil")
        self.resolver = self

    def project(self, *_: str) -> "Exchanged":
        return self

    at_version = project

    def create_dependency(self, *_: str) -> "Exchanged":
        return self

    def artifact(self, **_: str) -> "Exchanged":
        return self

    def resolve(self) -> Path:
        return self._file


@pytest.mark.parametrize("part", [kafka_tools, registry_folder])
def test_what_was_exchanged_on_the_way_never_reaches_the_cache(
    pins: Path, monkeypatch: pytest.MonkeyPatch, part: Callable[[], Path]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(pins.parent))
    monkeypatch.setattr(java_parts, "MavenContext", Exchanged)
    with pytest.raises(PartsMissingError, match="fetched, and refused: pins has no such line"):
        part()
    assert list((pins.parent / "rokt-cart-processor").iterdir()) == []


def test_every_part_is_pinned() -> None:
    lines = java_parts.PINS.read_text().splitlines()
    names = [line.split("  ")[1] for line in lines if re.match(r"[0-9a-f]{64}  \S+$", line)]
    assert len(set(names)) == len(lines)
    for name in (
        f"kafka_2.13-{KAFKA_VERSION}.jar",
        f"kafka-tools-{KAFKA_VERSION}.jar",
        f"apicurio-registry-app-{REGISTRY_VERSION}-all.tar.gz",
    ):
        assert name in names
