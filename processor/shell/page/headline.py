"""The headline: what the processor is doing now, in one word and one sentence."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Final

from processor.core.partitions import Phase
from processor.shell.page.words import counted, listed

_IDLE_AFTER: Final = 30.0
_SCOPES: Final = {"confirm": "confirms", "release": "releases", "replay": "copies of a replay"}


class Level(StrEnum):
    """Whether somebody should look."""

    WELL = "well"
    BUSY = "busy"
    TROUBLE = "trouble"


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What is shown on top: `word` says it, `text` explains it."""

    level: Level
    word: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a headline follows from.

    `away` are complaints of Kafka and the registry; `held` and `paused` names of scopes; `phases`
    those of the partition numbers owned; `retrying` counts records that are tried again, and
    `last_reply` is the last answer to them; `has_begun`: it has looked at Kafka and the registry;
    `quiet_for`: seconds since the last outcome.
    """

    has_begun: bool
    is_live: bool
    is_ready: bool
    away: Collection[str] = ()
    held: Collection[str] = ()
    parked: int = 0
    is_release_stopped: bool = False
    has_key_problem: bool = False
    paused: Collection[str] = ()
    retrying: int = 0
    last_reply: str = ""
    phases: Mapping[int, Phase]
    restore_remaining: int = 0
    in_flight: int = 0
    unfinished: int = 0
    quiet_for: float = inf


def headline(now: Situation) -> Headline:
    """Return the headline: the first that applies, the worst first."""
    return _trouble(now) or _transition(now) or _work(now)


def _trouble(now: Situation) -> Headline | None:
    if not now.is_live:
        text = "Its loop or its poll thread stands still. /livez says no: restart it."
        return _headline(Level.TROUBLE, "Stuck", text)
    if now.away:
        text = "What it needs does not answer. Nothing is lost, and it goes on by itself."
        return _headline(Level.TROUBLE, "Waiting", text)
    if now.held:
        text = (
            f"Everything fails, so {_scopes(now.held)} wait. Nothing is given up; "
            "probes find out when Rokt is well again."
        )
        return _headline(Level.TROUBLE, "Holding", text)
    if now.parked:
        text = f"{counted(now.parked, 'partition stands', 'partitions stand')} still, because "
        return _headline(Level.TROUBLE, "Parked", f"{text}records are gone. The others go on.")
    if now.is_release_stopped:
        text = "Releases are not sent: the producers of the two inputs place carts differently."
        return _headline(Level.TROUBLE, "Releases stopped", text)
    if now.has_key_problem:
        text = "The file of the API key cannot be read again; calls go on with the key it had."
        return _headline(Level.TROUBLE, "Key", text)
    return None


def _transition(now: Situation) -> Headline | None:
    phases = now.phases.values()
    if not now.has_begun:
        text = "It looks at Kafka, the topics and the registry before it joins the group."
        return _headline(Level.BUSY, "Starting", text)
    if not phases and not now.is_ready:
        return _headline(Level.BUSY, "Joining", "It waits for the group to give it partitions.")
    if now.paused:
        text = f"Rokt asks for patience: {_scopes(now.paused)} pause for as long as it says."
        return _headline(Level.BUSY, "Pausing", text)
    if phases and all(phase in (Phase.DRAINING, Phase.CLOSED) for phase in phases):
        text = "It finishes what is in the air, and hands its partitions over."
        return _headline(Level.BUSY, "Handing over", text)
    if Phase.RESTORING in phases:
        text = f"{counted(now.restore_remaining, 'outcome is', 'outcomes are')} still to be read "
        return _headline(Level.BUSY, "Reading back", f"{text}into the ledger before calls begin.")
    if Phase.INCOMPLETE in phases:
        text = "Another member still has the other input of some partitions."
        return _headline(Level.BUSY, "Taking over", text)
    return None


def _work(now: Situation) -> Headline:
    if not now.phases:
        text = "The group has no partition left for it: the other members have them all."
        return _headline(Level.WELL, "Standing by", text)
    if now.retrying:
        records = counted(now.retrying, "record fails and is", "records fail and are")
        text = f"{records} tried again; the last answer was {now.last_reply}."
        return _headline(Level.BUSY, "Retrying", text)
    if not now.unfinished and not now.in_flight:
        word = "Working" if now.quiet_for < _IDLE_AFTER else "Idle"
        return _headline(Level.WELL, word, "All that has come is done.")
    calls = counted(now.in_flight, "call", "calls")
    records = counted(now.unfinished, "record", "records")
    return _headline(Level.WELL, "Working", f"{calls} in the air, {records} unfinished.")


def _headline(level: Level, word: str, text: str) -> Headline:
    return Headline(level=level, word=word, text=text)


def _scopes(names: Iterable[str]) -> str:
    return listed([_SCOPES.get(name, name) for name in names])
