"""Who may ask the server for what: TLS, a password, and names that are not this machine's."""

import asyncio
import contextlib
import os
import random
import ssl
from base64 import b64encode
from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request
from structlog.testing import capture_logs

from processor.errors import ConfigurationError
from processor.shell import server_door, server_tls, settings
from processor.shell.secrets import Secret, SecretFile
from processor.shell.server_guard import Guard
from processor.shell.settings_values import text_of
from tests.support.watched_server import LOOPS, STRANGER, Pair, Watched, new_pair, on, watched

both_loops = pytest.mark.parametrize("loop", LOOPS)
EVERY_PATH = ("/", "/page.json", "/metrics", "/status", "/status/away", "/unknown")


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return new_pair(tmp_path)


def over_tls(pair: Pair) -> settings.Server:
    given = {"certificate_file": str(pair.certificate), "key_file": str(pair.key)}
    return settings.Server.model_validate({"port": 0} | given)


def with_password(password: Secret | SecretFile) -> settings.Server:
    return settings.Server(port=0, username="ops", password=password)


def basic(text: str) -> str:
    return f"Authorization: Basic {b64encode(text.encode()).decode()}"


# TLS


@both_loops
def test_with_a_certificate_it_speaks_tls_and_nothing_else(loop: str, pair: Pair) -> None:
    async def scenario() -> None:
        async with watched(over_tls(pair)) as seen:
            assert seen.server.url.startswith("https://127.0.0.1:")
            status, said = await seen.ask("/metrics", secure=pair.trusting)
            assert (status, "Cache-Control: no-store" in said) == (200, True)
            assert (await seen.ask("/metrics"))[0] == 0
        assert seen.complaints == []

    on(loop, scenario)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@both_loops
def test_nothing_older_than_tls_1_2_is_spoken(loop: str, pair: Pair) -> None:
    async def scenario() -> None:
        pair.trusting.minimum_version = ssl.TLSVersion.TLSv1
        pair.trusting.maximum_version = ssl.TLSVersion.TLSv1_1
        pair.trusting.set_ciphers("ALL:@SECLEVEL=0")
        async with watched(over_tls(pair)) as seen:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await seen.ask("/livez", secure=pair.trusting)
            pair.trusting.maximum_version = ssl.TLSVersion.TLSv1_2
            assert (await seen.ask("/livez", secure=pair.trusting))[0] == 200
        assert seen.complaints == []

    on(loop, scenario)


def test_old_versions_are_off_whatever_the_system_allows(pair: Pair) -> None:
    context = server_tls.server_context(pair.certificate, pair.key)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION


def test_a_new_certificate_is_shown_without_a_restart(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_tls, "_LOOK_EVERY", 0.0)
    (tmp_path / "next").mkdir()
    following = new_pair(tmp_path / "next")

    async def scenario() -> None:
        async with watched(over_tls(pair)) as seen:
            kept = await asyncio.open_connection("127.0.0.1", seen.port, ssl=pair.trusting)
            os.replace(following.certificate, pair.certificate)  # noqa: PTH105  as tools do
            # The key does not fit yet: what was read last goes on.
            assert (await seen.ask("/livez", secure=pair.trusting))[0] == 200
            assert (await seen.ask("/livez", secure=pair.trusting))[0] == 200
            os.replace(following.key, pair.key)  # noqa: PTH105  same
            assert (await seen.ask("/livez", secure=following.trusting))[0] == 200
            kept[1].write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await kept[0].readline()).startswith(b"HTTP/1.1 200")
            kept[1].close()

    with capture_logs() as said:
        on("uvloop", scenario)
    assert [line["event"] for line in said] == [
        "the server's certificate cannot be read again",
        "the server's certificate was read again",
    ]


@both_loops
def test_handshakes_that_come_to_nothing_keep_nobody_out(
    loop: str, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with watched(over_tls(pair)) as seen:
            silent = [await connected(seen) for _ in range(server_door.MOST + 1)]
            garbage = [await connected(seen, b"GET / HTTP/1.1\r\n\r\n") for _ in range(20)]
            assert (await seen.ask("/livez", secure=pair.trusting))[0] == 200
            # Sooner than a handshake that nobody goes on with is given up.
            async with asyncio.timeout(8):
                assert await silent[0][0].read() == b""
            for _, writer in (*silent, *garbage):
                writer.close()
        assert seen.complaints == []

    on(loop, scenario)
    assert caplog.messages == []


@both_loops
def test_whatever_is_sent_in_the_place_of_tls_is_worth_no_line(
    loop: str, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    greeting, answer = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        pair.trusting.wrap_bio(answer, greeting, server_hostname="localhost").do_handshake()
    hello, drawn = greeting.read(), random.Random(3)
    messages = [
        hello,
        hello[:100],
        hello + b"\x17\x03\x03\x00\x10" + b"x" * 16,
        hello + hello,
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"\x80\x2e\x01\x03\x01" + b"\0" * 44,
        b"\x16\x03\x01\xff\xff" + b"\0" * 20_000,
        *(spoilt(hello, drawn) for _ in range(60)),
        *(hello + drawn.randbytes(drawn.randint(1, 400)) for _ in range(30)),
    ]

    async def scenario() -> None:
        async with watched(over_tls(pair)) as seen:
            for message in messages:
                reader, writer = await connected(seen, message)
                with contextlib.suppress(ConnectionError, TimeoutError):
                    async with asyncio.timeout(0.02):
                        await reader.read()
                writer.close()
            assert (await seen.ask("/livez", secure=pair.trusting))[0] == 200
        assert seen.complaints == []

    on(loop, scenario)
    assert caplog.messages == []


def spoilt(text: bytes, drawn: random.Random) -> bytes:
    changed = bytearray(text)
    for _ in range(drawn.randint(1, 5)):
        changed[drawn.randrange(len(changed))] = drawn.randrange(256)
    return bytes(changed)


async def connected(
    seen: Watched, said: bytes = b""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", seen.port, local_addr=(STRANGER, 0))
    writer.write(said)
    return reader, writer


def test_a_certificate_that_cannot_be_used_is_a_mistake_of_the_settings(
    pair: Pair, tmp_path: Path
) -> None:
    where = over_tls(pair)
    (tmp_path / "server.key").write_text("no key", encoding="ascii")

    async def scenario() -> None:
        async with watched(where):
            pytest.fail("it serves without its key")

    with pytest.raises(ConfigurationError, match="PROCESSOR_SERVER__CERTIFICATE_FILE"):
        on("asyncio", scenario)


# A password


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (basic("ops:canary-7d31"), 200),
        (basic("ops:canary-7d31").replace("Basic", "bAsIc"), 200),
        (basic("ops:canary-7d32"), 401),
        (basic("ops:"), 401),
        (basic("ops:canary-7d31 "), 401),
        (basic("root:canary-7d31"), 401),
        (basic("canary-7d31"), 401),
        ("Authorization: Basic ÿ!", 401),
        ("Authorization: Basic", 401),
        ("Authorization: Bearer canary-7d31", 401),
        ("X: y", 401),
    ],
)
def test_only_who_knows_the_password_may_look(
    header: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with watched(with_password(Secret("canary-7d31"))) as seen:
            for path in EVERY_PATH:
                found, said = await seen.ask(path, header, host="processor.example")
                wanted = 404 if path in ("/unknown", "/status/away") and status == 200 else status
                assert (path, found) == (path, wanted)
                assert "canary" not in said
                assert ("WWW-Authenticate: Basic " in said) is (status == 401)
        assert seen.complaints == []

    on("asyncio", scenario)
    assert caplog.messages == []


def test_probes_need_no_password_and_tell_no_more_than_yes_or_no() -> None:
    async def scenario() -> None:
        async with watched(with_password(Secret("canary-7d31"))) as seen:
            for path in ("/livez", "/readyz"):
                status, said = await seen.ask(path)
                assert (status, said.partition("\r\n\r\n")[2]) == (200, "yes\n")
            for path in ("//livez", "/livez/", "/livez/../status", "/x?/livez", "/status#/livez"):
                assert (path, (await seen.ask(path))[0]) == (path, 401)

    on("asyncio", scenario)


def test_a_password_that_changes_in_its_file_counts_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processor.shell.secrets._CHECK_INTERVAL", 0.0)
    path = tmp_path / "password"
    path.write_text("before\n", encoding="ascii")

    async def scenario() -> None:
        async with watched(with_password(SecretFile(path, text_of))) as seen:
            assert (await seen.ask("/status", basic("ops:before")))[0] == 200
            path.write_text("afterwards", encoding="ascii")
            assert (await seen.ask("/status", basic("ops:before")))[0] == 401
            assert (await seen.ask("/status", basic("ops:afterwards")))[0] == 200

    on("asyncio", scenario)


# Names


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LocalHost:9464", 200),
        ("127.0.0.1:9464", 200),
        ("[::1]:9464", 200),
        ("10.0.0.7", 200),
        ("rebound.example", 421),
        ("rebound.example:9464", 421),
        ("localhost.rebound.example", 421),
        ("127.0.0.1.rebound.example", 421),
        ("localhost@rebound.example", 421),
        ("[::1].rebound.example", 421),
        ("[rebound.example]", 421),
        ("", 421),
    ],
)
def test_a_page_of_a_stranger_reads_nothing_by_a_name_of_its_own(host: str, status: int) -> None:
    async def scenario() -> None:
        async with watched() as seen:
            for path in ("/", "/page.json", "/metrics", "/status"):
                found, said = await seen.ask(path, host=host)
                assert (path, found) == (path, status)
                assert "rebound" not in said
            assert (await seen.ask("/livez", host=host))[0] == 200

    on("asyncio", scenario)


def test_no_other_origin_may_read_anything() -> None:
    async def scenario() -> None:
        async with watched() as seen:
            for path in (*EVERY_PATH, "/livez"):
                _, said = await seen.ask(path, "Origin: https://stranger.example")
                assert "access-control" not in said.lower()
                assert "Cross-Origin-Resource-Policy: same-origin" in said
                assert "Cache-Control: no-store" in said

    on("asyncio", scenario)


class Arrived(asyncio.Transport):
    """A connection that has come to an address."""

    def __init__(self, address: str) -> None:
        super().__init__({"sockname": (address, 9464)})


@pytest.mark.parametrize(
    ("came_to", "status"),
    [
        ("127.0.0.1", 421),
        ("127.0.0.53", 421),
        ("::1", 421),
        ("::ffff:127.0.0.1", 421),
        ("10.0.0.7", None),
        ("fd00::7", None),
    ],
)
@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0"])  # noqa: S104  as in a container
def test_names_count_where_it_is_asked_over_the_loopback_address(
    bound: str, came_to: str, status: int | None
) -> None:
    guard = Guard(settings.Server(host=bound))
    arrived = Arrived(came_to)
    asked = make_mocked_request("GET", "/status", {"Host": "processor.example"}, transport=arrived)
    refusal = guard.refusal(asked)
    assert (refusal.status if refusal else None) == status
    own = make_mocked_request("GET", "/status", {"Host": "LOCALHOST:1"}, transport=arrived)
    assert guard.refusal(own) is None
    named = Guard(settings.Server(host="Processor.example"))
    assert named.refusal(asked) is None
