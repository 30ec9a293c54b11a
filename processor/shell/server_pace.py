"""Pace: how often the server does what costs something, whoever asks for it."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final, Generic, TypeVar

from processor.shell.clock import steady

_REST: Final = 9.0
"""How many times as long as it took to make something it is not made again."""
_MOST_KNOWN: Final = 10_000

Made = TypeVar("Made")


class Pace:
    """Lets one after the other go on: some at once, then so many a second."""

    def __init__(self, a_second: float, at_once: int) -> None:
        """Begin with nobody waiting."""
        self._each = 1 / a_second
        self._saved = self._each * (at_once - 1)
        self._free_at = float("-inf")
        self._queue = asyncio.Lock()

    async def turn(self) -> None:
        """Wait for one's turn; whoever gives up meanwhile takes none."""
        async with self._queue:
            now = steady()
            free_at = max(self._free_at, now - self._saved)
            if free_at > now:
                await asyncio.sleep(free_at - now)
            self._free_at = free_at + self._each


class Shares:
    """The same for each of many, but nobody waits: who comes too often is told so."""

    def __init__(self, a_second: float, at_once: int) -> None:
        """Begin with nobody known."""
        self._each = 1 / a_second
        self._saved = self._each * (at_once - 1)
        self._free_at: dict[str, float] = {}

    def takes(self, who: str) -> bool:
        """Take one's turn, if there is one."""
        earliest = (now := steady()) - self._saved
        if len(self._free_at) >= _MOST_KNOWN:
            self._forget(earliest)
        free_at = max(self._free_at.get(who, earliest), earliest)
        if free_at > now:
            return False
        self._free_at[who] = free_at + self._each
        return True

    def _forget(self, earliest: float) -> None:
        """Forget those who have all their turns again; all, where there are too many others."""
        self._free_at = {who: at for who, at in self._free_at.items() if at > earliest}
        if len(self._free_at) >= _MOST_KNOWN:
            self._free_at.clear()


class Kept(Generic[Made]):
    """Something that is made on demand, at most a tenth of the time."""

    def __init__(self, make: Callable[[], Made], clock: Callable[[], float] = steady) -> None:
        """Keep what `make` returns."""
        self._make = make
        self._clock = clock
        self._made: Made
        self._good_until = float("-inf")

    def get(self) -> Made:
        """Return it, made anew unless that has just been done."""
        began = self._clock()
        if began >= self._good_until:
            self._made = self._make()
            ended = self._clock()
            self._good_until = ended + _REST * (ended - began)
        return self._made


class KeptAside(Generic[Made]):
    """The same, made on another thread, once for all who wait."""

    def __init__(self, make: Callable[[], Made], clock: Callable[[], float] = steady) -> None:
        """Keep what `make` returns."""
        self._make = make
        self._clock = clock
        self._made: Made
        self._good_until = float("-inf")
        self._making: asyncio.Task[Made] | None = None

    async def get(self) -> Made:
        """Return it, made anew unless that has just been done."""
        if self._making is None:
            if self._clock() < self._good_until:
                return self._made
            self._making = asyncio.create_task(asyncio.to_thread(self._make))
            self._making.add_done_callback(partial(self._take, self._clock()))
        making = self._making
        # Whoever gives up waiting leaves it to the others.
        await asyncio.wait({making})
        return making.result()

    def _take(self, began: float, making: asyncio.Task[Made]) -> None:
        self._making = None
        if not making.cancelled() and making.exception() is None:
            ended = self._clock()
            self._made = making.result()
            self._good_until = ended + _REST * (ended - began)
