"""The feed: candidates read ahead by a thread, so that nothing else waits while they are found."""

import threading
from collections.abc import Callable, Iterator
from queue import Empty, Full, Queue
from typing import Final, Self

from processor.core.replays import Candidate, Passed

_MOST: Final = 256
_WAIT: Final = 0.05
_END_WITHIN: Final = 5.0

Item = Candidate | Passed


class _End:
    """The last thing that a feed gives; `error` is what reading has failed with."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class Feed:
    """Reads items on a thread of its own, a few hundred ahead."""

    def __init__(self, items: Callable[[], Iterator[Item]]) -> None:
        """`items` is called, and iterated, on that thread."""
        self._items = items
        self._queue: Queue[Item | _End] = Queue(_MOST)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop reading; a read that hangs is left to hang."""
        self._stopping.set()
        self._thread.join(_END_WITHIN)

    def __iter__(self) -> Iterator[Item | None]:
        """Yield the items in order, and None now and then while there is none."""
        while True:
            try:
                item = self._queue.get(timeout=_WAIT)
            except Empty:
                yield None
                continue
            if not isinstance(item, _End):
                yield item
                continue
            if item.error is not None:
                raise item.error
            return

    def _run(self) -> None:
        try:
            for item in self._items():
                if not self._put(item):
                    return
            self._put(_End(None))
        except BaseException as error:  # noqa: BLE001  it is raised where the items are taken
            self._put(_End(error))

    def _put(self, item: Item | _End) -> bool:
        while not self._stopping.is_set():
            try:
                self._queue.put(item, timeout=_WAIT)
            except Full:
                continue
            return True
        return False
