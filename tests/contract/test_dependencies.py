"""Each dependency is used, declared, and has its reason in a decision record."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_ROOT: Final = Path(__file__).parents[2]
_DECISIONS: Final = _ROOT / "processor" / "decisions"
_PROJECT: Final[dict[str, Any]] = tomllib.loads((_ROOT / "pyproject.toml").read_text())
# Types of these stand in the documented interface of those, which pin them.
_PARTS: Final = {"multidict": "aiohttp", "pydantic-core": "pydantic"}
# A row of a table: its packages, its reason.
_ROW: Final = re.compile(r"^\| ([a-z0-9, -]+) \| ([^|]+) \|", re.MULTILINE)


def named(requirements: list[Any]) -> set[str]:
    return {
        canonicalize_name(Requirement(each).name) for each in requirements if isinstance(each, str)
    }


RUNTIME: Final = named(_PROJECT["project"]["dependencies"])
SPANS: Final = named(_PROJECT["project"]["optional-dependencies"]["otel"])
OTHERS: Final = set().union(*map(named, _PROJECT["dependency-groups"].values()))


def reasons() -> dict[str, str]:
    """Return what the record says of each package that the processor needs."""
    text = (_DECISIONS / "0003-dependencies.md").read_text()
    rows = [(row[1], row[2].strip()) for row in _ROW.finditer(text)]
    return {name.strip(): why for names, why in rows[1:] for name in names.split(",")}


def imported() -> dict[str, set[str]]:
    """Return the packages that the processor imports, and from which files."""
    found: dict[str, set[str]] = {}
    for path in sorted((_ROOT / "processor").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Import(names=names):
                    modules = [alias.name for alias in names]
                case ast.ImportFrom(module=str(module), level=0):
                    modules = [module]
                case _:
                    continue
            for module in modules:
                found.setdefault(module.partition(".")[0], set()).add(path.name)
    return found


def test_what_the_processor_needs_has_its_reason_and_nothing_else_has_one() -> None:
    assert reasons().keys() == RUNTIME
    assert all(reasons().values())


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    distributions = packages_distributions()
    used = {
        _PARTS.get(name := canonicalize_name(distribution), name)
        for module in imported().keys() - sys.stdlib_module_names - {"processor", "opentelemetry"}
        for distribution in set(distributions[module])
    }
    assert used == RUNTIME


@pytest.mark.parametrize("name", sorted(SPANS | OTHERS))
def test_what_only_a_part_needs_is_named_in_a_decision(name: str) -> None:
    texts = "\n".join(path.read_text() for path in sorted(_DECISIONS.glob("*.md")))
    assert re.search(rf"(?<![a-z0-9-]){re.escape(name)}(?![a-z0-9])", texts, re.IGNORECASE)
