"""The shape of what the page shows: values that its script only has to place.

It belongs to the page and changes with it; whoever wants to rely on names takes `/status`.
"""

from typing import TypedDict


class HoldView(TypedDict):
    """A hold; `do` is what a person can do about it."""

    scope: str
    since: str | None
    reason: str
    why: str
    do: str
    waiting: int
    next_probe_at: str | None


class ParkedView(TypedDict):
    """A parked partition; `command` is what goes on behind the gap."""

    partition: str
    missing: str
    command: str


class RowView(TypedDict):
    """A partition number; `lag` by input in the order of the topics, None: not owned, or not told.

    `left` counts the outcomes that are still to be read into its ledger.
    """

    number: int
    state: str
    level: str
    lag: list[int | None]
    left: int


class LetterView(TypedDict):
    """A dead letter by its ids and reason."""

    at: str | None
    id: str
    operation: str
    reason: str
    effect: str
    cart_id: str | None
    order_id: str | None
    source: str
    http_status: int | None
    attempts: int
    is_replayed: bool


class ReplayView(TypedDict):
    """What this member has seen of replays since it started."""

    partitions: int
    lag: int | None
    unfinished: int
    worked: int
    settled: int
    dead_letters: int
    replay_id: str | None
    last_at: str | None


class View(TypedDict):
    """What the page shows. Times are ISO 8601 in UTC, None: not yet, or not now."""

    now: str | None
    version: str
    group_id: str
    is_ready: bool
    level: str
    word: str
    text: str
    notices: list[str]
    holds: list[HoldView]
    parked: list[ParkedView]
    paused_until: dict[str, str | None]
    in_flight: int
    most_in_flight: int
    unfinished: int
    lag: int | None
    oldest: dict[str, str | None]
    last_outcome_at: str | None
    last_commit_at: str | None
    topics: list[str]
    rows: list[RowView]
    rows_left_out: int
    points_every: float
    points: dict[str, list[float | None]]
    letters: list[LetterView]
    replay: ReplayView
