"""Take each protection out of a copy of the source, and see its test turn red.

    python -m tests.mutations                  # all of them; prints the table
    python -m tests.mutations -k lease         # those whose names contain a word
    python -m tests.mutations --write          # and put the table into tests/README.md

It fails when a test stays green, and when the source no longer has the text that is to go.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.mutations.bounds import BOUNDS
from tests.mutations.crash_loops import CRASH_LOOPS
from tests.mutations.credentials import CREDENTIALS
from tests.mutations.edges import EDGES
from tests.mutations.hostile import HOSTILE
from tests.mutations.hostile_texts import HOSTILE_TEXTS
from tests.mutations.peers import PEERS
from tests.mutations.server import SERVER
from tests.mutations.spans import SPANS
from tests.mutations.supply import SUPPLY
from tests.mutations.table import MUTATIONS, Edit, Mutation

ROOT: Final = Path(__file__).parents[2]
README: Final = ROOT / "tests" / "README.md"
BEGIN, END = "<!-- mutations: begin -->", "<!-- mutations: end -->"
_COPIED: Final = (
    *(".ci", "deploy", "processor", "requirements", "schemas", "tests"),
    *(".dockerignore", "Dockerfile", "LICENSE", "Makefile", "README.md", "pyproject.toml"),
)
_FAILED: Final = 1  # pytest's exit code when tests ran and some failed


def _copy(to: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=ignored)
        else:
            shutil.copy(source, to / name)


def _edited(text: str, edit: Edit) -> str:
    if text.count(edit.old) != 1:
        sys.exit(f"{edit.file} has {text.count(edit.old)} times, not once: {edit.old!r}")
    return text.replace(edit.old, edit.new)


def _pytest(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", test]
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def _why(output: str) -> str:
    """Return in which words a test failed, as far as they can be told in a table."""
    found = re.search(r"^E +AssertionError: (seed \d+: )?(?:\w+: )?(.+)$", output, re.MULTILINE)
    return found[2].split(": ")[0].replace("|", "/")[:70] if found else ""


def _turns_red(mutation: Mutation, folder: Path) -> tuple[bool, str]:
    """Take a protection out, run its test, put it back."""
    kept = {edit.file: (folder / edit.file).read_text() for edit in mutation.edits}
    for edit in mutation.edits:
        path = folder / edit.file
        path.write_text(_edited(path.read_text(), edit))
    done = _pytest(folder, mutation.test)
    for file, text in kept.items():
        (folder / file).write_text(text)
    if done.returncode not in {0, _FAILED}:
        sys.exit(f"{mutation.name}: the test could not be run\n{done.stdout}{done.stderr}")
    return done.returncode == _FAILED, _why(done.stdout)


def _row(mutation: Mutation, why: str) -> str:
    modules = ", ".join(f"`{edit.file.removeprefix('processor/')}`" for edit in mutation.edits)
    file, _, name = mutation.test.partition("::")
    said = name.removeprefix("test_").replace("_", " ")
    test = f"`{file.removeprefix('tests/')}`" + (f" {said}" if said else "")
    return f"| {mutation.name} | {modules} | {test} | {why} |"


def _table(rows: Sequence[str]) -> str:
    head = "| protection taken out | of | what turned red | because |\n|---|---|---|---|"
    return "\n".join([head, *rows])


def _write(table: str) -> None:
    text = README.read_text()
    if BEGIN not in text or END not in text:
        sys.exit(f"{README.name} has no place for the table: {BEGIN} … {END}")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    README.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


def main() -> int:
    """Go through the table; return 1 when a protection is not missed."""
    parser = argparse.ArgumentParser(description="Take protections out, see tests turn red.")
    parser.add_argument("-k", default="", help="only those whose names contain this")
    parser.add_argument("--write", action="store_true", help="put the table into tests/README.md")
    asked = parser.parse_args()
    chosen = [
        mutation
        for mutation in (
            *MUTATIONS,
            *CREDENTIALS,
            *EDGES,
            *PEERS,
            *SPANS,
            *SERVER,
            *SUPPLY,
            *CRASH_LOOPS,
            *HOSTILE,
            *HOSTILE_TEXTS,
            *BOUNDS,
        )
        if asked.k in mutation.name
    ]
    rows, green = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _copy(folder)
        for mutation in chosen:
            is_red, why = _turns_red(mutation, folder)
            sys.stderr.write(f"{'red  ' if is_red else 'GREEN'} {mutation.name}\n")
            rows.append(_row(mutation, why))
            if not is_red:
                green.append(mutation.name)
    sys.stdout.write(_table(rows) + "\n")
    if green:
        sys.stdout.write(f"\nNot missed: {'; '.join(green)}\n")
    elif asked.write and not asked.k:
        _write(_table(rows))
    return bool(green)


if __name__ == "__main__":
    sys.exit(main())
