"""Meetings: what the ledger answers when an event meets what is known of its order and items."""

from dataclasses import dataclass

from processor.core.events import AbandonedItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Proceed:
    """The order may be called. `released_before_paid` names items that were released before.

    `may_be_applied`: an earlier call of it may have been applied; somebody wants it all the same.
    """

    released_before_paid: tuple[str, ...] = ()
    may_be_applied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """The order is settled with the same content."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """The order, or an item of it, is taken by something else."""

    detail: str


Answer = Proceed | Duplicate | Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class Releasable:
    """Which items of a release may still be released, and why the others may not.

    `is_refused`: none may, whatever has become of them. `may_be_released`: one of the items may
    have been already.
    """

    items: tuple[AbandonedItem, ...]
    dropped: tuple[str, ...]
    is_refused: bool = False
    may_be_released: bool = False


def refuse_release(why: str) -> Releasable:
    """Return that no item of a release may be released."""
    return Releasable(items=(), dropped=(why,), is_refused=True)
