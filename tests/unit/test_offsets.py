"""Offsets: what is tracked, and how far may be committed."""

import pytest

from processor.core.offsets import Offsets


def test_an_offset_is_committed_only_when_all_before_it_are_finished() -> None:
    offsets = Offsets(5)
    for offset in (5, 6, 7):
        offsets.track(offset)
    seen = [offsets.next_offset]
    for offset in (7, 5, 6):
        offsets.resolve(offset)
        seen.append(offsets.next_offset)
    assert seen == [5, 5, 6, 8]


def test_a_gap_counts_as_finished() -> None:
    offsets = Offsets(0)
    offsets.track(4)
    assert offsets.next_offset == 4
    offsets.resolve(4)
    offsets.advance(9)
    assert (offsets.next_offset, offsets.span) == (9, 0)


def test_an_offset_that_was_received_is_not_tracked_again() -> None:
    offsets = Offsets(3)
    assert [offsets.track(offset) for offset in (2, 3, 3, 2)] == [False, True, False, False]
    assert offsets.unfinished == 1


def test_an_end_that_lies_behind_changes_nothing() -> None:
    offsets = Offsets(3)
    offsets.track(3)
    offsets.advance(2)
    assert (offsets.position, offsets.next_offset) == (4, 3)


def test_the_span_reaches_from_the_first_unfinished_offset_to_the_position() -> None:
    offsets = Offsets(0)
    for offset in range(4):
        offsets.track(offset)
    for offset in (1, 2, 3):
        offsets.resolve(offset)
    assert (offsets.unfinished, offsets.span) == (1, 4)


def test_what_is_not_unfinished_cannot_be_finished() -> None:
    with pytest.raises(KeyError):
        Offsets(0).resolve(0)
