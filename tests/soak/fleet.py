"""The fleet: processors under an orchestrator, which starts again whatever ends."""

import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread

from tests.support.programs import wait_until
from tests.support.world import Processor, World

_LOOK_EVERY = 0.5
_START_AGAIN_AFTER = 1.0
_SAMPLE_EVERY = 5.0
_STOP_WITHIN = 40.0
_READY_WITHIN = 60.0
_BROKEN = 70


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Resident memory, in bytes, and open descriptors of one process at one moment."""

    resident: int
    descriptors: int


@dataclass(slots=True)
class Member:
    """One place of the fleet. `ends` are the exit codes of those who had it, in order."""

    processor: Processor
    ends: list[int] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)


class Fleet:
    """Two members that stay, and who joins them for a while."""

    def __init__(self, world: World, settings: dict[str, str]) -> None:
        self._world = world
        self._settings = settings
        self._stack = ExitStack()
        self._over = Event()
        self._lock = Lock()
        self.members = [Member(self._enter()) for _ in range(2)]
        self._guests: list[Processor] = []
        self.expected: Counter[int] = Counter()
        """The exit codes that faults have asked for."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep the members running until left, then stop them in order."""
        with self._stack:
            for member in self.members:
                member.processor.wait_until_ready(_READY_WITHIN)
            thread = Thread(target=self._watch, name="fleet", daemon=True)
            thread.start()
            try:
                yield
            finally:
                self._over.set()
                thread.join()
            for member in self.members:
                self.expected[0] += 1
                member.ends.append(member.processor.program.stop(_STOP_WITHIN))

    def pick(self, chance: float) -> Member:
        """Return a member, by a number from 0 to 1, once it takes signals."""
        member = self.members[int(chance * len(self.members))]
        wait_until(lambda: member.processor.answers("/livez"), within=_READY_WITHIN, what="it runs")
        return member

    def end(self, member: Member, how: signal.Signals, code: int) -> None:
        """Let a member end by a signal, and return once its end was seen: `code`, or it is odd."""
        with self._lock:
            count = len(member.ends)
            self.expected[code] += 1
            member.processor.program.signal(how)
        wait_until(lambda: len(member.ends) > count, within=_STOP_WITHIN, what="a member ends")

    @contextmanager
    def guest(self) -> Iterator[Processor]:
        """Let one more join, and leave in the end."""
        with self._world.processor(**self._settings) as processor:
            self._guests.append(processor)
            processor.wait_until_ready(_READY_WITHIN)
            yield processor
            assert processor.program.stop(_STOP_WITHIN) == 0, "a guest did not leave in order"

    def odd_ends(self) -> Counter[int]:
        """Return the exit codes that nobody asked for."""
        return Counter(code for member in self.members for code in member.ends) - self.expected

    def complaints(self) -> list[str]:
        """Return what must never happen to a processor, and did."""
        logs = self._world.logs()
        found = [
            f"{name} in a log"
            for name, sign in {"a traceback": "Traceback", "the key": "skeletonkey"}.items()
            if re.search(sign, logs)
        ]
        if broken := self.odd_ends()[_BROKEN]:
            found.append(f"{broken} processes found an invariant broken")
        return found

    def _enter(self) -> Processor:
        return self._stack.enter_context(self._world.processor(**self._settings))

    def _watch(self) -> None:
        sampled = 0.0
        while not self._over.wait(_LOOK_EVERY):
            for member in self.members:
                self._start_again(member)
            if time.monotonic() - sampled > _SAMPLE_EVERY:
                sampled = time.monotonic()
                for member in self.members:
                    member.samples += _samples(member.processor.program.pid)

    def _start_again(self, member: Member) -> None:
        program = member.processor.program
        if program.is_running:
            return
        with self._lock:
            member.ends.append(program.wait())
        self._over.wait(_START_AGAIN_AFTER)
        program.start()


def _samples(pid: int) -> list[Sample]:
    """Return what one process has now, nothing when it has just ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return []
    resident = re.search(r"VmRSS:\s+(\d+) kB", status)
    if resident is None:
        return []
    return [Sample(resident=int(resident[1]) * 1024, descriptors=descriptors)]
