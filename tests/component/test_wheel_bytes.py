"""The wheel: the same bytes wherever it is built, and nothing in it that does not belong there."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import pytest

_ROOT: Final = Path(__file__).parents[2]
_SOURCES: Final = ("LICENSE", "README.md", "pyproject.toml", "processor", "schemas")
_PAGES: Final = {".css", ".html", ".js"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources as they are now: somebody may be working on them."""
    folder = tmp_path_factory.mktemp("sources")
    for name in _SOURCES:
        path = _ROOT / name
        if path.is_dir():
            shutil.copytree(path, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, folder)
    return folder


def laid(sources: Path, folder: Path, *, backwards: bool, mode: int, stamp: int) -> Path:
    """Copy the sources into a folder: in an order, with a mode and a time of change."""
    files = (path for path in sources.rglob("*") if path.is_file())
    for path in sorted(files, reverse=backwards):
        copy = folder / path.relative_to(sources)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        copy.chmod(mode)
        os.utime(copy, (stamp, stamp))
    return folder


def built(folder: Path, to: Path, *, umask: int, **environment: str) -> Path:
    """Build the wheel as `make wheel` does."""
    kept = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    done = subprocess.run(
        [*command, "--no-build-isolation", "--wheel-dir", to, folder],
        env=kept | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"} | environment,
        umask=umask,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = to.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one")
    laid(sources, folder, backwards=False, mode=0o644, stamp=1_000_000_000)
    to = tmp_path_factory.mktemp("wheel")
    return built(folder, to, umask=0o022, TZ="UTC", LC_ALL="C", PYTHONHASHSEED="1")


def test_two_builds_give_the_same_digest(wheel: Path, sources: Path, tmp_path: Path) -> None:
    folder = tmp_path / "another folder" / "ü"
    laid(sources, folder, backwards=True, mode=0o600, stamp=1_700_000_001)
    at = {"TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "2", "HOME": str(tmp_path)}
    other = built(folder, tmp_path / "wheel", umask=0o077, **at)
    assert (other.name, other.read_bytes()) == (wheel.name, wheel.read_bytes())


def belonging(sources: Path) -> set[str]:
    """Return the names of what the wheel is for: code, pages, the fake Rokt's texts, schemas."""
    package = {
        str(path.relative_to(sources))
        for path in (sources / "processor").rglob("*")
        if path.suffix == ".py" or (path.parent.name == "page" and path.suffix in _PAGES)
    }
    texts = {"processor/fake_rokt/README.md", "processor/fake_rokt/example.json"}
    schemas = {f"processor/_schemas/{path.name}" for path in (sources / "schemas").glob("*.avsc")}
    about = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    return package | texts | schemas | {f"dist-info/{name}" for name in about}


def test_it_holds_what_belongs_there(wheel: Path, sources: Path) -> None:
    name = wheel.name.removesuffix("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        found = {each.replace(f"{name}.dist-info", "dist-info") for each in archive.namelist()}
    assert found == belonging(sources)


def test_what_somebody_left_in_the_folders_stays_out(
    wheel: Path, sources: Path, tmp_path: Path
) -> None:
    folder = laid(sources, tmp_path, backwards=False, mode=0o644, stamp=1_000_000_000)
    for left in (
        "processor/.env",
        "processor/rokt-api-key",
        "processor/core/engine.py.orig",
        "processor/core/__pycache__/engine.cpython-311.pyc",
        "processor/shell/page/page.html~",
        "processor/shell/key.pem",
        "processor/state/000012.sst",
        "schemas/notes.txt",
        "secrets.txt",
    ):
        path = folder / left
        path.parent.mkdir(exist_ok=True)
        path.write_text("canary")
    assert built(folder, tmp_path / "wheel", umask=0o022).read_bytes() == wheel.read_bytes()
