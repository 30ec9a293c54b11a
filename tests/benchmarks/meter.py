"""Meters: what processes cost while outcomes appear in a topic. Linux only: they read /proc."""

import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from tests.support.programs import wait_until

_TICKS = os.sysconf("SC_CLK_TCK")
_ANSWER = 30.0
_SECOND_LOOK = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was seen at one moment: seconds of the clock and of the CPU, bytes, and outcomes.

    `peak` is the most memory that the processes have had so far, each at its own time.
    """

    at: float
    cpu: float
    resident: int
    peak: int
    outcomes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What happened between two readings."""

    events: int
    seconds: float
    cpu: float
    resident: int
    peak: int

    @classmethod
    def between(cls, first: Reading, last: Reading) -> Self:
        """Return the figures of what happened after `first`, up to `last`."""
        return cls(
            events=last.outcomes - first.outcomes,
            seconds=last.at - first.at,
            cpu=last.cpu - first.cpu,
            resident=last.resident,
            peak=last.peak,
        )

    @property
    def per_cpu_second(self) -> float:
        """Events per second of the CPU, user and system together."""
        return self.events / self.cpu if self.cpu else 0.0

    @property
    def rate(self) -> float:
        """Events per second of the clock."""
        return self.events / self.seconds if self.seconds else 0.0

    @property
    def cores(self) -> float:
        """How many cores were busy with it, on average."""
        return self.cpu / self.seconds if self.seconds else 0.0


def cpu_seconds(pid: int) -> float:
    """Return what a process has taken of the CPU, all of its threads, user and system."""
    # The second field is the program's name, which may hold blanks.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def cpu_by_thread(pid: int) -> dict[str, float]:
    """Return what the threads of a process have taken of the CPU, by their names; seconds.

    The first thread is called `loop`; Python's others have the program's name.
    """
    found: dict[str, float] = defaultdict(float)
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # it may end meanwhile
            text = (task / "stat").read_text()
            name = text[text.index("(") + 1 : text.rindex(")")]
            fields = text.rpartition(")")[2].split()
            seconds = (int(fields[11]) + int(fields[12])) / _TICKS
            found["loop" if task.name == str(pid) else name] += seconds
    return found


def memory(pid: int) -> tuple[int, int]:
    """Return the bytes that are resident (VmRSS), and the most that ever were (VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    resident, peak = (int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    return resident, peak


class Meter:
    """Reads processes, and how many outcomes lie in a topic."""

    def __init__(
        self, pids: Sequence[int], admin: AdminClient, topic: str, partitions: int
    ) -> None:
        self._pids = pids
        self._admin = admin
        self._ends = {
            TopicPartition(topic, number): OffsetSpec.latest() for number in range(partitions)
        }
        wait_until(self._is_answered, within=_ANSWER, what="Kafka tells where the results end")

    def read(self) -> Reading:
        """Read everything at once."""
        outcomes = self.outcomes()
        memories = [memory(pid) for pid in self._pids]
        return Reading(
            at=time.monotonic(),
            cpu=sum(map(cpu_seconds, self._pids)),
            resident=sum(resident for resident, _ in memories),
            peak=sum(peak for _, peak in memories),
            outcomes=outcomes,
        )

    def outcomes(self) -> int:
        """Return how many outcomes there are."""
        ends = self._admin.list_offsets(self._ends, request_timeout=_ANSWER)
        return sum(end.result().offset for end in ends.values())

    def _is_answered(self) -> bool:
        # Of a topic that was created just now the client does not know all leaders yet.
        with suppress(KafkaException):
            return self.outcomes() >= 0
        return False

    def readings(self, *, until: int, within: float, every: float) -> Iterator[Reading]:
        """Read now and again, until there are so many outcomes or the time is over; seconds."""
        deadline = time.monotonic() + within
        while True:
            reading = self.read()
            yield reading
            if reading.outcomes >= until or time.monotonic() >= deadline:
                return
            time.sleep(every)

    def figures(self, *, until: int, within: float) -> Figures:
        """Return what happens from now on, until there are so many outcomes or time is over."""
        readings = list(self.readings(until=until, within=within, every=_SECOND_LOOK))
        return Figures.between(readings[0], readings[-1])
