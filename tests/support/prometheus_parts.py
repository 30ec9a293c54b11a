"""Prometheus, promtool and Alertmanager: those of this machine, or else Debian's, not installed.

Debian's packages are unpacked into the user's cache folder, so they are fetched once.
`python -m tests.support.prometheus_parts` fetches them ahead of the tests.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

PACKAGES: Final = ("prometheus", "prometheus-alertmanager")
_NAMES: Final = {
    "promtool": ("promtool",),
    "prometheus": ("prometheus",),
    "alertmanager": ("alertmanager", "prometheus-alertmanager"),
}
# Debian's build opens its templates by their full path. Ours opens them from the folder that it is
# started in, so that nothing has to be installed.
_TEMPLATES: Final = (b"/usr/share/prometheus/alertmanager", b"usr/share/prometheus/alertmanager/")
_REMEDY: Final = (
    "The alert rules cannot be tried: put prometheus, promtool and alertmanager on the PATH, or "
    "run this on Debian or Ubuntu, where they are fetched"
)


class ProgramMissingError(RuntimeError):
    """A program could be had neither from this machine nor from Debian; the text is a remedy."""


def program(name: str) -> Path:
    """Return the path of `promtool`, `prometheus` or `alertmanager`, fetched if need be.

    Start it in the folder above its `usr/bin`, if it lies in one.
    """
    for each in _NAMES[name]:
        if found := shutil.which(each):
            return Path(found)
    folder = _unpacked()
    return next(path for each in _NAMES[name] if (path := folder / "usr/bin" / each).exists())


def _unpacked() -> Path:
    """Return the folder of the unpacked packages; it appears whole or not at all."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "rokt-cart-processor" / "debian-prometheus"
    if folder.exists():
        return folder
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise ProgramMissingError(f"{_REMEDY}.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as scratch:
        whole = Path(scratch) / "whole"
        for package in _download(Path(scratch)):
            if not _run(["dpkg", "-x", str(package), str(whole)], folder=package.parent):
                raise ProgramMissingError(f"{_REMEDY}; here {package.name} cannot be unpacked.")
        alertmanager = whole / "usr/bin/prometheus-alertmanager"
        alertmanager.write_bytes(alertmanager.read_bytes().replace(*_TEMPLATES))
        with suppress(OSError):  # another run was quicker; what it fetched is as good
            whole.rename(folder)
    return folder


def _download(folder: Path) -> list[Path]:
    """Fetch the packages; with the lists of packages anew, if need be and allowed."""
    fetch = ["apt-get", "download", *PACKAGES]
    if not _run(fetch, folder=folder) and os.geteuid() == 0:
        _run(["apt-get", "update"], folder=folder)
        _run(fetch, folder=folder)
    found = sorted(folder.glob("*.deb"))
    if len(found) < len(PACKAGES):
        raise ProgramMissingError(f"{_REMEDY}; here `apt-get download` does not find them.")
    return found


def _run(command: Sequence[str], *, folder: Path) -> bool:
    # What it prints would name the addresses of this network's package index.
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=300, check=False)
    return done.returncode == 0


if __name__ == "__main__":
    try:
        for wanted in _NAMES:
            program(wanted)
    except ProgramMissingError as problem:
        sys.exit(str(problem))
