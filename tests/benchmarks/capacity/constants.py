"""Constants of the model: what an event, a member and an order cost, as they were measured."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

PATH = Path(__file__).parent / "constants.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a thing costs by itself, and what each item of an order adds."""

    once: float
    item: float

    def of(self, items: float) -> float:
        """Return what it costs with so many items."""
        return self.once + self.item * items

    @classmethod
    def through(cls, at_1: float, at_10: float) -> Self:
        """Return the cost that fits what orders of 1 and of 10 items have cost."""
        item = (at_10 - at_1) / 9
        return cls(once=at_1 - item, item=item)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What running costs, fitted to the runs of `growth`: seconds of the CPU, bytes.

    `awake` is what a member with work takes whatever its rate, in cores, and `idle` without work;
    `own_time` is what a call takes beside the API's time, in seconds. `base` is an empty member's
    memory, `filling` what comes to it once its caches are full.
    """

    event: Cost
    awake: float
    idle: float
    idle_partition: float
    own_time: float
    base: float
    filling: float
    unfinished: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Bytes of an order in each place, and seconds of the CPU to restore it, by `sizes`.

    Kafka's are those of a record that is alone in its batch, not compressed. `copy` is what an
    order takes on the ledger's disk; `copy_memory` what a ledger of many orders takes in memory.
    """

    paid: Cost
    outcome: Cost
    dead_letter: Cost
    copy: Cost
    restore: Cost
    copy_memory: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Constants:
    """All of them."""

    running: Running
    sizes: Sizes


def rounded(number: float) -> float:
    """Return a number with three digits, so that a file of them is the same everywhere."""
    return float(f"{number:.3g}")


def read_constants(path: Path = PATH) -> Constants:
    """Return what a file holds."""
    found = json.loads(path.read_text("utf-8"))
    return Constants(
        running=Running(**_read(found["running"])),
        sizes=Sizes(**_read(found["sizes"])),
    )


def write_constants(constants: Constants, path: Path = PATH) -> None:
    """Write a file that holds them, rounded."""
    path.write_text(json.dumps(_rounded(asdict(constants)), indent=1) + "\n", "utf-8")


def _read(found: dict[str, Any]) -> dict[str, Any]:
    return {
        name: Cost(**value) if isinstance(value, dict) else value for name, value in found.items()
    }


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return rounded(value) if isinstance(value, float) else value
