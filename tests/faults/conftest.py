"""The seed of the faults: printed with every run, given again with FAULTS_SEED."""

import os
import random

import pytest

SEED = int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(1_000_000))


def pytest_report_header() -> str:
    """Say the seed, so that a run can be had again."""
    return f"faults: FAULTS_SEED={SEED}"


@pytest.fixture
def seeded(request: pytest.FixtureRequest) -> random.Random:
    """Chance for one test: the same for the same seed, whatever ran before."""
    return random.Random(f"{SEED} {request.node.nodeid}")
