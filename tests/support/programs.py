"""Programs that run beside the tests, take signals, and never outlive them."""

import atexit
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support import leash

_PORT_TRIES = 5


def wait_until(condition: Callable[[], object], *, within: float, what: str) -> None:
    """Return once `condition` holds; raise TimeoutError naming `what` after `within` seconds."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            message = f"not within {within:g} s: {what}"
            raise TimeoutError(message)
        time.sleep(0.05)


def free_port() -> int:
    """Return a loopback port that nothing listens on.

    It lies below the ranges that systems hand to outgoing connections, so that a server that is
    stopped for a while finds its port free again.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def start_on_free_ports(
    start: Callable[[], None], take_ports: Callable[[], None], log_text: Callable[[], str]
) -> None:
    """Start what has chosen its ports; with other ports when somebody else was quicker."""
    for _ in range(_PORT_TRIES - 1):
        try:
            return start()
        except RuntimeError:
            if "already in use" not in log_text():
                raise
            take_ports()
    return start()


@cache
def _leash() -> subprocess.Popen[str]:
    """Start the one process that kills all programs should this one die."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", leash.__file__],
        stdin=subprocess.PIPE,
        text=True,
        bufsize=1,
        start_new_session=True,
    )
    atexit.register(process.communicate)
    return process


def _tell_leash(sign: str, group: int) -> None:
    pipe = _leash().stdin
    if pipe is None or pipe.closed:
        message = "the leash is closed: programs start and end within the test run"
        raise RuntimeError(message)
    pipe.write(f"{sign}{group}\n")


class Program:
    """One program in a process group of its own; what it prints goes to the file `log`.

    It can be started again after it has ended. As a context manager it starts on entry and is
    killed on exit.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.command = [str(part) for part in command]
        self.log = log
        self._env = env
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it; its output is appended to the log."""
        if self.is_running:
            message = f"{self.command[0]} runs already"
            raise RuntimeError(message)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._env,
                cwd=self._folder,
                start_new_session=True,
            )
        _tell_leash("+", self._process.pid)

    def start_until(self, is_up: Callable[[], bool], *, within: float) -> None:
        """Start it and wait until it is up; RuntimeError shows its last lines when it ends."""
        self.start()
        wait_until(
            lambda: not self.is_running or is_up(), within=within, what=f"it is up: {self.log}"
        )
        if not self.is_running:
            message = f"it ended while starting:\n{self.log_text()[-3000:]}"
            raise RuntimeError(message)

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended (a paused program runs)."""
        return self._process is not None and self._process.poll() is None

    @property
    def is_suspended(self) -> bool:
        """Whether it is paused."""
        state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state == "T"

    @property
    def pid(self) -> int:
        """The process id, which is the process group's as well."""
        if self._process is None:
            message = f"{self.command[0]} was never started"
            raise RuntimeError(message)
        return self._process.pid

    def log_text(self) -> str:
        """Return all that it has printed so far, over all its starts."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def wait(self, within: float = 30.0) -> int:
        """Wait for its end and return the exit code, or minus the signal that ended it."""
        if self._process is None:
            message = f"{self.command[0]} was never started"
            raise RuntimeError(message)
        code = self._process.wait(within)
        _tell_leash("-", self._process.pid)
        return code

    def kill(self) -> None:
        """End the whole group at once, paused or not; nothing happens if it has ended."""
        if self._process is None or self._process.returncode is not None:
            return
        self.signal(signal.SIGKILL)
        self.wait()

    def stop(self, within: float = 30.0) -> int:
        """Ask it to end (SIGTERM) and return its exit code."""
        self.signal(signal.SIGTERM)
        self.resume()
        return self.wait(within)

    def pause(self) -> None:
        """Suspend it (SIGSTOP)."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        self.signal(signal.SIGCONT)
