"""Seen: what the watch has gathered of the work, for `/status` and the page."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from processor.core.partitions import Phase
from processor.core.records import Partition
from processor.core.sight import Sight
from processor.shell.kafka.gaps import Gap
from processor.shell.page.recent import Recent


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the watch has seen last; before the work begins there is no sight.

    `wall`, like all times, is seconds since the epoch. `topics` are the inputs, payments first, the
    replay lane last. `phases` has the partition numbers owned, `full` those of them that take in no
    more for now, `lag` the partitions whose end is known, `left` how many outcomes are to be read
    back by partition number. `away` are complaints about Kafka and the registry, `key_problem` one
    about the file of the API key.
    """

    wall: float
    group_id: str
    topics: Sequence[str]
    most_in_flight: int
    is_live: bool
    is_ready: bool
    sight: Sight | None = None
    recent: Recent = field(default_factory=Recent)
    phases: Mapping[int, Phase] = field(default_factory=dict)
    full: Collection[int] = ()
    lag: Mapping[Partition, int] = field(default_factory=dict)
    left: Mapping[int, int] = field(default_factory=dict)
    gaps: Sequence[Gap] = ()
    away: Sequence[str] = ()
    key_problem: str | None = None
    last_outcome_at: float | None = None
    last_commit_at: float | None = None
