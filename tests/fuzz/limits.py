"""What a process that takes hostile bytes may use; beyond it, it dies alone."""

import resource
from typing import Final

MEMORY: Final = 2 * 1024**3
"""Bytes of address space, a fuzzer's own included."""


def keep_within(cpu_seconds: int) -> None:
    """Bound the memory and the CPU time of this process."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))
