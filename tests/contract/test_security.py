"""SECURITY.md names what there is: modules that stop somebody, and tests that say so."""

import re
from pathlib import Path
from typing import Final

import pytest

_ROOT: Final = Path(__file__).parents[2]
_TEXT: Final = (_ROOT / "SECURITY.md").read_text("utf-8")
_CODES: Final = sorted(set(re.findall(r"`([^`\n]+)`", _TEXT)))
TESTS: Final = [code for code in _CODES if "::" in code]
MODULES: Final = [code for code in _CODES if re.fullmatch(r"(core|shell|cli)/[a-z_/]+", code)]
LINKS: Final = sorted(set(re.findall(r"\]\(([^)#]+)", _TEXT)))
_ACTORS: Final = [
    part for part in re.split(r"^## ", _TEXT, flags=re.MULTILINE) if "| tests |" in part
]


@pytest.mark.parametrize("named", TESTS)
def test_a_test_that_is_named_is_there(named: str) -> None:
    file, name = named.split("::")
    assert f"def {name}(" in (_ROOT / "tests" / file).read_text()


@pytest.mark.parametrize("named", MODULES)
def test_a_module_that_is_named_is_there(named: str) -> None:
    path = _ROOT / "processor" / named
    assert path.is_dir() or path.with_suffix(".py").exists()


@pytest.mark.parametrize("link", LINKS)
def test_a_link_leads_somewhere(link: str) -> None:
    assert (_ROOT / link).exists()


@pytest.mark.parametrize("actor", _ACTORS, ids=lambda actor: actor.partition("\n")[0])
def test_each_actor_is_told_with_its_tests_and_with_what_is_not_covered(actor: str) -> None:
    rows = [line for line in actor.splitlines() if line.startswith("| ")][1:]
    assert [row for row in rows if "::test_" not in row.split(" | ")[-1]] == []
    assert "\n**Not covered.** " in actor


def test_there_is_as_much_as_it_seems() -> None:
    assert len(_ACTORS) >= 9
    assert len(TESTS) > 50
    assert len(MODULES) > 10


def test_the_readme_leads_to_it() -> None:
    assert "](SECURITY.md)" in (_ROOT / "README.md").read_text("utf-8")
