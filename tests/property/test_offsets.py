"""Offsets against a plain model: a list of what was received, and a set of what is finished."""

from hypothesis import given
from hypothesis import strategies as st

from processor.core.offsets import Offsets

steps = st.lists(st.tuples(st.sampled_from(["track", "resolve", "advance"]), st.integers(0, 12)))


@given(st.integers(0, 3), steps)
def test_nothing_at_or_above_the_first_unfinished_offset_is_ever_committed(
    committed: int, steps: list[tuple[str, int]]
) -> None:
    offsets = Offsets(committed)
    unfinished: set[int] = set()
    position = before = committed
    for what, number in steps:
        if what == "track":
            is_new = offsets.track(number)
            assert is_new == (number >= position)
            if is_new:
                unfinished.add(number)
                position = number + 1
        elif what == "advance":
            offsets.advance(number)
            position = max(position, number)
        elif unfinished:
            offset = sorted(unfinished)[number % len(unfinished)]
            offsets.resolve(offset)
            unfinished.remove(offset)
        expected = min(unfinished, default=position)
        assert (offsets.next_offset, offsets.position, offsets.unfinished, offsets.span) == (
            expected,
            position,
            len(unfinished),
            position - expected,
        )
        assert offsets.next_offset >= before
        before = offsets.next_offset


@given(st.lists(st.integers(0, 50), unique=True, min_size=1))
def test_whatever_order_records_finish_in_all_is_committed_in_the_end(
    received: list[int],
) -> None:
    offsets = Offsets(0)
    for offset in sorted(received):
        assert offsets.track(offset)
    for offset in received:
        offsets.resolve(offset)
    assert (offsets.next_offset, offsets.unfinished, offsets.span) == (max(received) + 1, 0, 0)
