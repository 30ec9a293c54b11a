"""What stands in a lock: its pins, as `make lock` writes them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

FOLDER: Final = Path(__file__).parent
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_VIA: Final = re.compile(
    r"^ +# +(?:via )?([a-z0-9][a-z0-9._-]*)(?:\[.*\])?( \(pyproject\.toml.*\))?$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One package at one version, with what else in the lock asks for it."""

    requirement: Requirement
    version: str
    hashes: tuple[str, ...]  # SHA-256, one for each file that may be installed
    wanted_by: frozenset[str]  # packages; the project itself stands under its own name

    @property
    def name(self) -> str:
        """The package's name, normalised by whoever wrote the lock."""
        return self.requirement.name

    def is_for(self, environment: dict[str, str]) -> bool:
        """Whether it is installed where markers have these values, and this machine's otherwise."""
        marker = self.requirement.marker
        return marker is None or marker.evaluate(environment)


def pins_of(lock: str) -> Iterator[Pin]:
    """Go over the pins in the text of a lock."""
    for entry in re.split(r"\n(?=[a-z0-9])", lock):
        if "==" not in entry.partition("\n")[0]:
            continue
        requirement = Requirement(entry.partition("\n")[0].removesuffix("\\").strip())
        (version,) = (each.version for each in requirement.specifier)
        named = (_VIA.match(line) for line in entry.splitlines())
        yield Pin(
            requirement=requirement,
            version=version,
            hashes=tuple(_HASH.findall(entry)),
            wanted_by=frozenset(each[1] for each in named if each and each[1] != "via"),
        )
