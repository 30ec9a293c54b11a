"""What the READMEs tell people to type is understood: commands, options, paths, links.

No command is run.
"""

import asyncio
import io
import logging
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import aiohttp
import pytest
import structlog
import typer
from prometheus_client import CollectorRegistry
from typer.core import TyperGroup

from processor.cli.main import COMMANDS, load_command
from processor.core.moments import read_moment
from processor.shell import logs, settings
from processor.shell.page.view import view
from processor.shell.seen import Seen
from processor.shell.server import Server
from processor.shell.status import status_of

ROOT: Final = Path(__file__).parents[2]
README: Final = ROOT.joinpath("README.md").read_text("utf-8")
RUNBOOK: Final = ROOT.joinpath("deploy", "README.md").read_text("utf-8")
FENCES: Final = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
PLACEHOLDERS: Final = {"REASON": "UNPROCESSABLE", "CART": "cart-4711", "…": ""}
SEEN: Final = Seen(
    wall=1_790_000_000.0,
    group_id="g",
    topics=("order-paid", "cart-abandoned", "rokt-replay"),
    most_in_flight=64,
    is_live=True,
    is_ready=True,
)


def typed(text: str) -> Iterator[str]:
    """Go over the lines that a document shows behind a prompt."""
    for block in FENCES.findall(text):
        yield from re.findall(r"^ *\$ (.+)$", block, re.MULTILINE)


def named(text: str) -> Iterator[str]:
    """Go over the commands that a document names within its sentences."""
    for code in re.findall(r"`([^`]+)`", FENCES.sub("", text)):
        if code.startswith("processor "):
            yield " ".join(code.split())


def words_of(line: str) -> list[list[str]]:
    """Return the commands of a line, without what a shell does with them."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    parts = (
        list(part) for is_end, part in groupby(lexer, lambda word: word in ";|>&&") if not is_end
    )
    return [part for part in parts if part]


def ours(line: str) -> Iterator[list[str]]:
    """Go over the arguments of each `processor` of a line, in a container or not."""
    for words in words_of(line):
        inner = words[words.index("--") + 1 :] if "kubectl" in words[0] and "--" in words else words
        if inner[:1] == ["processor"]:
            yield [word for word in (PLACEHOLDERS.get(each, each) for each in inner[1:]) if word]


def parse(arguments: Sequence[str]) -> None:
    """Have the real command line read arguments; its own error where it cannot."""
    name, *rest = arguments
    assert name in COMMANDS, f"there is no processor {name}"
    command = load_command(name)
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        name, *rest = rest
        assert name in command.commands, f"there is no {name} in {' '.join(arguments)}"
        command = command.commands[name]
    if isinstance(command, TyperGroup) and not rest:
        return
    try:
        context = command.make_context(name, rest)
    except typer.Exit:
        return
    for option in ("since", "until"):
        if isinstance(told := context.params.get(option), str):
            read_moment(told, 0)


LINES: Final = sorted({*typed(README), *typed(RUNBOOK), *named(README), *named(RUNBOOK)})
CALLS: Final = sorted({shlex.join(words) for line in LINES for words in ours(line)})
LOGS: Final = sorted(line for line in LINES if line.startswith("kubectl logs"))
CURLS: Final = sorted(line for line in LINES if line.startswith("curl") and "localhost" in line)


@pytest.mark.parametrize("call", CALLS)
def test_a_command_that_is_shown_is_understood(call: str) -> None:
    parse(shlex.split(call))


def test_there_are_as_many_as_it_seems() -> None:
    assert len(CALLS) > 40
    assert len(LOGS) > 3
    assert len(CURLS) > 2


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("processor redrives --from 1h", "no processor redrives"),
        ("kubectl exec deployment/processor -- processor topics plans", "no plans in topics plans"),
        ("processor redrive --form 1h", "No such option: --form"),
        ("processor redrive --reason NO_REASON", "'NO_REASON' is not one of"),
        ("processor replay --from yesterday", "is not a time with its zone"),
        ("processor check --timeout soon; echo $?", "should be a valid number"),
        ("processor topics accept-gap --topic order-paid", "Missing parameter: partition"),
    ],
)
def test_what_is_wrong_is_found(wrong: str, why: str) -> None:
    (words,) = ours(wrong)
    with pytest.raises(Exception, match=why):
        parse(words)


@pytest.mark.parametrize("line", CURLS)
def test_what_is_asked_of_the_port_is_answered(line: str) -> None:
    """Whatever stands behind the pipe gets the answer of a real server."""

    async def ask(path: str) -> tuple[int, str]:
        server = Server(
            settings.Server(port=0),
            CollectorRegistry(),
            is_live=lambda: True,
            is_ready=lambda: True,
            status=lambda: status_of(SEEN),
            view=lambda: view(SEEN),
        )
        async with (
            server,
            aiohttp.ClientSession(server.url) as session,
            session.get(path) as response,
        ):
            return response.status, await response.text()

    request, *filters = line.split("#", maxsplit=1)[0].split("|")
    (path,) = re.findall(r"localhost:9464(/\S+)", request)
    status, answer = asyncio.run(ask(path))
    assert (status, bool(answer.strip())) == (200, True)
    assert filtered(answer, filters)


@pytest.mark.parametrize("line", LOGS)
def test_what_is_looked_for_in_the_log_is_found_and_not_all_of_it(line: str) -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    level, handlers, configured = root.level, root.handlers[:], structlog.get_config()
    try:
        logs.configure("json", "info", stream)
        log = structlog.get_logger("processor.shell.watch")
        log.info("partitions assigned")
        log.info("the key was read again")
        log.info("a secret was read again", setting="PROCESSOR_KAFKA__PROPERTIES_FILE")
        log.warning("released before paid", order_id="o")
    finally:
        logging.captureWarnings(capture=False)
        root.setLevel(level)
        root.handlers[:] = handlers
        structlog.configure(**configured)
    command, *filters = line.split("#", maxsplit=1)[0].split("|")
    assert "--selector" not in command or "--tail" in command, "only 10 lines a pod"
    written = stream.getvalue()
    assert len(filtered(written, filters).splitlines()) == (1 if filters else 4)


def filtered(text: str, filters: Sequence[str]) -> str:
    """Return what comes through a pipe."""
    pipe = "|".join(filters) or "cat"
    done = subprocess.run(
        ["/bin/sh", "-c", pipe], input=text, capture_output=True, text=True, timeout=20, check=False
    )
    return done.stdout


@pytest.mark.parametrize("text", [README, RUNBOOK], ids=["README.md", "deploy/README.md"])
def test_a_link_within_a_document_leads_somewhere(text: str) -> None:
    titles = re.findall(r"^#+ (.+)$", FENCES.sub("", text), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    links = re.findall(r"\]\(#([^)]+)\)", text)
    assert [link for link in links if link not in anchors] == []
    assert links
