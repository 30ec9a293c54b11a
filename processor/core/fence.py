"""The fence: what keeps a call from going out where its partition may be another member's."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceSettings:
    """How far and how long calls may go without another acknowledged commit.

    `lease` and `commit_interval` are seconds; `partitions` is how many each input has.
    """

    partitions: int
    lease: float = 10.0
    commit_interval: float = 1.0
