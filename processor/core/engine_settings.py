"""What the engine decides by."""

from dataclasses import dataclass, field

from processor.core.calls import CallShape
from processor.core.conclusions import RetrySettings
from processor.core.fence import FenceSettings
from processor.core.records import Topics


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What the engine decides by. Limits are numbers of records, durations seconds.

    `rate_limit` is calls per second over the whole fleet. `max_unfinished` and `max_span` hold
    for each partition of each input.
    """

    topics: Topics
    shape: CallShape
    fence: FenceSettings
    retries: RetrySettings = field(default_factory=RetrySettings)
    max_in_flight: int = 64
    rate_limit: float | None = None
    max_unfinished: int = 1_000
    max_span: int = 100_000
    release_delay: float = 0.0
    ask_ends_every: float = 0.1
