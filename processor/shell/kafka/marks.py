"""Marks: what a commit's metadata says beside the horizon, and what accepts a gap.

A commit names the topic it was made for, because an offset says nothing of a topic that was
deleted and created anew under the same name. It counts the beginnings at its offset that were not
handed back (decision 0041). A gap is accepted by a commit of its own, in a group beside ours, which
running members look at (decision 0007).
"""

import json
from dataclasses import dataclass
from typing import Any, Final

_TOPIC: Final = "topic"
_FROM: Final = "from"
_BEGUN: Final = "begun"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What somebody has accepted: that nothing between two offsets of a topic will be worked.

    `position` is where the group stood, `go_on` where it is to go on; `topic_id` is None where
    the brokers do not tell it.
    """

    position: int
    go_on: int
    topic_id: str | None


def acceptances(group_id: str) -> str:
    """Return the group whose offsets are the accepted gaps of ours."""
    return f"{group_id}.accepted-gaps"


def mark(metadata: str, topic_id: str | None) -> str:
    """Return a commit's metadata with the topic it is for."""
    fields = _fields(metadata)
    if topic_id is None or fields is None:
        return metadata
    return json.dumps(fields | {_TOPIC: topic_id}, separators=(",", ":"))


def topic_id_of(metadata: str | None) -> str | None:
    """Return which topic a commit was for; None when it does not say."""
    found = (_fields(metadata) or {}).get(_TOPIC)
    return found if isinstance(found, str) else None


def count_begun(metadata: str | None, beginnings: int) -> str:
    """Return a commit's metadata with how many beginnings at its offset were not handed back."""
    if beginnings <= 0:
        return metadata or ""
    return json.dumps((_fields(metadata) or {}) | {_BEGUN: beginnings}, separators=(",", ":"))


def begun(metadata: str | None) -> int:
    """Return how many beginnings at a committed offset were not handed back; 0 if not said."""
    found = (_fields(metadata) or {}).get(_BEGUN)
    return found if type(found) is int and found > 0 else 0


def write(acceptance: Acceptance) -> str:
    """Return the metadata that accepts a gap; `go_on` is the offset beside it."""
    return mark(json.dumps({_FROM: acceptance.position}), acceptance.topic_id)


def read(metadata: str | None, go_on: int) -> Acceptance | None:
    """Return which gap was accepted; None when none was."""
    position = (_fields(metadata) or {}).get(_FROM)
    if type(position) is not int or go_on < 0:
        return None
    return Acceptance(position=position, go_on=go_on, topic_id=topic_id_of(metadata))


def _fields(metadata: str | None) -> dict[str, Any] | None:
    try:
        fields = json.loads((metadata or "").rstrip("\0"))
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None
