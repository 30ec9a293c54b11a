"""The play: the processor meets the samples, and everybody sees what comes of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Final

import httpx2 as httpx
from rich.console import Console

from processor.demo import report
from processor.demo.findings import Finding, find
from processor.demo.readings import Reader
from processor.demo.samples import Sample, Section
from processor.demo.traffic import traffic
from processor.demo.world import ALL_TOPICS, World, world
from processor.shell import logs
from processor.shell.application import Application
from processor.shell.settings import load

PATIENCE: Final = 30.0
_POLL: Final = 0.2
_PAUSE: Final = 0.5
_REMIND_EVERY: Final = 40
"""Samples; so about three times a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A world, the processor at work in it, and a reader of what it writes."""

    world: World
    application: Application
    running: "asyncio.Task[None]"
    reader: Reader

    def produce(self, samples: Sequence[Sample]) -> None:
        """Produce samples, to be read about."""
        self.reader.expect(self.world.produce(samples))

    async def perform(self, samples: Sequence[Sample], patience: float) -> None:
        """Produce samples, and read until all have come to their end, or for so many seconds."""
        deadline = time.monotonic() + patience
        for is_late in (False, True):
            self.produce([sample for sample in samples if sample.is_late is is_late])
            while not self.reader.has_all() and time.monotonic() < deadline:
                await self.poll()

    async def poll(self) -> None:
        """Read a little; raises what has ended the processor, if that has happened."""
        await asyncio.to_thread(self.reader.poll, _POLL)
        if self.running.done():
            self.running.result()

    def findings(self) -> list[Finding]:
        """Return the findings so far."""
        return find(self.reader.readings(), self.world.rokt.ledger.entries)

    def forget_complete(self) -> list[Finding]:
        """Return the findings on samples that have come to their end, and forget these."""
        complete = set(self.reader.complete())
        findings = [finding for finding in self.findings() if finding.sample in complete]
        for sample in complete:
            self.reader.forget(sample)
        return findings

    async def metrics(self) -> str:
        """Return what the processor exports."""
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"{self.application.server.url}/metrics")).text


@asynccontextmanager
async def stage(log_level: str) -> AsyncIterator[Stage]:
    """Set up a stage, and clear it at the end."""
    with world() as around, Reader.of(around) as reader:
        settings = load(environ=around.environment | {"PROCESSOR_LOG__LEVEL": log_level})
        logs.configure(settings.log.format, settings.log.level)
        application = Application(settings)
        running = asyncio.create_task(application.run())
        try:
            yield Stage(world=around, application=application, running=running, reader=reader)
        finally:
            application.stop()
            await running


async def play(
    console: Console,
    sections: Sequence[Section],
    *,
    log_level: str = "error",
    patience: float = PATIENCE,
    keeps_on: bool = False,
) -> bool:
    """Show what comes of the samples, and tell whether all of it is as it has to be.

    With `keeps_on` more of them follow, if all was well, until SIGINT or SIGTERM. `patience`:
    seconds until what has not come to its end counts as missing.
    """
    samples = tuple(chain.from_iterable(section.samples for section in sections))
    async with stage(log_level) as on:
        began = time.monotonic()
        with console.status("The processor joins its group, and works on the samples ..."):
            await on.perform(samples, patience)
        findings, seconds = on.findings(), time.monotonic() - began
        console.print(report.table(sections, findings))
        totals = on.world.rokt.ledger.totals
        console.print(report.summary(findings, totals, await on.metrics(), seconds))
        is_well = not any(finding.deviations for finding in findings)
        console.print()
        if is_well and keeps_on:
            await _keep_on(on, console)
        else:
            console.print(report.where_next())
    return is_well


async def _keep_on(on: Stage, console: Console) -> None:
    """Produce two samples a second, and show what comes of them, until told to stop."""
    world_, server_url = on.world, on.application.server.url
    servers, admin_url = world_.bootstrap_servers, world_.rokt.admin_url
    console.print(report.addresses(servers, ALL_TOPICS, server_url, admin_url))
    on.application.stop_on_signals()
    on.forget_complete()
    for number, sample in enumerate(traffic(), 1):
        if number % _REMIND_EVERY == 0:
            console.print(report.reminder(server_url))
        on.produce([sample])
        next_at = time.monotonic() + _PAUSE
        while time.monotonic() < next_at:
            await on.poll()
            if on.running.done():
                return
            for finding in on.forget_complete():
                console.print(report.line(finding))
