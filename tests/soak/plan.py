"""The plan: which faults come when. The same seed gives the same plan, whatever happens."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Domain(StrEnum):
    """What a fault befalls; two faults at once have different ones."""

    PROCESSOR = "processor"
    BROKER = "broker"
    ROKT = "rokt"
    REGISTRY = "registry"
    HISTORY = "history"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of fault, which lasts for `shortest` to `longest` seconds; `name` is its sentence.

    Everything is worked off `recovers_within` seconds after its end.
    """

    name: str
    domain: Domain
    shortest: float = 0.0
    longest: float = 0.0
    recovers_within: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One fault: `after` seconds of its round it begins; `chance` (0 to 1) picks whom it hits."""

    kind: Kind
    after: float
    seconds: float
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Faults that come at once, most often a single one; before them, `rest` seconds of peace."""

    rest: float
    faults: tuple[Planned, ...]

    @property
    def recovers_within(self) -> float:
        """Seconds from the end of the last fault until everything is worked off."""
        return max(each.kind.recovers_within for each in self.faults)


_SECOND_FAULT = 0.35
_LONGEST_REST = 4.0
_LATEST_SECOND = 3.0


def rounds(kinds: Sequence[Kind], seed: int) -> Iterator[Round]:
    """Return rounds without end; every kind comes once before any comes again."""
    rng = random.Random(seed)
    while True:
        for first in rng.sample(kinds, len(kinds)):
            others = [kind for kind in kinds if kind.domain is not first.domain]
            second = [rng.choice(others)] if rng.random() < _SECOND_FAULT else []
            yield Round(
                rest=rng.uniform(1, _LONGEST_REST),
                faults=tuple(_planned(rng, kind) for kind in (first, *second)),
            )


def _planned(rng: random.Random, kind: Kind) -> Planned:
    return Planned(
        kind=kind,
        after=rng.uniform(0, _LATEST_SECOND),
        seconds=rng.uniform(kind.shortest, kind.longest),
        chance=rng.random(),
    )
