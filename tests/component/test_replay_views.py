"""What people and machines see of a replay."""

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console
from typer.testing import CliRunner

from processor.cli import copying, redrive, replay_list
from processor.cli.copying_views import (
    JsonLines,
    Lines,
    TerminalView,
    draw,
    show_eta,
    show_report,
    show_seconds,
)
from processor.cli.main import app
from processor.cli.plan_request import Asked, Doing, check
from processor.core.headway import Eta
from processor.core.pace import Cause, Pace, Wait
from processor.core.records import Partition
from processor.core.replays import Guards, Kind, Plan, Prospect, Slice
from processor.core.selection import Selection
from processor.core.tally import Tallied
from processor.core.vocabulary import Operation, Reason, Status
from processor.shell.history.control import Control
from processor.shell.history.progress import Cover, Known, Part, State, Unreadable
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
    run_id="replay-1.0",
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
    assert " ".join(rows[-2:]) == (
        "Something is left to do: 2 copies have ended in dead letters. Mend the cause, and have "
        "them worked again; planning first: "
        "processor redrive --from 2026-09-21T14:12:20Z --reason UNPROCESSABLE"
    )


def test_the_command_that_is_left_to_do_can_be_typed_as_it_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = printed(lambda console: show_report(console, REPORT)).splitlines()
    asked: list[Asked] = []
    monkeypatch.setattr(redrive, "load_connections", lambda _: None)

    def act(given: Asked, *_: object) -> int:
        asked.append(given)
        return 0

    monkeypatch.setattr(redrive, "act", act)
    done = CliRunner().invoke(app, shown[-1].split()[1:])
    assert done.exit_code == 0, done.output
    check(asked[0])
    assert asked[0].selection.reasons == {Reason.UNPROCESSABLE}


def test_one_of_a_kind_is_told_as_one() -> None:
    one = replace(REPORT, done=1, total=1, counts={Prospect.CONFIRM: 1})
    told = printed(lambda console: show_report(console, one)).splitlines()[0]
    assert told.startswith("replay-1 is finished. 1 of 1 offset read, 1 record copied, in")


def known(replay_id: str, **head: object) -> Known:
    """Return a replay that was paused half-way."""
    part = Part(
        slice=Slice(place=Partition("order-paid", 0), begin=0, end=10), position=5, counts={}
    )
    written = Cover(
        slices=1,
        state=State.PAUSED,
        started_at=0,
        written_at=0,
        head=head,
        pace=Pace(),
        expected=None,
    )
    return Known(replay_id=replay_id, cover=written, parts=(part,))


def test_the_list_names_ids_in_full_and_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "r" * 64
    found = [
        known(long, kind="redrive", ids_sha256="00"),
        known("files", kind="replay", containers=[{}]),
        Unreadable(replay_id="odd", why="it is odd"),
    ]
    shelf = SimpleNamespace(all=lambda: found, being_copied=lambda _: frozenset())
    monkeypatch.setattr(replay_list, "Shelf", lambda _: shelf)
    monkeypatch.setenv("COLUMNS", "80")
    replay_list.list_replays(None, as_json=False)  # type: ignore[arg-type]
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[:3] == [long, "paused", "50"] for line in lines)
    assert lines[-3:] == [
        f"Go on: processor redrive --resume {long} --ids <the same file>",
        "Go on: processor replay --resume files --avro <the same files>",
        "odd cannot be resumed: it is odd.",
    ]


def test_a_resumed_replay_keeps_what_is_not_given_anew() -> None:
    kept = Pace(rate=5, stop_after_failures=2)
    doing = Doing(
        executes=True,
        as_json=False,
        rate=None,
        is_confirmed=True,
        stop_after=None,
        rate_file=None,
        save_to=None,
    )
    assert doing.pace == Pace()
    assert replace(doing, kept=kept).pace == kept
    assert replace(doing, kept=kept, rate=9.0, stop_after=4).pace == Pace(
        rate=9.0, stop_after_failures=4
    )


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


@pytest.mark.parametrize(
    ("dead", "reason", "code"), [(2, None, 3), (0, None, 0), (0, "asked", 1), (2, "asked", 1)]
)
def test_the_exit_code_says_whether_anything_is_left_to_do(
    monkeypatch: pytest.MonkeyPatch, dead: int, reason: str | None, code: int
) -> None:
    tallied = replace(TALLIED, dead_letters={Reason.UNPROCESSABLE: dead})
    report = replace(REPORT, tallied=tallied, reason=reason)
    monkeypatch.setattr("processor.shell.logs.configure", lambda *_: None)
    monkeypatch.setattr(copying, "execute", lambda *_: report)
    assert _copy() == code


def test_a_second_interrupt_ends_it_at_once_and_promises_no_more_than_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> Report:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("it goes on")

    monkeypatch.setattr("processor.shell.logs.configure", lambda *_: None)
    monkeypatch.setattr(copying, "execute", interrupted)
    assert _copy() == 1
    said = capsys.readouterr().err
    assert "at most 5 copies a second; dead letters: 2 of them pause it" in said
    assert "Ended at once: what was copied in the last second may not be written down" in said
    assert "`processor replay --resume replay-1 --ids <the same file>` goes on" in said


def _copy() -> int:
    """Copy a plan with a list of ids, by whatever stands for `execute`."""
    plan = Plan(
        replay_id="replay-1",
        kind=Kind.REPLAY,
        created_at=0,
        cluster_id="cluster",
        group="group",
        lane="rokt-replay",
        topic_ids={},
        counts={},
        selection=Selection(),
        guards=Guards(max_age=None, includes_maybe_applied=False, most_redrives=3),
        slices=(),
        ids_sha256="00",
    )
    settings = SimpleNamespace(log=SimpleNamespace(format=None, level="info"))
    control = Control(Pace(rate=5, stop_after_failures=2))
    return copying.copy(plan, None, settings, control, as_json=False)  # type: ignore[arg-type]
