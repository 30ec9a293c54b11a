"""Beginnings: how they are counted, and which records are suspected then."""

import pytest

from processor.core.beginnings import DEATHS, REACH, Suspects, count
from processor.core.effects import CommitOffset
from processor.core.records import Partition, Source
from processor.shell.kafka.marks import begun, count_begun, mark, topic_id_of

HERE, THERE = Partition("in", 0), Partition("in", 1)


def at(offset: int, partition: Partition = HERE) -> Source:
    """Return the coordinates of a record."""
    return Source(*partition, offset, None)


def moved_to(offset: int) -> tuple[CommitOffset, ...]:
    """Return a commit's offsets."""
    return (CommitOffset(HERE, offset, ""),)


@pytest.fixture
def suspects() -> Suspects:
    """One suspected partition, begun at offset 5."""
    found = Suspects()
    assert found.begin(HERE, 5, DEATHS + 1)
    return found


def test_beginnings_are_counted_where_something_lies() -> None:
    assert [count(before, 5, 6) for before in (0, 1, 3)] == [1, 2, 4]


def test_where_nothing_has_come_nothing_has_killed() -> None:
    assert [count(3, 5, end) for end in (5, 4)] == [1, 1]


@pytest.mark.parametrize("beginning", [1, DEATHS])
def test_a_partition_is_not_suspected_before_the_third_death(beginning: int) -> None:
    suspects = Suspects()
    assert not suspects.begin(HERE, 5, beginning)
    assert not suspects.has(at(5))


def test_all_of_a_partition_is_suspected_until_the_commit_has_moved_on(suspects: Suspects) -> None:
    suspects.committed(moved_to(5))
    assert [suspects.has(at(offset)) for offset in (5, 10**9)] == [True, True]
    assert not suspects.has(at(5, THERE))


def test_suspicion_ends_some_way_on_once_the_commit_has_moved(suspects: Suspects) -> None:
    suspects.committed(moved_to(6))
    assert [suspects.has(at(5 + REACH + beyond)) for beyond in (-1, 0)] == [True, False]


def test_a_commit_that_is_refused_has_not_moved(suspects: Suspects) -> None:
    suspects.committed(moved_to(6), refused=[HERE])
    assert suspects.has(at(5 + REACH))


def test_where_a_deadly_record_was_all_is_suspected(suspects: Suspects) -> None:
    suspects.committed(moved_to(6))
    suspects.convict(HERE)
    suspects.committed(moved_to(7))
    assert suspects.has(at(10**9))


def test_a_partition_that_is_given_up_is_suspected_no_more(suspects: Suspects) -> None:
    suspects.forget([HERE])
    suspects.convict(HERE)
    suspects.committed(moved_to(6))
    assert not suspects.has(at(5))


def test_each_beginning_is_judged_anew(suspects: Suspects) -> None:
    assert not suspects.begin(HERE, 9, 1)
    assert not suspects.has(at(9))


@pytest.mark.parametrize("metadata", ['{"v":1,"horizon":7,"partitions":2}', "", None, "not ours"])
def test_a_commit_says_how_often_it_was_begun_at(metadata: str | None) -> None:
    noted = count_begun(metadata, 3)
    assert (begun(noted), topic_id_of(mark(noted, "topic"))) == (3, "topic")


def test_what_was_handed_back_is_not_counted() -> None:
    assert [count_begun('{"v":1}', number) for number in (0, -1)] == ['{"v":1}'] * 2
    assert count_begun(None, 0) == ""


@pytest.mark.parametrize("said", ["true", '"3"', "-1", "0", "1.5", "null", "[]"])
def test_what_is_no_count_counts_nothing(said: str) -> None:
    assert begun(f'{{"begun":{said}}}') == 0


def test_the_horizon_is_read_beside_it() -> None:
    metadata = '{"v":1,"horizon":7,"partitions":2,"topic":"t"}'
    assert count_begun(metadata, 2) == metadata[:-1] + ',"begun":2}'
