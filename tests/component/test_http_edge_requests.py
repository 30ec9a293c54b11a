"""What goes out: the exact bytes, once, on the right connection, and never the key elsewhere."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import httpx2 as httpx
import pytest

from processor import __version__
from processor.core.calls import Call
from processor.core.replies import Failure, FailureKind, Reply, Response
from processor.shell.http import EdgeSettings, Engine, RoktClient, open_client, open_transport
from processor.shell.http.transport import Request
from tests.support.hostile_server import HostileServer, Visit, hostile_server
from tests.support.http_edge import (
    BODY,
    CANARY_KEY,
    CONFIRM,
    RELEASE,
    attempt,
    hasty,
    patient,
    run,
)

engines = pytest.mark.parametrize("engine", list(Engine))

OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
OK_REPLY: Final = Response(status=200, headers={"content-length": "2"}, body=b"{}")


async def answers(visit: Visit) -> None:
    while await visit.request():
        await visit.send(OK)


async def answers_once_then_closes(visit: Visit) -> None:
    await visit.request()
    await visit.send(OK)


async def answers_once_then_drops_the_next(visit: Visit) -> None:
    await visit.request()
    await visit.send(OK)
    await visit.request()


async def answers_once_then_resets_the_next(visit: Visit) -> None:
    await visit.request()
    await visit.send(OK)
    await visit.some_bytes()
    visit.reset()


async def never_answers(visit: Visit) -> None:
    await visit.request()
    await visit.client_leaves()


def converse(
    behaviour: Callable[[Visit], Awaitable[None]],
    engine: Engine,
    scenario: Callable[[RoktClient, HostileServer], Awaitable[object]],
    settings: Callable[[str], EdgeSettings] = patient,
) -> object:
    """Run `scenario` with one client against one server."""

    async def session() -> object:
        async with hostile_server(behaviour) as server:
            client = open_client(
                settings(f"http://127.0.0.1:{server.port}"), engine, lambda: CANARY_KEY
            )
            try:
                return await scenario(client, server)
            finally:
                await client.aclose()

    return run(session())


@engines
def test_the_request_is_exactly_the_call(engine: Engine) -> None:
    async def scenario(client: RoktClient, server: HostileServer) -> tuple[str, set[str], bytes]:
        await client.send(CONFIRM)
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        line, *headers = head.decode().split("\r\n")
        lowered = {name.lower() + ":" + value for name, _, value in map(_parted, headers)}
        assert len(lowered) == len(headers)
        return line, {text.replace(f":{server.port}", "") for text in lowered}, body

    assert converse(answers, engine, scenario) == (
        "POST /v1/Cart/confirm HTTP/1.1",
        {
            "host: 127.0.0.1",
            f"content-length: {len(BODY)}",
            f"rokt-api-key: {CANARY_KEY}",
            "content-type: application/json",
            "accept: application/json",
            "accept-encoding: identity",
            f"user-agent: rokt-cart-processor/{__version__}",
            "rokt-tag-id: 253_1",
            "rokt-session-id: s-1",
            "accept-language: en-US",
        },
        BODY,
    )


def _parted(header: str) -> tuple[str, str, str]:
    return header.partition(":")


@engines
def test_the_path_follows_that_of_the_base_url(engine: Engine) -> None:
    async def scenario() -> bytes:
        async with hostile_server(answers) as server:
            await attempt(patient(f"http://127.0.0.1:{server.port}/edge/"), engine, RELEASE)
            return server.requests[0].split(b" ")[1]

    assert run(scenario()) == b"/edge/v1/cart/release"


UNSENDABLE: Final = (
    "a\r\nx: y",
    "a\nb",
    "a\rb",
    "caf\xe9",
    "日",
    "a\x00b",
    "a\tb",
    "a\x7f",
    " a",
    "a ",
)


@engines
@pytest.mark.parametrize("value", UNSENDABLE)
def test_a_header_value_that_cannot_be_sent_is_refused_before_anything_is(
    value: str, engine: Engine
) -> None:
    call = replace(CONFIRM, headers=(("rokt-session-id", value),))

    async def scenario(client: RoktClient, server: HostileServer) -> tuple[Reply, int]:
        return await client.send(call), server.connections

    assert converse(answers, engine, scenario) == (
        Failure(
            kind=FailureKind.UNSENDABLE,
            detail="header rokt-session-id cannot be sent: only printable ASCII can",
        ),
        0,
    )


@pytest.mark.parametrize("value", [b"caf\xc3\xa9", b"a\r\nx: y"])
def test_the_fast_transport_itself_lets_no_bad_header_through(value: bytes) -> None:
    async def scenario() -> int:
        async with hostile_server(answers) as server:
            url = f"http://127.0.0.1:{server.port}"
            transport = open_transport(patient(url), Engine.FAST)
            request = Request(b"POST", b"/", [(b"x", value)], b"", 25.0, 30.0)
            with pytest.raises(httpx.LocalProtocolError):
                await transport.exchange(request)
            await transport.aclose()
            return server.connections

    assert run(scenario()) == 0


@engines
def test_one_connection_serves_many_calls(engine: Engine) -> None:
    async def scenario(client: RoktClient, server: HostileServer) -> tuple[list[Reply], int]:
        return [await client.send(CONFIRM) for _ in range(3)], server.connections

    assert converse(answers, engine, scenario) == ([OK_REPLY] * 3, 1)


@engines
def test_an_idle_connection_is_given_up_in_time(engine: Engine) -> None:
    def settings(base_url: str) -> EdgeSettings:
        return replace(patient(base_url), idle_timeout=0.05)

    async def scenario(client: RoktClient, server: HostileServer) -> tuple[Reply, int]:
        await client.send(CONFIRM)
        await asyncio.sleep(0.1)  # the idle time itself
        return await client.send(CONFIRM), server.connections

    assert converse(answers, engine, scenario, settings) == (OK_REPLY, 2)


@engines
def test_a_connection_closed_while_idle_costs_at_most_one_ambiguous_failure(
    engine: Engine,
) -> None:
    async def scenario(client: RoktClient, server: HostileServer) -> tuple[object, int]:
        await client.send(CONFIRM)
        await server.wait_for(lambda server: server.departures == 1)
        second = await client.send(replace(CONFIRM, path="/second"))
        third = await client.send(CONFIRM)
        sent = sum(request.startswith(b"POST /second") for request in server.requests)
        return third, sent if isinstance(second, Response) else sent + 1

    assert converse(answers_once_then_closes, engine, scenario) == (OK_REPLY, 1)


@engines
@pytest.mark.parametrize(
    ("behaviour", "requests"),
    [(answers_once_then_drops_the_next, 2), (answers_once_then_resets_the_next, 1)],
)
def test_a_kept_connection_that_ends_under_a_call_is_not_made_up_for(
    behaviour: Callable[[Visit], Awaitable[None]], requests: int, engine: Engine
) -> None:
    async def scenario(client: RoktClient, server: HostileServer) -> tuple[object, int, int]:
        await client.send(CONFIRM)
        reply = await client.send(CONFIRM)
        assert isinstance(reply, Failure)
        return reply.kind, len(server.requests), server.connections

    assert converse(behaviour, engine, scenario) == (FailureKind.CONNECTION_LOST, requests, 1)


@engines
def test_a_release_is_given_up_sooner_than_a_confirm(engine: Engine) -> None:
    def settings(base_url: str) -> EdgeSettings:
        return replace(hasty(base_url), confirm_read_timeout=20, confirm_deadline=20)

    async def scenario(client: RoktClient, _: HostileServer) -> tuple[object, bool]:
        confirm = asyncio.create_task(client.send(CONFIRM))
        release = await client.send(RELEASE)
        assert isinstance(release, Failure)
        is_waiting = not confirm.done()
        confirm.cancel()
        with pytest.raises(asyncio.CancelledError):
            await confirm
        return release.kind, is_waiting

    assert converse(never_answers, engine, scenario, settings) == (FailureKind.TIMEOUT, True)


@engines
def test_a_cancelled_call_hangs_up_by_its_deadline(engine: Engine) -> None:
    def settings(base_url: str) -> EdgeSettings:
        return replace(hasty(base_url), confirm_read_timeout=30, confirm_deadline=30)

    async def scenario(client: RoktClient, server: HostileServer) -> int:
        task = asyncio.create_task(client.send(RELEASE))
        await server.wait_for(lambda server: len(server.requests) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.wait_for(lambda server: server.departures == 1)
        return server.connections

    assert converse(never_answers, engine, scenario, settings) == 1


@engines
@pytest.mark.parametrize("call", [CONFIRM, RELEASE])
@pytest.mark.parametrize(("read", "deadline"), [(0.2, 60.0), (60.0, 0.2)])
def test_a_call_that_was_given_up_has_hung_up(
    call: Call, read: float, deadline: float, engine: Engine
) -> None:
    """Otherwise its repetition would run beside it."""

    def settings(base_url: str) -> EdgeSettings:
        return EdgeSettings(
            base_url=base_url,
            connect_timeout=0.1,
            confirm_read_timeout=read if call is CONFIRM else 90,
            release_read_timeout=read if call is RELEASE else 90,
            confirm_deadline=deadline if call is CONFIRM else 90,
            release_deadline=deadline if call is RELEASE else 90,
        )

    async def scenario(client: RoktClient, server: HostileServer) -> int:
        await client.send(call)
        await server.wait_for(lambda server: server.departures == 1)
        return server.connections

    assert converse(never_answers, engine, scenario, settings) == 1


@engines
def test_proxies_of_the_environment_are_ignored(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    async def scenario(client: RoktClient, _: HostileServer) -> Reply:
        return await client.send(CONFIRM)

    assert converse(answers, engine, scenario) == OK_REPLY


@engines
def test_cookies_are_not_kept(engine: Engine) -> None:
    async def sets_a_cookie(visit: Visit) -> None:
        while await visit.request():
            await visit.send(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n"))

    async def scenario(client: RoktClient, server: HostileServer) -> bool:
        await client.send(CONFIRM)
        await client.send(CONFIRM)
        return any(b"cookie" in request.lower() for request in server.requests)

    assert converse(sets_a_cookie, engine, scenario) is False


async def echoes(visit: Visit) -> None:
    await visit.send(await visit.request())


async def echoes_inside_a_chunk(visit: Visit) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    await visit.send(head + CANARY_KEY.encode() + b"\r\n" + await visit.request())


@engines
@pytest.mark.parametrize("behaviour", [echoes, echoes_inside_a_chunk, never_answers])
def test_the_api_key_shows_nowhere_even_if_the_peer_repeats_it(
    behaviour: Callable[[Visit], Awaitable[None]],
    engine: Engine,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)

    async def scenario(client: RoktClient, _: HostileServer) -> str:
        reply = await client.send(CONFIRM)
        assert isinstance(reply, Failure)
        return f"{reply!r} {client!r} {vars(client)!r} {caplog.text}"

    text = converse(behaviour, engine, scenario, hasty)
    assert isinstance(text, str)
    assert CANARY_KEY not in text


@pytest.mark.parametrize("key", ["", "a\nb", "caf\xe9", f"{CANARY_KEY}\r"])
def test_a_key_that_cannot_be_sent_concerns_every_call_and_is_not_shown(key: str) -> None:
    async def scenario() -> tuple[Reply, int]:
        async with hostile_server(answers) as server:
            client = open_client(
                patient(f"http://127.0.0.1:{server.port}"), Engine.FAST, lambda: key
            )
            reply = await client.send(CONFIRM)
            await client.aclose()
            return reply, server.connections

    assert run(scenario()) == (
        Failure(
            kind=FailureKind.UNREACHABLE,
            detail="the API key is empty or cannot be sent: only printable ASCII can",
        ),
        0,
    )
