"""What comes back whole: bodies up to their cap, encodings, redirects, odd headers."""

import gzip
from dataclasses import replace
from typing import Final

import pytest

from processor.core.replies import BodyState, Reply, Response
from processor.shell.http import EdgeSettings, Engine
from tests.support.hostile_server import Behaviour, Visit, hostile_server
from tests.support.http_edge import attempt, patient, run

engines = pytest.mark.parametrize("engine", list(Engine))

LIMIT: Final = 100_000
HEAD: Final = b"HTTP/1.1 200 OK\r\n"
HTML: Final = b"<!doctype html><title>Sign in</title>"


def replies(raw: bytes) -> Behaviour:
    async def behaviour(visit: Visit) -> None:
        await visit.request()
        await visit.send(raw)

    return behaviour


def with_length(body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return HEAD + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


def to_the_end(body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return HEAD + lines + b"\r\n" + body


def chunked(body: bytes) -> bytes:
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def receive(behaviour: Behaviour, engine: Engine) -> tuple[Reply, int]:
    """Return the reply to one attempt, and how many requests the server read."""

    async def scenario() -> tuple[Reply, int]:
        async with hostile_server(behaviour) as server:
            settings: EdgeSettings = patient(f"http://127.0.0.1:{server.port}")
            reply = await attempt(replace(settings, reply_limit=LIMIT), engine)
            return reply, len(server.requests)

    return run(scenario())


GZIP: Final = b"Content-Encoding: gzip"
BOMB: Final = gzip.compress(bytes(50 * LIMIT))
NOTHING_FOR_EVER: Final = gzip.compress(b"")[:10] + b"\x00\x00\x00\xff\xff" * LIMIT

BODIES: Final[tuple[tuple[str, bytes, bytes, BodyState], ...]] = (
    ("at the cap", with_length(b"x" * LIMIT), b"x" * LIMIT, BodyState.COMPLETE),
    ("chunked", chunked(b"{}"), b"{}", BodyState.COMPLETE),
    ("until the end", to_the_end(b"{}"), b"{}", BodyState.COMPLETE),
    ("html", with_length(HTML), HTML, BodyState.COMPLETE),
    ("empty", with_length(b""), b"", BodyState.COMPLETE),
    ("identity", with_length(b"{}", b"Content-Encoding: identity"), b"{}", BodyState.COMPLETE),
    ("gzip", with_length(gzip.compress(HTML), GZIP), HTML, BodyState.COMPLETE),
    ("gzip of nothing sent", with_length(b"", GZIP), b"", BodyState.COMPLETE),
    ("declared over the cap", with_length(b"x" * (LIMIT + 1)), b"", BodyState.TOO_LARGE),
    ("chunked over the cap", chunked(b"x" * (LIMIT + 1)), b"", BodyState.TOO_LARGE),
    ("undeclared over the cap", to_the_end(b"x" * (LIMIT + 1)), b"", BodyState.TOO_LARGE),
    ("gzip bomb", with_length(BOMB, GZIP), b"", BodyState.TOO_LARGE),
    ("gzip of nothing, for ever", to_the_end(NOTHING_FOR_EVER, GZIP), b"", BodyState.TOO_LARGE),
    ("bad gzip", with_length(b"{}", GZIP), b"", BodyState.UNREADABLE),
    ("half a gzip", with_length(gzip.compress(HTML)[:-5], GZIP), b"", BodyState.UNREADABLE),
    ("more than a gzip", with_length(gzip.compress(b"{}") + b"!", GZIP), b"", BodyState.UNREADABLE),
    (
        "wrong checksum",
        with_length(gzip.compress(b"{}")[:-8] + bytes(8), GZIP),
        b"",
        BodyState.UNREADABLE,
    ),
    (
        "gzip under another name",
        with_length(gzip.compress(b"{}"), b"Content-Encoding: br"),
        b"",
        BodyState.UNREADABLE,
    ),
    ("unknown encoding", with_length(b"{}", b"Content-Encoding: br"), b"", BodyState.UNREADABLE),
    (
        "encoding that is no text",
        with_length(b"{}", b"Content-Encoding: \xff"),
        b"",
        BodyState.UNREADABLE,
    ),
)


@engines
@pytest.mark.parametrize(
    ("raw", "body", "state"), [c[1:] for c in BODIES], ids=[c[0] for c in BODIES]
)
def test_a_body_is_whole_or_said_not_to_be(
    raw: bytes, body: bytes, state: BodyState, engine: Engine
) -> None:
    reply, requests = receive(replies(raw), engine)
    assert isinstance(reply, Response)
    assert (reply.status, reply.body, reply.body_state, requests) == (200, body, state, 1)


@engines
def test_an_endless_body_is_cut_off(engine: Engine) -> None:
    async def pours(visit: Visit) -> None:
        await visit.request()
        await visit.send(HEAD + b"\r\n")
        while True:
            await visit.send(b"x" * 65536)

    reply, requests = receive(pours, engine)
    assert isinstance(reply, Response)
    assert (reply.body, reply.body_state, requests) == (b"", BodyState.TOO_LARGE, 1)


@engines
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_returned_and_never_followed(status: int, engine: Engine) -> None:
    raw = b"HTTP/1.1 %d Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n" % status
    assert receive(replies(raw), engine) == (
        Response(
            status=status, headers={"location": "/elsewhere", "content-length": "0"}, body=b""
        ),
        1,
    )


@engines
def test_headers_come_in_lower_case_and_repeated_ones_joined(engine: Engine) -> None:
    raw = with_length(b"{}", b"Retry-After: 5", b"X-Trace: a", b"x-trace: b")
    assert receive(replies(raw), engine)[0] == Response(
        status=200,
        headers={"retry-after": "5", "x-trace": "a, b", "content-length": "2"},
        body=b"{}",
    )


@engines
def test_a_header_that_is_not_ascii_does_not_cost_the_reply(engine: Engine) -> None:
    raw = with_length(b"{}", b"Retry-After: 5", b"Server: caf\xe9")
    reply, _ = receive(replies(raw), engine)
    assert isinstance(reply, Response)
    assert (reply.status, reply.headers["retry-after"], reply.body) == (200, "5", b"{}")
