"""What is kept of the last minutes: points to draw, dead letters by their ids."""

from dataclasses import replace

from processor.core.effects import RecordEnded, ReplaySettled
from processor.core.records import Partition
from processor.core.vocabulary import Operation
from processor.shell.page.recent import MOST_LETTERS, MOST_POINTS, Point, Recent, Replayed
from tests.unit.test_observers import OUTCOME, SYSTEMIC, WENT_WELL

FAILED = replace(WENT_WELL, verdict=SYSTEMIC, seconds=0.75)
WALL = 1_790_000_000.0


def ended(*, has_dead_letter: bool, replay_id: str | None = None, number: int = 0) -> RecordEnded:
    return RecordEnded(
        outcome=replace(OUTCOME, outcome_id=f"letter-{number}", replay_id=replay_id),
        has_dead_letter=has_dead_letter,
        is_replayed=replay_id is not None,
        is_released_before_paid=False,
        seconds=1.0,
    )


def test_a_point_tells_the_seconds_before_it_and_the_next_begins_anew() -> None:
    recent = Recent()
    recent.look(100.0, lag=0, in_flight=0)
    for seen in (WENT_WELL, WENT_WELL, FAILED, ended(has_dead_letter=True)):
        recent.observe(seen, WALL)
    recent.look(104.9, lag=9, in_flight=9)
    recent.look(110.0, lag=4, in_flight=2)
    recent.look(115.0, lag=0, in_flight=0)
    assert list(recent.points) == [
        Point(
            outcomes=0.1,
            calls=0.3,
            failed_calls=0.1,
            call_seconds=0.417,
            dead_letters=1,
            lag=4,
            in_flight=2,
        ),
        Point(
            outcomes=0,
            calls=0,
            failed_calls=0,
            call_seconds=None,
            dead_letters=0,
            lag=0,
            in_flight=0,
        ),
    ]


def test_of_a_dead_letter_ids_and_reason_are_kept_and_of_many_the_last() -> None:
    recent = Recent()
    recent.observe(ended(has_dead_letter=False), WALL)
    for number in range(MOST_LETTERS + 1):
        recent.observe(ended(has_dead_letter=True, number=number), WALL + number)
    assert [letter.letter_id for letter in recent.letters] == [
        f"letter-{number}" for number in range(1, MOST_LETTERS + 1)
    ]
    assert "Rokt says no" not in str(recent.letters)


def test_what_came_of_copies_is_counted_apart() -> None:
    recent = Recent()
    recent.observe(ended(has_dead_letter=True), WALL)
    recent.observe(ended(has_dead_letter=True, replay_id="r-1"), WALL + 1)
    recent.observe(ended(has_dead_letter=False, replay_id="r-2"), WALL + 2)
    recent.observe(ReplaySettled(Operation.CONFIRM, Partition("rokt-replay", 0), 7), WALL + 3)
    assert recent.replayed == Replayed(
        worked=2, settled=1, dead_letters=1, replay_id="r-2", wall=WALL + 3
    )


def test_the_points_do_not_grow_for_ever() -> None:
    recent = Recent()
    for second in range(0, 10 * MOST_POINTS, 5):
        recent.look(float(second), lag=second, in_flight=0)
    assert (len(recent.points), recent.points[-1].lag) == (MOST_POINTS, 10 * MOST_POINTS - 5)
