"""Asks whether anything in the locks has a known vulnerability.

    python -m requirements.audit                                # asks PyPI
    python -m requirements.audit --vulnerability-service osv    # what pip-audit understands

Ends with 0 when everything was looked up and nothing is known, 1 when something is, and 2 when
something could not be looked up, which pip-audit by itself takes for a success.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from requirements.locks import FOLDER, pins_of

_REMEDY: Final = (
    "nothing is known of these: run it where PyPI can be asked, not only a mirror of its files, or "
    "ask another database: make audit AUDIT_ARGS='--vulnerability-service osv'"
)


def main(arguments: Sequence[str], folder: Path = FOLDER) -> int:
    """Look up every pin of the locks in a folder, say what is found, return the exit code."""
    locks = sorted(folder.glob("*.txt"))
    chosen = [word for lock in locks for word in ("--requirement", str(lock))]
    command = [sys.executable, "-m", "pip_audit", *chosen, "--require-hashes", "--disable-pip"]
    options = ["--format", "json", "--desc", "off", "--progress-spinner", "off", *arguments]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    wanted = {
        pin.name: pin.version
        for lock in locks
        for pin in pins_of(lock.read_text())
        if pin.is_for({})
    }
    try:
        found, missing = findings(done.stdout, wanted)
    except ValueError:
        last = done.stderr.strip().rpartition("\n")[2]
        # What comes behind the name of an error may hold addresses of this network.
        print(f"pip-audit failed: {last.partition(': ')[0]}", file=sys.stderr)
        found, missing = [], sorted(wanted)
    sys.stdout.writelines(f"{line}\n" for line in found)
    if missing:
        names = ", ".join(missing) if len(missing) < len(wanted) else "all of them"
        print(f"not looked up, {len(missing)} of {len(wanted)}: {names}", file=sys.stderr)
        print(_REMEDY, file=sys.stderr)
        return 1 if found else 2
    print(f"looked up: {len(wanted)}; known vulnerabilities: {len(found)}")
    return int(bool(found))


def findings(report: str, wanted: dict[str, str]) -> tuple[list[str], list[str]]:
    """Return what is known, one line each, and which of the wanted packages was not looked up.

    Raises ValueError when the text is no report of pip-audit.
    """
    looked_up: set[tuple[str, str]] = set()
    found = []
    for package in json.loads(report)["dependencies"]:
        if "skip_reason" in package:
            continue
        name, version = package["name"], package["version"]
        looked_up.add((name, version))
        for each in package["vulns"]:
            ids = ", ".join([each["id"], *each["aliases"]])
            remedy = ", ".join(each["fix_versions"]) or "no version yet"
            found.append(f"{name} {version}: {ids}; mended in {remedy}")
    return found, sorted(
        name for name, version in wanted.items() if (name, version) not in looked_up
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
