"""Scopes: what is held, paused and counted together."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from processor.core.work import Rank, Work


class Scope(IntEnum):
    """Whose calls stand and fall together; a lower one goes first."""

    CONFIRM = 0
    RELEASE = 1
    REPLAY = 2


STOPPED_BY: Final[Mapping[Scope, tuple[Scope, ...]]] = {
    Scope.CONFIRM: (),
    Scope.RELEASE: (Scope.CONFIRM,),
    Scope.REPLAY: (Scope.CONFIRM, Scope.RELEASE),
}
"""The scopes whose hold stops this one too: where confirms fail nothing else is tried."""


def scope_of(work: Work) -> Scope:
    """Return the scope that a record's call belongs to."""
    if work.is_replayed:
        return Scope.REPLAY
    return Scope.CONFIRM if work.rank is Rank.CONFIRM else Scope.RELEASE
