"""Rehearsal: real child processes, and what they die of. `support/deadly` stands for the faults."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from processor.core.records import Record
from processor.core.vocabulary import Reason
from processor.shell import rehearsal_child, schemas
from processor.shell.framing import SchemaKey
from processor.shell.history.careful import CarefulDecoder
from processor.shell.rehearsal import Deadly, Harmless, Rehearsal, Undecided, deadly
from processor.shell.rehearsal_child import (
    MOST_MEMORY,
    MOST_SECONDS,
    RAISED,
    RecordTask,
    SchemaTask,
    answer,
)
from processor.shell.schema_cache import SchemaCache
from processor.shell.vetting import Refusal, VettedSchema, vet
from tests.support.codec import ABANDONED, PAID, datum_of, framed, record, schema_of

CANARY = "canary-key-4711"
DEADLY = Path(__file__).parents[1] / "support" / "deadly"


@pytest.fixture
def rehearsal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    """A rehearsal whose children die of deadly bytes."""
    monkeypatch.syspath_prepend(str(DEADLY))
    with closing(Rehearsal()) as opened:
        yield opened


def vetted(name: str = schemas.ORDER_PAID) -> VettedSchema:
    """Return a schema of ours, ready to read with."""
    found = vet(schemas.text(name), schemas.readers())
    assert isinstance(found, VettedSchema)
    return found


def task(says: str = "harmless") -> RecordTask:
    """Return an order that says something in its attributes, to be decoded."""
    order = replace(PAID, attributes={"a": says})
    value = framed(schema_of(schemas.ORDER_PAID), datum_of(order))
    return RecordTask(record(value), schemas.ORDER_PAID, vetted())


def child_of(rehearsal: Rehearsal) -> int:
    """Return the id of the child process."""
    child = rehearsal._child  # noqa: SLF001
    assert child is not None
    return child._process.pid  # noqa: SLF001


def test_harmless_tasks_are_done_in_one_child(rehearsal: Rehearsal) -> None:
    value = framed(schema_of(schemas.CART_ABANDONED), datum_of(ABANDONED))
    release = RecordTask(record(value), None, vetted(schemas.CART_ABANDONED))
    rubbish = RecordTask(record(b"\0\0\0\0\7rubbish"), None, vetted())
    assert rehearsal.try_(task()) == Harmless()
    first = child_of(rehearsal)
    tasks = (release, rubbish, SchemaTask(schemas.text(schemas.ORDER_PAID)), SchemaTask("rubbish"))
    assert [rehearsal.try_(each) for each in tasks] == [Harmless()] * len(tasks)
    assert child_of(rehearsal) == first


@pytest.mark.parametrize(
    ("says", "how"),
    [
        ("deadly: segfault", "SIGSEGV"),
        ("deadly: memory", "too much memory"),
        ("deadly: raise", "an exception that nobody foresaw"),
    ],
)
def test_a_record_that_its_own_child_dies_of_is_deadly(
    rehearsal: Rehearsal, says: str, how: str
) -> None:
    assert [rehearsal.try_(each) for each in (task(), task(says), task())] == [
        Harmless(),
        Deadly(how),
        Harmless(),
    ]


@pytest.mark.faults
def test_a_record_that_takes_too_long_is_deadly(rehearsal: Rehearsal) -> None:
    assert rehearsal.try_(task("deadly: spin")) == Deadly("SIGXCPU")


def test_a_child_that_others_have_worn_out_convicts_nobody(rehearsal: Rehearsal) -> None:
    tasks = (task(), task("deadly: only after others"), task())
    assert [rehearsal.try_(each) for each in tasks] == [Harmless()] * 3


def test_a_child_that_somebody_kills_proves_nothing(rehearsal: Rehearsal) -> None:
    why = "the child process was ended by others (SIGKILL)"
    assert rehearsal.try_(task("deadly: killed by others")) == Undecided(why)


def test_a_child_that_only_waits_proves_nothing(rehearsal: Rehearsal) -> None:
    assert rehearsal.try_(task()) == Harmless()
    rehearsal._within = 0.2  # noqa: SLF001
    assert isinstance(rehearsal.try_(task("deadly: sleep")), Undecided)


@pytest.mark.parametrize("program", ["/nowhere/python", "/bin/false"])
def test_a_child_that_does_not_begin_proves_nothing(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    assert isinstance(rehearsal.try_(task("deadly: segfault")), Undecided)


def test_a_rehearsal_that_is_over_starts_no_child(rehearsal: Rehearsal) -> None:
    rehearsal.close()
    assert rehearsal.try_(task()) == Undecided("the process ends")
    with pytest.raises(AssertionError):
        child_of(rehearsal)


def test_a_child_knows_no_secret_and_leaves_no_core(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROCESSOR_ROKT__API_KEY", CANARY)
    rehearsal.try_(task())
    proc = Path("/proc") / str(child_of(rehearsal))
    told = (proc / "environ").read_bytes() + (proc / "cmdline").read_bytes()
    assert [each for each in (CANARY, "PROCESSOR_") if each.encode() in told] == []
    lines = (proc / "limits").read_text().splitlines()
    rows = {line[:26].strip(): line[26:].split()[0] for line in lines}
    assert rows["Max core file size"] == "0"
    assert int(rows["Max cpu time"]) < 2 * MOST_SECONDS
    assert MOST_MEMORY < int(rows["Max address space"]) < 2 * MOST_MEMORY
    assert (proc / "oom_score_adj").read_text().strip() == "1000"


def test_a_careful_decoder_survives_what_is_deadly(rehearsal: Rehearsal) -> None:
    assert rehearsal.try_(task()) == Harmless()
    decoder = CarefulDecoder(lambda _: vetted())
    said = [decoder.decode(task(says).record, None) for says in ("harmless", "deadly: segfault")]
    assert said == [replace(PAID, attributes={"a": "harmless"}), deadly(Deadly("SIGSEGV"))]


def test_a_child_ends_with_its_rehearsal(rehearsal: Rehearsal) -> None:
    rehearsal.try_(task())
    child = child_of(rehearsal)
    rehearsal.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_what_raises_behind_the_decoder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError

    monkeypatch.setattr(rehearsal_child, "problems", fail)
    assert answer(task()) == RAISED


class Registry:
    """A registry that has one schema."""

    def __init__(self, text: str) -> None:
        self.text = text

    def fetch(self, _: SchemaKey) -> str:
        return self.text

    def knows_another(self, *_: object) -> bool:
        return True


async def found_in(registry: Registry) -> VettedSchema | Refusal | None:
    """Return what a careful cache says of a registry's schema."""
    settled = asyncio.Event()
    cache = SchemaCache(
        registry, schemas.readers(), clock=monotonic, on_settled=lambda _: settled.set()
    )
    cache.is_careful = True
    cache.want(7, "orders", monotonic())
    asking = asyncio.create_task(cache.run())
    await asyncio.wait_for(settled.wait(), 30)
    asking.cancel()
    return cache.get(7)


@pytest.mark.usefixtures("rehearsal")
def test_a_schema_that_a_child_dies_of_is_refused() -> None:
    text = schemas.text(schemas.ORDER_PAID)
    enum = '{"type":"enum","name":"deadly_segfault","symbols":["a"]}'
    deadly = text.replace('"fields":[', f'"fields":[{{"name":"x","type":{enum}}},', 1)
    assert isinstance(asyncio.run(found_in(Registry(text))), VettedSchema)
    assert asyncio.run(found_in(Registry(deadly))) == Refusal(
        reason=Reason.SCHEMA_REFUSED,
        detail="Vetting it in a process of its own ended that process: SIGSEGV.",
    )


def test_the_largest_order_is_far_from_what_a_child_may_take(rehearsal: Rehearsal) -> None:
    items = tuple(
        replace(PAID.items[0], cart_item_id=f"{number}", item_reservation_id=None)
        for number in range(35_000)
    )
    value = framed(schema_of(schemas.ORDER_PAID), datum_of(replace(PAID, items=items)))
    assert 500_000 < len(value) < 1024 * 1024
    largest = Record(record(value).source, b"c-1", value)
    assert rehearsal.try_(RecordTask(largest, None, vetted())) == Harmless()
