"""Neighbours: other replays of the same live group that are being copied just now."""

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final, Self

from processor.errors import RuntimeFailure
from processor.shell.history.progress import Known, State, Unreadable

_SECOND_LOOK_AFTER: Final = 2.5
_LOOK_EVERY: Final = 10.0
_END_WITHIN: Final = 1.0


class Neighbours:
    """Looks now and then, on a thread of its own. Neighbours do no harm, but share the lane."""

    def __init__(self, replay_id: str, look: Callable[[], Iterable[Known | Unreadable]]) -> None:
        """`look` returns all replays that are known, and may block."""
        self._replay_id = replay_id
        self._look = look
        self._written: dict[str, int] = {}
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

    def see(self, replays: Iterable[Known | Unreadable]) -> None:
        """Compare with what was seen before: a replay that is being copied writes every second."""
        running = set()
        for known in replays:
            if isinstance(known, Unreadable) or known.replay_id == self._replay_id:
                continue
            before = self._written.get(known.replay_id, known.written_at)
            self._written[known.replay_id] = known.written_at
            if known.state is State.COPYING and known.written_at != before:
                running.add(known.replay_id)
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
                self.see(self._look())
            if self._stopping.wait(wait):
                return
            wait = _LOOK_EVERY
