"""Whatever answers as the registry, it takes neither time nor memory, and learns no password."""

import gzip
import json
import socket
import threading
import time
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from processor.core.vocabulary import Reason
from processor.errors import ConfigurationError, RuntimeFailure
from processor.shell import schemas
from processor.shell.registry import Registry, RegistryAway, tls_files
from processor.shell.secrets import Secret
from processor.shell.settings import SchemaRegistry
from processor.shell.tls import TlsFiles
from processor.shell.vetting import Refusal
from tests.support.fake_registry import JSON, FakeRegistry, asked
from tests.support.http_edge import Authority, new_authority

TEXT = schemas.text("OrderPaid")
FOUND = json.dumps({"schema": TEXT})
CANARY = "canary-2f6e"
WITHIN = 0.4
LONGEST = 10.0
Answer = Callable[[socket.socket, bytes], None]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


@contextmanager
def answering(answer: Answer) -> Iterator[Registry]:
    """Give a registry, each of whose requests is answered so on a bare socket."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    end, _ = server.accept()
                    with end, suppress(OSError):
                        answer(end, end.recv(65536))

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        registry = Registry(url, username="me", password=Secret(CANARY), timeout=WITHIN)
        try:
            yield registry
        finally:
            registry.close()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def drips(before: bytes, drop: bytes) -> Answer:
    def answer(end: socket.socket, _: bytes) -> None:
        end.sendall(before)
        while True:
            end.sendall(drop)
            time.sleep(0.02)

    return answer


def is_silent(end: socket.socket, _: bytes) -> None:
    end.recv(1)


def floods(before: bytes, flood: bytes) -> Answer:
    def answer(end: socket.socket, _: bytes) -> None:
        end.sendall(before)
        while True:
            end.sendall(flood)

    return answer


def says(answer: bytes) -> Answer:
    return lambda end, _: end.sendall(answer)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        drips(HEAD + b"Content-Length: 100000\r\n\r\n", b"x"),
        drips(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        drips(b"HTTP/1.1 200 OK\r\n", b"X-Slow: x\r\n"),
        drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        is_silent,
    ],
    ids=["body", "chunks", "headers", "interim", "silence"],
)
def test_an_answer_that_drips_ends_at_its_deadline(answer: Answer) -> None:
    with answering(answer) as registry:
        began = time.monotonic()
        assert registry.fetch(7) == RegistryAway(
            detail=f"ReadTimeout: no whole answer within {WITHIN:g} s"
        )
        assert time.monotonic() - began < LONGEST


def bomb() -> bytes:
    packed = gzip.compress(b" " * (64 << 20))
    return HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed


@pytest.mark.parametrize(
    "answer",
    [
        says(bomb()),
        floods(HEAD + b"\r\n", b" " * 65536),
        floods(HEAD + b"Content-Length: 99999999999\r\n\r\n", b" " * 65536),
    ],
    ids=["bomb", "endless", "huge"],
)
def test_an_answer_that_is_too_large_refuses_the_schema_and_feigns_no_outage(
    answer: Answer,
) -> None:
    with answering(answer) as registry:
        found = registry.fetch(7)
        assert isinstance(found, Refusal)
        assert found.reason is Reason.SCHEMA_REFUSED
        assert not registry.knows_another("orders-value")
        with pytest.raises(RuntimeFailure, match="no usable answer"):
            registry.lookup("orders-value", TEXT)


def test_an_error_page_that_is_too_large_is_an_outage_and_refuses_nothing() -> None:
    head = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 99999999999\r\n\r\n"
    with answering(floods(head, b" " * 65536)) as registry:
        assert registry.fetch(7) == RegistryAway(detail="DecodingError")


@pytest.mark.parametrize("encoding", [b"br", b"deflate", b"gzip, gzip"])
def test_an_answer_that_is_encoded_unasked_is_an_outage(encoding: bytes) -> None:
    raw = HEAD + b"Content-Encoding: %b\r\nContent-Length: 2\r\n\r\n{}" % encoding
    with answering(says(raw)) as registry:
        assert registry.fetch(7) == RegistryAway(detail="DecodingError")


def test_an_answer_that_a_proxy_has_packed_is_read() -> None:
    packed = gzip.compress(FOUND.encode())
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with answering(says(head + packed)) as registry:
        assert registry.fetch(7) == TEXT


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_nobody_else_learns_the_password(status: int) -> None:
    elsewhere = FakeRegistry(200, FOUND)
    with elsewhere.serving():
        here = FakeRegistry(status, "", JSON, {"Location": elsewhere.url + "/schemas/ids/7"})
        with asked(here, username="me", password=Secret(CANARY)) as registry:
            assert registry.fetch(7) == RegistryAway(
                detail=f"status {status}, a redirect, which is never followed"
            )
            assert not registry.knows_another("orders-value")
            with pytest.raises(RuntimeFailure, match="a redirect, which is never followed"):
                registry.lookup("orders-value", TEXT)
    assert len(here.paths) == 3
    assert elsewhere.paths == []


def echoes(line: bytes) -> Answer:
    def answer(end: socket.socket, request: bytes) -> None:
        credential = request.partition(b"uthorization: ")[2].partition(b"\r\n")[0]
        end.sendall(line % credential + b"\r\n\r\n")

    return answer


@pytest.mark.parametrize(
    "line",
    [
        b"%b",
        b"HTTP/1.1 200 %b\x00",
        b"HTTP/1.1 200 OK\r\n%b\x00: x",
        b"HTTP/1.1 500 %b\r\nContent-Length: 0",
        b"HTTP/1.1 200 OK\r\nContent-Length: %b",
    ],
)
def test_a_peer_that_says_our_password_back_is_not_quoted(line: bytes) -> None:
    with answering(echoes(line)) as registry:
        found = repr(registry.fetch(7))
        with pytest.raises(RuntimeFailure) as caught:
            registry.lookup("orders-value", TEXT)
        said = found + "".join(traceback.format_exception(caught.value))
        assert CANARY not in said
        assert b64encode(f"me:{CANARY}".encode()).decode() not in said


def test_a_registry_of_our_own_authority_is_trusted(authority: Authority) -> None:
    fake = FakeRegistry(200, FOUND)
    access = {"username": "me", "password": Secret(CANARY), "tls": TlsFiles(ca_file=authority.file)}
    with asked(fake, authority.server(), **access) as registry:
        assert registry.fetch(7) == TEXT
    assert fake.credentials != [None]


@pytest.mark.parametrize("name", ["127.0.0.1", "other.example"])
def test_a_registry_that_is_not_trusted_gets_no_password(authority: Authority, name: str) -> None:
    fake = FakeRegistry(200, FOUND)
    files = TlsFiles() if name == "127.0.0.1" else TlsFiles(ca_file=authority.file)
    with asked(
        fake, authority.server(name), username="me", password=Secret(CANARY), tls=files
    ) as registry:
        found = registry.fetch(7)
    assert isinstance(found, RegistryAway)
    assert "certificate verify failed" in found.detail
    assert fake.credentials == []


def test_a_registry_that_asks_for_our_certificate_is_shown_it(
    authority: Authority, tmp_path: Path
) -> None:
    identity = authority.ca.issue_cert("client@example.com")
    identity.cert_chain_pems[0].write_to_path(str(tmp_path / "ours.pem"))
    identity.private_key_pem.write_to_path(str(tmp_path / "ours.key"))
    files = TlsFiles(
        ca_file=authority.file,
        certificate_file=tmp_path / "ours.pem",
        key_file=tmp_path / "ours.key",
    )
    with asked(FakeRegistry(200, FOUND), authority.demanding(), tls=files) as registry:
        assert registry.fetch(7) == TEXT
    with asked(
        FakeRegistry(200, FOUND), authority.demanding(), tls=TlsFiles(ca_file=authority.file)
    ) as registry:
        assert isinstance(registry.fetch(7), RegistryAway)


def test_the_settings_say_whom_to_trust_and_who_we_are(authority: Authority) -> None:
    fake = FakeRegistry(200, FOUND)
    with fake.serving(authority.server()):
        given = {
            "url": fake.url,
            "username": "me",
            "password": CANARY,
            "ca_file": str(authority.file),
        }
        registry = Registry.of(SchemaRegistry.model_validate(given))
        assert registry.fetch(7) == TEXT
        registry.close()
    assert fake.credentials == [f"Basic {b64encode(f'me:{CANARY}'.encode()).decode()}"]
    files = tls_files(SchemaRegistry.model_validate(given))
    assert files == TlsFiles(ca_file=authority.file, trusts_no_other=True)


def test_a_new_authority_is_trusted_without_a_restart(tmp_path: Path, authority: Authority) -> None:
    file = tmp_path / "ca.pem"
    new_authority(tmp_path)
    with asked(
        FakeRegistry(200, FOUND), authority.server(), tls=TlsFiles(ca_file=file)
    ) as registry:
        assert isinstance(registry.fetch(7), RegistryAway)
        (tmp_path / "next").write_bytes(authority.file.read_bytes())
        (tmp_path / "next").replace(file)
        deadline = time.monotonic() + LONGEST
        while registry.fetch(7) != TEXT:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(ConfigurationError, match=r"ca\.pem cannot be used"):
        Registry("https://registry", tls=TlsFiles(ca_file=tmp_path / "ca.pem"))
