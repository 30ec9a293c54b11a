"""`processor check` on files, on its own port, and on the way to a broker that is none."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from processor.cli.check import examine
from processor.cli.main import app
from processor.shell.checks import kafka, registry, server
from processor.shell.checks.findings import Finding, Level
from processor.shell.checks.settings import files
from processor.shell.settings import load_in_part
from tests.support.checked import WebServer, environment, scene, told, troubles
from tests.support.hostile_server import refusing_port
from tests.support.http_edge import LONG_AGO, Authority, new_authority
from tests.support.mock_kafka import MockKafka

# Settings and files


def test_everything_that_is_wrong_with_the_settings_is_told_and_the_rest_goes_on() -> None:
    with WebServer(status=401).serving() as other, refusing_port() as port:
        url = f"http://127.0.0.1:{other.port}"
        given = environment(
            rokt__base_url="http://rokt.example",
            calls__max_in_flight="many",
            kafka__bootstrap_servers=f"127.0.0.1:{port}",
            schema_registry__url=url,
        )
        found = examine(None, 0.5, given | {"PROCESSOR_KAFKA__GRUOP_ID": "x"})
    assert troubles(found) == [
        "error settings PROCESSOR_CALLS__MAX_IN_FLIGHT",
        "error settings PROCESSOR_KAFKA__GRUOP_ID",
        "error settings PROCESSOR_ROKT__BASE_URL",
        f"error kafka 127.0.0.1:{port}",
        "error kafka signing in",
        f"error registry {url}",
    ]
    assert "not checked rokt: Mend the settings first: PROCESSOR_ROKT__BASE_URL" in told(found)
    assert "canary" not in str(found)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _: None, "names a file that cannot be read: no such file"),
        (lambda path: path.write_text(""), "names an empty file"),
        (lambda path: path.write_text("canary key with blanks \n"), "begins or ends with a blank"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_named(
    make: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    make(key)
    given = {n: v for n, v in environment().items() if n != "PROCESSOR_ROKT__API_KEY"}
    with refusing_port() as port:
        given |= {
            "PROCESSOR_ROKT__API_KEY_FILE": str(key),
            "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{port}",
        }
        found = examine(None, 0.5, given)
    assert troubles(found)[0] == "error settings PROCESSOR_ROKT__API_KEY_FILE"
    assert said in found[0].found
    assert "canary" not in str(found)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


def own(authority: Authority, folder: Path, not_after: datetime | None) -> list[Finding]:
    issued = authority.ca.issue_cert("client@example.com", not_after=not_after)
    certificate, key = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    key.chmod(0o600)
    loaded = load_in_part(
        None,
        environment(
            http_client__client_certificate_file=certificate, http_client__client_key_file=key
        ),
    )
    assert loaded.problems == ()
    return list(files(loaded.settings, loaded.doubtful))


def test_our_own_certificate_has_to_be_in_force(authority: Authority, tmp_path: Path) -> None:
    name = "PROCESSOR_HTTP_CLIENT__CLIENT_CERTIFICATE_FILE"
    (expired,) = own(authority, tmp_path, LONG_AGO)
    assert told([expired]) == [
        f"error {name}: Our certificate would be refused: certificate has expired"
    ]
    soon = datetime.now(UTC) + timedelta(days=3, minutes=1)
    assert troubles(own(authority, tmp_path, soon)) == [f"warning files {name}"]
    later = datetime.now(UTC) + timedelta(days=300)
    assert [each.level for each in own(authority, tmp_path, later)] == ["ok"]


def test_authorities_that_have_expired_trust_nobody(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look() -> list[Finding]:
        loaded = load_in_part(None, environment(http_client__ca_file=authority.file))
        return list(files(loaded.settings, loaded.doubtful))

    assert told(look()) == ["ok PROCESSOR_HTTP_CLIENT__CA_FILE: 1 certificate(s) of authorities"]
    far = ssl.cert_time_to_seconds("Jan  1 00:00:00 3001 GMT")
    monkeypatch.setattr(
        "processor.shell.checks.certificates.now", lambda: type("Then", (), {"wall": far})
    )
    assert troubles(look()) == ["error files PROCESSOR_HTTP_CLIENT__CA_FILE"]


# The port


def test_a_port_that_is_free_or_another_programs() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (found,) = server.look(scene(0.3, server__port=port))
        assert (found.level, found.found[:29]) == ("error", "Another program listens there")
    (found,) = server.look(scene(server__port=port))
    assert found.level == "ok"


def test_an_address_of_another_machine_serves_nothing() -> None:
    _, found = server.look(scene(server__host="192.0.2.1"))
    assert found.level == "error"
    assert found.found.startswith("Nothing can be served there (")


# The way to Kafka


def test_a_broker_in_the_process_lets_everybody_in() -> None:
    broker = MockKafka()
    seen = scene(kafka__bootstrap_servers=broker.bootstrap_servers)
    found = list(kafka.look(seen))
    assert seen.is_signed_in
    assert [each.subject for each in found if each.level == "error"] == []


STATUS = {
    "group_id": "g",
    "away": ["kafka: no answer", "rokt confirm: HTTP 503"],
    "parked": {"order-paid": {"3": "records 1 to 4 are gone; to go on: …"}},
    "retrying": {"records": 2, "since": "2026-11-30T03:00:00+00:00", "last": "HTTP 503"},
}


def test_what_the_processor_beside_it_complains_about_is_told() -> None:
    with serving_status(STATUS) as port:
        troubled = list(server.look(scene(server__port=port)))
    with serving_status({"group_id": "g", "away": [], "parked": {}, "retrying": None}) as port:
        well = list(server.look(scene(server__port=port)))
    at_work = "A processor is at work there already"
    waits = "It waits, as something does not answer as it should"
    assert [each.found for each in troubled] == [
        at_work,
        f"{waits}: kafka: no answer",
        f"{waits}: rokt confirm: HTTP 503",
        "order-paid [3] is parked: records 1 to 4 are gone; to go on: …",
        (
            "Calls fail and are tried again (2 of its records, since 2026-11-30T03:00:00+00:00), "
            "the last answer: HTTP 503"
        ),
    ]
    assert {each.level for each in troubled[1:]} == {Level.WARNING}
    assert [each.found for each in well] == [at_work]


@contextmanager
def serving_status(status: Mapping[str, object]) -> Iterator[int]:
    """Serve a status, as a processor that runs here does; yield the port."""
    body = json.dumps(status).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with HTTPServer(("127.0.0.1", 0), Handler) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        try:
            yield web.server_port
        finally:
            web.shutdown()
            thread.join()


def test_a_web_server_is_no_broker() -> None:
    with WebServer().serving() as web:
        place = f"127.0.0.1:{web.port}"
        found = list(kafka.look(scene(0.5, kafka__bootstrap_servers=place)))
    assert told(found)[0] == (
        f"error {place}: {place} takes connections and does not answer as a Kafka broker does"
    )


def test_a_broker_that_asks_for_our_certificate_is_told(authority: Authority) -> None:
    properties = {"security.protocol": "SSL", "ssl.ca.location": str(authority.file)}
    with WebServer().serving(authority.demanding()) as web:
        place = f"127.0.0.1:{web.port}"
        given = scene(0.5, kafka__bootstrap_servers=place, kafka__properties=json.dumps(properties))
        found = list(kafka.look(given))
    assert told(found)[0] == f"error {place}: {place} asks for our certificate, and was shown none"


def test_a_broker_for_another_name_is_told(authority: Authority) -> None:
    properties = {"security.protocol": "SSL", "ssl.ca.location": str(authority.file)}
    with WebServer().serving(authority.server("other.example")) as web:
        place = f"127.0.0.1:{web.port}"
        given = json.dumps(properties)
        found = list(
            kafka.look(scene(0.5, kafka__bootstrap_servers=place, kafka__properties=given))
        )
    assert told(found)[0] == f"error {place}: The certificate of {place} is for another name"


# The registry


def test_a_registry_behind_the_wrong_certificate_is_told(authority: Authority) -> None:
    with WebServer(status=401).serving(authority.server()) as web:
        url = f"https://127.0.0.1:{web.port}"
        (unknown,) = registry.look(scene(schema_registry__url=url))
        known = scene(schema_registry__url=url, schema_registry__ca_file=authority.file)
        found = list(registry.look(known))
    assert "comes from nobody who is trusted here" in unknown.found
    assert "PROCESSOR_SCHEMA_REGISTRY__CA_FILE" in str(unknown.remedy)
    assert told(found) == [
        f"ok {url}: A server answers",
        f"error {url}: The registry refuses us: user, password or rights are wrong",
    ]
    assert [round(clock.ahead / 60) for clock in known.clocks] == [0]


# The command


def test_the_table_has_the_remedy_below_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing_port() as port:
        for name, value in environment(kafka__bootstrap_servers=f"127.0.0.1:{port}").items():
            monkeypatch.setenv(name, value)
        done = CliRunner().invoke(app, ["check", "--timeout", "0.5"])
    assert done.exit_code == 2
    lines = [line.strip() for line in done.output.splitlines() if line.strip()]
    assert next(each for each in lines if "(connection refused)" in each).startswith("error")
    words = " ".join(done.output.split())
    assert "→ Check host and port, that it runs, firewalls and network policies." in words
    assert lines[-1] == "5 errors, 2 warnings, 4 not checked, 2 ok."
