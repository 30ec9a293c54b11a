"""Standings: how far the live fleet has come in its inputs and in the replay lane."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from processor.core.records import Partition


class Standing(NamedTuple):
    """Where a partition ends, and what the live group has committed there: None for nothing.

    `begin` is its first offset that is still there.
    """

    end: int
    committed: int | None
    begin: int = 0

    @property
    def unfinished(self) -> int:
        """How many offsets are not committed; all where nothing is."""
        return max(0, self.end - (self.committed or 0))

    @property
    def is_torn(self) -> bool:
        """Whether what is to be worked next is not there: it was deleted, or the topic is new."""
        return self.committed is not None and not self.begin <= self.committed <= self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Where the live fleet stood at `asked_at` (seconds on the steady clock) or a little later.

    `has_members`: whether the live group has any, None when that is not told. `lane_id` is the id
    of the lane's topic, as far as it is told.
    """

    asked_at: float
    inputs: Mapping[Partition, Standing]
    lane: Mapping[Partition, Standing]
    has_members: bool | None
    lane_id: str | None = None


def late(then: Standing | None, now: Standing) -> int:
    """Return how many events that were there `then` are not finished now."""
    if then is None:
        return 0
    return max(0, then.end - (now.committed or 0))


def lost(place: Partition, standing: Standing) -> str:
    """Return the words for a partition that is torn."""
    return (
        f"the processors go on at offset {standing.committed} of {place.topic} [{place.number}], "
        f"which holds {standing.begin} to {standing.end}: it was recreated, or its records were "
        "deleted before they were worked"
    )
