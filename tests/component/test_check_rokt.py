"""`processor check` on the way to Rokt: each broken way is named, and nothing is ever called."""

import email.utils
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from processor.fake_rokt.server import FakeRokt
from processor.fake_rokt.settings import Settings as FakeSettings
from processor.shell.checks import clocks, rokt
from processor.shell.checks.findings import Finding
from tests.support.checked import WebServer, scene, told
from tests.support.hostile_server import full_port, refusing_port
from tests.support.http_edge import LONG_AGO, Authority, new_authority

engines = pytest.mark.parametrize("engine", ["fast", "httpx"])
KEY = "canary-key-9c1f"
UNKNOWABLE = "Whether they are right only a call shows, and none is made: watch the first ones"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


def look(url: str, within: float = 5.0, **settings: object) -> list[Finding]:
    found = [*rokt.look(scene(within, rokt__base_url=url, **settings))]
    assert KEY not in str(found)
    return found


@engines
def test_a_rokt_that_answers_is_well_and_got_no_key(engine: str, authority: Authority) -> None:
    with WebServer(status=404).serving(authority.server()) as server:
        url = f"https://127.0.0.1:{server.port}/rokt"
        ca = authority.file
        found = look(url, http_client__ca_file=ca, http_client__engine=engine)
    assert told(found) == [
        f"ok {url}: It answers (status 404 to HEAD, without the key)",
        f"not checked key and tag: {UNKNOWABLE}",
    ]
    assert server.requests == ["HEAD /rokt HTTP/1.1"] * 2
    assert "rokt-api-key" not in str(server.sent).lower()


def test_nothing_arrives_in_the_ledger_of_effects() -> None:
    with FakeRokt.in_thread(FakeSettings()) as fake:
        found = look(fake.base_url)
        assert fake.ledger.orders == {}
    assert found[0].level == "ok"


PEERS: list[tuple[str, Callable[[Authority], object], str, str]] = [
    (
        "unknown authority",
        Authority.server,
        "comes from nobody who is trusted here",
        "PROCESSOR_HTTP_CLIENT__CA_FILE",
    ),
    ("another name", lambda ca: ca.server("other.example"), "is for another name", "a name that"),
    ("expired", lambda ca: ca.server(not_after=LONG_AGO), "has expired", "renewed"),
    ("plain", lambda _: None, "does not speak TLS", "Name the port for TLS"),
]


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer[0])
def test_a_certificate_that_is_refused_is_told_with_its_reason(
    peer: tuple[str, Callable[[Authority], object], str, str], authority: Authority
) -> None:
    name, context, found, remedy = peer
    settings = {} if name == "unknown authority" else {"http_client__ca_file": authority.file}
    with WebServer().serving(context(authority)) as server:  # type: ignore[arg-type]
        (only,) = look(f"https://127.0.0.1:{server.port}", 5.0, **settings)
    assert only.level == "error"
    assert found in only.found
    assert remedy in str(only.remedy)
    assert server.requests == []


def test_a_certificate_that_ends_soon_is_a_warning(authority: Authority) -> None:
    soon = datetime.now(UTC) + timedelta(days=5, minutes=1)
    with WebServer().serving(authority.server(not_after=soon)) as server:
        found = look(f"https://127.0.0.1:{server.port}", http_client__ca_file=authority.file)
    assert [each.level for each in found] == ["ok", "warning", "not checked"]
    assert "ends in 5 days" in found[1].found


def test_a_server_that_asks_for_our_certificate_is_told(authority: Authority) -> None:
    with WebServer().serving(authority.demanding()) as server:
        url = f"https://127.0.0.1:{server.port}"
        (only,) = look(url, http_client__ca_file=authority.file)
    assert only.found == f"127.0.0.1:{server.port} asks for our certificate, and was shown none"
    assert "PROCESSOR_HTTP_CLIENT__CLIENT_CERTIFICATE_FILE" in str(only.remedy)


def test_a_host_that_is_not_there_is_told_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    (unknown,) = look("https://nowhere.invalid")
    assert unknown.found == "The name nowhere.invalid is not known here"
    with refusing_port() as port:
        (refused,) = look(f"https://127.0.0.1:{port}")
    assert refused.found == f"No connection to 127.0.0.1:{port} (connection refused)"
    with full_port() as port:
        (silent,) = look(f"https://127.0.0.1:{port}", within=0.3)
    assert silent.found == f"No connection to 127.0.0.1:{port} within 0.3 s"
    monkeypatch.setenv("HTTPS_PROXY", "http://user:canary-key-9c1f@proxy:3128")
    (proxied,) = look("https://nowhere.invalid")
    assert "HTTPS_PROXY is set and not used" in str(proxied.remedy)


def test_a_name_that_leads_where_calls_never_go_is_told_and_asked_nothing() -> None:
    (found,) = look("https://2852039166")
    assert found.level == "error"
    assert found.found == (
        "Calls never go to 169.254.169.254: it is a link-local address, as metadata services have"
    )
    assert found.remedy == "Check PROCESSOR_ROKT__BASE_URL, and who answers for that name"
    (found,) = look(
        "https://192.0.2.1", http_client__allowed_addresses="203.0.113.0/24,2001:db8::1"
    )
    assert found.level == "error"
    assert "Calls never go to 192.0.2.1: it is none of the allowed addresses" in found.found
    assert "PROCESSOR_HTTP_CLIENT__ALLOWED_ADDRESSES" in str(found.remedy)


def test_one_address_among_others_that_is_never_called_is_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolve = socket.getaddrinfo

    def with_another(*given: Any, **options: Any) -> Any:  # noqa: ANN401
        known = resolve("127.0.0.1", given[1], type=socket.SOCK_STREAM)
        another = (*known[0][:4], ("169.254.169.254", given[1]))
        return [*known, another] if given[0] == "localhost" else resolve(*given, **options)

    with WebServer().serving() as server:
        monkeypatch.setattr(socket, "getaddrinfo", with_another)
        found = look(f"http://localhost:{server.port}")
    assert [each.level for each in found] == ["warning", "ok", "not checked"]
    assert found[0].found.startswith("One of its addresses, 169.254.169.254, is never called")


@pytest.mark.parametrize(
    ("location", "level", "words"),
    [
        ("https://www.rokt.example/x?y=canary", "error", "redirects to https://www.rokt.example,"),
        ("http://127.0.0.1/", "error", "redirects to http://127.0.0.1,"),
        ("/docs", "warning", "redirects within itself"),
        ("", "warning", "redirects within itself"),
    ],
)
def test_a_base_url_with_a_redirect_is_told(location: str, level: str, words: str) -> None:
    with WebServer(status=308, headers={"Location": location}).serving() as server:
        found = look(f"http://127.0.0.1:{server.port}")
    assert found[0].level == level
    assert words in found[0].found
    assert "canary" not in str(found)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("status", "level"), [(401, "ok"), (405, "ok"), (407, "error"), (502, "warning")]
)
def test_the_status_tells_who_has_answered(status: int, level: str) -> None:
    with WebServer(status=status).serving() as server:
        assert look(f"http://127.0.0.1:{server.port}")[0].level == level


@pytest.mark.parametrize(
    ("ahead", "level", "words"),
    [
        (0, "ok", "It agrees with Rokt's"),
        (-30, "warning", "s ahead of Rokt's"),
        (3600, "error", "s behind Rokt's"),
    ],
)
def test_a_clock_that_differs_from_rokts_is_told(ahead: int, level: str, words: str) -> None:
    date = email.utils.formatdate(time.time() + ahead, usegmt=True)
    with WebServer(headers={"Date": date}).serving() as server:
        seen = scene(rokt__base_url=f"http://127.0.0.1:{server.port}")
        list(rokt.look(seen))
    (only,) = clocks.look(seen, ())
    assert only.level == level
    assert words in only.found
