"""Neighbours: other replays of the same live group that are being copied just now."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Self

from processor.errors import RuntimeFailure
from processor.shell.history.progress import Cover, State
from processor.shell.history.shelf import Shelf

_SECOND_LOOK_AFTER: Final = 2.5
_LOOK_EVERY: Final = 10.0
_END_WITHIN: Final = 1.0


class Neighbours:
    """Looks now and then, on a thread of its own. Neighbours do no harm, but share the lane."""

    def __init__(self, replay_id: str, shelf: Shelf) -> None:
        """Begin having seen nothing."""
        self._replay_id = replay_id
        self._shelf = shelf
        self._covers: dict[str, Cover] = {}
        self._running: set[str] = set()
        self._news: list[str] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="neighbours", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(_END_WITHIN)

    def news(self) -> Sequence[str]:
        """Return what has changed since this was asked last, as sentences."""
        news, self._news = self._news, []
        return news

    def look(self) -> None:
        """Compare with the look before: a replay that is being copied writes every second.

        Blocks; RuntimeFailure when the brokers do not answer.
        """
        running = set()
        for replay_id in self._shelf.ids():
            before = self._covers.get(replay_id)
            if replay_id == self._replay_id or (before and before.state is State.FINISHED):
                continue
            now = self._shelf.cover(replay_id)
            if not isinstance(now, Cover):
                continue
            self._covers[replay_id] = now
            if before and now.state is State.COPYING and now.written_at != before.written_at:
                running.add(replay_id)
        for replay_id in sorted(running - self._running):
            self._news.append(
                f"replay {replay_id} is being copied at the same time: that is harmless, the two "
                "share the lane and each is slower"
            )
        for replay_id in sorted(self._running - running):
            self._news.append(f"replay {replay_id} is not being copied any more")
        self._running = running

    def _run(self) -> None:
        wait = _SECOND_LOOK_AFTER
        while True:
            # Nobody has to know of neighbours, and trouble with the brokers is told elsewhere.
            with suppress(RuntimeFailure):
                self.look()
            if self._stopping.wait(wait):
                return
            wait = _LOOK_EVERY
