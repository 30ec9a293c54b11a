"""The oracle's view of owners finds what it is there for."""

import json
from datetime import UTC, datetime

import pytest

from tests.support.oracle_owners import calls_of_old_owners


def log(*assigned: tuple[float, list[int]]) -> str:
    """Return what a member logs when it is given partition numbers at these times."""
    return "\n".join(
        json.dumps(
            {
                "event": "partitions assigned",
                "partitions": {"paid": numbers, "abandoned": numbers},
                "timestamp": datetime.fromtimestamp(at, UTC).isoformat(),
            },
            separators=(",", ":"),
        )
        for at, numbers in assigned
    )


LOGS = {"a": log((10.0, [0, 1]), (40.0, [0])), "b": log((20.0, [0]))}


@pytest.mark.parametrize(
    ("calls", "late"),
    [
        pytest.param([(11, "a", "c"), (21, "b", "c"), (41, "a", "c")], 0, id="it goes and returns"),
        pytest.param([(11, "a", "c"), (21, "b", "c"), (22, "a", "c")], 1, id="the old one errs"),
        pytest.param([(11, "a", "c"), (22, "a", "c"), (23, "b", "c")], 0, id="late, but first"),
        pytest.param([(21, "b", "c"), (22, "a", "other")], 0, id="another partition"),
        pytest.param([(9, "a", "c")], 1, id="it owns nothing yet"),
        pytest.param([(41, "a", "c"), (42, "b", "c")], 1, id="the one between errs"),
    ],
)
def test_a_call_under_an_older_assignment_is_found(
    calls: list[tuple[float, str, str]], late: int
) -> None:
    assert len(calls_of_old_owners(calls, {"c": 0, "other": 1}, LOGS)) == late
