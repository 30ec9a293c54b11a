"""The bill of materials says what the image is made of, as CycloneDX, and always the same."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from processor import __version__
from requirements import sbom
from requirements.locks import FOLDER, pins_of

_ROOT: Final = Path(__file__).parents[2]
_PINS: Final = {pin.name: pin for pin in pins_of((FOLDER / "image.txt").read_text())}
_ROOT_REF: Final = f"pkg:pypi/rokt-cart-processor@{__version__}"


@pytest.fixture(scope="module")
def text() -> str:
    return sbom.document()


@pytest.fixture(scope="module")
def document(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def test_it_is_what_cyclonedx_allows(text: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_it_has_every_package_that_the_image_installs(document: dict[str, Any]) -> None:
    base, *packages = document["components"]
    assert (base["type"], base["name"]) == ("container", "python")
    elsewhere = {name for name, pin in _PINS.items() if pin.requirement.marker is not None}
    versions = {each["name"]: each["version"] for each in packages}
    assert versions == {name: _PINS[name].version for name in versions}
    assert _PINS.keys() - versions.keys() < elsewhere
    assert {"colorama", "httpx2-jsfetch"} & versions.keys() == set()
    assert {"cffi", "truststore"} < versions.keys()


def test_a_package_has_its_files_and_its_licence(document: dict[str, Any]) -> None:
    (found,) = (each for each in document["components"] if each["name"] == "fastavro")
    assert found["purl"] == f"pkg:pypi/fastavro@{_PINS['fastavro'].version}"
    assert found["licenses"] == [{"expression": "MIT"}]
    (files,) = found["externalReferences"]
    assert [each["content"] for each in files["hashes"]] == list(_PINS["fastavro"].hashes)
    assert [each["name"] for each in document["components"][1:] if "licenses" not in each] == []


def test_it_tells_what_is_there_because_of_what(document: dict[str, Any]) -> None:
    needs = {each["ref"]: each["dependsOn"] for each in document["dependencies"]}
    reached, new = set(), {_ROOT_REF}
    while new:
        reached |= new
        new = {ref for each in new for ref in needs[each]} - reached
    packages = document["components"][1:]
    assert reached == {_ROOT_REF, *(each["bom-ref"] for each in packages)}
    assert f"pkg:pypi/cryptography@{_PINS['cryptography'].version}" not in needs[_ROOT_REF]


def written(path: Path, **environment: str) -> bytes:
    kept = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    subprocess.run(
        [sys.executable, "-m", "requirements.sbom", path],
        cwd=_ROOT,
        env=kept | environment,
        capture_output=True,
        timeout=60,
        check=True,
    )
    return path.read_bytes()


def test_equal_sources_give_equal_bytes(tmp_path: Path, text: str) -> None:
    one = written(tmp_path / "one", PYTHONHASHSEED="1", TZ="Asia/Kathmandu", LC_ALL="C")
    other = written(tmp_path / "a" / "b", PYTHONHASHSEED="2", TZ="UTC", LC_ALL="C.UTF-8")
    assert (one, other) == (text.encode(), text.encode())
    assert "timestamp" not in text


def test_a_time_that_is_given_is_its_time(
    monkeypatch: pytest.MonkeyPatch, document: dict[str, Any]
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1577836800")
    found = json.loads(sbom.document())
    assert found["metadata"]["timestamp"] == "2020-01-01T00:00:00+00:00"
    assert found["serialNumber"] != document["serialNumber"]


@pytest.mark.parametrize("version", ["0.0.1", "9999"])
def test_what_is_not_installed_as_it_is_locked_is_not_guessed(tmp_path: Path, version: str) -> None:
    lock = (
        f"fastavro=={version} \\\n    --hash=sha256:{'a' * 64}\n    # via rokt-cart-processor (x)\n"
    )
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "image.txt").write_text(lock)
    (tmp_path / "Dockerfile").write_text("ARG PYTHON_IMAGE=python:3.13-slim\n")
    with pytest.raises(sbom.UnlikeTheLockError, match=f"fastavro {version} is not installed here"):
        sbom.document(tmp_path / "requirements")


def test_a_document_that_breaks_the_schema_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sbom, "document", lambda: '{"bomFormat": "CycloneDX"}')
    path = tmp_path / "sbom.json"
    assert sbom.main([str(path)]) == 1
    assert "specVersion" in capsys.readouterr().err
    assert not path.exists()
