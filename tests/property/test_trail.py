"""The trail of a slice: whatever is acknowledged when, position and counts belong together."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from processor.core.records import Partition
from processor.core.replays import COPIED, Passed, Prospect
from processor.core.trail import Copying, Trail
from tests.support.copying import candidate

PLACE = Partition("order-paid", 0)


def take(trail: Trail, prospects: Sequence[Prospect | None], begin: int) -> dict[int, Copying]:
    """Give a trail what lies at the offsets from `begin` on; return the copies on their way."""
    copies = {}
    for offset, prospect in enumerate(prospects[begin:], begin):
        if prospect is None:
            trail.skip(Passed(position=offset + 1))
        elif prospect is Prospect.DELETED:
            trail.skip(Passed(position=offset + 1, deleted=1))
        elif prospect in COPIED:
            copies[offset] = trail.send(candidate(PLACE, offset, prospect))
        else:
            trail.count(candidate(PLACE, offset, prospect))
    return copies


histories = st.lists(st.sampled_from([None, *Prospect]), max_size=40)


@given(history=histories, data=st.data())
def test_below_the_position_all_is_acknowledged_and_counted_once(
    history: list[Prospect | None], data: st.DataObject
) -> None:
    trail = Trail(0, {})
    copies = take(trail, history, 0)
    unacknowledged = set(copies)
    for offset in data.draw(st.permutations(sorted(copies))):
        assert trail.position == min(unacknowledged)
        assert trail.counts == Counter(each for each in history[: trail.position] if each)
        copies[offset].acknowledged()
        unacknowledged.remove(offset)
    assert (trail.position, trail.in_flight) == (len(history), 0)
    assert trail.counts == Counter(each for each in history if each)


@given(history=histories, data=st.data())
def test_after_any_number_of_crashes_everything_was_copied_and_counted_once(
    history: list[Prospect | None], data: st.DataObject
) -> None:
    position, counts, copied = 0, Counter[Prospect](), set[int]()
    for _ in range(data.draw(st.integers(0, 5))):
        trail = Trail(position, counts)
        copies = take(trail, history, position)
        for offset in data.draw(st.permutations(sorted(copies))):
            if data.draw(st.booleans()):
                copies[offset].acknowledged()
                copied.add(offset)
        position, counts = trail.position, Counter(trail.counts)
    last = Trail(position, counts)
    for offset, copy in take(last, history, position).items():
        copy.acknowledged()
        copied.add(offset)
    assert copied == {offset for offset, each in enumerate(history) if each in COPIED}
    assert last.counts == Counter(each for each in history if each)
    assert last.copied == len(copied)
