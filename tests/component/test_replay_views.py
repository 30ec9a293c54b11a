"""What people and machines see of a replay."""

import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from processor.cli.copying_views import (
    JsonLines,
    Lines,
    TerminalView,
    draw,
    show_eta,
    show_report,
    show_seconds,
)
from processor.core.headway import Eta
from processor.core.pace import Cause, Wait
from processor.core.replays import Kind, Prospect
from processor.core.tally import Tallied
from processor.core.vocabulary import Operation, Reason, Status
from processor.shell.history.report import Phase, Report, Sight

TALLIED = Tallied(
    outcomes={
        (Operation.CONFIRM, Status.SUCCEEDED): 1_200,
        (Operation.CONFIRM, Status.REJECTED): 2,
    },
    dead_letters={Reason.UNPROCESSABLE: 2},
    called=1_202,
    changed=1_200,
    orders=("order-1", "order-\x1b[31m2"),
    new_dead_letters=2,
    new_calls=1_202,
)
SIGHT = Sight(
    phase=Phase.COPYING,
    done=1_500,
    total=5_000,
    counts={Prospect.CONFIRM: 1_300, Prospect.SETTLED: 200},
    tallied=TALLIED,
    ahead=14,
    rate=20.0,
    events_per_second=20.14,
    calls_per_second=17.9,
    wait=Wait(cause=Cause.LATE, detail="3 live events are late in order-paid [0]"),
    eta=Eta(150.0, 300.0),
)
REPORT = Report(
    replay_id="replay-1",
    kind=Kind.REPLAY,
    reason=None,
    done=5_000,
    total=5_000,
    counts={Prospect.CONFIRM: 1_300, Prospect.SETTLED: 3_700},
    tallied=TALLIED,
    started_at=1_790_000_000_000,
    ended_at=1_790_000_250_000,
    seconds=250.04,
)


def ticking(*moments: float) -> Callable[[], float]:
    """Return a clock that shows one moment after the other, then the last for ever."""
    left = list(moments)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def printed(show: Callable[[Console], object], *, is_terminal: bool = False) -> str:
    console = Console(file=StringIO(), width=100, force_terminal=is_terminal, markup=False)
    show(console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_the_bar_shows_how_far_how_fast_and_what_it_waits_for() -> None:
    shown = printed(lambda console: console.print(draw(SIGHT)))
    assert "1,500 of 5,000 (30 %), 2 min 30 s to 5 min 0 s left" in shown
    assert "20.1 events/s, 17.9 calls/s; copied 1,300, called 1,202, skipped 200" in shown
    assert "dead letters 2" in shown
    assert "waiting: 3 live events are late in order-paid [0]" in shown


def test_the_bar_says_when_only_the_lane_is_left() -> None:
    last = replace(SIGHT, phase=Phase.WORKING_OFF, wait=None)
    assert "all 5,000 read, 14 copies left in the lane" in printed(
        lambda console: console.print(draw(last))
    )


def test_a_full_lane_is_the_ordinary_case_and_not_shouted_about() -> None:
    full = replace(SIGHT, wait=Wait(cause=Cause.LANE, detail="20 copies are ahead"))
    assert "waiting" not in printed(lambda console: console.print(draw(full)))


def test_a_terminal_gets_its_cursor_back() -> None:
    def show(console: Console) -> None:
        with TerminalView(console) as view:
            view.progressed(SIGHT)
            view.noticed("look \x1b[2J here")

    shown = printed(show, is_terminal=True)
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
    assert "look \\x1b[2J here" in shown


def test_without_a_terminal_there_is_a_line_every_ten_seconds() -> None:
    lines: list[str] = []
    times = iter([0.0, 0.5, 1.0, 1.0, 5.0, 10.9, 11.0, 11.0, 12.0])
    view = Lines(lines.append, clock=lambda: next(times))
    for _ in range(6):
        view.progressed(SIGHT)
    line = (
        "1,500 of 5,000 (30 %), 2 min 30 s to 5 min 0 s left; 20.1 events/s, 17.9 calls/s; "
        "copied 1,300, called 1,202, skipped 200, dead letters 2"
    )
    assert lines == [line, line]


def test_machines_get_one_json_object_a_line() -> None:
    lines: list[str] = []
    view = JsonLines(lines.append, clock=ticking(0.0))
    view.progressed(SIGHT)
    view.progressed(SIGHT)
    view.noticed("going on")
    view.finished(replace(REPORT, reason="it was asked to stop"))
    progress, notice, paused = map(json.loads, lines)
    assert progress == {
        "event": "progress",
        "phase": "copying",
        "done": 1_500,
        "total": 5_000,
        "copied": 1_300,
        "skipped": 200,
        "called": 1_202,
        "deadLetters": 2,
        "ahead": 14,
        "rate": 20.0,
        "eventsPerSecond": 20.14,
        "callsPerSecond": 17.9,
        "waitsFor": "late",
        "etaSeconds": [150.0, 300.0],
    }
    assert notice == {"event": "notice", "text": "going on"}
    assert (paused["event"], paused["report"]["reason"]) == ("paused", "it was asked to stop")
    assert paused["report"]["settledMeanwhile"] is None


def test_the_report_counts_by_outcome_and_names_orders_that_changed() -> None:
    shown = printed(lambda console: show_report(console, REPORT))
    rows = [" ".join(line.split()) for line in shown.splitlines()]
    assert rows[0] == (
        "replay-1 is finished. 5,000 of 5,000 offsets read, 1,300 records copied, in 4 min 10 s."
    )
    assert {
        "not copied: settled 3,700",
        "confirm: SUCCEEDED 1,200",
        "confirm: REJECTED 2",
        "settled before its turn: no call 98",
        "dead letter: UNPROCESSABLE 2",
    } <= set(rows)
    assert "1,200 orders have changed: order-1, order-\\x1b[31m2 and 1,190 more." in shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (61, "1 min 1 s"),
        (1_830, "30 min"),
        (7_260, "2 h 1 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_times_are_no_finer_than_they_are_known(seconds: float, shown: str) -> None:
    assert show_seconds(seconds) == shown


def test_a_range_whose_ends_look_alike_is_one_time() -> None:
    assert show_eta(Eta(1_790.0, 1_815.0)) == "30 min"
