"""Rehearsal: a task is done in a child process first, because it may kill whoever does it.

A task counts as deadly only when a child of its own died of it by its own doing: by a fault, or
by what it took of memory or time. A child that was killed by others, or could not begin, proves
nothing.
"""

import os
import pickle
import signal
import subprocess
import sys
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import IO, Final

import structlog

from processor.core.events import Undecodable
from processor.core.vocabulary import Reason
from processor.shell.rehearsal_child import (
    HARMLESS,
    OUT_OF_MEMORY,
    RAISED,
    READY,
    SchemaTask,
    Task,
)
from processor.shell.vetting import Refusal

_LOG: Final = structlog.get_logger(__name__)
_WITHIN: Final = 120.0
# Not by -m: tasks would be of another class than its own.
_CHILD: Final = "from processor.shell.rehearsal_child import main; main()"
_TO_END: Final = 5.0
_PASSED_ON: Final = ("LD_LIBRARY_PATH", "PYTHONHOME")
_OWN_DOING: Final = frozenset(
    {
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGABRT,
        signal.SIGILL,
        signal.SIGFPE,
        signal.SIGTRAP,
        signal.SIGSYS,
        signal.SIGXCPU,
    }
)
_SAID: Final = {RAISED: "an exception that nobody foresaw", OUT_OF_MEMORY: "too much memory"}


@dataclass(frozen=True, slots=True)
class Harmless:
    """A child has done the task and lives."""


@dataclass(frozen=True, slots=True)
class Deadly:
    """A child of its own has died of the task; `how` is said in a few words."""

    how: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """No child could do the task, or one was killed by somebody else; `why` says so."""

    why: str


Verdict = Harmless | Deadly | Undecided


def deadly(verdict: Deadly) -> Undecodable:
    """Return what a deadly record says."""
    detail = f"Decoding it in a process of its own ended that process: {verdict.how}."
    return Undecodable(reason=Reason.UNDECODABLE, detail=detail)


class Rehearsal:
    """Does tasks in a child, one after the other. All of it blocks; one thread at a time."""

    def __init__(self, *, within: float = _WITHIN) -> None:
        """Begin without a child; a task takes at most `within` seconds, of which a child dies.

        Generous, because it proves nothing: a machine that is busy enough is as slow.
        """
        self._within = within
        self._child: _Child | None = None
        self._is_closed = False

    def try_(self, task: Task) -> Verdict:
        """Do a task in the child that has done those before; if that dies, in one of its own."""
        is_alone = self._child is None
        verdict = self._do(task)
        if isinstance(verdict, Harmless) or (is_alone and isinstance(verdict, Deadly)):
            return verdict
        return self._do(task)

    def _do(self, task: Task) -> Verdict:
        if self._is_closed:
            return Undecided("the process ends")
        try:
            child = self._child = self._child or _Child(self._within)
            verdict = child.do(task, self._within)
        except OSError as error:
            verdict = Undecided(f"no child process can be started: {error.strerror}")
        if not isinstance(verdict, Harmless):
            self._end_child()
        return verdict

    def close(self) -> None:
        """End the child for good, from any thread; a task that it is at is undecided."""
        self._is_closed = True
        self._end_child()

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()


def rehearse_schema(text: str) -> str | Refusal:
    """Return a schema that can be vetted here, or that it cannot, because a child died of it."""
    with closing(Rehearsal()) as rehearsal:
        verdict = rehearsal.try_(SchemaTask(text))
    if not isinstance(verdict, Deadly):
        return text
    _LOG.error("schema kills its process", how=verdict.how, note="its records are not decoded")
    return Refusal(
        reason=Reason.SCHEMA_REFUSED,
        detail=f"Vetting it in a process of its own ended that process: {verdict.how}.",
    )


class _Child:
    """One child process."""

    def __init__(self, within: float) -> None:
        """Start it, and wait until it is ready."""
        self._process = subprocess.Popen(  # noqa: S603  our own interpreter
            [sys.executable, "-c", _CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )
        self._is_late = False
        self._is_ready = self._talk(b"", within) == READY

    def do(self, task: Task, within: float) -> Verdict:
        """Have a task done."""
        if not self._is_ready:
            return Undecided(f"the child process does not begin ({self._ended()})")
        said = self._talk(pickle.dumps(task), within)
        if said == HARMLESS:
            return Harmless()
        if said in _SAID:
            return Deadly(_SAID[said])
        how = self._ended()
        if not self._is_late and self._process.returncode in {-number for number in _OWN_DOING}:
            return Deadly(how)
        return Undecided(f"the child process was ended by others ({how})")

    def _talk(self, words: bytes, within: float) -> bytes:
        """Say something and return the answer, one byte; none when the child has ended."""
        timer = Timer(within, self._be_late)
        timer.start()
        try:
            tasks, answers = _pipe(self._process.stdin), _pipe(self._process.stdout)
            tasks.write(words)
            tasks.flush()
            return answers.read(1)
        except (OSError, ValueError):  # it has ended, or was closed meanwhile
            return b""
        finally:
            timer.cancel()

    def _be_late(self) -> None:
        self._is_late = True
        self._process.kill()

    def _ended(self) -> str:
        """Wait for the end, and say how it came."""
        if self._is_late:
            return "it took too long"
        try:
            code = self._process.wait(_TO_END)
        except subprocess.TimeoutExpired:
            return "it says nothing"
        with suppress(ValueError):  # some signals have no name
            return signal.Signals(-code).name
        return f"exit code {code}"

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                _pipe(pipe).close()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise AssertionError("both pipes were asked for")
    return pipe


def _environment() -> dict[str, str]:
    """Return what a child needs to find our modules, and nothing that could be secret."""
    here = str(Path.cwd())
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    path = os.pathsep.join(each or here for each in sys.path)
    return kept | {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
