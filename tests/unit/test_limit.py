"""The adaptive limit on calls in flight."""

from itertools import pairwise

import pytest

from processor.core.limit import Limit


def test_all_are_allowed_at_first() -> None:
    limit = Limit(2)
    limit.in_flight = 1
    assert limit.has_room
    limit.in_flight = 2
    assert not limit.has_room


def test_a_cut_halves_what_is_in_flight_and_not_what_was_merely_allowed() -> None:
    limit = Limit(1_000)
    limit.in_flight = 19
    limit.cut(sent_at=1.0, at=2.0)
    assert limit.allowed == 10


def test_what_was_sent_before_a_cut_does_not_cut_again() -> None:
    limit = Limit(64)
    limit.in_flight = 63
    for _ in range(10):
        limit.cut(sent_at=1.0, at=2.0)
    assert limit.allowed == 32
    limit.cut(sent_at=2.5, at=3.0)
    assert limit.allowed == 16


def test_a_round_of_successes_adds_one_call_up_to_the_most() -> None:
    limit = Limit(6)
    limit.restart()
    seen = [1.0]
    for _ in range(8):
        for _ in range(int(limit.allowed)):
            limit.grow()
        seen.append(limit.allowed)
    assert all(0 <= after - before <= 1 for before, after in pairwise(seen))
    assert seen[1:3] == [2.0, pytest.approx(2.9)]
    assert seen[-1] == 6


def test_one_call_is_always_allowed() -> None:
    limit = Limit(1)
    for at in range(5):
        limit.cut(sent_at=at, at=at)
    assert limit.has_room
