"""The cache of schemas on a clock that runs fast: what it asks, waits for, and says."""

import asyncio
import json
from typing import Final
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from processor.core.vocabulary import Reason
from processor.shell import schema_questions, schemas
from processor.shell.registry import Registry, RegistryAway
from processor.shell.schema_cache import SchemaCache
from processor.shell.vetting import Refusal, VettedSchema
from tests.support.fake_registry import JSON, FakeRegistry, asked

TEXT: Final = schemas.text("OrderPaid")


@pytest.fixture
def mock() -> Registry:
    return Registry(f"mock://{uuid4()}")


def run_cache(registry: Registry, wanted: int, *, ticks_a_second: float = 1.0) -> object:
    """Return what a schema comes to, on a clock that runs faster than time."""

    async def wait() -> object:
        loop = asyncio.get_running_loop()
        settled: asyncio.Queue[int | str] = asyncio.Queue()
        cache = SchemaCache(
            registry,
            schemas.readers(),
            clock=lambda: loop.time() * ticks_a_second,
            on_settled=settled.put_nowait,
        )
        task = asyncio.create_task(cache.run())
        cache.want(wanted, "orders", loop.time() * ticks_a_second)
        async with asyncio.timeout(20):
            assert await settled.get() == wanted
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return cache.get(wanted)

    return asyncio.run(wait())


def test_the_cache_fetches_what_is_wanted(mock: Registry) -> None:
    assert isinstance(run_cache(mock, mock.register("orders-value", TEXT)), VettedSchema)


def test_the_cache_gives_an_unknown_schema_up(mock: Registry) -> None:
    mock.register("orders-value", TEXT)
    found = run_cache(mock, 99, ticks_a_second=200.0)
    assert isinstance(found, Refusal)
    assert found.reason is Reason.UNDECODABLE


def test_the_cache_waits_for_a_registry_that_comes_back() -> None:
    fake = FakeRegistry(503, "{}")
    fake.later = (200, json.dumps({"schema": TEXT}), JSON)
    troubles: list[str | None] = []

    async def scenario(registry: Registry) -> None:
        loop = asyncio.get_running_loop()
        settled = asyncio.Event()

        def clock() -> float:
            troubles.append(cache.away)
            return loop.time() * 100

        cache = SchemaCache(
            registry, schemas.readers(), clock=clock, on_settled=lambda _: settled.set()
        )
        task = asyncio.create_task(cache.run())
        cache.want(7, "orders", loop.time() * 100)
        async with asyncio.timeout(20):
            await settled.wait()
        clock()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with asked(fake) as registry:
        asyncio.run(scenario(registry))
    assert list(dict.fromkeys(troubles)) == [None, "schema 7: status 503"]
    assert troubles[-1] is None
    assert len(fake.paths) == 2


class Torn:
    """A registry that tells schema 7, and of 99 only that something went wrong."""

    def __init__(self) -> None:
        self.fetched: list[int | str] = []

    def fetch(self, schema: int | str) -> str | RegistryAway:
        self.fetched.append(schema)
        return TEXT if schema == 7 else RegistryAway(detail="status 500")

    def knows_another(self, *_: object) -> bool:
        return True


def test_that_one_schema_is_not_told_is_said_however_well_another_is_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(schema_questions, "COMPARED_EVERY", 0.01)
    monkeypatch.setattr(schema_questions, "_COMPARED_A_SECOND", 100.0)
    registry = Torn()

    async def scenario() -> str | None:
        loop = asyncio.get_running_loop()
        cache = SchemaCache(
            registry, schemas.readers(), clock=loop.time, on_settled=lambda _: told.set()
        )
        told = asyncio.Event()
        task = asyncio.create_task(cache.run())
        async with asyncio.timeout(20):
            cache.want(7, "orders", loop.time())
            await told.wait()
            cache.want(99, "orders", loop.time())
            await is_compared_again(registry)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return cache.away

    assert asyncio.run(scenario()) == "schema 99: status 500"


async def is_compared_again(registry: Torn) -> None:
    """Wait until 99 was asked for, and 7 was compared since."""
    for _ in range(900):
        if 99 in registry.fetched and registry.fetched[-3:] == [7, 7, 7]:
            return
        await asyncio.sleep(0.01)


async def is_gone(cache: SchemaCache) -> None:
    for _ in range(900):
        if cache.get(7) is None:
            return
        await asyncio.sleep(0.02)


def test_a_schema_that_changes_under_its_id_is_said_until_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(schema_questions, "COMPARED_EVERY", 0.1)
    fake = FakeRegistry(200, json.dumps({"schema": TEXT}))
    other = (200, json.dumps({"schema": schemas.text("CartAbandoned")}), JSON)

    async def scenario(registry: Registry) -> list[str | None]:
        loop = asyncio.get_running_loop()
        settled: asyncio.Queue[int | str] = asyncio.Queue()
        cache = SchemaCache(
            registry,
            schemas.readers(),
            clock=loop.time,
            on_settled=settled.put_nowait,
        )
        task = asyncio.create_task(cache.run())
        cache.want(7, "orders", loop.time())
        troubles = []
        async with asyncio.timeout(20):
            await settled.get()
            former, fake.answer = fake.answer, other
            await is_gone(cache)
            troubles.append(cache.away)
            fake.answer = former
            assert await settled.get() == 7
            troubles.append(cache.away)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return troubles

    with asked(fake) as registry, capture_logs() as lines:
        said, at_last = asyncio.run(scenario(registry))
    assert "schema 7 is another than it was, its records wait: give the registry" in str(said)
    assert at_last is None
    assert [(line["log_level"], line["event"], line["schema"]) for line in lines] == [
        ("error", "a schema is another than it was", 7)
    ]
