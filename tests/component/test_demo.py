"""The demo: as people start it, and when something is not as it has to be."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import httpx2 as httpx
import pytest

import processor
from processor.core.vocabulary import Effect, Reason, Status
from processor.demo import report
from processor.demo.catalog import CATALOG
from processor.demo.events import item, paid
from processor.demo.findings import DeadLetter, Outcome, Readings, find
from processor.demo.samples import Expectation, sample
from processor.fake_rokt import SAMPLE_API_KEY, Entry, Operation
from tests.contract.test_documented_samples import CONFIRM_SAMPLE, RELEASE_SAMPLE, compact
from tests.support.programs import Program, wait_until

CHECKOUT: Final = Path(processor.__file__).parents[1]
DONE: Final = Outcome(
    id="1",
    status=Status.SUCCEEDED,
    effect=Effect.APPLIED,
    reason=None,
    attempts=1,
)
REFUSED: Final = Outcome(
    id="1",
    status=Status.REJECTED,
    effect=Effect.NOT_APPLIED,
    reason=Reason.UNPROCESSABLE,
    attempts=1,
)
REFUSAL: Final = Expectation(
    status=Status.REJECTED, effect=Effect.NOT_APPLIED, reason=Reason.UNPROCESSABLE
)
LETTER: Final = DeadLetter(id="1", reason=Reason.UNPROCESSABLE)


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if "PROCESSOR_" not in name.upper()}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment(),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )


def call(body: str = "body", status: int = 200) -> Entry:
    return Entry(
        sequence=1,
        operation=Operation.CONFIRM,
        method="POST",
        path="/v1/Cart/confirm",
        cart_id="cart",
        order_id="order",
        attempt=1,
        body_sha256=body,
        body=None,
        tag_id=None,
        session_id=None,
        accept_language=None,
        user_agent=None,
        traceparent=None,
        is_key_right=True,
        peer_port=None,
        arrived_at=0.0,
        status=status,
        is_answered=True,
    )


def test_the_demo_shows_each_sample_and_all_is_well() -> None:
    done = run("-m", "processor", "demo")
    titles = [sample.title for section in CATALOG for sample in section.samples]
    shown = [line[2:].split("  ")[0].strip() for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, "")
    assert [title for title in titles if title not in shown] == []
    assert f"{len(titles)} in " in done.stdout
    assert "all as they should be" in done.stdout
    assert "\x1b" not in done.stdout
    labels = re.findall(r"^processor_\w+ by (\w+(?: \w+)?) +", done.stdout, re.MULTILINE)
    assert labels == ["topic", "operation", "status class", "operation", "status", "reason"]
    assert "34 calls: 22 took effect, 1 repeated one whose answer got lost, 11 had no effect" in (
        done.stdout
    )
    assert "\nREADME.md " in done.stdout


def test_an_interrupted_demo_says_so_in_one_line(tmp_path: Path) -> None:
    log = tmp_path / "demo.log"
    program = (
        "import signal, sys\n"
        "from processor.cli.main import main\n"
        "from processor.demo.world import World\n"
        "def produce(*_): signal.raise_signal(signal.SIGINT); return {}\n"
        "World.produce = produce\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.argv = ['processor', 'demo']\n"
        "main()\n"
    )
    with Program(
        [sys.executable, "-c", program], log=log, env=environment(), folder=CHECKOUT
    ) as demo:
        assert demo.wait(40) == 130
    assert re.fullmatch(r"\s*Interrupted: .*\n", demo.log_text())


def test_an_installed_demo_names_no_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "_CHECKOUT", tmp_path)
    report.open_console().print(report.where_next())
    shown = capsys.readouterr().out
    assert ("README" in shown, "processor --help" in shown) == (False, True)


def test_the_commands_that_it_names_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "env" / "bin" / "processor"
    script.parent.mkdir(parents=True)
    script.touch(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["env/bin/processor", "demo"])
    monkeypatch.setenv("PATH", "/nowhere")
    assert report.program() == "env/bin/processor"
    monkeypatch.setenv("PATH", str(script.parent))
    assert report.program() == "processor"
    monkeypatch.setattr(sys, "argv", ["/somewhere/processor/__main__.py", "demo"])
    assert report.program() == f"{sys.executable} -m processor"


def test_a_sample_that_comes_to_something_else_ends_the_demo_with_code_1() -> None:
    program = """
import sys
from dataclasses import replace
from processor.cli.main import main
from processor.core.vocabulary import Effect
from processor.demo import catalog
from processor.demo.samples import Expectation
section = catalog.CATALOG[0]
wrong = replace(section.samples[0], expects=Expectation(effect=Effect.NOT_SENT, calls=2))
catalog.CATALOG = (replace(section, samples=(wrong, section.samples[1])),)
sys.argv = ["processor", "demo"]
main()
"""
    done = run("-c", program)
    assert (done.returncode, done.stderr) == (1, "")
    assert "! effect APPLIED instead of NOT_SENT" in done.stdout
    assert "! 1 calls instead of 2" in done.stdout
    assert "1 not as they should be" in done.stdout


def test_a_demo_that_is_kept_goes_on_until_it_is_interrupted(tmp_path: Path) -> None:
    log = tmp_path / "demo.log"
    command = [sys.executable, "-m", "processor", "demo", "--keep"]
    with Program(command, log=log, env=environment(), folder=CHECKOUT) as demo:
        wait_until(lambda: "order 7002 " in demo.log_text(), within=40, what="traffic")
        page, status, metrics, rokt = re.findall(r"http://\S+", demo.log_text())
        calls = httpx.get(rokt, trust_env=False).json()["entries"]
        assert "processor_outcomes_total" in httpx.get(metrics, trust_env=False).text
        assert httpx.get(status, trust_env=False).json()["is_ready"] is True
        assert httpx.get(page, trust_env=False).text.startswith("<!doctype html>")
        view = httpx.get(f"{page}page.json", trust_env=False)
        assert view.json()["level"] in ("well", "busy")  # busy while a call is tried again
        assert {"UNDECODABLE", "UNPROCESSABLE"} <= {
            each["reason"] for each in view.json()["letters"]
        }
        assert SAMPLE_API_KEY not in view.text
        demo.signal(signal.SIGINT)
        assert demo.wait(20) == 0
    sent = {entry["body"] for entry in calls}
    assert {compact(CONFIRM_SAMPLE).decode(), compact(RELEASE_SAMPLE).decode()} <= sent
    shown = " ".join(demo.log_text().split())
    assert "Traceback" not in shown
    assert "order-paid, cart-abandoned, rokt-results, rokt-dead-letters" in shown
    assert "`processor schemas show RoktCallOutcome`" in shown


CASES: Final[Mapping[str, tuple[Expectation, Readings, list[Entry], tuple[str, ...]]]] = {
    "all is well": (Expectation(), Readings(outcomes=(DONE,)), [call()], ()),
    "all is well with a dead letter": (
        REFUSAL,
        Readings(outcomes=(REFUSED,), dead_letters=(LETTER,)),
        [call()],
        (),
    ),
    "no outcome": (Expectation(calls=0), Readings(), [], ("0 outcomes instead of 1",)),
    "an outcome too many": (
        Expectation(),
        Readings(outcomes=(DONE, DONE)),
        [call()],
        ("2 outcomes instead of 1",),
    ),
    "another outcome": (
        REFUSAL,
        Readings(outcomes=(DONE,), dead_letters=(LETTER,)),
        [call()],
        (
            "status SUCCEEDED instead of REJECTED",
            "effect APPLIED instead of NOT_APPLIED",
            "reason None instead of UNPROCESSABLE",
        ),
    ),
    "a dead letter missing": (
        REFUSAL,
        Readings(outcomes=(REFUSED,)),
        [call()],
        ("dead letters none instead of UNPROCESSABLE",),
    ),
    "a dead letter too many": (
        Expectation(),
        Readings(outcomes=(DONE,), dead_letters=(LETTER,)),
        [call()],
        ("dead letters UNPROCESSABLE instead of none",),
    ),
    "the dead letter of something else": (
        REFUSAL,
        Readings(outcomes=(REFUSED,), dead_letters=(replace(LETTER, id="2"),)),
        [call()],
        ("dead letters UNPROCESSABLE instead of UNPROCESSABLE",),
    ),
    "a call that nobody tells of": (
        Expectation(),
        Readings(outcomes=(DONE,)),
        [call(), call()],
        ("2 calls instead of 1",),
    ),
    "a call that never came": (
        Expectation(),
        Readings(outcomes=(DONE,)),
        [],
        ("0 calls instead of 1",),
    ),
    "other bytes at the second attempt": (
        Expectation(calls=2),
        Readings(outcomes=(replace(DONE, attempts=2),)),
        [call("one"), call("other")],
        ("its calls are not identical in their bytes",),
    ),
}


@pytest.mark.parametrize(
    ("expects", "read", "calls", "deviations"), CASES.values(), ids=CASES.keys()
)
def test_whatever_deviates_is_found(
    expects: Expectation, read: Readings, calls: list[Entry], deviations: tuple[str, ...]
) -> None:
    one = sample("an order", paid("order", "cart", item("item")), expects)
    assert [finding.deviations for finding in find({one: read}, calls)] == [deviations]


def test_each_sample_of_an_order_gets_its_own_calls() -> None:
    first, second, third = (
        sample("an order", paid("order", cart, item("item"))) for cart in ("cart", "cart", "other")
    )
    calls = [call(status=503), call(), call(status=422)]
    read = {
        first: Readings(outcomes=(replace(DONE, attempts=2),)),
        second: Readings(outcomes=(replace(DONE, attempts=0),)),
        third: Readings(outcomes=(REFUSED,)),
    }
    told = [[entry.status for entry in finding.calls] for finding in find(read, calls)]
    assert told == [[503, 200], [], [422]]
