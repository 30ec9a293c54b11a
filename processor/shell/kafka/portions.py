"""Portions: a batch cut into pieces that can be worked through without standing still.

A record of 1 MiB may take the loop a second. Between two portions it does all else that is due:
ticks, answers, probes of its liveness.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from confluent_kafka import Message

from processor.shell.kafka.messages import headers_of

_MOST_BYTES: Final = 1024 * 1024
_HEADER_COUNTS: Final = 64  # a mebibyte may hold half a million of them


def portions(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Yield the messages in order, together at most 1 MiB at a time, or a single one."""
    portion: list[Message] = []
    room = _MOST_BYTES
    for message in messages:
        size = len(message.value() or b"")
        size += _HEADER_COUNTS * sum(1 for _ in headers_of(message))
        if portion and size > room:
            yield portion
            portion, room = [], _MOST_BYTES
        portion.append(message)
        room -= size
    yield portion
