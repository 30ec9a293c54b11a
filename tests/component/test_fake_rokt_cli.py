"""`processor fake-rokt` as a process of its own, which runs on uvloop."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import processor

CHECKOUT = Path(processor.__file__).parents[1]
COMMAND = (sys.executable, "-m", "processor", "fake-rokt")
REQUEST = (
    b"POST /v1/Cart/confirm HTTP/1.1\r\nHost: rokt\r\nrokt-api-key: k\r\nrokt-tag-id: t\r\n"
    b"Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: 40\r\n"
    b"Connection: close\r\n\r\n"
    b'{"cartId":"c","orderId":"o","items":[]}\n'
)


def invoke(*arguments: str, columns: int = 80) -> tuple[int, str]:
    """Run it to its end; return its exit code and all that it printed."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"COLUMNS": str(columns)},
        cwd=CHECKOUT,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start it, and hand out the process and the first line that it prints."""
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, cwd=CHECKOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().rstrip()
        finally:
            process.kill()


def port_of(line: str) -> int:
    return int(line.rsplit(":", 1)[1])


def ask(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(REQUEST)
        raw = b""
        while piece := connection.recv(1 << 16):
            raw += piece
        return raw


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_address_and_ends_cleanly_when_told(number: signal.Signals) -> None:
    with running("--latency", "30") as (process, line):
        assert line.startswith("http://127.0.0.1:")
        with socket.create_connection(("127.0.0.1", port_of(line)), 5) as caller:
            caller.sendall(REQUEST)
            process.send_signal(number)
            assert process.wait(5) == 0


def test_it_prints_its_addresses_as_json() -> None:
    with running("--json") as (_, line):
        addresses = json.loads(line)
        assert list(addresses) == ["base_url", "admin_url", "ledger_url"]
        assert addresses["ledger_url"] == f"{addresses['admin_url']}ledger"


def test_it_prints_where_its_ledger_and_its_admin_interface_are() -> None:
    with running() as (process, _):
        assert process.stdout is not None
        ledger, admin = process.stdout.readline().split(), process.stdout.readline().split()
    assert (ledger[0], admin[0], ledger[1]) == ("ledger", "admin", f"{admin[1]}ledger")


def test_it_can_be_fast() -> None:
    with (
        running("--fast") as (_, line),
        socket.create_connection(("127.0.0.1", port_of(line)), 5) as caller,
    ):
        caller.sendall(REQUEST)
        assert b'"orderId":"o"' in caller.recv(1 << 16)


def test_it_follows_a_script(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    rules = [
        {"then": {"status": 503, "apply": True}, "times": 1},
        {"then": {"send": "truncate"}, "times": 1},
        {"then": {"send": "truncate_reset", "content": "huge", "size": 8_000_000}, "times": 1},
        {"then": {"send": "reset"}, "times": 1},
        {"then": {"send": "close"}, "times": 1},
    ]
    script.write_text(json.dumps({"rules": rules}))
    with running("--script", str(script), "--api-key", "k") as (_, line):
        port = port_of(line)
        assert ask(port).startswith(b"HTTP/1.1 503")
        assert ask(port).startswith(b"HTTP/1.1 200")
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                ask(port)
        assert ask(port) == b""
        assert b'"orderId":"o"' in ask(port)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            '{"rules":[{"then":{"stauts":1}},{"then":{"status":1}}]}',
            (
                "cannot be used:\n"
                "  - rules[0].then.stauts is no known name; did you mean status?\n"
                "  - rules[1].then.status must be an HTTP status from 200 to 999, not 1\n"
                "`processor fake-rokt --example-script` prints one that is right.\n"
            ),
        ),
        ("{", "  - it is not JSON: "),
        (None, "cannot be read: No such file or directory.\n"),
    ],
)
def test_a_bad_script_is_told_in_our_own_words(
    tmp_path: Path, written: str | None, told: str
) -> None:
    script = tmp_path / "script.json"
    if written is not None:
        script.write_text(written)
    code, output = invoke("--script", str(script))
    assert (code, output.startswith(f"--script {script} ")) == (2, True)
    assert told in output
    assert "pydantic" not in output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--latency=soon"], "write seconds"),
        (["--latency=-1"], "write seconds"),
        (["--latency=2-1"], "write seconds"),
        (["--latency=nan"], "write seconds"),
        (["--latency=inf"], "write seconds"),
        (["--port=99999"], "99999 is no port"),
        (["--port=-1"], "-1 is no port"),
        (["--admin-port=65536"], "65536 is no port"),
        (["--port=9", "--admin-port=9"], "another one than --port"),
        (["--host=127.0.0.1.invalid"], "Is --host one of this machine's?"),
    ],
)
def test_a_bad_option_is_one_message_and_exit_code_2(arguments: list[str], told: str) -> None:
    code, output = invoke(*arguments, columns=120)
    assert (code, told in output, "Traceback" in output) == (2, True, False)


@pytest.mark.parametrize("option", ["--port", "--admin-port"])
def test_a_port_that_is_taken_is_one_message_with_its_remedy(option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, output = invoke(option, str(port))
    assert (code, output) == (
        2,
        (
            f"127.0.0.1 port {port} is taken by another program. "
            f"Choose another with {option}, or 0 for any free one.\n"
        ),
    )


@pytest.mark.parametrize(
    ("option", "name"), [("--example-script", "example.json"), ("--guide", "README.md")]
)
def test_what_comes_with_it_can_be_printed(option: str, name: str) -> None:
    written = CHECKOUT.joinpath("processor", "fake_rokt", name).read_text("utf-8")
    assert invoke(option) == (0, written)


def test_the_help_cuts_nothing_short_and_names_the_way_on() -> None:
    code, output = invoke("--help")
    assert (code, "…" in output) == (0, False)
    for word in ("--strict-reservations", "--example-script >", "--guide", "/_fake/ledger"):
        assert word in output


def test_what_is_no_http_is_one_line_without_a_piece_of_it() -> None:
    with (
        subprocess.Popen(
            COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=CHECKOUT, text=True
        ) as process,
    ):
        assert process.stdout is not None
        port = port_of(process.stdout.readline())
        for junk in (
            b"POST /v1/Cart/confirm HTTP/1.1\r\nHost: r\r\nrokt-api-key: can\x01ary\r\n\r\n",
            b"POST /v1/Cart/confirm HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n!\r\n",
            b"POST /v1/Cart/confirm HTTP/1.1\r\nHost: r\r\nContent-Length: 9\r\n\r\nleft",
            b"no HTTP at all\r\n\r\n",
        ):
            with socket.create_connection(("127.0.0.1", port), 5) as caller:
                caller.sendall(junk)
                caller.shutdown(socket.SHUT_WR)
                while caller.recv(1 << 16):
                    pass
        process.send_signal(signal.SIGTERM)
        _, complaints = process.communicate(timeout=10)
    line = "The fake Rokt cannot read a request from 127.0.0.1 as HTTP: BadHttpMessage\n"
    assert complaints == 2 * line


def test_help_is_shown_without_loading_the_server() -> None:
    script = (
        "import sys, processor.cli.fake_rokt; "
        "print([name for name in ('aiohttp', 'pydantic', 'uvloop') if name in sys.modules])"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
