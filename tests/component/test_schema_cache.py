"""The cache of schemas on a clock that runs fast: what it asks, waits for, and says."""

import asyncio
import json
from typing import Final
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from processor.core.vocabulary import Reason
from processor.shell import schema_questions, schemas
from processor.shell.registry import Registry
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
    assert list(dict.fromkeys(troubles)) == [None, "status 503"]
    assert troubles[-1] is None
    assert len(fake.paths) == 2


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
