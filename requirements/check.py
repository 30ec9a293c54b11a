"""Checks that the locks fit pyproject.toml; prints what does not and ends with 1.

A lock fits when it pins every requirement that it is made from to an allowed version, gives a
hash for each pin, and names no package index. That its pins need nothing more is for pip to
find out: it refuses whatever has no hash.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)")


def main() -> int:
    """Check every lock and return the exit code."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = project["project"]["dependencies"]
    exporting = project["project"]["optional-dependencies"]["otel"]
    made_from = {
        "bench.txt": group(project, "bench"),
        "build.txt": group(project, "build"),
        "deploy.txt": group(project, "deploy"),
        "fuzz.txt": group(project, "fuzz"),
        "image.txt": [*runtime, *exporting],
        "runtime.txt": runtime,
        "dev.txt": [*runtime, *exporting, *group(project, "dev")],
    }
    problems = [
        f"requirements/{name}: {problem}"
        for name, requirements in made_from.items()
        for problem in misfits((ROOT / "requirements" / name).read_text(), requirements)
    ]
    sys.stderr.writelines(f"{problem}; `make lock` makes the locks anew\n" for problem in problems)
    return int(bool(problems))


def group(project: dict[str, Any], name: str) -> list[str]:
    """Return the requirements of a dependency group, those of included groups among them."""
    found: list[str] = []
    for entry in project["dependency-groups"][name]:
        if isinstance(entry, str):
            found.append(entry)
        else:
            found.extend(group(project, entry["include-group"]))
    return found


def misfits(lock: str, requirements: Iterable[str]) -> Iterator[str]:
    """Return what is wrong with the text of a lock that is made from `requirements`."""
    pins: dict[str, str] = {}
    for entry in lock.replace("\\\n", "").splitlines():
        pin = PIN.match(entry)
        if pin is not None:
            pins[canonicalize_name(pin[1])] = pin[2]
            if "--hash=sha256:" not in entry:
                yield f"{pin[1]} has no hash"
        elif entry.strip() and not entry.lstrip().startswith("#"):
            yield f"neither a pin nor a comment: {entry.split()[0]}"
    if "://" in lock:
        yield "it holds an address"
    for requirement in map(Requirement, requirements):
        version = pins.get(canonicalize_name(requirement.name))
        if version is None:
            yield f"{requirement.name} is missing"
        elif not requirement.specifier.contains(version, prereleases=True):
            yield f"{requirement.name} {version} is not {requirement.specifier}"


if __name__ == "__main__":
    sys.exit(main())
