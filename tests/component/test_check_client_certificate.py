"""`processor check` says when the certificate ends that Kafka is shown, however it lies."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509 import load_pem_x509_certificate

from processor.shell.checks.findings import Finding
from processor.shell.checks.settings import files
from processor.shell.settings import load_in_part
from tests.support.checked import environment, told
from tests.support.http_edge import LONG_AGO, Authority, new_authority

PASSWORD = "canary-3e7a"
OURS = "ssl.certificate.location of PROCESSOR_KAFKA__PROPERTIES"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


def issue(authority: Authority, not_after: datetime | None = None) -> tuple[bytes, bytes]:
    """Return a certificate and its key."""
    issued = authority.ca.issue_cert("client@example.com", not_after=not_after)
    return issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes()


def locked(key: bytes) -> bytes:
    encryption = BestAvailableEncryption(PASSWORD.encode())
    return load_pem_private_key(key, None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, encryption
    )


def of_pem(folder: Path, certificate: bytes, key: bytes) -> dict[str, object]:
    """Return the properties that name both; the key has a password."""
    (folder / "cert.pem").write_bytes(certificate)
    (folder / "key.pem").write_bytes(locked(key))
    (folder / "key.pem").chmod(0o600)
    return {
        "ssl.certificate.location": str(folder / "cert.pem"),
        "ssl.key.location": str(folder / "key.pem"),
        "ssl.key.password": PASSWORD,
    }


def of_key_store(folder: Path, certificate: bytes, key: bytes) -> dict[str, object]:
    read = load_pem_private_key(key, None)
    store = pkcs12.serialize_key_and_certificates(
        b"ours",
        read,  # type: ignore[arg-type]
        load_pem_x509_certificate(certificate),
        None,
        BestAvailableEncryption(PASSWORD.encode()),
    )
    (folder / "ours.p12").write_bytes(store)
    (folder / "ours.p12").chmod(0o600)
    return {
        "ssl.keystore.location": str(folder / "ours.p12"),
        "ssl.keystore.password": PASSWORD,
    }


def looked(properties: Mapping[str, object]) -> list[Finding]:
    given = {"security.protocol": "SSL", **properties}
    loaded = load_in_part(None, environment(kafka__properties=json.dumps(given)))
    assert loaded.problems == ()
    found = list(files(loaded.settings, loaded.doubtful))
    assert PASSWORD not in str(found)
    return found


def test_a_key_with_a_password_hides_no_end(authority: Authority, tmp_path: Path) -> None:
    assert told(looked(of_pem(tmp_path, *issue(authority, LONG_AGO)))) == [
        f"error {OURS}: Our certificate would be refused: certificate has expired"
    ]
    soon = datetime.now(UTC) + timedelta(days=3, minutes=1)
    first, second = looked(of_pem(tmp_path, *issue(authority, soon)))
    assert (first.level, second.level, second.subject) == ("ok", "warning", OURS)
    assert second.found.startswith("Its certificate ends in 3 days")


def test_a_form_that_cannot_be_looked_into_is_said_to_be_so(
    authority: Authority, tmp_path: Path
) -> None:
    certificate, key = issue(authority)
    reason = "Only Kafka's client reads this form: see yourself when it ends"
    assert told(looked(of_key_store(tmp_path, certificate, key))) == [
        f"not checked ssl.keystore.location of PROCESSOR_KAFKA__PROPERTIES: {reason}"
    ]
    texts = {"ssl.certificate.pem": certificate.decode(), "ssl.key.pem": key.decode()}
    assert told(looked(texts)) == [
        f"not checked ssl.certificate.pem of PROCESSOR_KAFKA__PROPERTIES: {reason}"
    ]
