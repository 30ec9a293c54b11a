"""Words of strangers stay words wherever they are told: they act on no terminal, forge no line."""

import io
import json
import logging
import shlex
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
import structlog
from hypothesis import example, given, settings
from rich.console import Console

from processor.cli import check, inspect, plan_report, reconcile_report, replay_list
from processor.cli.copying_views import JsonLines, Lines, TerminalView, draw, show_report
from processor.cli.folding import tell
from processor.cli.plan_samples import show_samples
from processor.cli.texts import say
from processor.core.escapes import escaped, escaped_json
from processor.core.headway import Eta
from processor.core.pace import Cause, Wait
from processor.core.reconciliation import Finding, NotWorkedYet, Trouble, Window
from processor.core.records import Partition, Source
from processor.core.replays import Candidate, Guards, Kind, Plan, Prospect, Slice
from processor.core.sayings import Saying
from processor.core.selection import Failure, Selection
from processor.core.survey import Counting, Survey
from processor.core.tally import Tallied
from processor.core.timeline import Entry, Moment
from processor.core.vocabulary import Effect, Operation, Reason, Status
from processor.errors import RuntimeFailure
from processor.shell import logs, server
from processor.shell.checks import findings
from processor.shell.history.progress import Unreadable
from processor.shell.history.reconciliation import Report as Reconciliation
from processor.shell.history.report import Phase, Report, Sight
from processor.shell.history.timeline import Redrive, Timeline
from processor.shell.page.words import shortened
from tests.support.strangers import FORGED, words

WIDE: Final = 2_000
AT: Final = 1_793_491_200_000
SOURCE: Final = Source("orders", 3, 11, AT)
strange = given(words=words)
few = settings(max_examples=30)


def timeline(text: str) -> Timeline:
    entries = [
        Entry(
            at=AT,
            moment=moment,
            place=SOURCE,
            origin=SOURCE,
            operation=Operation.CONFIRM,
            order_id=text,
            cart_id=text,
            replay_id=text,
            told=(text, f"answered {text}"),
            facts={"message": text, "errors": [{"code": text, "message": text}], "items": [text]},
        )
        for moment in Moment
    ]
    redrive = Redrive(
        origin=SOURCE,
        order_id=text,
        cart_id=text,
        reason=Reason.UNPROCESSABLE,
        effect=Effect.NOT_APPLIED,
        times=1,
        prospect=Prospect.CONFIRM,
        detail=text,
    )
    said = Saying(subject="order", name=text, says=text)
    return Timeline(entries=(*entries,), ledger=(said,), redrives=(redrive,), notes=(text,))


def candidate(text: str, prospect: Prospect) -> Candidate:
    return Candidate(
        position_after=12,
        prospect=prospect,
        origin=SOURCE,
        partition=3,
        record=None,
        operation=Operation.CONFIRM,
        cart_id=text,
        order_id=text,
        detail=text,
        failure=Failure(reason=Reason.BAD_REQUEST, effect=Effect.NOT_APPLIED, http_status=400),
    )


def plan(text: str) -> Plan:
    return Plan(
        replay_id="replay-1",
        kind=Kind.REDRIVE,
        created_at=AT,
        cluster_id="cluster",
        group="group",
        lane="lane",
        topic_ids={"orders": "id"},
        counts={"orders": 4, "lane": 4},
        selection=Selection(ids=frozenset({text})),
        guards=Guards(max_age=None, includes_maybe_applied=False, most_redrives=3),
        slices=(Slice(place=Partition("orders", 3), begin=10, end=20),),
        waiting=0,
        notes=(text,),
    )


def survey(text: str) -> Survey:
    counting = Counting(plan(f"not {text}").selection)
    for prospect in Prospect:
        counting.add(candidate(text, prospect), sample=candidate(text, prospect))
    return counting.survey(waiting=0, read=20, absent=1)


def reconciliation(text: str) -> Reconciliation:
    report = Reconciliation(window=Window(since=AT - 60_000, until=AT), most=20)
    report.notes.append(text)
    report.wait(NotWorkedYet(order_id=text, cart_id=text, origin=SOURCE, at=AT, expires_at=None))
    for trouble in Trouble:
        report.add(
            Finding(
                trouble=trouble,
                operation=Operation.CONFIRM,
                order_id=text,
                cart_id=text,
                origin=SOURCE,
                at=AT,
                detail=text,
                reason=Reason.ITEMS_REJECTED,
                effect=Effect.NOT_APPLIED,
                items=(text, text),
            )
        )
    return report


def tallied(text: str) -> Tallied:
    return Tallied(
        outcomes={(Operation.CONFIRM, Status.SUCCEEDED): 1},
        dead_letters={Reason.UNPROCESSABLE: 1},
        called=1,
        changed=1,
        orders=(text,),
        new_dead_letters=1,
        new_calls=1,
    )


def sight(text: str) -> Sight:
    return Sight(
        phase=Phase.COPYING,
        done=1,
        total=2,
        counts={Prospect.CONFIRM: 1},
        tallied=tallied(text),
        ahead=1,
        rate=1.0,
        events_per_second=1.0,
        calls_per_second=1.0,
        wait=Wait(cause=Cause.LATE, detail=text),
        eta=Eta(1.0, 2.0),
    )


def report(text: str) -> Report:
    return Report(
        replay_id="replay-1",
        run_id="replay-1.0",
        kind=Kind.REPLAY,
        reason=text,
        done=1,
        total=2,
        counts={Prospect.CONFIRM: 1},
        tallied=tallied(text),
        started_at=AT,
        ended_at=AT,
        seconds=1.0,
    )


def checked(text: str) -> list[findings.Finding]:
    voice = findings.Voice(area=findings.Area.KAFKA)
    return [voice.ok(text, text), voice.warning(text, text, text), voice.error(text, text, text)]


def focus(text: str) -> inspect._Focus:
    return inspect._Focus(text, None)  # noqa: SLF001  what the command makes of its argument


def listed(text: str, console: Console) -> None:
    replay_list._show(console, [Unreadable(replay_id=text, why=text)], frozenset())  # noqa: SLF001


SHOWN: Final[dict[str, Callable[[str, Console], object]]] = {
    "inspect": lambda text, to: inspect._print(focus(text), timeline(text), to),  # noqa: SLF001
    "reconcile": lambda text, to: reconcile_report.show(reconciliation(text), None, AT, to),
    "plan": lambda text, to: plan_report.show(to, plan(text), survey(text), 1.0),
    "samples": lambda text, to: show_samples(to, survey(text), 20, {"orders": text}),
    "report of a replay": lambda text, to: show_report(to, report(text)),
    "bar of a replay": lambda text, to: to.print(draw(sight(text))),
    "notice on a terminal": lambda text, to: TerminalView(to).noticed(text),
    "notice": lambda text, to: Lines(lambda line: to.file.write(f"{line}\n")).noticed(text),
    "list of replays": listed,
    "check": lambda text, to: check.show(checked(text), to),
    "sentence": lambda text, to: say(to, text),
}
DOCUMENTS: Final[dict[str, Callable[[str], str]]] = {
    "inspect": lambda text: dumped(inspect.to_json(text, focus(text), timeline(text))),
    "reconcile": lambda text: dumped(reconcile_report.to_json(reconciliation(text), None)),
    "plan": lambda text: dumped(plan_report.to_json(plan(text), survey(text), 1.0)),
    "check": lambda text: dumped(check.to_json(checked(text))),
    "report of a replay": lambda text: written(lambda view: view.finished(report(text))),
    "notice": lambda text: written(lambda view: view.noticed(text)),
    "failure": lambda text: written(lambda view: view.failed(text)),
}


def dumped(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2)


def written(act: Callable[[JsonLines], object]) -> str:
    lines: list[str] = []
    act(JsonLines(lines.append))
    return "\n".join(lines)


def acting(text: str) -> list[str]:
    """Return what of a text acts on a terminal, and the lines that a stranger has begun."""
    return [
        *{letter for letter in text if letter != "\n" and not letter.isprintable()},
        *(line for line in text.split("\n") if line.strip(" │>→").startswith(FORGED)),
    ]


@few
@strange
@pytest.mark.parametrize("name", SHOWN)
def test_no_report_lets_them_act(name: str, words: str) -> None:
    console = Console(file=io.StringIO(), width=WIDE, highlight=False, markup=False, emoji=False)
    SHOWN[name](f"id {words}", console)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert acting(shown) == []
    assert ("[bold red]" in shown) is ("[bold red]" in words)


@few
@strange
@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_document_lets_them_act_and_programs_read_them_whole(name: str, words: str) -> None:
    document = DOCUMENTS[name](words)
    assert acting(document) == []
    assert words in texts(json.loads(document))


def texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for each in value:
                yield from texts(each)
        case dict():
            for each in value.values():
                yield from texts(each)
        case _:
            pass


@few
@strange
@example(words="-rf")
@example(words="it's $(reboot)\u202e")
def test_a_command_that_is_printed_has_them_as_one_word_or_not_at_all(words: str) -> None:
    for command in inspect._commands(timeline(words)):  # noqa: SLF001  what is printed
        assert shlex.split(command) == ["processor", "redrive", "--cart", words]
        assert words.isprintable()


@few
@strange
def test_an_error_is_told_in_the_lines_that_it_has(words: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", said := io.StringIO())
        tell(f"It cannot be read: {escaped(words)}\nMend it.", err=True)
        tell(f"id {words.replace(chr(10), ' ')}", err=True)
    assert acting(said.getvalue()) == []
    assert said.getvalue().count("\n") == 3


@pytest.fixture
def _logs_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    logging.getLogger("processor").setLevel(logging.NOTSET)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("_logs_restored")
@pytest.mark.parametrize("form", ["json", "console"])
def test_logs_are_lines_of_ours(form: Any) -> None:  # noqa: ANN401  either form
    stream = io.StringIO()
    logs.configure(form, "info", stream)
    log = structlog.get_logger("processor.test")

    @few
    @strange
    def holds(words: str) -> None:
        stream.truncate(stream.seek(0))
        log.info("dead letter", order_id=words, nested={"cart": [words]}, why=f"refused: {words}")
        logging.getLogger("library").warning("lost %s", words)
        lines = stream.getvalue().split("\n")
        assert acting(stream.getvalue()) == []
        assert len(lines) == 3
        if form == "json":
            ours, theirs = map(json.loads, lines[:2])
            assert (ours["order_id"], theirs["event"]) == (words, f"lost {words}")

    holds()


@pytest.mark.usefixtures("_logs_restored")
def test_a_traceback_for_people_quotes_in_letters_that_print() -> None:
    stream = io.StringIO()
    logs.configure("console", "info", stream)
    failure = RuntimeFailure("\x1b[2J\x9b2J\u202e")
    structlog.get_logger("processor.test").error("stopped", exc_info=failure)
    assert acting(stream.getvalue()) == []
    assert r"RuntimeFailure: \x1b[2J\x9b2J\u202e" in stream.getvalue()


@few
@strange
def test_the_server_says_the_same_in_letters_that_print(words: str) -> None:
    words = words.encode(errors="replace").decode()
    response = server._json({"away": [words], words: words})  # noqa: SLF001  as `/status` is made
    assert isinstance(response.body, bytes)
    assert acting(response.body.decode()) == []
    assert json.loads(response.body) == {"away": [words], words: words}


@few
@strange
def test_the_page_gets_letters_that_print(words: str) -> None:
    assert (shortened(words) or "").isprintable()
    assert shortened(None) is None


@strange
def test_escapes_change_nothing_that_prints_and_lose_nothing(words: str) -> None:
    assert escaped(words).isprintable()
    assert escaped(escaped(words)) == escaped(words)
    document = json.dumps({"id": words}, ensure_ascii=False)
    assert json.loads(escaped_json(document)) == {"id": words}
    assert escaped_json(document).isprintable()
