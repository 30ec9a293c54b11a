"""Settings: files of certificates and keys are looked into when they are named."""

from pathlib import Path

import pytest
import trustme

from processor.errors import SettingsError
from processor.shell.settings import load

ENOUGH = {
    "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS": "broker:9092",
    "PROCESSOR_SCHEMA_REGISTRY__URL": "http://registry:8081",
    "PROCESSOR_ROKT__BASE_URL": "https://rokt.example",
    "PROCESSOR_ROKT__API_KEY": "key",
    "PROCESSOR_ROKT__TAG_ID": "tag",
}
LOCKED_KEY = """-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjXnQm4JqQyNQICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEAECAwQFBgcICQoLDA0ODxAEQAAB
-----END ENCRYPTED PRIVATE KEY-----
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    ours, other = authority.issue_cert("ours"), authority.issue_cert("other")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    ours.cert_chain_pems[0].write_to_path(folder / "ours.pem")
    ours.private_key_pem.write_to_path(folder / "ours.key")
    other.private_key_pem.write_to_path(folder / "other.key")
    (folder / "locked.key").write_text(LOCKED_KEY, encoding="ascii")
    (folder / "text").write_text("no certificate", encoding="ascii")
    (folder / "broken.pem").write_text(
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", encoding="ascii"
    )
    return folder


def problems(folder: Path, files: dict[str, str]) -> dict[str, str]:
    environ = {f"PROCESSOR_{name.upper()}_FILE": str(folder / file) for name, file in files.items()}
    try:
        load(None, ENOUGH | environ)
    except SettingsError as error:
        return {problem.name: problem.wrong for problem in error.problems}
    return {}


def test_certificates_and_the_key_that_belongs_to_them_are_taken(folder: Path) -> None:
    files = {
        "schema_registry__ca": "ca.pem",
        "schema_registry__client_certificate": "ours.pem",
        "schema_registry__client_key": "ours.key",
        "http_client__ca": "ca.pem",
        "http_client__client_certificate": "ours.pem",
        "http_client__client_key": "ours.key",
    }
    assert problems(folder, files) == {}


@pytest.mark.parametrize(
    "name", ["schema_registry__ca", "http_client__ca", "http_client__client_certificate"]
)
@pytest.mark.parametrize("file", ["text", "broken.pem", "ours.key"])
def test_a_file_without_a_certificate_is_refused(folder: Path, name: str, file: str) -> None:
    files = {name: file}
    if name == "http_client__client_certificate":
        files["http_client__client_key"] = "ours.key"
    assert problems(folder, files) == {
        f"PROCESSOR_{name.upper()}_FILE": "names a file that holds no PEM certificate"
    }


@pytest.mark.parametrize("group", ["http_client", "schema_registry"])
@pytest.mark.parametrize(
    ("file", "wrong"),
    [
        ("other.key", "does not belong to PROCESSOR_{}__CLIENT_CERTIFICATE_FILE"),
        ("text", "names a file that holds no PEM key, or one with a password"),
        ("locked.key", "names a file that holds no PEM key, or one with a password"),
    ],
)
def test_a_key_that_the_certificate_cannot_use_is_refused(
    folder: Path, file: str, wrong: str, group: str
) -> None:
    files = {f"{group}__client_certificate": "ours.pem", f"{group}__client_key": file}
    assert problems(folder, files) == {
        f"PROCESSOR_{group.upper()}__CLIENT_KEY_FILE": wrong.format(group.upper())
    }
