"""The search for a schedule that breaks a promise: seeded, cut down to what matters, retold.

python -m tests.support.simulation_search                 # search for a minute
python -m tests.support.simulation_search --seed 4711     # tell the story of one seed
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from tests.support.simulation import Residue
from tests.support.simulation_schedules import Act, Schedule, draw, play


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken promise: the seed, which one, and the shortest schedule that breaks it."""

    seed: int
    residue: Residue
    what: str
    schedule: tuple[Act, ...]
    story: tuple[str, ...]

    def __str__(self) -> str:
        """Tell it so that somebody can follow it."""
        told = "\n".join(self.story)
        again = f"python -m tests.support.simulation_search --seed {self.seed}"
        if self.residue:
            again += f" --residue {self.residue.name}"
        return f"seed {self.seed}: {self.what}\n{told}\n\nAgain, with its story: {again}"


def failure_of(schedule: Schedule, residue: Residue = Residue.NONE) -> str | None:
    """Return what a schedule breaks, None when it breaks nothing."""
    return _played(schedule, residue, None)


def _played(schedule: Schedule, residue: Residue, story: list[str] | None) -> str | None:
    try:
        play(schedule, residue=residue, story=story)
    except Exception as broken:  # noqa: BLE001 - an engine that raises breaks a promise too
        return f"{type(broken).__name__}: {broken}".splitlines()[0]
    return None


def search(seeds: Iterable[int], residue: Residue = Residue.NONE) -> tuple[int, Finding | None]:
    """Play the schedules of these seeds; return how many, and the first finding, cut down."""
    played = 0
    for seed in seeds:
        played += 1
        schedule = draw(Random(seed))
        what = failure_of(schedule, residue)
        if what is not None:
            return played, explain(seed, schedule, what, residue)
    return played, None


def explain(seed: int, schedule: Schedule, what: str, residue: Residue = Residue.NONE) -> Finding:
    """Cut a failing schedule down, and tell its story."""
    kind = what.split(":", 2)[:2]

    def fails(shorter: Schedule) -> bool:
        found = failure_of(shorter, residue)
        return found is not None and found.split(":", 2)[:2] == kind

    shortest = shrink(list(schedule), fails)
    story: list[str] = []
    told = _played(shortest, residue, story)
    return Finding(seed, residue, told or what, tuple(shortest), tuple(story))


def shrink(schedule: list[Act], fails: Callable[[Schedule], bool]) -> list[Act]:
    """Return a schedule that fails still, from which no act can be left out or made plainer."""
    size = len(schedule) // 2
    while size:
        start = 0
        while start < len(schedule):
            shorter = schedule[:start] + schedule[start + size :]
            if fails(shorter):
                schedule = shorter
            else:
                start += size
        size //= 2
    plainer = _plainer(schedule, fails)
    return shrink(plainer, fails) if len(plainer) < len(schedule) else plainer


def _plainer(schedule: list[Act], fails: Callable[[Schedule], bool]) -> list[Act]:
    """Make the numbers of each act as small as they can be, and leave out what can be now."""
    for index in range(len(schedule) - 1, -1, -1):
        without = schedule[:index] + schedule[index + 1 :]
        if fails(without):
            schedule = without
            continue
        numbers = [schedule[index].a, schedule[index].b, schedule[index].c]
        for place in (2, 1, 0):
            for less in range(numbers[place]):
                fewer = [*numbers[:place], less, *numbers[place + 1 :]]
                plain = Act(schedule[index].do, *fewer)
                trial = [*schedule[:index], plain, *schedule[index + 1 :]]
                if fails(trial):
                    schedule, numbers = trial, fewer
                    break
    return schedule


def seeds_for(seconds: float, first: int) -> Iterable[int]:
    """Return seeds, one after the other, for so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield first
        first += 1


def main() -> int:
    """Search, or tell the story of one seed; return 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, help="play this one, and tell its story")
    parser.add_argument("--first", type=int, default=0, help="the first seed of a search")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to search")
    parser.add_argument("--residue", default="NONE", help="what may happen beyond our reach")
    asked = parser.parse_args()
    residue = Residue[asked.residue]
    if asked.seed is None:
        played, finding = search(seeds_for(asked.seconds, asked.first), residue)
        held = f"{played} schedules from seed {asked.first} on: all promises held"
        sys.stdout.write(f"{finding or held}\n")
        return 0 if finding is None else 1
    schedule = draw(Random(asked.seed))
    what = failure_of(schedule, residue)
    if what is None:
        story: list[str] = []
        play(schedule, residue=residue, story=story)
        sys.stdout.write("\n".join([*story, "all promises held\n"]))
        return 0
    sys.stdout.write(f"{explain(asked.seed, schedule, what, residue)}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
