"""Lanes against a plain model: a sorted list."""

from hypothesis import given
from hypothesis import strategies as st

from processor.core.lanes import Lane
from processor.core.records import Record, Source
from processor.core.work import Rank, Work
from tests.support.simulation_events import PAYMENTS, order

KEY = b"cart"
puts = st.lists(st.sampled_from(Rank), max_size=12)


def work(rank: Rank, arrival: int) -> Work:
    waiting = Work(Record(Source(PAYMENTS, 0, arrival, None), KEY, b""), order(), arrival=arrival)
    waiting.rank = rank
    return waiting


@given(puts, st.lists(st.integers(0, 11), max_size=12))
def test_the_lowest_rank_goes_first_and_within_it_who_came_first(
    ranks: list[Rank], removals: list[int]
) -> None:
    lane = Lane(KEY)
    model: list[Work] = []
    for arrival, rank in enumerate(ranks):
        new = work(rank, arrival)
        lane.put(new)
        model.append(new)
        if arrival < len(removals):
            gone = model.pop(removals[arrival] % len(model))
            lane.remove(gone)
    expected = sorted(model, key=lambda waiting: (waiting.rank, waiting.arrival))
    assert list(lane) == expected
    assert len(lane) == len(expected)
    assert lane.head is (expected[0] if expected else None)
