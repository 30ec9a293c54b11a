"""Writes what the image is made of, as CycloneDX JSON.

    python -m requirements.sbom dist/sbom.cdx.json

It follows from `image.txt`, the Dockerfile's base and the licences that installed packages state,
so equal sources give equal bytes; SOURCE_DATE_EPOCH adds a time. Ends with 1, and says why, when
a package is not installed as it is locked, or when the result breaks CycloneDX's schema.
"""

import json
import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from processor import __version__
from requirements.locks import FOLDER, Pin, pins_of

PROJECT: Final = "rokt-cart-processor"
_VERSION: Final = SchemaVersion.V1_6
_SERIALS: Final = UUID("b1a7c9f4-3f1e-5c7c-8a55-0e6d1f0c9d52")
_BASE: Final = re.compile(r"^ARG PYTHON_IMAGE=(\S+):((\d+\.\d+)\S*)$", re.MULTILINE)
_CLASSIFIED: Final = "License :: OSI Approved :: "


class UnlikeTheLockError(RuntimeError):
    """A package is not installed as it is locked; the text is a remedy."""


def main(arguments: Sequence[str]) -> int:
    """Write the document into the file that is named, and return the exit code."""
    (path,) = map(Path, arguments)
    try:
        text = document()
    except UnlikeTheLockError as problem:
        print(problem, file=sys.stderr)
        return 1
    if (broken := JsonStrictValidator(_VERSION).validate_str(text)) is not None:
        print(f"this is not what CycloneDX allows: {broken.data.message}", file=sys.stderr)
        return 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    print(f"{path}: {len(json.loads(text)['components'])} components")
    return 0


def document(folder: Path = FOLDER) -> str:
    """Return the document for the lock in a folder and for the Dockerfile above it."""
    base = _BASE.search((folder.parent / "Dockerfile").read_text())
    if base is None:
        raise UnlikeTheLockError("the Dockerfile names no base: ARG PYTHON_IMAGE=python:…")
    inside = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{base[3]}.0",
        "python_version": base[3],
        "sys_platform": "linux",
    }
    locked = pins_of((folder / "image.txt").read_text())
    pins = sorted((pin for pin in locked if pin.is_for(inside)), key=lambda pin: pin.name)
    image = {"type": "container", "bom-ref": "base", "name": base[1], "version": base[2]}
    project = _component("application", PROJECT, __version__, _licences_of(PROJECT, __version__))
    refs = {PROJECT: project["bom-ref"]} | {pin.name: _purl(pin.name, pin.version) for pin in pins}
    found = {
        "$schema": f"http://cyclonedx.org/schema/bom-{_VERSION.to_version()}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": _VERSION.to_version(),
        "version": 1,
        "metadata": {"lifecycles": [{"phase": "build"}], "component": project} | _time(),
        "components": [image, *map(_library, pins)],
        "dependencies": [
            {
                "ref": ref,
                "dependsOn": [refs[pin.name] for pin in pins if name in pin.wanted_by],
            }
            for name, ref in refs.items()
        ],
        # What the base and the wheels have in them is known to them alone.
        "compositions": [
            {"aggregate": "incomplete", "assemblies": [image["bom-ref"], *refs.values()]}
        ],
    }
    found["serialNumber"] = uuid5(_SERIALS, json.dumps(found)).urn
    return json.dumps(found, indent=2) + "\n"


def _time() -> dict[str, str]:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return {"timestamp": datetime.fromtimestamp(int(epoch), UTC).isoformat()} if epoch else {}


def _purl(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version}"


def _component(kind: str, name: str, version: str, licences: list[Any]) -> dict[str, Any]:
    ref = _purl(name, version)
    known = {"type": kind, "bom-ref": ref, "name": name, "version": version, "purl": ref}
    return known | ({"licenses": licences} if licences else {})


def _library(pin: Pin) -> dict[str, Any]:
    """Return a package; its hashes are those of all the files that may be installed for it."""
    hashes = [{"alg": "SHA-256", "content": each} for each in pin.hashes]
    files = {"type": "distribution", "url": _purl(pin.name, pin.version), "hashes": hashes}
    known = _component("library", pin.name, pin.version, _licences_of(pin.name, pin.version))
    return known | {"externalReferences": [files]}


def _licences_of(name: str, version: str) -> list[Any]:
    """Return the licences that an installed package states, as an expression if it can be one."""
    try:
        stated = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        stated = None
    if stated is None or stated["Version"] != version:
        raise UnlikeTheLockError(f"{name} {version} is not installed here: rm .venv/*.stamp, again")
    named = [*(stated.get_all("License-Expression") or []), *(stated.get_all("License") or [])]
    text = named[0] if named else ""
    try:
        return [{"expression": canonicalize_license_expression(text)}]
    except InvalidLicenseExpression:
        classified = [
            each.removeprefix(_CLASSIFIED)
            for each in stated.get_all("Classifier") or []
            if each.startswith(_CLASSIFIED)
        ]
        return [{"license": {"name": each}} for each in classified or text.splitlines()[:1]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
