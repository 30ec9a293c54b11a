"""Where a load bends first: figures beside marks beyond which one would do something else.

The marks are judgements, not measurements: change them to what your parts bear.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.capacity.model import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A figure of a plan, and up to where it is no trouble, in words as well."""

    part: str
    name: str
    figure: str
    limit: float
    said: str

    def times(self, plan: Plan) -> float:
        """Return how many times the limit a plan reaches."""
        return float(getattr(plan, self.figure)) / self.limit


MARKS: Sequence[Mark] = (
    Mark(
        part="ledger",
        name="cold restore of a member",
        figure="restore_cold",
        limit=600.0,
        said="10 minutes",
    ),
    Mark(part="ledger", name="copy of a member", figure="copy", limit=500e9, said="500 GB of disk"),
    Mark(
        part="Kafka",
        name="results on the brokers",
        figure="results",
        limit=100e12,
        said="100 TB on all brokers",
    ),
    Mark(
        part="Kafka",
        name="offsets committed",
        figure="commits",
        limit=10_000.0,
        said="10,000 a second, by one coordinator",
    ),
    Mark(
        part="Kafka", name="members of the group", figure="members", limit=100.0, said="100 members"
    ),
    Mark(
        part="API",
        name="connections",
        figure="in_flight",
        limit=10_000.0,
        said="10,000 calls in flight",
    ),
    Mark(part="API", name="calls", figure="calls", limit=5_000.0, said="5,000 a second"),
)


def first(plan: Plan) -> list[tuple[Mark, float]]:
    """Return the marks that a plan passes, with how many times, the furthest first."""
    passed = [(mark, times) for mark in MARKS if (times := mark.times(plan)) > 1]
    return sorted(passed, key=lambda each: each[1], reverse=True)
