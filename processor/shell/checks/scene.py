"""The scene: what earlier checks have learnt, for those that come after."""

from dataclasses import dataclass, field

from processor.core.blueprints import Names
from processor.core.rights import Groups
from processor.shell.checks.wire import Abilities
from processor.shell.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A clock beside ours: whose, and by how many seconds it is ahead."""

    of: str
    ahead: float


@dataclass(slots=True, kw_only=True)
class Scene:
    """What is checked, how long each step may take in seconds, and what is known so far.

    `partitions` is what the inputs share, None while that is not known or not so.
    """

    settings: Settings
    names: Names
    groups: Groups
    within: float
    is_signed_in: bool = False
    abilities: Abilities | None = None
    brokers: tuple[int, ...] = ()
    partitions: int | None = None
    inputs_retention: float | None = None
    clocks: list[Clock] = field(default_factory=list)
