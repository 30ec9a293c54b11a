"""The status page in a headless Chromium: what people see, and what strangers cannot do to it.

`STATUS_PAGE_PICTURES=folder` keeps pictures of it, light and dark, to be looked at.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pytest
from prometheus_client import CollectorRegistry

from processor.core.effects import RecordEnded
from processor.core.escapes import escaped
from processor.core.partitions import Phase
from processor.core.scopes import Scope
from processor.shell import settings
from processor.shell.page.recent import EVERY, Recent
from processor.shell.page.view import view
from processor.shell.seen import Seen
from processor.shell.server import Server
from tests.support.chromium import Tab, tab
from tests.unit.test_observers import OUTCOME, WENT_WELL
from tests.unit.test_view import GAP, HOLD, SEEN, SIGHT

pytestmark = [pytest.mark.page, pytest.mark.timeout(120)]

HOSTILE: Final = "<img src=x onerror=alert(1)>\"'&<script>alert(2)</script>\u202e"
WORD: Final = "(document.getElementById('word')?.textContent ?? 'Loading')"
QUIET: Final = replace(SIGHT, in_flight=0, unfinished={})


@dataclass
class Process:
    """What the page is told, and how often it asked."""

    seen: Seen = field(default_factory=lambda: replace(SEEN, recent=recent(), sight=QUIET))
    polls: int = 0

    def view(self) -> Any:  # noqa: ANN401  what the server sends
        self.polls += 1
        return view(self.seen)

    def server(self) -> Server:
        return Server(
            settings.Server(port=0),
            CollectorRegistry(),
            is_live=lambda: True,
            is_ready=lambda: True,
            status=lambda: pytest.fail("the page asks for what is made for it"),
            view=self.view,
        )


def recent() -> Recent:
    """Return some minutes with calls, and one dead letter of a stranger."""
    made = Recent()
    outcome = replace(OUTCOME, cart_id=HOSTILE, order_id=HOSTILE)
    for number in range(60):
        for _ in range(number % 7):
            made.observe(WENT_WELL, SEEN.wall)
        if number == 40:
            made.observe(_ended(outcome), SEEN.wall)
        made.look(number * EVERY, lag=number % 5, in_flight=number % 3)
    return made


def _ended(outcome: Any) -> RecordEnded:  # noqa: ANN401  an outcome
    return RecordEnded(
        outcome=outcome,
        has_dead_letter=True,
        is_replayed=False,
        is_released_before_paid=False,
        seconds=1.0,
    )


@asynccontextmanager
async def opened(process: Process) -> AsyncIterator[Tab]:
    """Give a tab that shows the page of a process."""
    async with process.server() as server, tab() as shown:
        await shown.look()
        await shown.go(server.url)
        await shown.wait_for(f"{WORD} !== 'Loading'")
        yield shown


def run(scenario: Callable[[Process, Tab], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario with a process and a page of its own."""

    async def main() -> None:
        process = Process()
        async with opened(process) as shown:
            await scenario(process, shown)

    asyncio.run(main())


async def keep(shown: Tab, name: str) -> None:
    """Keep pictures, if somebody wants them."""
    folder = os.environ.get("STATUS_PAGE_PICTURES")
    for is_dark in (False, True) if folder else ():
        await shown.look(is_dark=is_dark)
        height = await shown.value("document.documentElement.scrollHeight")
        await shown.look(is_dark=is_dark, height=int(height))
        await asyncio.sleep(0.5)  # until it is painted
        await shown.picture(Path(folder or "") / f"{name}-{'dark' if is_dark else 'light'}.png")


def test_it_shows_an_idle_processor_and_asks_for_nothing_but_its_own_json() -> None:
    async def scenario(process: Process, shown: Tab) -> None:
        process.seen = replace(process.seen, phases={0: Phase.WORKING}, last_outcome_at=None)
        await shown.wait_for(f"{WORD} === 'Idle'")
        await keep(shown, "idle")
        assert await shown.text("#text") == "All that has come is done."
        assert await shown.value("document.title") == "Idle · processor"
        assert await shown.value("document.querySelectorAll('.chart svg path.main').length") == 5
        paths = {url.partition("://")[2].partition("/")[2] for url in shown.requests}
        assert {path for path in paths if not path.startswith("image/svg")} <= {"", "page.json"}
        assert shown.complaints == []

    run(scenario)


def test_a_hold_appears_by_itself_with_its_reason_and_a_probe_that_counts_down() -> None:
    async def scenario(process: Process, shown: Tab) -> None:
        process.seen = replace(
            process.seen, sight=replace(SIGHT, holds={Scope.CONFIRM: HOLD, Scope.RELEASE: HOLD})
        )
        await shown.wait_for(f"{WORD} === 'Holding'")
        await keep(shown, "hold")
        told = await shown.text("#cards")
        for text in ("Confirms are held: UNREACHABLE", "connection refused", "12 records"):
            assert text in told
        countdown = "document.querySelector('#cards time[data-wording=until]').textContent"
        before = await shown.value(countdown)
        await shown.wait_for(f"{countdown} !== '{before}'")
        assert before.startswith("in ")

    run(scenario)


def test_a_parked_partition_and_dead_letters_are_shown() -> None:
    async def scenario(process: Process, shown: Tab) -> None:
        process.seen = replace(process.seen, gaps=(GAP,))
        await shown.wait_for(f"{WORD} === 'Parked'")
        await keep(shown, "parked")
        assert "accept-gap --topic order-paid --partition 1" in await shown.text("#cards code")
        assert "order-paid is parked, 250 outcomes left" in await shown.text("#partitions")
        letters = await shown.text("#letters tbody")
        for text in ("BAD_REQUEST", "NOT_APPLIED", "order-paid:3:42", "6f4f"):
            assert text in letters

    run(scenario)


def test_what_strangers_write_stays_text() -> None:
    async def scenario(process: Process, shown: Tab) -> None:
        hold = replace(HOLD, why=HOSTILE)
        process.seen = replace(
            process.seen,
            group_id=HOSTILE,
            away=[HOSTILE],
            sight=replace(SIGHT, holds={Scope.CONFIRM: hold}, releases_stopped=HOSTILE),
        )
        await shown.wait_for("document.querySelector('#cards h3') !== null")
        for selector in ("#cards > p", "#cards dd", "#letters td.id", "#group"):
            found = await shown.value(f"document.querySelector('{selector}').textContent")
            assert escaped(HOSTILE) in found
        assert await shown.value("document.querySelectorAll('img, iframe, object').length") == 0
        assert await shown.value("document.querySelectorAll('script').length") == 1
        assert shown.complaints == []

    run(scenario)


def test_the_policy_stops_what_a_mistake_would_let_in() -> None:
    async def scenario(_: Process, shown: Tab) -> None:
        refused = (
            "(() => { try { document.body.innerHTML = '<b>x</b>'; } catch { return true; } })()"
        )
        assert await shown.value(refused) is True
        await shown.value(
            "(() => { const made = document.createElement('img');"
            " made.src = 'http://127.0.0.1:9/x.png'; document.body.append(made); })()"
        )
        async with asyncio.timeout(10):
            while not any("img-src" in text for text in shown.complaints):  # noqa: ASYNC110  same
                await asyncio.sleep(0.05)

    run(scenario)


def test_a_processor_that_is_gone_is_said_to_be_and_what_stands_there_is_old() -> None:
    async def main() -> None:
        process = Process()
        async with tab() as shown:
            await shown.look()
            async with process.server() as server:
                await shown.go(server.url)
                await shown.wait_for(f"{WORD} === 'Reading back'")
            await shown.wait_for("!document.getElementById('lost').hidden")
            await keep(shown, "gone")
            assert (await shown.text("#lost")).startswith(
                "The processor does not answer: it has ended"
            )
            assert await shown.value("document.body.className") == "stale"

    asyncio.run(main())


@pytest.mark.parametrize("width", [320, 390, 800, 1600])
def test_nothing_runs_out_of_the_window(width: int) -> None:
    async def scenario(process: Process, shown: Tab) -> None:
        long = replace(HOLD, why="x" * 2_000)
        process.seen = replace(
            process.seen, gaps=(GAP,), sight=replace(SIGHT, holds={Scope.CONFIRM: long})
        )
        await shown.look(width=width)
        await shown.wait_for("document.querySelectorAll('#cards h3').length === 2")
        assert await shown.value("document.documentElement.scrollWidth") <= width

    run(scenario)


def _hide(*, is_hidden: bool) -> str:
    """Return what makes the page believe that nobody looks."""
    hidden = f"{{ value: {str(is_hidden).lower()}, configurable: true }}"
    return (
        f"(() => {{ Object.defineProperty(document, 'hidden', {hidden});"
        " document.dispatchEvent(new Event('visibilitychange')); })()"
    )


def test_a_hidden_page_asks_for_nothing() -> None:
    async def scenario(process: Process, shown: Tab) -> None:
        await shown.value(_hide(is_hidden=True))
        await asyncio.sleep(0.5)  # for an answer that was on its way
        polls = process.polls
        await asyncio.sleep(4.5)  # two polls would fall due
        assert process.polls == polls
        await shown.value(_hide(is_hidden=False))
        async with asyncio.timeout(5):
            while process.polls == polls:  # noqa: ASYNC110  the page tells no event
                await asyncio.sleep(0.05)

    run(scenario)
