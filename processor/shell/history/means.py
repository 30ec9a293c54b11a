"""What a stock works with: clients, decoders, and the forecasters of the partitions."""

from dataclasses import dataclass

from processor.core.forecast import Forecaster
from processor.core.replays import Plan
from processor.shell.clock import now
from processor.shell.decoding import Decoder
from processor.shell.history.dead_letters import DeadLetterReader
from processor.shell.history.ledgers import Ledgers
from processor.shell.history.reader import Reader


class Odometer:
    """What a stock has read: changes while it does."""

    __slots__ = ("read",)

    def __init__(self) -> None:
        self.read = 0
        """How many records were read in all, wanted or not."""


class Forecasters:
    """The forecasters of the partitions: all of them, or only the one that is asked for last."""

    def __init__(
        self, plan: Plan, ledgers: Ledgers, *, keeps_all: bool, began_at: int | None = None
    ) -> None:
        """Keep all where records of all partitions come in any order.

        Ages count from `began_at` (epoch milliseconds), or from now: who resumes a replay copies
        what it would have copied without a pause.
        """
        self._plan = plan
        self._began_at = now().wall_ms if began_at is None else began_at
        self._ledgers = ledgers
        self._keeps_all = keeps_all
        self._kept: dict[int, Forecaster] = {}

    def forget(self) -> None:
        """Forget them: the next that is asked for begins anew, with its ledger as it is then."""
        self._kept.clear()

    def of(self, number: int) -> Forecaster:
        """Return the forecaster of a partition of the lane, its ledger as it is now. Blocks."""
        found = self._kept.get(number)
        if found is not None:
            return found
        if not self._keeps_all:
            self._kept.clear()
        restored = self._ledgers.restore(number)
        self._kept[number] = found = Forecaster(
            restored.ledger, self._plan.guards, self._began_at, restored.forgets_before
        )
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a stock works with.

    `reader` reads what is brought back; `side` whatever has to be looked up meanwhile.
    """

    plan: Plan
    reader: Reader
    side: Reader
    decoder: Decoder
    letters: DeadLetterReader
    forecasters: Forecasters
    odometer: Odometer
