"""Copies: records of the replay lane, which stand for records of an earlier time.

A copy carries the bytes and headers of its original unchanged, and headers of ours that tell
where the original lay and which replay it belongs to. Nobody else writes into the replay lane.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from processor.core.records import Source

REPLAY_ID: Final = "processor.replay.id"
ORIGIN_TOPIC: Final = "processor.origin.topic"
ORIGIN_PARTITION: Final = "processor.origin.partition"
ORIGIN_OFFSET: Final = "processor.origin.offset"
ORIGIN_TIMESTAMP: Final = "processor.origin.timestamp"
AUTHORISED: Final = "processor.replay.include-maybe-applied"

FILE_TOPIC: Final = "file:"
"""How the origin's topic begins for a row of a file; the SHA-256 of the file follows, in hex."""

_OURS: Final = frozenset(
    {REPLAY_ID, ORIGIN_TOPIC, ORIGIN_PARTITION, ORIGIN_OFFSET, ORIGIN_TIMESTAMP, AUTHORISED}
)
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,47}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,19}")
_NUMBERS: Final = {
    ORIGIN_PARTITION: range(2**31),
    ORIGIN_OFFSET: range(2**63),
    ORIGIN_TIMESTAMP: range(-(2**63), 2**63),  # producers may give any
}
_LONGEST_TOPIC: Final = 249

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What a record of the replay lane stands for.

    `origin` are the coordinates of the original, in another topic or a file. `is_authorised`: a
    person has asked to call it again although Rokt may have applied it.
    """

    replay_id: str
    origin: Source
    is_authorised: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NoCopy:
    """A record of the replay lane that no replay of ours has written; `detail` says why."""

    detail: str


def is_replay_id(text: str) -> bool:
    """Whether a text can be the id of copies: at most 64 letters, digits, and `._-`."""
    return _ID.fullmatch(text) is not None


def is_replay_name(text: str) -> bool:
    """Whether a text can be the name of a plan, of which the id of its copies is made."""
    return _NAME.fullmatch(text) is not None


def headers_of_copy(copy: Copy, original: Iterable[tuple[str, bytes | None]]) -> Headers:
    """Return the headers of a copy: those of the original, then ours.

    What an earlier replay has put among the original's is left out.
    """
    origin = copy.origin
    ours: list[tuple[str, bytes | None]] = [
        (REPLAY_ID, copy.replay_id.encode()),
        (ORIGIN_TOPIC, origin.topic.encode()),
        (ORIGIN_PARTITION, b"%d" % origin.partition),
        (ORIGIN_OFFSET, b"%d" % origin.offset),
    ]
    if origin.timestamp is not None:
        ours.append((ORIGIN_TIMESTAMP, b"%d" % origin.timestamp))
    if copy.is_authorised:
        ours.append((AUTHORISED, b"true"))
    return (*(header for header in original if header[0] not in _OURS), *ours)


def _is_one_of(numbers: range, text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and int(text) in numbers


def copy_of(headers: Iterable[tuple[str, bytes | None]]) -> Copy | NoCopy:
    """Return what a record of the replay lane stands for, by its headers."""
    texts: dict[str, str] = {}
    for name, value in headers:
        if name in _OURS:
            texts[name] = (value or b"")[: 4 * _LONGEST_TOPIC].decode(errors="replace")
    missing = [
        name
        for name in (REPLAY_ID, ORIGIN_TOPIC, ORIGIN_PARTITION, ORIGIN_OFFSET)
        if name not in texts
    ]
    if missing:
        return NoCopy(detail=f"header {missing[0]} is missing")
    if not is_replay_id(texts[REPLAY_ID]):
        return NoCopy(detail=f"header {REPLAY_ID} is no id of a replay")
    if not 0 < len(texts[ORIGIN_TOPIC]) <= _LONGEST_TOPIC:
        return NoCopy(detail=f"header {ORIGIN_TOPIC} is no name of a topic")
    timestamp = texts.get(ORIGIN_TIMESTAMP)
    for name, numbers in _NUMBERS.items():
        if name in texts and not _is_one_of(numbers, texts[name]):
            return NoCopy(detail=f"header {name} is no such number")
    return Copy(
        replay_id=texts[REPLAY_ID],
        origin=Source(
            texts[ORIGIN_TOPIC],
            int(texts[ORIGIN_PARTITION]),
            int(texts[ORIGIN_OFFSET]),
            None if timestamp is None else int(timestamp),
        ),
        is_authorised=texts.get(AUTHORISED) == "true",
    )
