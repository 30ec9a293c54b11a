"""Secrets: they never show, and those in files follow the file."""

import copy
import os
import pickle
from pathlib import Path

import orjson
import pytest

from processor.shell.secrets import Secret, SecretFile
from processor.shell.settings_values import header_text

CANARY = "canary-5f1d"


def write(path: Path, text: str) -> None:
    """Replace a file in one step, as a rotation does."""
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    write(path, "first\n")
    return path


def test_a_secret_shows_itself_in_no_way_but_one() -> None:
    secret = Secret(CANARY)
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>20}",
        "%s" % secret,  # noqa: UP031  as the logging module does
        repr({"key": [secret]}),
        orjson.dumps({"key": secret}, default=str).decode(),
    ]
    assert not [text for text in shown if CANARY in text]
    assert secret.reveal() == CANARY


def test_a_secret_cannot_be_pickled_but_copied() -> None:
    secret = Secret(CANARY)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)
    assert copy.deepcopy(secret) is copy.copy(secret) is secret


def test_secrets_are_equal_when_what_they_hide_is() -> None:
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"


def test_a_secret_file_follows_a_change(key_file: Path) -> None:
    secret = SecretFile(key_file, header_text)
    assert secret.current(0.0).reveal() == "first"
    write(key_file, "second\n")
    assert secret.current(1.0).reveal() == "second"


def test_a_folder_that_comes_back_unchanged_is_no_problem_any_more(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    write(folder / "key", "first\n")
    secret = SecretFile(folder / "key", header_text)
    folder.rename(tmp_path / "away")
    secret.current(1.0)
    assert secret.problem is not None
    (tmp_path / "away").rename(folder)
    assert secret.current(2.0).reveal() == "first"
    assert secret.problem is None


def test_a_change_within_the_same_instant_and_of_the_same_size_is_seen(key_file: Path) -> None:
    secret = SecretFile(key_file, header_text)
    before = key_file.stat()
    write(key_file, "other\n")
    os.utime(key_file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert secret.current(1.0).reveal() == "other"


def test_the_file_is_looked_at_no_more_than_once_a_second(key_file: Path) -> None:
    secret = SecretFile(key_file, header_text)
    secret.current(0.0)
    write(key_file, "second\n")
    assert secret.current(0.9).reveal() == "first"
    assert secret.current(1.0).reveal() == "second"


def test_the_last_good_secret_stays_while_the_file_cannot_be_used(key_file: Path) -> None:
    secret = SecretFile(key_file, header_text)
    key_file.unlink()
    assert secret.current(1.0).reveal() == "first"
    assert secret.problem == "names a file that cannot be read: no such file or directory"
    write(key_file, "")
    assert secret.current(2.0).reveal() == "first"
    assert secret.problem == "names an empty file"
    write(key_file, "second")
    assert secret.current(3.0).reveal() == "second"
    assert secret.problem is None


def test_a_secret_file_shows_its_path_only(key_file: Path) -> None:
    write(key_file, CANARY)
    assert CANARY not in repr(SecretFile(key_file, header_text))
