"""TLS: whom we talk to, whom we refuse, and that nothing is sent before the handshake ends."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from processor.core.replies import Failure, FailureKind, Response
from processor.shell.http import EdgeSettings, EdgeSettingsError, Engine, open_transport
from tests.support.hostile_server import Behaviour, Visit, hostile_server
from tests.support.http_edge import (
    LONG_AGO,
    Authority,
    attempt,
    hasty,
    new_authority,
    patient,
    run,
)

engines = pytest.mark.parametrize("engine", list(Engine))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


async def answers(visit: Visit) -> None:
    await visit.request()
    await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


async def speaks_plain_http(visit: Visit) -> None:
    await visit.some_bytes()
    await visit.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


async def never_answers(visit: Visit) -> None:
    await visit.client_leaves()


async def hangs_up(visit: Visit) -> None:
    await visit.some_bytes()


async def resets(visit: Visit) -> None:
    await visit.some_bytes()
    visit.reset()


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that is not to be trusted with a request, and what we say of it."""

    name: str
    kind: FailureKind
    tls: Callable[[Authority], ssl.SSLContext] | None = None
    behaviour: Behaviour = answers
    is_known: bool = True
    settings: Callable[[str], EdgeSettings] = patient


TLS = FailureKind.TLS
PEERS: Final = (
    Peer("unknown authority", TLS, Authority.server, is_known=False),
    Peer("another host", TLS, lambda authority: authority.server("other.example")),
    Peer("expired", TLS, lambda authority: authority.server(not_after=LONG_AGO)),
    Peer("plain HTTP", TLS, behaviour=speaks_plain_http),
    Peer("hangs up", TLS, behaviour=hangs_up),
    Peer("resets", FailureKind.UNREACHABLE, behaviour=resets),
    Peer("never answers", FailureKind.UNREACHABLE, behaviour=never_answers, settings=hasty),
)


@engines
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_nothing_is_sent_when_the_handshake_fails(
    peer: Peer, engine: Engine, authority: Authority
) -> None:
    async def scenario() -> tuple[object, int]:
        context = peer.tls(authority) if peer.tls else None
        async with hostile_server(peer.behaviour, context) as server:
            settings = peer.settings(f"https://127.0.0.1:{server.port}")
            if peer.is_known:
                settings = replace(settings, ca_file=authority.file)
            reply = await attempt(settings, engine)
            assert isinstance(reply, Failure)
            return reply.kind, len(server.requests)

    assert run(scenario()) == (peer.kind, 0)


@engines
def test_a_server_of_our_own_authority_is_trusted(engine: Engine, authority: Authority) -> None:
    async def scenario() -> tuple[object, int]:
        async with hostile_server(answers, authority.server()) as server:
            settings = patient(f"https://127.0.0.1:{server.port}", authority.file)
            return await attempt(settings, engine), len(server.requests)

    assert run(scenario()) == (
        Response(status=200, headers={"content-length": "2"}, body=b"{}"),
        1,
    )


@engines
def test_http_2_is_not_negotiated(engine: Engine, authority: Authority) -> None:
    """Over HTTP/2 a refused request would be sent again behind our back."""
    context = authority.server()
    context.set_alpn_protocols(["h2", "http/1.1"])

    async def scenario() -> list[bytes]:
        async with hostile_server(answers, context) as server:
            await attempt(patient(f"https://127.0.0.1:{server.port}", authority.file), engine)
            return [request.split(b"\r\n")[0] for request in server.requests]

    assert run(scenario()) == [b"POST /v1/Cart/confirm HTTP/1.1"]


def _client_files(authority: Authority, folder: Path) -> tuple[Path, Path]:
    identity = authority.ca.issue_cert("client@example.com")
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(b"".join(blob.bytes() for blob in identity.cert_chain_pems))
    identity.private_key_pem.write_to_path(str(key_file))
    return cert_file, key_file


@engines
def test_a_client_certificate_is_shown(
    engine: Engine, authority: Authority, tmp_path: Path
) -> None:
    cert_file, key_file = _client_files(authority, tmp_path)

    async def scenario() -> tuple[object, int]:
        async with hostile_server(answers, authority.demanding()) as server:
            settings = replace(
                patient(f"https://127.0.0.1:{server.port}", authority.file),
                client_cert_file=cert_file,
                client_key_file=key_file,
            )
            reply = await attempt(settings, engine)
            return type(reply), len(server.requests)

    assert run(scenario()) == (Response, 1)


@engines
def test_a_missing_client_certificate_shows_too_late_to_be_certain(
    engine: Engine, authority: Authority
) -> None:
    """In TLS 1.3 the server's refusal comes after the request has left."""

    async def scenario() -> object:
        async with hostile_server(answers, authority.demanding()) as server:
            settings = patient(f"https://127.0.0.1:{server.port}", authority.file)
            reply = await attempt(settings, engine)
            assert isinstance(reply, Failure)
            return reply.kind

    assert run(scenario()) is FailureKind.CONNECTION_LOST


@engines
@pytest.mark.parametrize("content", [b"", b"not a certificate"])
def test_an_authority_file_without_certificates_is_refused(
    engine: Engine, content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(content)
    with pytest.raises(EdgeSettingsError, match=r"the CA file .*ca\.pem cannot be used"):
        open_transport(patient("https://rokt.invalid", file), engine)


@engines
def test_a_missing_client_certificate_file_is_refused(engine: Engine, tmp_path: Path) -> None:
    settings = replace(
        patient("https://rokt.invalid"),
        client_cert_file=tmp_path / "absent.pem",
        client_key_file=tmp_path / "absent.key",
    )
    with pytest.raises(EdgeSettingsError, match="No such file or directory"):
        open_transport(settings, engine)
