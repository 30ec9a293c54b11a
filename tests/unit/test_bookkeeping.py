"""The books of a replay: what a slice has come to is written, however soon the next one follows."""

from collections.abc import Sequence
from typing import Any, cast

from processor.core.pace import Pace
from processor.core.records import Partition
from processor.core.replays import Guards, Kind, Passed, Plan, Slice
from processor.core.selection import Selection
from processor.shell.history.bookkeeping import Bookkeeping
from processor.shell.history.progress import Cover, Mark

PLAN = Plan(
    replay_id="replay-1",
    kind=Kind.REPLAY,
    created_at=0,
    cluster_id="cluster",
    group="group",
    lane="lane",
    topic_ids={},
    counts={"lane": 3},
    selection=Selection(),
    guards=Guards(max_age=None, includes_maybe_applied=False, most_redrives=3),
    slices=tuple(Slice(place=Partition("in", n), begin=0, end=10) for n in range(3)),
)


class FakeBookmarks:
    """Takes what is written, or refuses it when `trouble` says why."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self.is_busy = False
        self.written: list[list[tuple[int, int]]] = []

    def serve(self) -> None:
        """Answer at once."""

    def write(self, marks: Sequence[Mark], cover: Cover) -> None:
        assert cover.slices == 3
        self.written.append([(mark.index, mark.part.position) for mark in marks])


def begun() -> tuple[Bookkeeping, FakeBookmarks]:
    bookmarks = FakeBookmarks()
    return Bookkeeping(PLAN, None, cast("Any", bookmarks), Pace(), 0.0), bookmarks


def read(books: Bookkeeping, index: int, position: int) -> None:
    books.turn_to(index).skip(Passed(position=position))


def test_the_slice_that_is_worked_is_written_every_second() -> None:
    books, bookmarks = begun()
    for at in (0.0, 0.5, 1.0, 2.0):
        read(books, 0, int(at * 2) + 1)
        books.serve(at)
    assert bookmarks.written == [[(0, 1)], [(0, 3)], [(0, 5)]]


def test_slices_that_were_left_within_a_second_are_written_as_they_ended() -> None:
    books, bookmarks = begun()
    read(books, 0, 5)
    books.serve(0.0)
    for index in range(3):
        read(books, index, 10)
    books.serve(1.0)
    books.serve(2.0)
    assert bookmarks.written == [[(0, 5)], [(0, 10), (1, 10), (2, 10)], [(2, 10)]]


def test_what_was_not_taken_is_written_again() -> None:
    books, bookmarks = begun()
    read(books, 0, 10)
    read(books, 1, 4)
    books.serve(0.0)
    bookmarks.trouble = "nobody answers"
    books.serve(1.0)
    bookmarks.trouble = None
    books.serve(2.0)
    assert bookmarks.written == [[(0, 10), (1, 4)], [(0, 10), (1, 4)], [(1, 4)]]
