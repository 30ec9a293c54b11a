"""`processor check` on the way to the registry: what is wrong with it is named."""

from pathlib import Path

import pytest

from processor.shell.checks import registry
from processor.shell.checks.settings import files
from tests.support.checked import WebServer, scene, told
from tests.support.http_edge import Authority, new_authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


def test_a_registry_that_asks_for_our_certificate_is_told(
    authority: Authority, tmp_path: Path
) -> None:
    identity = authority.ca.issue_cert("client@example.com")
    identity.cert_chain_pems[0].write_to_path(str(tmp_path / "ours.pem"))
    identity.private_key_pem.write_to_path(str(tmp_path / "ours.key"))
    with WebServer(status=401).serving(authority.demanding()) as web:
        url = f"https://127.0.0.1:{web.port}"
        bare = scene(schema_registry__url=url, schema_registry__ca_file=authority.file)
        (without,) = registry.look(bare)
        full = scene(
            schema_registry__url=url,
            schema_registry__ca_file=authority.file,
            schema_registry__client_certificate_file=tmp_path / "ours.pem",
            schema_registry__client_key_file=tmp_path / "ours.key",
        )
        shown = [*registry.look(full)]
    assert without.found == f"127.0.0.1:{web.port} asks for our certificate, and was shown none"
    assert without.remedy == (
        "Name certificate and key in PROCESSOR_SCHEMA_REGISTRY__CLIENT_CERTIFICATE_FILE and "
        "…CLIENT_KEY_FILE"
    )
    assert shown[0].found == "A server answers"
    told_of_files = told(files(full.settings, frozenset()))
    name = "PROCESSOR_SCHEMA_REGISTRY__CLIENT_CERTIFICATE_FILE"
    assert [each for each in told_of_files if each.startswith(f"ok {name}: In force until ")]


def test_a_registry_that_redirects_is_told() -> None:
    with WebServer(status=302, headers={"Location": "http://127.0.0.1:9/canary"}).serving() as web:
        found = [*registry.look(scene(schema_registry__url=f"http://127.0.0.1:{web.port}"))]
    assert [each.level for each in found] == ["ok", "error"]
    assert "status 302, a redirect, which is never followed" in found[1].found
    assert "PROCESSOR_SCHEMA_REGISTRY__URL" in str(found[1].remedy)
    assert "canary" not in str(found)
