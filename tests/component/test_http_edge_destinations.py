"""Where calls go: what a name server says leads the key to no metadata service and nowhere else."""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import aiohappyeyeballs
import pytest
import uvloop

from processor.core.replies import Failure, FailureKind, Response
from processor.shell.http import Engine
from tests.support.hostile_server import Visit, hostile_server
from tests.support.http_edge import Authority, attempt, hasty, new_authority, patient, run

engines = pytest.mark.parametrize("engine", list(Engine))
METADATA = "169.254.169.254"


class Names:
    """A name server that says what it is told to; `asked` are the names it was asked for."""

    def __init__(self, told: Mapping[str, list[str]]) -> None:
        self.asked: list[str] = []
        self._told = told

    def answer(self, host: str, port: int) -> list[tuple[object, ...]]:
        if host in self._told:
            self.asked.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))
            for address in self._told.get(host, [host])
        ]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch, told: Mapping[str, list[str]]) -> Names:
    server = Names(told)

    async def look_up(
        _: object, host: str | bytes, port: int, **__: object
    ) -> list[tuple[object, ...]]:
        await asyncio.sleep(0)
        return server.answer(host.decode() if isinstance(host, bytes) else host, port)

    monkeypatch.setattr(uvloop.Loop, "getaddrinfo", look_up)
    return server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


async def answers(visit: Visit) -> None:
    await visit.request()
    await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


async def listens(visit: Visit) -> None:
    """Count whatever comes, TLS's first word included, as a request."""
    if await visit.some_bytes():
        visit.count()


@engines
@pytest.mark.parametrize("told", [{"rokt.example": ["127.0.0.1"]}])
@pytest.mark.parametrize("allowed", [(), (ip_network("127.0.0.0/8"),)])
def test_a_name_that_leads_to_this_machine_gets_no_word(
    engine: Engine, names: Names, allowed: tuple[object, ...]
) -> None:
    async def scenario() -> tuple[object, int]:
        async with hostile_server(listens) as server:
            settings = patient(f"https://rokt.example:{server.port}")
            reply = await attempt(replace(settings, allowed_addresses=allowed), engine)  # type: ignore[arg-type]
            return reply, len(server.requests)

    assert run(scenario()) == (
        Failure(
            kind=FailureKind.UNREACHABLE,
            detail="no connection: calls never go to 127.0.0.1: it is this very machine",
        ),
        0,
    )
    assert set(names.asked) == {"rokt.example"}


@pytest.mark.parametrize("told", [{"rokt.example": [METADATA]}, {"localhost": [METADATA]}])
def test_an_address_that_is_refused_is_not_even_connected_to(names: Names) -> None:
    (name,) = names._told  # noqa: SLF001
    scheme = "http" if name == "localhost" else "https"
    reply = run(attempt(hasty(f"{scheme}://{name}"), Engine.FAST))
    assert isinstance(reply, Failure)
    assert reply.detail.startswith(f"no connection: calls never go to {METADATA}: it is ")


@pytest.mark.parametrize("host", ["2852039166", "0xa9.0xfe.0xa9.0xfe", "[::ffff:169.254.169.254]"])
def test_a_base_url_may_spell_an_address_as_it_likes(host: str) -> None:
    reply = run(attempt(hasty(f"https://{host}"), Engine.FAST))
    assert isinstance(reply, Failure)
    assert "calls never go to " in reply.detail


@pytest.mark.parametrize("told", [{"localhost": [METADATA, "127.0.0.1"]}])
def test_of_several_addresses_only_those_that_may_be_called_are_tried(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []
    connect = aiohappyeyeballs.start_connection

    async def watched(found: list[Any], **settings: Any) -> socket.socket:  # noqa: ANN401
        tried.extend(each[4][0] for each in found)
        return await connect(found, **settings)

    monkeypatch.setattr(aiohappyeyeballs, "start_connection", watched)

    async def scenario() -> object:
        async with hostile_server(answers) as server:
            return await attempt(patient(f"http://localhost:{server.port}"), Engine.FAST)

    assert isinstance(run(scenario()), Response)
    assert (tried, names.asked) == (["127.0.0.1"], ["localhost"])


@engines
def test_this_machine_is_called_where_the_base_url_names_it(
    engine: Engine, authority: Authority
) -> None:
    async def scenario() -> object:
        async with hostile_server(answers, authority.server()) as server:
            settings = patient(f"https://127.0.0.1:{server.port}", authority.file)
            return await attempt(settings, engine)

    assert isinstance(run(scenario()), Response)
