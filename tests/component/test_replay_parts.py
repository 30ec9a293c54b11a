"""Parts of the copier by themselves: the feed, the control, the neighbours, the shelf."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from processor.core.pace import Pace
from processor.core.records import Partition
from processor.core.replays import Candidate, Passed
from processor.errors import ConfigurationError, RuntimeFailure
from processor.shell.history import shelf as shelf_module
from processor.shell.history.control import Control
from processor.shell.history.feed import Feed
from processor.shell.history.neighbours import Neighbours
from processor.shell.history.progress import Cover, State, Unreadable
from processor.shell.history.shelf import Shelf
from processor.shell.settings import load_connections
from tests.support.copying import candidate
from tests.support.hostile_server import refusing_port
from tests.support.programs import wait_until

PLACE = Partition("order-paid", 0)


def test_a_feed_gives_what_is_read_in_order_and_then_ends() -> None:
    items: list[Candidate | Passed] = [
        candidate(PLACE, 0),
        Passed(position=5),
        candidate(PLACE, 5),
    ]
    with Feed(lambda: iter(items)) as feed:
        assert [item for item in feed if item is not None] == items


def test_a_feed_that_has_nothing_yet_gives_its_reader_time() -> None:
    is_let_go = threading.Event()

    def read() -> Iterator[Candidate]:
        is_let_go.wait(10)
        yield candidate(PLACE, 0)

    with Feed(read) as feed:
        found = iter(feed)
        assert next(found) is None
        is_let_go.set()
        assert [item for item in found if item is not None] == [candidate(PLACE, 0)]


def test_what_reading_fails_with_is_raised_where_items_are_taken() -> None:
    def read() -> Iterator[Candidate]:
        yield candidate(PLACE, 0)
        raise RuntimeFailure("the brokers are away")

    with Feed(read) as feed, pytest.raises(RuntimeFailure, match="the brokers are away"):
        list(feed)


def test_a_feed_that_is_left_early_reads_no_further() -> None:
    closed, read_so_far = threading.Event(), []

    def read() -> Iterator[Candidate]:
        try:
            for offset in range(1_000_000):
                read_so_far.append(offset)
                yield candidate(PLACE, offset)
        finally:
            closed.set()

    with Feed(read) as feed:
        next(iter(feed))
    wait_until(closed.is_set, within=5, what="the reading is closed")
    assert len(read_so_far) < 1_000


def test_the_rate_file_goes_over_the_rate_and_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "rate"
    path.write_text("7.5\n")
    control = Control(Pace(rate=20, stop_after_failures=3), path)
    assert control.pace(0.0) == Pace(rate=7.5, stop_after_failures=3)
    path.write_text("9")
    assert control.pace(0.5).rate == 7.5
    assert control.pace(1.0).rate == 9.0


@pytest.mark.parametrize("text", ["", "fast", "0", "-1", "nan", "inf", "5 6"])
def test_a_rate_file_that_says_nothing_is_refused_at_first_and_named_later(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "rate"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="holds no rate"):
        Control(Pace(), path)
    path.write_text("5")
    control = Control(Pace(), path)
    path.write_text(text)
    assert control.pace(10.0).rate == 5.0
    assert "holds no rate" in (control.trouble or "")


def test_a_rate_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        Control(Pace(), tmp_path / "none")


class FakeShelf:
    """Covers of replays, as a test has them."""

    def __init__(self) -> None:
        self.covers: dict[str, Cover | Unreadable] = {}
        self.asked: list[str] = []

    def ids(self) -> list[str]:
        return list(self.covers)

    def cover(self, replay_id: str) -> Cover | Unreadable:
        self.asked.append(replay_id)
        return self.covers[replay_id]


def cover(state: State, written_at: int) -> Cover:
    return Cover(
        slices=1,
        state=state,
        started_at=0,
        written_at=written_at,
        head={},
        pace=Pace(),
        expected=None,
    )


def test_neighbours_are_named_while_they_write_and_when_they_stop() -> None:
    shelf = FakeShelf()
    shelf.covers = {
        "mine": cover(State.COPYING, 1),
        "busy": cover(State.COPYING, 1),
        "killed": cover(State.COPYING, 1),
        "done": cover(State.FINISHED, 1),
        "odd": Unreadable(replay_id="odd", why="another version"),
    }
    neighbours = Neighbours("mine", shelf)  # type: ignore[arg-type]
    neighbours.look()
    assert neighbours.news() == []
    shelf.covers |= {"mine": cover(State.COPYING, 2), "busy": cover(State.COPYING, 2)}
    shelf.asked.clear()
    neighbours.look()
    (news,) = neighbours.news()
    assert news.startswith("replay busy is being copied at the same time: that is harmless")
    assert shelf.asked == ["busy", "killed", "odd"]
    neighbours.look()
    assert neighbours.news() == ["replay busy is not being copied any more"]


@pytest.mark.parametrize("ask", [Shelf.ids, lambda shelf: shelf.get("replay-1")])
def test_a_shelf_that_no_broker_answers_names_them_and_why(
    ask: Callable[[Shelf], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("_PATIENCE", 0.0), ("_ANSWER_WITHIN", 0.3), ("_THERE_WITHIN", 0.5)):
        monkeypatch.setattr(shelf_module, name, seconds)
    with refusing_port() as port:
        given = {
            "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{port}",
            "PROCESSOR_SCHEMA_REGISTRY__URL": "mock://nobody",
        }
        with pytest.raises(RuntimeFailure) as failed:
            ask(Shelf(load_connections(None, given)))
    said = str(failed.value)
    assert said.startswith(f"No broker of 127.0.0.1:{port} answers (")
    assert "Connection refused" in said
    assert said.endswith("PROCESSOR_KAFKA__BOOTSTRAP_SERVERS and PROCESSOR_KAFKA__PROPERTIES.")
