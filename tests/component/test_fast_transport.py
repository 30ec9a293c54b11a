"""What the fast engine alone promises: when it is certain, when it hangs up, what it keeps."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import pytest
import uvloop

from processor.core.replies import Failure, FailureKind, Reply, Response
from processor.shell.http import (
    EdgeSettings,
    Engine,
    RoktClient,
    Withheld,
    open_client,
    open_transport,
)
from processor.shell.http.transport import Request
from tests.support.hostile_server import Behaviour, HostileServer, Visit, hostile_server
from tests.support.http_edge import (
    CANARY_KEY,
    CONFIRM,
    Authority,
    attempt,
    hasty,
    new_authority,
    patient,
    run,
)

OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
OK_REPLY: Final = Response(status=200, headers={"content-length": "2"}, body=b"{}")
MEGABYTE: Final = 1 << 20


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


@asynccontextmanager
async def conversation(
    behaviour: Behaviour, settings: Callable[[str], EdgeSettings] = patient
) -> AsyncIterator[tuple[RoktClient, HostileServer]]:
    async with hostile_server(behaviour) as server:
        url = f"http://127.0.0.1:{server.port}"
        client = open_client(settings(url), Engine.FAST, lambda: CANARY_KEY)
        try:
            yield client, server
        finally:
            await client.aclose()


def answers_with(*parts: bytes) -> Behaviour:
    async def behaviour(visit: Visit) -> None:
        while await visit.request():
            for part in parts:
                await visit.send(part)

    return behaviour


async def never_shakes_hands(visit: Visit) -> None:
    await visit.some_bytes()
    await visit.client_leaves()


def _calls(behaviour: Behaviour, calls: int) -> tuple[list[Reply], int]:
    async def scenario() -> tuple[list[Reply], int]:
        async with conversation(behaviour) as (client, server):
            return [await client.send(CONFIRM) for _ in range(calls)], server.connections

    return run(scenario())


def test_a_handshake_that_takes_too_long_is_ended_by_us(authority: Authority) -> None:
    async def scenario() -> tuple[object, int]:
        async with hostile_server(never_shakes_hands) as server:
            settings = hasty(f"https://127.0.0.1:{server.port}")
            reply = await attempt(replace(settings, ca_file=authority.file), Engine.FAST)
            await server.wait_for(lambda server: server.departures == 1)
            assert isinstance(reply, Failure)
            return reply.kind, server.connections

    assert run(scenario()) == (FailureKind.UNREACHABLE, 1)


def test_a_call_cancelled_while_it_connects_never_goes_out(authority: Authority) -> None:
    """The server shakes hands only after the call was given up, and hears nothing then."""

    async def scenario() -> int:
        is_given_up = asyncio.Event()
        async with (
            hostile_server(answers_with(OK), authority.server()) as server,
            _held_back(server.port, is_given_up) as (port, has_connected, has_ended),
        ):
            settings = replace(patient(f"https://127.0.0.1:{port}"), ca_file=authority.file)
            client = open_client(settings, Engine.FAST, lambda: CANARY_KEY)
            task = asyncio.create_task(client.send(CONFIRM))
            await has_connected.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            is_given_up.set()
            await has_ended.wait()
            await client.aclose()
            return len(server.requests)

    assert run(scenario()) == 0


def test_a_call_cancelled_while_it_waits_hangs_up_at_once() -> None:
    """A lost partition's call must not go on for the rest of its time."""

    async def never_answers(visit: Visit) -> None:
        await visit.request()
        await visit.client_leaves()

    async def scenario() -> int:
        async with hostile_server(never_answers) as server:
            settings = patient(f"http://127.0.0.1:{server.port}")
            client = open_client(settings, Engine.FAST, lambda: CANARY_KEY)
            task = asyncio.create_task(client.send(CONFIRM))
            await server.wait_for(lambda server: len(server.requests) == 1)
            task.cancel()
            async with asyncio.timeout(5):  # of the thirty that it may take
                await server.wait_for(lambda server: server.departures == 1)
            await client.aclose()
            return server.connections

    assert run(scenario()) == 1


def test_a_call_that_may_go_no_more_once_it_is_connected_never_goes_out(
    authority: Authority,
) -> None:
    async def scenario() -> int:
        may_go = asyncio.Event()
        may_go.set()
        is_too_late = asyncio.Event()
        async with (
            hostile_server(answers_with(OK), authority.server()) as server,
            _held_back(server.port, is_too_late) as (port, has_connected, has_ended),
        ):
            settings = replace(patient(f"https://127.0.0.1:{port}"), ca_file=authority.file)
            client = open_client(settings, Engine.FAST, lambda: CANARY_KEY)
            task = asyncio.create_task(client.send(CONFIRM, may_go.is_set))
            await has_connected.wait()
            may_go.clear()
            is_too_late.set()
            with pytest.raises(Withheld):
                await task
            await has_ended.wait()
            await client.aclose()
            return len(server.requests)

    assert run(scenario()) == 0


@asynccontextmanager
async def _held_back(
    to: int, until: asyncio.Event
) -> AsyncIterator[tuple[int, asyncio.Event, asyncio.Event]]:
    """Yield a port whose bytes wait for `until`, and what is set when a client comes and goes."""
    has_connected, has_ended = asyncio.Event(), asyncio.Event()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        has_connected.set()
        await until.wait()
        back, there = await asyncio.open_connection("127.0.0.1", to)
        await asyncio.gather(_pump(reader, there), _pump(back, writer), return_exceptions=True)
        has_ended.set()

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], has_connected, has_ended
    finally:
        server.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(MEGABYTE):
        target.write(data)
    target.close()


def test_a_body_without_a_length_ends_with_its_connection() -> None:
    async def behaviour(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.0 200 OK\r\n\r\n{}")

    assert _calls(behaviour, 2) == ([Response(status=200, headers={}, body=b"{}")] * 2, 2)


def test_a_connection_that_the_peer_will_close_is_not_used_again() -> None:
    closing = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    replies, connections = _calls(answers_with(closing), 2)
    assert ([reply.body for reply in replies if isinstance(reply, Response)], connections) == (
        [b"{}"] * 2,
        2,
    )


@pytest.mark.parametrize("more", [OK, b"garbage", b"\r\n\r\n\x00"])
def test_what_comes_behind_a_reply_is_no_reply_to_the_next_call(more: bytes) -> None:
    assert _calls(answers_with(OK + more), 2) == ([OK_REPLY] * 2, 2)


def test_what_comes_unasked_ends_an_idle_connection() -> None:
    async def behaviour(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        await asyncio.sleep(0.05)  # so that it cannot be part of the reply
        await visit.send(OK)
        await visit.client_leaves()

    async def scenario() -> tuple[Reply, Reply, int]:
        async with conversation(behaviour) as (client, server):
            first = await client.send(CONFIRM)
            await server.wait_for(lambda server: server.departures == 1)
            return first, await client.send(CONFIRM), server.connections

    assert run(scenario()) == (OK_REPLY, OK_REPLY, 2)


def test_an_idle_connection_is_closed_without_another_call() -> None:
    async def behaviour(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        await visit.client_leaves()

    async def scenario() -> int:
        async with conversation(behaviour, _hardly_idle) as (client, server):
            await client.send(CONFIRM)
            await server.wait_for(lambda server: server.departures == 1)
            return server.connections

    assert run(scenario()) == 1


def _hardly_idle(url: str) -> EdgeSettings:
    return replace(patient(url), idle_timeout=0.05)


def test_trailers_are_no_headers() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: y\r\n\r\n"
    assert _calls(answers_with(chunked), 2) == (
        [Response(status=200, headers={"transfer-encoding": "chunked"}, body=b"{}")] * 2,
        1,
    )


def test_trailers_without_end_are_not_taken_in() -> None:
    async def floods(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ")
        while True:
            await visit.send(b"a" * 1000)

    replies, _ = _calls(floods, 1)
    assert isinstance(replies[0], Failure)
    assert replies[0].kind is FailureKind.BODY_INTERRUPTED


def test_an_endless_body_is_not_taken_in_while_nobody_reads_it() -> None:
    """As much as fits into the sockets leaves the server, and then no more."""
    sent = 0

    async def floods(visit: Visit) -> None:
        nonlocal sent
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
        while True:
            await visit.send(b"x" * MEGABYTE)
            sent += 1

    async def scenario() -> tuple[bool, bool]:
        async with hostile_server(floods) as server:
            url = f"http://127.0.0.1:{server.port}"
            transport = open_transport(patient(url), Engine.FAST)
            answer = await transport.exchange(Request(b"POST", b"/", [], b"", 25.0, 30.0))
            for _ in range(10):
                await asyncio.sleep(0.05)  # time to send gigabytes
            first = len(await anext(aiter(answer)))
            await answer.close()
            await transport.aclose()
            return sent < 20, first < MEGABYTE

    assert run(scenario()) == (True, True)


def test_a_second_address_is_tried_beside_one_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """192.0.2.1 is nobody's (RFC 5737): packets to it are lost, or refused at once."""
    resolve = uvloop.Loop.getaddrinfo

    async def getaddrinfo(
        loop: uvloop.Loop, host: str, port: int, **hints: int
    ) -> list[tuple[Any, ...]]:
        found = [*await resolve(loop, "127.0.0.1", port, **hints)]
        if host != "localhost":
            return found
        family, kind, protocol, name, _ = found[0]
        return [(family, kind, protocol, name, ("192.0.2.1", port)), *found]

    monkeypatch.setattr(uvloop.Loop, "getaddrinfo", getaddrinfo)

    async def scenario() -> Reply:
        async with conversation(answers_with(OK), _by_name) as (client, _):
            return await client.send(CONFIRM)

    assert run(scenario()) == OK_REPLY


def _by_name(url: str) -> EdgeSettings:
    return patient(url.replace("127.0.0.1", "localhost"))
