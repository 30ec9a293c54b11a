"""The tally: what came of the copies of one replay, as the results topic tells it."""

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from processor.core.vocabulary import Effect, Operation, Reason, Status, strongest

_REMEMBERED: Final = 20_000
_NAMED: Final = 1_000
_CHANGED: Final = frozenset({Effect.APPLIED, Effect.PARTIALLY_APPLIED, Effect.MAYBE_APPLIED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an outcome tells of a copy; one with a reason has a dead letter.

    `is_new`: it was written since this command began.
    """

    outcome_id: str
    operation: Operation
    status: Status
    effect: Effect
    reason: Reason | None
    order_id: str | None
    is_new: bool = True

    @property
    def is_called(self) -> bool:
        """Whether a call was made, as far as we know."""
        return self.effect is not Effect.NOT_SENT

    @property
    def changes_order(self) -> bool:
        """Whether Rokt has confirmed of its order what it had not before, or may have."""
        return self.operation is Operation.CONFIRM and self.effect in _CHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class Tallied:
    """The counts at one moment. `orders` names the first orders that changed.

    What is new was written since this command began.
    """

    outcomes: Mapping[tuple[Operation, Status], int]
    dead_letters: Mapping[Reason, int]
    called: int
    changed: int
    orders: tuple[str, ...]
    new_dead_letters: int
    new_calls: int

    @property
    def total(self) -> int:
        """How many outcomes there are."""
        return sum(self.outcomes.values())

    @property
    def failed(self) -> int:
        """How many dead letters there are."""
        return sum(self.dead_letters.values())


class Tally:
    """Counts outcomes, each once.

    After a takeover one outcome may be written twice: the stronger effect counts. That is noticed
    while no more than twenty thousand others lie between.
    """

    __slots__ = (
        "_called",
        "_changed",
        "_dead",
        "_new_calls",
        "_new_dead",
        "_orders",
        "_outcomes",
        "_recent",
    )

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self._recent: OrderedDict[str, Told] = OrderedDict()
        self._outcomes: Counter[tuple[Operation, Status]] = Counter()
        self._dead: Counter[Reason] = Counter()
        self._orders: dict[str, None] = {}
        self._called = self._changed = self._new_dead = self._new_calls = 0

    def take(self, told: Told) -> None:
        """Count an outcome."""
        before = self._recent.get(told.outcome_id)
        if before is not None:
            if before.effect is strongest(before.effect, told.effect):
                return
            self._add(before, -1)
        self._add(told, 1)
        self._recent[told.outcome_id] = told
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)

    @property
    def new_dead_letters(self) -> int:
        """How many dead letters are new."""
        return self._new_dead

    def now(self) -> Tallied:
        """Return the counts."""
        return Tallied(
            outcomes=dict(+self._outcomes),
            dead_letters=dict(+self._dead),
            called=self._called,
            changed=self._changed,
            orders=tuple(self._orders),
            new_dead_letters=self._new_dead,
            new_calls=self._new_calls,
        )

    def _add(self, told: Told, count: int) -> None:
        self._outcomes[told.operation, told.status] += count
        self._called += count * told.is_called
        self._new_calls += count * (told.is_called and told.is_new)
        self._changed += count * told.changes_order
        if told.reason is not None:
            self._dead[told.reason] += count
            self._new_dead += count * told.is_new
        if told.changes_order and told.order_id is not None and len(self._orders) < _NAMED:
            self._orders[told.order_id] = None
