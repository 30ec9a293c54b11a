"""Logs: what is written, and what never is."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

import pytest
import structlog

from processor.shell import logs
from processor.shell.secrets import Secret

CANARY = "canary-5f1d"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    logging.getLogger("processor").setLevel(logging.NOTSET)
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_the_event_and_what_belongs_to_it() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    structlog.get_logger("processor.shell.test").info("dead letter", order_id="o-1", partition=3)
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "dead letter",
        "level": "info",
        "logger": "processor.shell.test",
        "order_id": "o-1",
        "partition": 3,
    }


def test_a_long_text_is_cut() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    structlog.get_logger("processor.shell.test").info("x", short="s" * 4_096, long="l" * 4_097)
    (line,) = lines(stream)
    assert line["short"] == "s" * 4_096
    assert line["long"] == "l" * 4_096 + "… (4097 characters)"


def test_the_level_holds_for_the_processor() -> None:
    stream = io.StringIO()
    logs.configure("json", "warning", stream)
    log = structlog.get_logger("processor.x")
    log.info("unimportant")
    log.warning("important")
    assert [line["event"] for line in lines(stream)] == ["important"]


def test_libraries_speak_through_the_same_door_and_only_when_it_matters() -> None:
    stream = io.StringIO()
    logs.configure("json", "debug", stream)
    for name in ("hpack.hpack", "httpx2", "aiohttp.access", "asyncio", "librdkafka"):
        logging.getLogger(name).debug("header rokt-api-key: %s", CANARY)
        logging.getLogger(name).info("POST %s", CANARY)
    logging.getLogger("aiohttp.server").warning("%s is slow", "peer", extra={"peer": "p"})
    (line,) = lines(stream)
    assert CANARY not in stream.getvalue()
    assert (line["event"], line["level"], line["peer"]) == ("peer is slow", "warning", "p")


def test_a_warning_is_a_line_too() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old habits", stacklevel=1)
    (line,) = lines(stream)
    assert "old habits" in line["event"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_secrets_are_masked_and_bytes_only_measured(form: Literal["json", "console"]) -> None:
    stream = io.StringIO()
    logs.configure(form, "info", stream)
    log = structlog.get_logger("processor.x")
    log.info("start", key=Secret(CANARY), nested={"key": [Secret(CANARY)]}, value=CANARY.encode())
    log.info("said %s", Secret(CANARY))
    logging.getLogger("asyncio").error("lost", extra={"value": CANARY.encode()})
    assert CANARY not in stream.getvalue()
    assert stream.getvalue().count("<11 bytes>") == 2


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_no_local_variables_and_no_words_of_others(
    form: Literal["json", "console"],
) -> None:
    stream = Terminal()
    logs.configure(form, "info", stream)

    def fail(payload: str) -> None:
        try:
            int(payload)
        except ValueError as error:
            message = f"no number: {payload}"
            raise RuntimeError(message) from error

    try:
        fail(CANARY.upper())
    except RuntimeError:
        structlog.get_logger("processor.x").exception("stopped")
        logging.getLogger("asyncio").exception("never retrieved")
    told = stream.getvalue()
    assert CANARY.upper() not in told
    assert [told.count(each) for each in ("ValueError", "RuntimeError", "in fail")] == [2, 4, 4]


def test_people_read_short_lines() -> None:
    stream = io.StringIO()
    logs.configure("console", "info", stream)
    structlog.get_logger("processor.shell.kafka.poller").info("dead letter", topic="order-paid")
    logging.getLogger("librdkafka").warning("no broker")
    ours, theirs = stream.getvalue().splitlines()
    time, _, rest = ours.partition("Z ")
    assert datetime.fromisoformat(time).isoformat(timespec="milliseconds") == time
    assert rest == "[info     ] dead letter topic=order-paid"
    assert theirs.partition("Z ")[2] == "[warning  ] no broker [librdkafka]"


def test_it_is_json_unless_a_terminal_listens() -> None:
    file, terminal = io.StringIO(), Terminal()
    for stream in (file, terminal):
        logs.configure(None, "info", stream)
        logging.getLogger("x").warning("here")
    assert file.getvalue().startswith("{")
    assert not terminal.getvalue().startswith("{")
