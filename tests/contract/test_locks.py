"""Whatever is installed is what the locks say, byte for byte."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from requirements import check
from requirements.locks import FOLDER, pins_of

_ROOT: Final = Path(__file__).parents[2]
_LOCKS: Final = sorted(FOLDER.glob("*.txt"))
# A folder installs no more than itself, where nothing is fetched for its making either.
_OWN: Final = r"--no-deps --no-(index|build-isolation)"
_HASH: Final = "a" * 64
_LOCK: Final = f"""\
# made by a program
one==1.2 \\
    --hash=sha256:{_HASH}
    # via rokt-cart-processor (pyproject.toml)
two==3.0 ; sys_platform == 'win32' \\
    --hash=sha256:{_HASH} \\
    --hash=sha256:{"b" * 64}
    # via
    #   -c requirements/dev.txt
    #   one
    #   rokt-cart-processor (pyproject.toml:build)
"""


def test_the_locks_fit_what_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main() == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("lock", "wrong"),
    [
        (_LOCK, []),
        (_LOCK.replace("one==1.2", "one==2.0"), ["one 2.0 is not <2,>=1"]),
        (_LOCK.replace("one==1.2", "other==1.2"), ["one is missing"]),
        (_LOCK.replace(f" \\\n    --hash=sha256:{_HASH}\n", "\n"), ["one has no hash"]),
        (_LOCK.replace("sha256", "md5"), ["one has no hash", "two has no hash"]),
        (
            _LOCK + "--index-url https://example.org/simple\n",
            ["--index-url", "it holds an address"],
        ),
        (_LOCK + "three @ git+ssh:example.org/three\n", ["three"]),
        (_LOCK + "./three\n", ["./three"]),
    ],
)
def test_what_is_wrong_with_a_lock_is_told(lock: str, wrong: list[str]) -> None:
    told = [
        each.removeprefix("neither a pin nor a comment: ")
        for each in check.misfits(lock, ["one>=1,<2", "two"])
    ]
    assert told == wrong


def test_a_pin_knows_what_asks_for_it() -> None:
    one, two = pins_of(_LOCK)
    assert (one.name, one.version, set(one.wanted_by)) == ("one", "1.2", {"rokt-cart-processor"})
    assert (two.hashes, set(two.wanted_by)) == ((_HASH, "b" * 64), {"one", "rokt-cart-processor"})
    assert [pin.is_for({"sys_platform": "linux"}) for pin in (one, two)] == [True, False]


def test_every_lock_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []

    def misfits(lock: str, _: object) -> list[str]:
        checked.append(lock)
        return []

    monkeypatch.setattr(check, "misfits", misfits)
    check.main()
    assert sorted(checked) == sorted(lock.read_text() for lock in _LOCKS)


def installations(text: str) -> Iterator[str]:
    """Go over the commands of a file that install something with pip."""
    for line in text.replace("\\\n", " ").splitlines():
        for command in re.split(r"&&|;", line):
            if re.search(r"(pip|PIP\)?)\b.* (install|wheel|download) ", command):
                yield command


@pytest.mark.parametrize(
    "file", ["Dockerfile", "Makefile", ".ci/image", ".ci/run", ".ci/api-server"]
)
def test_pip_installs_nothing_without_its_hash(file: str) -> None:
    found = list(installations((_ROOT / file).read_text()))
    bare = [each for each in found if not re.search(rf"--require-hashes|{_OWN}", each)]
    assert bare == []
    assert len(found) >= {"Dockerfile": 4, "Makefile": 3}.get(file, 0)


def test_the_image_is_made_of_wheels() -> None:
    """A source distribution would run whatever its author wrote while the image is built."""
    found = installations((_ROOT / "Dockerfile").read_text())
    fetched = [each for each in found if not re.search(_OWN, each)]
    assert [each for each in fetched if "--only-binary :all:" not in each] == []
    assert len(fetched) == 2


def test_what_is_not_named_stays_out_of_the_image() -> None:
    """What else lies in the checkout is not even sent to whoever builds."""
    text = (_ROOT / "Dockerfile").read_text()
    copied = [line.split()[1:] for line in text.splitlines() if re.match("COPY|ADD", line)]
    assert copied == [
        ["requirements/build.txt", "requirements/image.txt", "requirements/"],
        ["LICENSE", "README.md", "pyproject.toml", "./"],
        ["schemas", "schemas"],
        ["processor", "processor"],
        ["--from=build", "/opt/processor", "/opt/processor"],
    ]
    rules = (_ROOT / ".dockerignore").read_text().splitlines()
    assert [line for line in rules if not line.startswith(("#", "!"))] == ["*", "**/__pycache__"]
