"""`processor healthcheck` against servers on loopback sockets, as container engines run it."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from processor.cli import main as cli
from processor.cli.healthcheck import near
from processor.errors import ConfigurationError
from processor.shell import settings
from processor.shell.server import Server


@contextmanager
def served(*, is_live: bool, is_ready: bool = False, host: str = "127.0.0.1") -> Iterator[int]:
    """Run the processor's own server on a thread; yields its port."""
    loop = asyncio.new_event_loop()
    listening, ended = threading.Event(), asyncio.Event()
    ports: list[int] = []

    async def serve() -> None:
        server = Server(
            settings.Server(host=host, port=0),
            CollectorRegistry(),
            is_live=lambda: is_live,
            is_ready=lambda: is_ready,
            status=lambda: pytest.fail("nobody asks for the status"),
            view=lambda: pytest.fail("nobody asks for the page"),
        )
        async with server:
            ports.append(int(server.url.rpartition(":")[2]))
            listening.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert listening.wait(10)
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()


def healthcheck(
    port: int | str, *arguments: str, host: str = "127.0.0.1", **more: str
) -> tuple[int, str]:
    """Run the command with a server's address in the environment."""
    given = {"PROCESSOR_SERVER__HOST": host, "PROCESSOR_SERVER__PORT": str(port)} | more
    done = CliRunner().invoke(cli.app, ["healthcheck", *arguments], env=given)
    if isinstance(done.exception, ConfigurationError):
        return done.exception.exit_code, str(done.exception)
    return done.exit_code, done.output


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("PROCESSOR_")]:
        monkeypatch.delenv(name)


def test_it_ends_with_0_while_the_processor_is_alive() -> None:
    with served(is_live=True) as port:
        assert healthcheck(port) == (0, "/livez yes\n")


def test_it_ends_with_1_when_the_processor_stands_still() -> None:
    with served(is_live=False, is_ready=True) as port:
        assert healthcheck(port) == (1, "/livez no\n")


def test_a_restore_is_no_illness_but_not_ready() -> None:
    with served(is_live=True, is_ready=False) as port:
        assert healthcheck(port)[0] == 0
        assert healthcheck(port, "--ready") == (1, "/readyz no\n")


def test_it_tells_when_the_processor_is_ready() -> None:
    with served(is_live=True, is_ready=True) as port:
        assert healthcheck(port, "--ready") == (0, "/readyz yes\n")


def test_a_server_on_all_addresses_is_asked_on_the_loopback_one() -> None:
    with served(is_live=True, host="0.0.0.0") as port:  # noqa: S104  as in an image
        assert healthcheck(port, host="0.0.0.0") == (0, "/livez yes\n")  # noqa: S104  same


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104  the case itself
        ("::", "::1"),
        ("::1", "::1"),
        ("10.0.0.7", "10.0.0.7"),
        ("localhost", "localhost"),
    ],
)
def test_where_it_asks(host: str, asked: str) -> None:
    assert near(host) == asked


def test_it_finds_the_address_in_the_file_of_settings(tmp_path: Path) -> None:
    with served(is_live=True) as port:
        path = tmp_path / "processor.toml"
        path.write_text(f"[server]\nport = {port}\n")
        assert healthcheck("", "--config", str(path)) == (0, "/livez yes\n")


def test_it_reads_no_secret() -> None:
    with served(is_live=True) as port:
        missing = {"PROCESSOR_ROKT__API_KEY_FILE": "/nonexistent/key"}
        assert healthcheck(port, **missing) == (0, "/livez yes\n")


def test_nobody_listens() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    assert healthcheck(port) == (
        1,
        f"/livez cannot be asked on 127.0.0.1, port {port}: connection refused\n",
    )


def test_a_server_that_does_not_answer_is_given_up_in_time() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        assert healthcheck(port, "--timeout", "0.2") == (
            1,
            "/livez was not answered within 0.2 s\n",
        )


def test_another_program_on_the_port_is_no_health() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as stranger:
        port = stranger.getsockname()[1]

        def answer() -> None:
            connection, _ = stranger.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        said = healthcheck(port)
        thread.join(10)
    assert said == (1, f"/livez was answered with 404: is another program on port {port}?\n")


def test_a_port_that_nobody_knows_is_a_mistake_in_the_settings() -> None:
    code, said = healthcheck(0)
    assert code == 2
    assert "PROCESSOR_SERVER__PORT" in said


def test_settings_that_cannot_be_are_told() -> None:
    code, said = healthcheck("many")
    assert code == 2
    assert "PROCESSOR_SERVER__PORT is not a whole number" in said
