"""What the model of sizing measures by itself: bytes of real records, a ledger on a real disk."""

from tests.benchmarks.capacity.sizes import measure


def test_the_sizes_are_those_of_records_and_of_a_copy() -> None:
    found = measure(orders=3_000, fewer=1_000)

    assert 300 < found.paid.of(1) < found.outcome.of(1) < found.dead_letter.of(1) < 3_000
    assert found.paid.item < found.dead_letter.item  # which holds the event, and the call as well
    assert 200 < found.copy.of(1) < found.outcome.of(1)
    assert found.copy.item > 36  # the id of each item
    assert found.restore.of(1) > 0  # how long it takes is for benchmarks to print
