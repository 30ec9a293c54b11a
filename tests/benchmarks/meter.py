"""Meters: what a process costs while outcomes appear in a topic. Linux only: it reads /proc."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.support.programs import wait_until

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was seen at one moment: seconds of the clock and of the CPU, bytes, and outcomes."""

    at: float
    cpu: float
    resident: int
    outcomes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a process did between two readings."""

    events: int
    seconds: float
    cpu: float
    resident: int

    @classmethod
    def between(cls, first: Reading, last: Reading) -> Self:
        """Return the figures of what happened after `first`, up to `last`."""
        return cls(
            events=last.outcomes - first.outcomes,
            seconds=last.at - first.at,
            cpu=last.cpu - first.cpu,
            resident=last.resident,
        )

    @property
    def per_cpu_second(self) -> float:
        """Events per second of the CPU, user and system together."""
        return self.events / self.cpu

    def __str__(self) -> str:
        """Return them as one line for people."""
        rate = self.events / self.seconds
        return (
            f"{self.per_cpu_second:7,.0f} events/CPU-s   {rate:7,.0f} events/s"
            f"   {1e6 / self.per_cpu_second:5,.0f} µs CPU an event"
            f"   {self.resident / _MEGABYTE:5,.0f} MB resident   ({self.events:,} events)"
        )


class Meter:
    """Reads one process, and how many outcomes lie in a topic."""

    def __init__(self, pid: int, bootstrap_servers: str, topic: str, partitions: int) -> None:
        self._process = Path("/proc") / str(pid)
        self._partitions = [TopicPartition(topic, number) for number in range(partitions)]
        self._consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "meter"})

    def __enter__(self) -> Self:
        wait_until(self._is_answered, within=10, what="Kafka tells how many outcomes there are")
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def read(self) -> Reading:
        """Read everything at once."""
        outcomes = self._outcomes()
        # The second field is the program's name, which may hold blanks.
        fields = (self._process / "stat").read_text().rpartition(")")[2].split()
        resident = int((self._process / "statm").read_text().split()[1]) * _PAGE
        return Reading(
            at=time.monotonic(),
            cpu=(int(fields[11]) + int(fields[12])) / _TICKS,
            resident=resident,
            outcomes=outcomes,
        )

    def _outcomes(self) -> int:
        ends = [self._consumer.get_watermark_offsets(each, 10) for each in self._partitions]
        return sum(high for _, high in ends)

    def _is_answered(self) -> bool:
        # Of a topic that was created just now the client does not know all leaders yet.
        with suppress(KafkaException):
            return self._outcomes() >= 0
        return False

    def readings(self, *, until: int, within: float, every: float = 0.1) -> Iterator[Reading]:
        """Read from the first outcome on, again and again, until there are so many outcomes.

        Ends after `within` seconds in any case.
        """
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            reading = self.read()
            if reading.outcomes:
                yield reading
            if reading.outcomes >= until:
                return
            time.sleep(every)

    def figures(self, *, until: int, within: float) -> Figures:
        """Return what happened from the first outcome to the last one."""
        readings = list(self.readings(until=until, within=within))
        if not readings or readings[-1].outcomes < until:
            seen = readings[-1].outcomes if readings else 0
            raise TimeoutError(f"{seen} of {until} outcomes after {within:g} s")
        return Figures.between(readings[0], readings[-1])
