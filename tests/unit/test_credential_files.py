"""The files of secrets, keys and certificates: what is said of them, once, and never what is in."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from processor.cli.config import effective, to_json, toml
from processor.shell import credential_files as module
from processor.shell import settings_properties
from processor.shell.checks.settings import files
from processor.shell.credential_files import CredentialFiles, followed_files, secret_files
from processor.shell.secrets import MASK
from processor.shell.settings import Settings, load, load_in_part

CANARY = "canary-5f1d"
OPEN = "everybody may read a file of secrets"
AGAIN = "a secret was read again"
UNREADABLE = "the file of a secret cannot be read again"
UNUSED = "what was changed is not used before a restart"


class Folder:
    """Files of secrets, and the settings that name them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("key", CANARY)
        self.write("password", CANARY)
        self.write("ca.pem", "authority")
        self.write("client.key", CANARY)
        self.properties(CANARY)

    def __getitem__(self, name: str) -> Path:
        return self.path / name

    def write(self, name: str, text: str) -> None:
        self[name].write_text(text)
        self[name].chmod(0o640)

    def properties(self, password: str, **others: object) -> None:
        own = {
            "sasl.username": "user",
            "sasl.password": password,
            "ssl.ca.location": str(self["ca.pem"]),
            "ssl.key.location": str(self["client.key"]),
        }
        self.write("properties", json.dumps(own | others))

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS": "broker:9092",
            "PROCESSOR_KAFKA__PROPERTIES_FILE": str(self["properties"]),
            "PROCESSOR_SCHEMA_REGISTRY__URL": "http://registry:8081",
            "PROCESSOR_SCHEMA_REGISTRY__USERNAME": "user",
            "PROCESSOR_SCHEMA_REGISTRY__PASSWORD_FILE": str(self["password"]),
            "PROCESSOR_ROKT__BASE_URL": "https://rokt",
            "PROCESSOR_ROKT__API_KEY_FILE": str(self["key"]),
            "PROCESSOR_ROKT__TAG_ID": "tag",
        }


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a second go by between any two looks at a file."""
    ticks = iter(range(100, 100_000))
    for where in (module, settings_properties):
        monkeypatch.setattr(where, "steady", lambda: float(next(ticks)))
    # What librdkafka makes of files that hold nothing of use is not asked here.
    monkeypatch.setattr("processor.shell.settings_clients.refused", lambda _: ())


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def settings(folder: Folder) -> Settings:
    return load(None, folder.environment)


def said(looked: CredentialFiles) -> list[tuple[str, Any]]:
    """Look; return what was said, and of what."""
    with capture_logs() as lines:
        looked.look()
    assert CANARY not in str(lines)
    known = ("setting", "properties", "file")
    return [(each["event"], next(each[name] for name in known if name in each)) for each in lines]


def test_all_files_of_secrets_and_keys_are_known(folder: Folder, settings: Settings) -> None:
    assert dict(secret_files(settings)) == {
        "PROCESSOR_KAFKA__PROPERTIES_FILE": folder["properties"],
        "PROCESSOR_SCHEMA_REGISTRY__PASSWORD_FILE": folder["password"],
        "PROCESSOR_ROKT__API_KEY_FILE": folder["key"],
        "ssl.key.location of PROCESSOR_KAFKA__PROPERTIES": folder["client.key"],
    }
    assert len(followed_files(settings)) == 3


def test_the_key_of_a_client_certificate_is_one_of_them(tmp_path: Path, settings: Settings) -> None:
    client = settings.http_client.model_copy(update={"client_key_file": tmp_path / "tls.key"})
    changed = settings.model_copy(update={"http_client": client})
    names = dict(secret_files(changed))
    assert names["PROCESSOR_HTTP_CLIENT__CLIENT_KEY_FILE"] == tmp_path / "tls.key"


def test_files_that_only_their_owner_and_group_may_read_are_not_spoken_of(
    settings: Settings,
) -> None:
    assert said(CredentialFiles(settings)) == []


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("key", "PROCESSOR_ROKT__API_KEY_FILE"),
        ("password", "PROCESSOR_SCHEMA_REGISTRY__PASSWORD_FILE"),
        ("properties", "PROCESSOR_KAFKA__PROPERTIES_FILE"),
        ("client.key", "ssl.key.location of PROCESSOR_KAFKA__PROPERTIES"),
    ],
)
def test_a_file_that_everybody_may_read_is_warned_of_once(
    folder: Folder, settings: Settings, name: str, setting: str
) -> None:
    looked = CredentialFiles(settings)
    folder[name].chmod(0o604)
    first = said(looked)
    assert (OPEN, setting) in first
    assert OPEN not in dict(said(looked))
    folder[name].chmod(0o600)
    said(looked)
    folder[name].chmod(0o644)
    assert (OPEN, setting) in said(looked)


def test_it_is_the_file_that_counts_and_not_a_link_to_it(folder: Folder) -> None:
    """Kubernetes mounts links that everybody may read."""
    folder["key"].rename(folder["..data"])
    folder["key"].symlink_to(folder["..data"])
    looked = CredentialFiles(load(None, folder.environment))
    assert said(looked) == []
    folder["..data"].chmod(0o444)
    assert (OPEN, "PROCESSOR_ROKT__API_KEY_FILE") in said(looked)


def test_check_warns_of_it_too(folder: Folder) -> None:
    def found() -> dict[str, tuple[str, str | None]]:
        loaded = load_in_part(None, folder.environment)
        return {
            each.subject: (each.level, each.remedy)
            for each in files(loaded.settings, loaded.doubtful)
        }

    assert {level for level, _ in found().values()} == {"ok"}
    folder["key"].chmod(0o644)
    level, remedy = found()["PROCESSOR_ROKT__API_KEY_FILE"]
    assert level == "warning"
    assert str(remedy).startswith(f"chmod o-r {folder['key']};")


def test_a_secret_that_changed_is_said_to_be_read(folder: Folder, settings: Settings) -> None:
    looked = CredentialFiles(settings)
    folder.write("password", f"{CANARY}-2")
    folder.properties(f"{CANARY}-2")
    assert said(looked) == [
        (AGAIN, "PROCESSOR_SCHEMA_REGISTRY__PASSWORD_FILE"),
        (AGAIN, "PROCESSOR_KAFKA__PROPERTIES_FILE"),
    ]
    assert said(looked) == []
    assert settings.kafka.client_properties()["sasl.password"] == f"{CANARY}-2"


def test_a_file_that_is_gone_is_said_once(folder: Folder, settings: Settings) -> None:
    looked = CredentialFiles(settings)
    folder["properties"].unlink()
    assert said(looked) == [(UNREADABLE, "PROCESSOR_KAFKA__PROPERTIES_FILE")]
    assert said(looked) == []
    assert settings.kafka.client_properties()["sasl.password"] == CANARY


def test_a_property_that_needs_a_restart_is_said(folder: Folder, settings: Settings) -> None:
    looked = CredentialFiles(settings)
    folder.properties(CANARY, **{"linger.ms": 7})
    assert (UNUSED, "linger.ms") in said(looked)
    assert said(looked) == []


def test_a_certificate_that_needs_a_restart_is_said(folder: Folder, settings: Settings) -> None:
    looked = CredentialFiles(settings)
    folder.write("client.key", f"{CANARY}, another one")
    folder["ca.pem"].unlink()
    assert said(looked) == [(UNUSED, str(folder["client.key"]))]
    assert said(looked) == []


def test_config_names_the_files_and_nothing_that_is_in_them(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in folder.environment.items():
        monkeypatch.setenv(name, value)
    rows = effective(None)
    shown = f"{to_json(rows)} {toml(rows)}"
    assert CANARY not in shown
    assert tomllib.loads(toml(rows))["kafka"]["properties_file"] == str(folder["properties"])
    row = next(each for each in rows if each.leaf.key == "kafka.properties")
    assert row.source == f"environment: {folder['properties']}"
    assert json.loads(row.shown)["sasl.password"] == MASK
