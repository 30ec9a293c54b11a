"""The simulated cluster again, for longer and from other seeds: CLUSTER_SECONDS, 300 by default."""

import os
import random
from typing import Final

import pytest

from tests.support.simulation_search import search, seeds_for

SECONDS: Final = float(os.environ.get("CLUSTER_SECONDS") or 300)


@pytest.mark.faults
@pytest.mark.timeout(SECONDS + 600)
def test_no_schedule_breaks_a_promise_however_long_one_looks(seeded: random.Random) -> None:
    first = seeded.randrange(10**9)
    played, finding = search(seeds_for(SECONDS, first))
    print(f"{played} schedules from seed {first} on")  # noqa: T201 - what a long run reports
    assert finding is None, str(finding)
    assert played > 0
