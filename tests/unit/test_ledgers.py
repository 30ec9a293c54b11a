"""Ledgers: how far each has read its results, and how long one is kept that nobody works with."""

from dataclasses import replace

import pytest

from processor.core.assignments import Assigned, Assignments
from processor.core.done import Done
from processor.core.effects import Restore
from processor.core.fence import FenceSettings
from processor.core.ledger import Ledger
from processor.core.ledgers import KEEP_LEDGER_FOR, Kept, ResultsRead, Retained
from processor.core.partitions import Rereading
from processor.core.records import Now, Partition, Source, Topics
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS

LANE = "lane"
START = Now(0.0, 1_000.0)
ENTRY = Assigned(partition=Partition(PAYMENTS, 0), committed=5, metadata=None, end=5)


class Recorder:
    """Opens ledgers at 40, and notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def open(self, number: int) -> Kept:
        self.asked.append(("open", number))
        return Kept(Ledger(ABANDONMENTS), 40)

    def anew(self, number: int) -> Ledger:
        self.asked.append(("anew", number))
        return Ledger(ABANDONMENTS)

    def let_go(self, number: int, kept: Kept) -> None:
        self.asked.append(("let go", number, kept.position))


def assignments(ledgers: Recorder) -> Assignments:
    topics = Topics(payments=PAYMENTS, abandonments=ABANDONMENTS, replay=LANE)
    return Assignments(topics, FenceSettings(partitions=1), ledgers)


def entry(topic: str, committed: int = 5) -> Assigned:
    return replace(ENTRY, partition=Partition(topic, 0), committed=committed)


def both() -> list[Assigned]:
    return [entry(PAYMENTS), entry(ABANDONMENTS)]


def test_what_came_since_the_assignment_stays_known_when_the_results_are_read_again() -> None:
    owned = assignments(Recorder())
    (restore,) = owned.assign(both(), START)
    state = owned.restored(restore, 40, 40)
    assert state is not None
    state.inputs[PAYMENTS].offsets.track(5)
    state.ledger.done.note(Source(PAYMENTS, 0, 5, None), "of us", 40)
    state.ledger.done.note(Source(PAYMENTS, 0, 6, None), "of another topic", 41)
    owned.restored(replace(restore, position=40), 40, 42)
    done = state.ledger.done
    assert (done.has(PAYMENTS, 5, "of us"), done.has(PAYMENTS, 6, "of another topic")) == (
        True,
        False,
    )


def test_what_we_write_ourselves_need_not_be_read() -> None:
    read = ResultsRead(3)
    read.wrote(3)
    read.wrote(5)
    read.wrote(4)
    assert (read.position, read.has_gap) == (6, False)


def test_what_somebody_else_has_written_is_a_gap_until_it_is_read() -> None:
    read = ResultsRead(3)
    read.wrote(4)
    read.wrote(5)
    assert (read.position, read.has_gap) == (3, True)
    read.read(3, 4)
    assert (read.position, read.has_gap) == (6, False)


def test_a_reading_that_ends_below_what_is_known_changes_nothing() -> None:
    read = ResultsRead(3)
    read.read(0, 2)
    read.wrote(1)
    assert (read.position, read.has_gap) == (3, False)


def test_of_another_topic_nothing_is_known() -> None:
    read = ResultsRead(3)
    read.wrote(9)
    read.begin_anew()
    assert (read.position, read.has_gap) == (0, False)


def test_a_ledger_that_is_kept_is_read_on_from_where_it_ends() -> None:
    owned = assignments(Recorder())
    assert list(owned.assign(both(), START)) == [Restore(0, 1, 40)]


def test_a_gap_is_read_after_a_while_and_only_where_there_is_one() -> None:
    owned = assignments(Recorder())
    (restore,) = owned.assign(both(), START)
    state = owned.states[0]
    owned.restored(restore, 40, 50)
    state.results.wrote(52)
    assert list(owned.due_rereads(Now(59.0, 1_059.0))) == []
    assert list(owned.due_rereads(Now(60.0, 1_060.0))) == [
        replace(restore, position=50, fills_gap=True)
    ]
    owned.learn(restore, [], 50, 52)
    assert list(owned.due_rereads(Now(120.0, 1_120.0))) == []


def test_a_reading_that_fills_a_gap_is_not_the_one_that_a_tainted_record_waits_for() -> None:
    owned = assignments(Recorder())
    (restore,) = owned.assign(both(), START)
    owned.restored(restore, 40, 50)
    state = owned.states[0]
    state.results.wrote(52)
    (gap,) = owned.due_rereads(Now(60.0, 1_060.0))
    state.rereading = Rereading.ASKED  # while it is under way, or about to be told
    state.results.wrote(54)
    assert list(owned.due_rereads(Now(120.0, 1_120.0))) == []
    owned.restored(gap, 50, 53)
    assert (state.rereading, state.results.position) == (Rereading.ASKED, 53)
    owned.restored(replace(gap, position=53, fills_gap=False), 53, 55)
    assert state.rereading is Rereading.DONE


def test_of_a_partition_that_was_assigned_anew_what_was_read_for_the_old_one_is_stale() -> None:
    owned = assignments(Recorder())
    (restore,) = owned.assign(both(), START)
    owned.lose([each.partition for each in both()], START)
    list(owned.assign(both(), START))
    owned.learn(restore, [], 40, 90)
    owned.replaced(restore)
    assert owned.states[0].results.position == 40


def test_offsets_that_go_back_have_everything_read_again() -> None:
    ledgers = Recorder()
    owned = assignments(ledgers)
    (restore,) = owned.assign(both(), START)
    owned.restored(restore, 40, 50)
    owned.lose([each.partition for each in both()], START)
    (again,) = owned.assign([entry(PAYMENTS, 4), entry(ABANDONMENTS)], START)
    assert ledgers.asked == [("open", 0), ("anew", 0)]
    assert again.position == 0


def test_a_lane_whose_offsets_go_back_stops_nobody() -> None:
    """Its copies are known by the originals that were worked."""
    ledgers = Recorder()
    owned = assignments(ledgers)
    (restore,) = owned.assign([*both(), entry(LANE, 7)], START)
    owned.restored(restore, 40, 50)
    assert list(owned.assign([entry(LANE, 6)], START)) == []
    assert (ledgers.asked, owned.states[0].is_working(-1.0)) == ([("open", 0)], True)


def test_what_was_not_read_is_not_passed_over() -> None:
    owned = assignments(Recorder())
    (restore,) = owned.assign(both(), START)
    with pytest.raises(AssertionError, match="from 40 to 45 were not read"):
        owned.learn(restore, [], 45, 50)
    with pytest.raises(AssertionError, match="from 40 to 50 were not read"):
        owned.restored(restore, 50, 50)
    assert not owned.states[0].is_working(-1.0)


def test_outcomes_of_records_beyond_an_input_are_of_another_topic_of_its_name() -> None:
    owned = assignments(Recorder())
    (restore,) = owned.assign(both(), START)
    done = owned.states[0].ledger.done
    for offset in (4, 5, 9):
        done.note(Source(PAYMENTS, 0, offset, None), f"id-{offset}", 40 + offset)
    owned.restored(restore, 40, 50)
    assert done.first_at(99) == 99  # all of it is committed, or lies beyond the end


def test_a_ledger_returns_with_its_partition_or_is_let_go_in_time() -> None:
    ledgers = Recorder()
    retained = Retained(ledgers)
    kept = Kept(Ledger(ABANDONMENTS), 77)
    retained.retain(3, kept, 0.0)
    assert retained.take(3) is kept
    retained.retain(3, kept, 0.0)
    retained.let_go(KEEP_LEDGER_FOR, lambda _: True)
    assert list(retained) == [(3, kept)]
    retained.let_go(KEEP_LEDGER_FOR + 1, lambda _: False)
    assert list(retained) == [(3, kept)], "something is on its way there"
    retained.let_go(KEEP_LEDGER_FOR + 1, lambda _: True)
    assert (list(retained), ledgers.asked) == ([], [("let go", 3, 77)])


def test_what_somebody_else_wrote_before_our_outcomes_is_read_after_a_restart() -> None:
    done = Done()
    done.note(Source(PAYMENTS, 0, 7, None), "id-7", 52)
    assert (done.first_at(50), done.first_at(60)) == (50, 52)


def test_of_a_topic_that_was_not_read_before_nothing_is_known() -> None:
    assert (Done().floor(LANE), Done(None, {PAYMENTS: 3}).floor(LANE) > 10**9) == (0, True)


def test_records_of_other_topics_are_of_no_interest() -> None:
    done = Done({PAYMENTS})
    done.note(Source("renamed", 0, 7, None), "id-7", 5)
    assert done.first_at(99) == 99
