"""Learning: what the restorer reads goes into the ledgers, on the loop.

Its methods are called on the restorer's thread, and take effect on the loop's.
"""

import gc
from collections.abc import Callable, Iterable, Sequence

from processor.core import effects as do
from processor.core.engine import Engine
from processor.core.outcomes import OutcomeView
from processor.shell.clock import now


class Learning:
    """The restorer's listener."""

    def __init__(
        self,
        engine: Engine,
        apply: Callable[[Iterable[do.Effect]], None],
        fail: Callable[[BaseException], None],
        call_soon: Callable[..., None],
    ) -> None:
        """`apply` does what the engine decides; `call_soon` calls something on the loop."""
        self._engine = engine
        self._apply = apply
        self._fail = fail
        self._call_soon = call_soon

    def read(
        self,
        restore: do.Restore,
        outcomes: Sequence[tuple[int, OutcomeView]],
        span: tuple[int, int],
        learnt: Callable[[], None],
    ) -> None:
        """Take outcomes into the ledger."""

        def learn() -> None:
            self._engine.assignments.learn(restore, outcomes, *span)
            learnt()

        self._call_soon(learn)

    def replaced(self, restore: do.Restore) -> None:
        """Let a ledger that was read from another topic of this name be read anew."""
        self._call_soon(self._engine.assignments.replaced, restore)

    def restored(self, restore: do.Restore, span: tuple[int, int]) -> None:
        """Let a partition work whose ledger is read."""
        self._call_soon(self._open, restore, span)

    def _open(self, restore: do.Restore, span: tuple[int, int]) -> None:
        self._apply(self._engine.restored(restore, *span, now()))
        if not restore.fills_gap and self._engine.look().is_restored:
            # What was made until now is here to stay: never look through it again (decision 0020).
            gc.freeze()

    def failed(self, error: BaseException) -> None:
        """End the process: the restorer cannot go on."""
        self._call_soon(self._fail, error)
