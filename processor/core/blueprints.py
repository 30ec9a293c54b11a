"""Blueprints: what each topic has to be like, so that the promises hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ENDLESS: Final = "-1"
"""How Kafka writes no limit of time or bytes."""
_LONGEST: Final = str(2**63 - 1)
DEFAULT_PARTITIONS: Final = 12
DEFAULT_REPLICAS: Final = 3
DEFAULT_LARGEST_INPUT: Final = 1_048_588
"""What a topic takes in bytes where nothing else is said: Kafka's own default."""
_HOURS: Final = 3_600_000
DEFAULT_RETENTION_MS: Final = 7 * 24 * _HOURS
DEFAULT_DEAD_LETTER_RETENTION_MS: Final = 90 * 24 * _HOURS
_BESIDE: Final = 65_536
"""Bytes for ids, texts, coordinates and headers of ours beside what comes from others."""


def is_endless(value: str) -> bool:
    """Whether a topic's time or bytes have no limit; the largest number there is comes to that."""
    return value in {ENDLESS, _LONGEST}


class Purpose(StrEnum):
    """What a topic is for."""

    ORDER_PAID = "input: payments"
    CART_ABANDONED = "input: abandonments"
    RESULTS = "outcomes, and the ledger"
    DEAD_LETTERS = "dead letters"
    REPLAY = "replay lane"


INPUTS: Final = (Purpose.ORDER_PAID, Purpose.CART_ABANDONED)
Names = Mapping[Purpose, str]


class Rule(StrEnum):
    """How a topic's setting is compared with what is needed."""

    EXACTLY = "exactly"
    AT_LEAST = "at least"
    AT_MOST = "at most"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A setting of a topic; a topic that is created gets `value`. `why` completes "needed: …"."""

    setting: str
    value: str
    rule: Rule = Rule.EXACTLY
    why: str

    def is_met_by(self, actual: str | None) -> bool:
        """Whether a topic with this value is as good. None: the topic does not say."""
        if actual is None:
            return False
        if self.rule is Rule.EXACTLY:
            return actual == self.value or _is_without_limit(self.setting, actual, self.value)
        if self.rule is Rule.AT_LEAST:
            return _amount(self.setting, actual) >= _amount(self.setting, self.value)
        return _amount(self.setting, actual) <= _amount(self.setting, self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """A topic as it is created. A topic that exists is as good with more replicas."""

    purpose: Purpose
    name: str
    partitions: int
    replicas: int
    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What the blueprints are drawn to: counts, times in milliseconds, sizes in bytes.

    `largest_input` is the largest batch that an input takes, `largest_reply` how much of a reply's
    body is read.
    """

    partitions: int
    replicas: int
    min_insync: int
    retention_ms: int
    dead_letter_retention_ms: int
    largest_input: int
    largest_reply: int


def draw(names: Names, scale: Scale) -> tuple[Blueprint, ...]:
    """Return the blueprint of every topic, in the order of `Purpose`."""
    return tuple(
        Blueprint(
            purpose=purpose,
            name=names[purpose],
            partitions=scale.partitions,
            replicas=scale.replicas,
            needs=(*_own(purpose, scale), *_shared(purpose, scale)),
        )
        for purpose in Purpose
    )


def _own(purpose: Purpose, scale: Scale) -> tuple[Need, ...]:
    largest, reply = scale.largest_input, scale.largest_reply
    match purpose:
        case Purpose.ORDER_PAID | Purpose.CART_ABANDONED:
            return (
                _kept(scale.retention_ms, "an outage shorter than that loses nothing"),
                Need(
                    setting="max.message.bytes",
                    value=str(largest),
                    rule=Rule.AT_MOST,
                    why="the sizes of the other topics follow from it",
                ),
            )
        case Purpose.RESULTS:
            return (
                Need(
                    setting="retention.ms",
                    value=ENDLESS,
                    why="the ledger forgets an order whose outcome is deleted, and would call it "
                    "again when it is replayed",
                ),
                _takes(
                    largest + reply + _BESIDE,
                    "an outcome names every item of its input and what Rokt said of it; one that "
                    "does not fit holds up its partition",
                ),
            )
        case Purpose.DEAD_LETTERS:
            return (
                _kept(scale.dead_letter_retention_ms, "people have so long to redrive them"),
                _takes(
                    2 * largest + reply + _BESIDE,
                    "a dead letter holds its whole input beside its items and the reply; what "
                    "does not fit is left out",
                ),
            )
        case Purpose.REPLAY:
            return (
                _kept(scale.retention_ms, "a copy has to outlive an outage as its original does"),
                _takes(
                    largest + _BESIDE,
                    "a copy is larger than its original by the headers that tell where it is from",
                ),
            )


def _shared(purpose: Purpose, scale: Scale) -> tuple[Need, ...]:
    return (
        Need(setting="cleanup.policy", value="delete", why=_WHY_NOT_COMPACTED[purpose]),
        Need(
            setting="retention.bytes",
            value=ENDLESS,
            why="a limit of bytes deletes records before their time",
        ),
        Need(
            setting="min.insync.replicas",
            value=str(scale.min_insync),
            rule=Rule.AT_LEAST,
            why="what is acknowledged must not lie on one broker alone"
            if scale.min_insync > 1
            else "an acknowledged record is written",
        ),
        Need(
            setting="unclean.leader.election.enable",
            value="false",
            why="a leader that was behind would cut acknowledged records off",
        ),
    )


_WHY_NOT_COMPACTED: Final = {
    Purpose.ORDER_PAID: "the key is the cart: of its two orders the first would be deleted",
    Purpose.CART_ABANDONED: "the key is the cart: its earlier abandonments would be deleted",
    Purpose.RESULTS: "the key is the cart: the ledger would forget all its orders but the last",
    Purpose.DEAD_LETTERS: "the key is the cart: all its dead letters but the last would be deleted",
    Purpose.REPLAY: "the key is the cart: of two copies the first would be deleted unworked",
}


def _kept(retention_ms: int, why: str) -> Need:
    return Need(setting="retention.ms", value=str(retention_ms), rule=Rule.AT_LEAST, why=why)


def _takes(size: int, why: str) -> Need:
    return Need(setting="max.message.bytes", value=str(size), rule=Rule.AT_LEAST, why=why)


def _amount(setting: str, value: str) -> float:
    return float("inf") if _is_without_limit(setting, value) else float(value)


def _is_without_limit(setting: str, *values: str) -> bool:
    return setting.startswith("retention.") and all(map(is_endless, values))
