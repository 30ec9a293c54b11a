"""Lanes: who goes first within a cart."""

import pytest

from processor.core.lanes import Lane
from processor.core.records import Record, Source
from processor.core.work import Rank, Work
from tests.support.simulation_events import PAYMENTS, order

KEY = b"cart"


def work(rank: Rank, arrival: int) -> Work:
    waiting = Work(Record(Source(PAYMENTS, 0, arrival, None), KEY, b""), order(), arrival=arrival)
    waiting.rank = rank
    return waiting


def test_a_confirm_overtakes_waiting_releases_and_a_live_record_a_replayed_one() -> None:
    arrivals = [
        work(Rank.REPLAYED_RELEASE, 1),
        work(Rank.RELEASE, 2),
        work(Rank.REPLAYED_CONFIRM, 3),
        work(Rank.CONFIRM, 4),
        work(Rank.RELEASE, 5),
        work(Rank.CONFIRM, 6),
    ]
    lane = Lane(KEY)
    for waiting in arrivals:
        lane.put(waiting)
    assert [waiting.arrival for waiting in lane] == [4, 6, 3, 2, 5, 1]


def test_an_empty_lane_has_no_head() -> None:
    lane = Lane(KEY)
    only = work(Rank.CONFIRM, 1)
    lane.put(only)
    heads = [lane.head]
    lane.remove(only)
    heads.append(lane.head)
    assert (heads, len(lane)) == ([only, None], 0)


def test_what_is_not_in_a_lane_cannot_be_taken_out() -> None:
    with pytest.raises(ValueError, match="not in"):
        Lane(KEY).remove(work(Rank.CONFIRM, 1))
