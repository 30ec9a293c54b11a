"""`processor fake-rokt` as a process of its own, which runs on uvloop."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from processor.cli.fake_rokt import fake_rokt

ALONE = "import typer; from processor.cli.fake_rokt import fake_rokt; typer.run(fake_rokt)"
REQUEST = (
    b"POST /v1/Cart/confirm HTTP/1.1\r\nHost: rokt\r\nrokt-api-key: k\r\nrokt-tag-id: t\r\n"
    b"Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: 40\r\n"
    b"Connection: close\r\n\r\n"
    b'{"cartId":"c","orderId":"o","items":[]}\n'
)


def invoke(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(fake_rokt)
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, " ".join(result.output.replace("│", " ").split())


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start it, and hand out the process and the first line that it prints."""
    command = [sys.executable, "-c", ALONE, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline()
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
        assert set(json.loads(line)) == {"base_url", "admin_url"}


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


@pytest.mark.parametrize("written", ['{"rules":[{"then":{"stauts":1}}]}', "{", None])
def test_a_bad_script_is_one_message_and_exit_code_2(tmp_path: Path, written: str | None) -> None:
    script = tmp_path / "script.json"
    if written is not None:
        script.write_text(written)
    code, output = invoke("--script", str(script))
    assert (code, "--script" in output) == (2, True)
    assert "Traceback" not in output


@pytest.mark.parametrize("latency", ["soon", "-1", "2-1", "nan", "inf"])
def test_a_bad_latency_is_one_message_and_exit_code_2(latency: str) -> None:
    code, output = invoke(f"--latency={latency}")
    assert (code, "write seconds" in output) == (2, True)


def test_a_port_that_is_taken_is_one_message_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, output = invoke("--port", str(port))
    assert code == 1
    assert output.startswith(f"cannot listen on 127.0.0.1:{port}")


def test_help_is_shown_without_loading_the_server() -> None:
    script = (
        "import sys, processor.cli.fake_rokt; "
        "print([name for name in ('aiohttp', 'pydantic', 'uvloop') if name in sys.modules])"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
