"""Every way an exchange can break, over real sockets: what we say of it, and what was sent."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import pytest

from processor.core.replies import Failure, FailureKind, Response
from processor.shell.http import EdgeSettings, Engine
from tests.support.hostile_server import (
    Behaviour,
    Visit,
    full_port,
    hostile_server,
    refusing_port,
)
from tests.support.http_edge import attempt, hasty, patient, run

engines = pytest.mark.parametrize("engine", list(Engine))


def replies(raw: bytes) -> Behaviour:
    """Answer with `raw`, then close in an orderly way."""

    async def behaviour(visit: Visit) -> None:
        await visit.request()
        await visit.send(raw)

    return behaviour


def replies_and_hangs(raw: bytes) -> Behaviour:
    """Answer with `raw`, then say nothing more."""

    async def behaviour(visit: Visit) -> None:
        await visit.request()
        await visit.send(raw)
        await visit.client_leaves()

    return behaviour


def replies_and_resets(raw: bytes) -> Behaviour:
    """Answer with `raw`, then drop the connection."""

    async def behaviour(visit: Visit) -> None:
        await visit.request()
        await visit.send(raw)
        visit.reset()

    return behaviour


def replies_for_ever(raw: bytes, drop: bytes) -> Behaviour:
    """Answer with `raw`, then with `drop` again and again, never silent for long."""

    async def behaviour(visit: Visit) -> None:
        await visit.request()
        await visit.send(raw)
        while True:
            await visit.send(drop)
            await asyncio.sleep(0.02)

    return behaviour


async def closes_at_once(visit: Visit) -> None:
    """Close without having read anything."""


async def resets_at_once(visit: Visit) -> None:
    visit.reset()


async def resets_while_reading(visit: Visit) -> None:
    await visit.some_bytes()
    visit.reset()


HEAD_OF_TEN: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HEADERS_OF_MEGABYTES: Final = b"HTTP/1.1 200 OK\r\n" + b"X-Flood: %s\r\n" % (b"a" * 1000) * 4000


@dataclass(frozen=True, slots=True)
class Case:
    """What the server does, and what must come of it; `requests` is how many it read."""

    name: str
    behaviour: Behaviour
    kind: FailureKind
    status: int | None = None
    requests: int = 1
    settings: Callable[[str], EdgeSettings] = patient


LOST = FailureKind.CONNECTION_LOST
TIMEOUT = FailureKind.TIMEOUT
BROKEN = FailureKind.BODY_INTERRUPTED
PROTOCOL = FailureKind.PROTOCOL

CASES: Final = (
    Case("closed before reading", closes_at_once, LOST, requests=0),
    Case("reset while reading", resets_while_reading, LOST, requests=0),
    Case("closed after reading", replies(b""), LOST),
    Case("reset after reading", replies_and_resets(b""), LOST),
    Case("closed inside the head", replies(b"HTTP/1.1 200 OK\r\nConte"), LOST),
    Case("no head", replies_and_hangs(b""), TIMEOUT, settings=hasty),
    Case("half a head", replies_and_hangs(b"HTTP/1.1 200 OK\r\nConte"), TIMEOUT, settings=hasty),
    Case(
        "interim responses without end",
        replies_for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        TIMEOUT,
        settings=hasty,
    ),
    Case("no body", replies_and_hangs(HEAD_OF_TEN), TIMEOUT, 200, settings=hasty),
    Case("stalled body", replies_and_hangs(HEAD_OF_TEN + b"abc"), TIMEOUT, 200, settings=hasty),
    Case(
        "stalled body, far from the deadline",
        replies_and_hangs(HEAD_OF_TEN + b"abc"),
        TIMEOUT,
        200,
        settings=lambda base_url: replace(hasty(base_url), confirm_deadline=60),
    ),
    Case(
        "slow drip",
        replies_for_ever(b"HTTP/1.1 503 Busy\r\nContent-Length: 100000\r\n\r\n", b"x"),
        TIMEOUT,
        503,
        settings=hasty,
    ),
    Case(
        "silence inside a body without a length",
        replies_and_hangs(b'HTTP/1.1 200 OK\r\n\r\n{"success": tr'),
        TIMEOUT,
        200,
        settings=hasty,
    ),
    Case("truncated body", replies(HEAD_OF_TEN + b"abc"), BROKEN, 200),
    Case("reset in body", replies_and_resets(HEAD_OF_TEN + b"abc"), BROKEN, 200),
    Case("truncated chunk", replies(CHUNKED + b"5\r\nab"), BROKEN, 200),
    Case("no last chunk", replies(CHUNKED + b"2\r\n{}\r\n"), BROKEN, 200),
    Case("chunk without a size", replies(CHUNKED + b"zz\r\n{}\r\n"), BROKEN, 200),
    Case("another protocol", replies(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), PROTOCOL),
    Case("binary garbage", replies(b"\x00\x01\x02\xff\r\n\r\n"), PROTOCOL),
    Case("a status below 100", replies(b"HTTP/1.1 0 OK\r\nContent-Length: 0\r\n\r\n"), PROTOCOL),
    Case("an unasked upgrade", replies(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), PROTOCOL),
    Case(
        "two lengths",
        replies(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
        PROTOCOL,
    ),
    Case("headers of megabytes", replies(HEADERS_OF_MEGABYTES), PROTOCOL),
)


@engines
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_exchange_may_have_been_applied_and_is_never_repeated(
    case: Case, engine: Engine
) -> None:
    async def scenario() -> tuple[object, int, int]:
        async with hostile_server(case.behaviour) as server:
            reply = await attempt(case.settings(f"http://127.0.0.1:{server.port}"), engine)
            assert isinstance(reply, Failure)
            return (reply.kind, reply.status), len(server.requests), server.connections

    assert run(scenario()) == ((case.kind, case.status), case.requests, 1)


@engines
def test_a_reset_before_reading_is_certain_only_if_it_came_before_the_connection_was_used(
    engine: Engine,
) -> None:
    """The reset races with the client's end of the connection: nothing arrives either way."""

    async def scenario() -> tuple[bool, int]:
        async with hostile_server(resets_at_once) as server:
            reply = await attempt(patient(f"http://127.0.0.1:{server.port}"), engine)
            assert isinstance(reply, Failure)
            return reply.kind in {LOST, FailureKind.UNREACHABLE}, len(server.requests)

    assert run(scenario()) == (True, 0)


@engines
def test_an_unknown_host_is_unreachable(engine: Engine) -> None:
    reply = run(attempt(patient("https://rokt.invalid"), engine))
    assert isinstance(reply, Failure)
    assert (reply.kind, reply.status) == (FailureKind.UNREACHABLE, None)


@engines
def test_a_refused_connection_is_unreachable(engine: Engine) -> None:
    with refusing_port() as port:
        reply = run(attempt(patient(f"http://127.0.0.1:{port}"), engine))
    assert isinstance(reply, Failure)
    assert (reply.kind, reply.status) == (FailureKind.UNREACHABLE, None)


@engines
def test_a_connection_that_is_never_accepted_is_unreachable(engine: Engine) -> None:
    with full_port() as port:
        reply = run(attempt(hasty(f"http://127.0.0.1:{port}"), engine))
    assert isinstance(reply, Failure)
    assert (reply.kind, reply.status) == (FailureKind.UNREACHABLE, None)


OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@engines
def test_interim_responses_are_passed_over(engine: Engine) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"

    async def scenario() -> object:
        async with hostile_server(replies(interim + OK)) as server:
            return await attempt(patient(f"http://127.0.0.1:{server.port}"), engine)

    assert run(scenario()) == Response(status=200, headers={"content-length": "2"}, body=b"{}")
