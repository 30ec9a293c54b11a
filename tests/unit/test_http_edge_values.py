"""The HTTP edge without a network: what settings it takes, what exceptions mean."""

import asyncio
import gzip
import json
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Final

import httpx2 as httpx
import pytest

from processor.core.replies import BodyState, Failure, FailureKind, Reply, Response
from processor.shell.http import EdgeSettings, EdgeSettingsError, Engine, RoktClient, open_client
from processor.shell.http.failures import failure_of
from processor.shell.http.httpx_transport import HttpxTransport
from processor.shell.reply_bodies import read_body
from processor.shell.secrets import MASK
from tests.support.http_edge import CANARY_KEY, CONFIRM

URL: Final = "https://api.example.com"


def caused_by(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


UNREACHABLE = FailureKind.UNREACHABLE
TIMEOUT = FailureKind.TIMEOUT
LOST = FailureKind.CONNECTION_LOST
BROKEN = FailureKind.BODY_INTERRUPTED

MEANINGS: Final[tuple[tuple[Exception, FailureKind, FailureKind | None], ...]] = (
    # exception, meaning before the head, meaning inside the body (None: cannot be)
    (httpx.ConnectTimeout(""), UNREACHABLE, None),
    (httpx.ConnectError("refused"), UNREACHABLE, None),
    (caused_by(httpx.ConnectError(""), ssl.SSLError(1, "expired")), FailureKind.TLS, None),
    (caused_by(httpx.ConnectError(""), ssl.SSLWantReadError()), UNREACHABLE, None),
    (caused_by(httpx.ConnectTimeout(""), ssl.SSLError(1, "late")), UNREACHABLE, None),
    (caused_by(httpx.ReadError(""), ssl.SSLError(1, "alert")), LOST, BROKEN),
    (httpx.ReadTimeout(""), TIMEOUT, TIMEOUT),
    (httpx.WriteTimeout(""), TIMEOUT, TIMEOUT),
    (httpx.PoolTimeout(""), TIMEOUT, TIMEOUT),
    (TimeoutError(), TIMEOUT, TIMEOUT),
    (httpx.ReadError(""), LOST, BROKEN),
    (httpx.WriteError(""), LOST, BROKEN),
    (httpx.CloseError(""), LOST, BROKEN),
    (httpx.RemoteProtocolError("Server disconnected without sending a response."), LOST, BROKEN),
    (httpx.RemoteProtocolError("illegal status line"), FailureKind.PROTOCOL, BROKEN),
    (httpx.LocalProtocolError(""), LOST, BROKEN),
    (httpx.UnsupportedProtocol(""), LOST, BROKEN),
    (RuntimeError("a bug of the engine"), LOST, BROKEN),
    (OSError("a bug of the engine"), LOST, BROKEN),
)


@pytest.mark.parametrize(("error", "before_head", "in_body"), MEANINGS)
def test_only_a_connection_never_made_counts_as_not_sent(
    error: Exception, before_head: FailureKind, in_body: FailureKind | None
) -> None:
    assert failure_of(error, None).kind is before_head
    if in_body is not None:
        failure = failure_of(error, 503)
        assert (failure.kind, failure.status) == (in_body, 503)


def test_words_of_an_exception_are_repeated_only_where_nothing_was_sent() -> None:
    assert failure_of(httpx.ConnectError("host\nunknown"), None).detail == (
        "no connection: host unknown"
    )
    assert CANARY_KEY not in failure_of(httpx.RemoteProtocolError(CANARY_KEY), None).detail
    assert CANARY_KEY not in failure_of(RuntimeError(CANARY_KEY), 200).detail


def test_a_detail_is_bounded() -> None:
    assert len(failure_of(httpx.ConnectError("x" * 10_000), None).detail) < 300


@pytest.mark.parametrize(
    "base_url",
    [
        "https://api.example.com",
        "https://api.example.com/partner/",
        "https://[::1]:8443",
        "http://localhost:8080",
        "http://127.0.0.9",
        "http://[::1]:1",
    ],
)
def test_https_is_taken_and_http_to_this_machine(base_url: str) -> None:
    assert EdgeSettings(base_url=base_url).is_https == base_url.startswith("https")


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "api.example.com",
        "https://",
        "https:///v1",
        "http://api.example.com",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://0.0.0.0",
        "ftp://localhost",
        f"https://user:{CANARY_KEY}@api.example.com",
        f"https://{CANARY_KEY}@api.example.com",
        f"https://user:{CANARY_KEY}@api.example.com:port",
        f"https://api.example.com?key={CANARY_KEY}",
        f"https://api.example.com#{CANARY_KEY}",
        f"https://{CANARY_KEY}\n",
        "https://a b",
        "https://api..example.com",
        f"https://{'a' * 64}.example.com",
    ],
)
def test_any_other_base_url_is_refused_and_not_shown(base_url: str) -> None:
    with pytest.raises(EdgeSettingsError, match="the base URL") as caught:
        EdgeSettings(base_url=base_url)
    assert CANARY_KEY not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("seconds", [0.0, -1.0, 10.0, 31.0])
def test_a_connect_timeout_that_outlasts_a_read_is_refused(seconds: float) -> None:
    with pytest.raises(EdgeSettingsError, match="the connect timeout"):
        EdgeSettings(base_url=URL, connect_timeout=seconds)


def client_through(
    handler: httpx.MockTransport, api_key: Callable[[], str], settings: EdgeSettings
) -> RoktClient:
    return open_client(settings, Engine.HTTPX, api_key, HttpxTransport(settings, handler))


def send_through(
    handler: httpx.MockTransport, api_key: str = CANARY_KEY, settings: EdgeSettings | None = None
) -> Reply:
    async def scenario() -> Reply:
        client = client_through(handler, lambda: api_key, settings or EdgeSettings(base_url=URL))
        try:
            return await client.send(CONFIRM)
        finally:
            await client.aclose()

    return asyncio.run(scenario())


def test_a_mock_transport_serves_replies() -> None:
    def rokt(request: httpx.Request) -> httpx.Response:
        assert (request.method, str(request.url)) == ("POST", f"{URL}/v1/Cart/confirm")
        return httpx.Response(422, json={"description": "no"})

    assert send_through(httpx.MockTransport(rokt)) == Response(
        status=422,
        headers={"content-length": "20", "content-type": "application/json"},
        body=b'{"description":"no"}',
    )


def test_an_exception_of_any_transport_becomes_a_value() -> None:
    def rokt(request: httpx.Request) -> httpx.Response:
        raise RuntimeError(request.headers["rokt-api-key"])

    assert send_through(httpx.MockTransport(rokt)) == Failure(
        kind=FailureKind.CONNECTION_LOST, detail="the attempt broke off (RuntimeError)"
    )


@pytest.mark.parametrize(
    "body",
    [
        lambda key: f"<p>the key {key} is not known, {key}</p>".encode(),
        lambda key: json.dumps({"errors": [{"code": "KEY", "message": f"{key}?"}]}).encode(),
    ],
    ids=["html", "json"],
)
@pytest.mark.parametrize("key", [CANARY_KEY, 'canary"with\\all-4711'])
def test_a_key_that_a_reply_quotes_is_masked(body: Callable[[str], bytes], key: str) -> None:
    """What comes back goes into topics, and some gateways quote what they refuse."""

    def gateway(_: httpx.Request) -> httpx.Response:
        return httpx.Response(401, content=body(key), headers={"www-authenticate": f'k="{key}"'})

    reply = send_through(httpx.MockTransport(gateway), key)
    assert isinstance(reply, Response)
    assert (reply.headers["www-authenticate"], reply.body) == (f'k="{MASK}"', body(MASK))


def test_a_short_key_is_no_reason_to_change_a_reply() -> None:
    def rokt(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b'{"success":true}')

    reply = send_through(httpx.MockTransport(rokt), "success")
    assert isinstance(reply, Response)
    assert reply.body == b'{"success":true}'


def test_a_transport_that_never_returns_is_given_up() -> None:
    async def rokt(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    settings = EdgeSettings(
        base_url=URL, connect_timeout=0.01, confirm_read_timeout=0.05, confirm_deadline=0.05
    )
    reply = send_through(httpx.MockTransport(rokt), settings=settings)
    assert reply == Failure(kind=FailureKind.TIMEOUT, detail="no reply in time (TimeoutError)")


def test_a_compression_bomb_takes_no_memory() -> None:
    bomb, limit = gzip.compress(bytes(20_000_000)), 100_000

    async def chunks() -> AsyncIterator[bytes]:
        yield bomb

    tracemalloc.start()
    try:
        result = asyncio.run(read_body(chunks(), "gzip", limit))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (result, peak < 2_000_000) == ((b"", BodyState.TOO_LARGE), True)


class EndlessBody(httpx.AsyncByteStream):
    """A body that never ends, nor says anything."""

    def __aiter__(self) -> "EndlessBody":
        return self

    async def __anext__(self) -> bytes:
        await asyncio.sleep(0)
        return b""


def test_the_deadline_holds_inside_a_body_too() -> None:
    def rokt(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=EndlessBody())

    settings = EdgeSettings(
        base_url=URL, connect_timeout=0.01, confirm_read_timeout=0.05, confirm_deadline=0.1
    )
    reply = send_through(httpx.MockTransport(rokt), settings=settings)
    assert reply == Failure(
        kind=FailureKind.TIMEOUT, detail="no reply in time (TimeoutError)", status=200
    )


def test_a_key_that_cannot_be_read_concerns_every_call() -> None:
    def unreadable() -> str:
        raise PermissionError(CANARY_KEY)

    async def scenario() -> Reply:
        transport = httpx.MockTransport(lambda _: httpx.Response(200))
        client = client_through(transport, unreadable, EdgeSettings(base_url=URL))
        return await client.send(CONFIRM)

    assert asyncio.run(scenario()) == Failure(
        kind=FailureKind.UNREACHABLE, detail="the API key cannot be read (PermissionError)"
    )


def test_a_path_cannot_lead_to_another_host() -> None:
    seen: list[str] = []

    def rokt(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        return httpx.Response(200)

    async def scenario() -> None:
        transport = httpx.MockTransport(rokt)
        client = client_through(transport, lambda: "k", EdgeSettings(base_url=URL))
        await client.send(replace(CONFIRM, path="/@other.example/"))
        await client.send(replace(CONFIRM, path="//other.example/"))

    asyncio.run(scenario())
    assert seen == ["api.example.com", "api.example.com"]
