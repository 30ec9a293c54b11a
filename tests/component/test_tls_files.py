"""Certificates are read again when their files change, and half a rotation stops nothing."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from processor.core.replies import Failure, FailureKind, Response
from processor.shell.http import Engine, RoktClient, open_client
from processor.shell.tls import Tls, TlsFileError, TlsFiles, context_of
from tests.support.hostile_server import Visit, hostile_server
from tests.support.http_edge import CONFIRM, Authority, attempt, new_authority, patient, run

engines = pytest.mark.parametrize("engine", list(Engine))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


async def answers(visit: Visit) -> None:
    await visit.request()
    await visit.send(OK)


def authority_in(folder: Path) -> Authority:
    folder.mkdir(exist_ok=True)
    return new_authority(folder)


def write_identity(authority: Authority, folder: Path) -> TlsFiles:
    """Write a certificate and its key, as one who rotates them does: each file at once."""
    identity = authority.ca.issue_cert("client@example.com")
    files = TlsFiles(
        ca_file=authority.file,
        certificate_file=folder / "ours.pem",
        key_file=folder / "ours.key",
    )
    for path, blob in (
        (folder / "ours.pem", identity.cert_chain_pems[0]),
        (folder / "ours.key", identity.private_key_pem),
    ):
        blob.write_to_path(str(folder / "half-written"))
        (folder / "half-written").replace(path)
    return files


def converse(
    engine: Engine,
    settings: TlsFiles,
    servers: tuple[ssl.SSLContext, ssl.SSLContext],
    rotate: Callable[[], None],
) -> tuple[object, object]:
    """Call by one client a server, then, after the rotation, the other in its place."""

    async def scenario() -> tuple[object, object]:
        replies: list[object] = []
        async with hostile_server(answers, servers[0]) as server:
            port = server.port
            client = open_client(
                replace(
                    patient(f"https://127.0.0.1:{port}", settings.ca_file),
                    client_cert_file=settings.certificate_file,
                    client_key_file=settings.key_file,
                ),
                engine,
                lambda: "key",
            )
            replies.append(await client.send(CONFIRM))
        await asyncio.to_thread(rotate)
        async with hostile_server(answers, servers[1], port=port):
            replies.append(await settled(client))
        await client.aclose()
        return replies[0], replies[1]

    return run(scenario())


async def settled(client: RoktClient) -> object:
    """Return the first reply, or the last failure: files are looked at once a second."""
    reply: object = None
    for _ in range(30):
        reply = await client.send(CONFIRM)
        if isinstance(reply, Response):
            return reply
        await asyncio.sleep(0.1)
    return reply


def asked_once(engine: Engine, authority: Authority) -> object:
    """Return why a server of that authority is refused, by what its file holds now."""

    async def scenario() -> object:
        async with hostile_server(answers, authority.server()) as server:
            reply = await attempt(
                patient(f"https://127.0.0.1:{server.port}", authority.file), engine
            )
            return reply.kind if isinstance(reply, Failure) else None

    return run(scenario())


@engines
def test_a_new_authority_is_trusted_and_the_old_one_no_more(engine: Engine, tmp_path: Path) -> None:
    old, new = authority_in(tmp_path / "old"), authority_in(tmp_path / "new")

    def rotate() -> None:
        new.file.replace(old.file)

    first, second = converse(
        engine, TlsFiles(ca_file=old.file), (old.server(), new.server()), rotate
    )
    assert (type(first), type(second)) == (Response, Response)
    assert asked_once(engine, old) is FailureKind.TLS


@engines
def test_a_new_certificate_of_ours_is_shown(engine: Engine, tmp_path: Path) -> None:
    server, old, new = (authority_in(tmp_path / name) for name in ("server", "old", "new"))
    files = replace(write_identity(old, tmp_path), ca_file=server.file)

    def asking(authority: Authority) -> ssl.SSLContext:
        context = server.server()
        context.verify_mode = ssl.CERT_REQUIRED
        authority.ca.configure_trust(context)
        return context

    def rotate() -> None:
        write_identity(new, tmp_path)

    first, second = converse(engine, files, (asking(old), asking(new)), rotate)
    assert (type(first), type(second)) == (Response, Response)


async def goes_on(visit: Visit) -> None:
    while await visit.request():
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


@engines
def test_no_connection_outlives_the_files_that_it_was_made_with(
    engine: Engine, tmp_path: Path
) -> None:
    authority = authority_in(tmp_path / "authority")

    async def scenario() -> tuple[list[int], int]:
        async with hostile_server(goes_on, authority.server()) as server:
            client = open_client(
                patient(f"https://127.0.0.1:{server.port}", authority.file), engine, lambda: "key"
            )
            connections = []
            for _ in range(2):
                assert isinstance(await client.send(CONFIRM), Response)
                connections.append(server.connections)
            authority.file.write_bytes(authority.file.read_bytes() * 2)
            for _ in range(30):
                await client.send(CONFIRM)
                if server.connections > 1:
                    break
                await asyncio.sleep(0.1)
            await client.send(CONFIRM)
            await server.wait_for(lambda seen: seen.departures == 1)
            await client.aclose()
            return connections, server.connections

    assert run(scenario()) == ([1, 1], 2)


def test_half_a_rotation_leaves_the_old_certificate_in_use(tmp_path: Path) -> None:
    authority = authority_in(tmp_path / "authority")
    files = write_identity(authority, tmp_path)
    assert files.certificate_file is not None
    tls = Tls(files)
    old = tls.current(0.0)
    whole = files.certificate_file.read_bytes()
    authority.ca.issue_cert("other").cert_chain_pems[0].write_to_path(str(files.certificate_file))
    assert (tls.current(0.5) is old, tls.problem) == (True, None)
    assert tls.current(1.5) is old
    assert str(files.certificate_file) in str(tls.problem)
    files.certificate_file.write_bytes(whole)
    assert (tls.current(3.0) is old, tls.problem) == (False, None)


def test_a_file_that_is_gone_is_said_and_waited_for(tmp_path: Path) -> None:
    authority = authority_in(tmp_path / "authority")
    tls = Tls(TlsFiles(ca_file=authority.file))
    old = tls.current(0.0)
    content = authority.file.read_bytes()
    authority.file.unlink()
    assert tls.current(2.0) is old
    assert tls.problem == (
        f"the certificate file {authority.file} cannot be used: No such file or directory"
    )
    authority.file.write_bytes(content)
    assert tls.current(4.0) is not old


def test_files_that_stay_are_not_read_again(tmp_path: Path) -> None:
    tls = Tls(TlsFiles(ca_file=authority_in(tmp_path / "authority").file))
    assert tls.current(0.0) is tls.current(100.0)


@pytest.mark.parametrize("trusts_no_other", [False, True])
def test_tls_is_of_today_and_looks_at_certificates_and_names(
    tmp_path: Path, *, trusts_no_other: bool
) -> None:
    file = authority_in(tmp_path / "authority").file
    for files in (TlsFiles(), TlsFiles(ca_file=file, trusts_no_other=trusts_no_other)):
        context = context_of(files)
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_file_of_authorities_may_stand_alone(tmp_path: Path) -> None:
    file = authority_in(tmp_path / "authority").file
    alone = context_of(TlsFiles(ca_file=file, trusts_no_other=True))
    assert len(alone.get_ca_certs()) == 1


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    authority = authority_in(tmp_path / "authority")
    files = write_identity(authority, tmp_path)
    assert files.key_file is not None
    authority.ca.issue_cert("other").private_key_pem.write_to_path(str(files.key_file))
    with pytest.raises(TlsFileError, match=r"ours\.pem cannot be used"):
        context_of(files)


async def _old_tls(visit: Visit) -> None:
    await visit.request()


@engines
def test_a_server_of_yesterday_is_refused(engine: Engine, tmp_path: Path) -> None:
    authority = authority_in(tmp_path / "authority")
    context = authority.server()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1

    async def scenario() -> object:
        async with hostile_server(_old_tls, context) as server:
            client = open_client(
                patient(f"https://127.0.0.1:{server.port}", authority.file), engine, lambda: "key"
            )
            try:
                return await client.send(CONFIRM)
            finally:
                await client.aclose()

    reply = run(scenario())
    assert isinstance(reply, Failure)
    assert reply.kind is FailureKind.TLS
