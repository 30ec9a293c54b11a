"""The dispatch horizon: one small string in each commit's metadata, instead of a record per call.

It says how far calls may have been sent beyond the committed offset, and how many partitions
the inputs had, because keys would meet other ledgers if that changed.
"""

import json
from dataclasses import dataclass
from typing import Final

_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """What a commit's metadata says: calls may have been sent for offsets below `offset`."""

    offset: int
    partitions: int


def write(horizon: Horizon) -> str:
    """Return the metadata string of a commit."""
    return f'{{"v":{_VERSION},"horizon":{horizon.offset},"partitions":{horizon.partitions}}}'


def read(metadata: str | None) -> Horizon | None:
    """Return what a commit's metadata says; None when it is missing or not ours."""
    try:
        fields = json.loads((metadata or "").rstrip("\0"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or fields.get("v") != _VERSION:
        return None
    offset, partitions = fields.get("horizon"), fields.get("partitions")
    if type(offset) is not int or type(partitions) is not int:
        return None
    return Horizon(offset=offset, partitions=partitions)


def taint_below(metadata: str | None, committed: int, end: int) -> int:
    """Return the offset below which redelivered records may have been called before.

    `end` is the log's end at assignment: nothing above it can have been called. Foreign
    metadata says nothing, so everything up to that end may have been called.
    """
    horizon = read(metadata)
    return end if horizon is None else max(committed, min(horizon.offset, end))
