"""Topic plans: what is to be created, and what is there and differs from what is needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from processor.core.blueprints import (
    DEFAULT_LARGEST_INPUT,
    DEFAULT_PARTITIONS,
    DEFAULT_REPLICAS,
    INPUTS,
    Blueprint,
    Names,
    Purpose,
    Rule,
    Scale,
    draw,
)
from processor.core.wording import often

_SIZE: Final = "max.message.bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A topic that exists: the brokers of each of its partitions, and its settings in force."""

    assignment: tuple[tuple[int, ...], ...]
    config: Mapping[str, str]

    @property
    def partitions(self) -> int:
        """How many partitions it has."""
        return len(self.assignment)

    @property
    def replicas(self) -> int:
        """How many replicas each of its partitions has at least."""
        return min(map(len, self.assignment), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What the brokers tell: their ids, and of each topic what it is like, None where it is not.

    Without brokers nobody was asked.
    """

    brokers: tuple[int, ...]
    topics: Mapping[Purpose, Found | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What whoever plans has chosen; None leaves it to the cluster, or to a default."""

    partitions: int | None = None
    replicas: int | None = None
    min_insync: int | None = None
    retention_ms: int
    dead_letter_retention_ms: int
    largest_input: int | None = None
    largest_reply: int


class Change(StrEnum):
    """How what is there could become what is needed."""

    CONFIG = "config"
    MORE_PARTITIONS = "more partitions"
    FEWER_PARTITIONS = "fewer partitions"
    MORE_REPLICAS = "more replicas"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a topic is not as it is needed. `what` is `partitions`, `replicas` or a setting."""

    change: Change
    what: str
    actual: str
    needed: str
    rule: Rule = Rule.EXACTLY
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTopic:
    """A topic: as it is to be, as it is, None when it is to be created, and what differs."""

    blueprint: Blueprint
    found: Found | None
    differences: tuple[Difference, ...]

    @property
    def name(self) -> str:
        """Its name."""
        return self.blueprint.name

    @property
    def partitions(self) -> int:
        """How many partitions it is to have."""
        return self.blueprint.partitions

    @property
    def replicas(self) -> int:
        """How many replicas it is to have; more than needed are kept."""
        return max(self.blueprint.replicas, self.found.replicas if self.found else 0)

    @property
    def config(self) -> Mapping[str, str]:
        """Its settings as they are to be; what is there and as good is kept."""
        have = self.found.config if self.found else {}
        return {
            need.setting: have[need.setting]
            if need.is_met_by(have.get(need.setting))
            else need.value
            for need in self.blueprint.needs
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPlan:
    """All topics in the order of `Purpose`, and what whoever reads it should know."""

    topics: tuple[PlannedTopic, ...]
    brokers: tuple[int, ...]
    notes: tuple[str, ...]

    @property
    def missing(self) -> tuple[PlannedTopic, ...]:
        """The topics that are to be created."""
        return tuple(topic for topic in self.topics if topic.found is None)

    @property
    def differing(self) -> tuple[PlannedTopic, ...]:
        """The topics that exist and are not as they are needed."""
        return tuple(topic for topic in self.topics if topic.differences)


def plan(names: Names, choices: Choices, cluster: Cluster) -> TopicPlan:
    """Compare what is there with what is needed.

    ValueError when a choice does not go with what is there; its text says what to do.
    """
    found = cluster.topics
    scale = Scale(
        partitions=_partitions(names, choices, found),
        replicas=(replicas := _replicas(choices, cluster.brokers)),
        min_insync=_min_insync(choices, replicas),
        retention_ms=choices.retention_ms,
        dead_letter_retention_ms=choices.dead_letter_retention_ms,
        largest_input=_largest_input(choices, found),
        largest_reply=choices.largest_reply,
    )
    topics = tuple(
        PlannedTopic(
            blueprint=each,
            found=(there := found.get(each.purpose)),
            differences=() if there is None else tuple(_differences(each, there)),
        )
        for each in draw(names, scale)
    )
    return TopicPlan(
        topics=topics, brokers=cluster.brokers, notes=tuple(_notes(choices, cluster, scale))
    )


def _partitions(names: Names, choices: Choices, found: Mapping[Purpose, Found | None]) -> int:
    """Return the count that all topics share: that of the inputs, where there are any."""
    counts = {names[each]: there.partitions for each in INPUTS if (there := found.get(each))}
    if counts:
        count = max(counts.values())
        if choices.partitions not in (None, count):
            listed = ", ".join(f"{name} has {number}" for name, number in counts.items())
            raise ValueError(
                f"--partitions {choices.partitions} does not go with the inputs: {listed}. All "
                "topics take the inputs' count: leave the option out"
            )
        return count
    others = [there.partitions for there in found.values() if there]
    return choices.partitions or max(others, default=DEFAULT_PARTITIONS)


def _replicas(choices: Choices, brokers: Sequence[int]) -> int:
    if choices.replicas is None:
        return min(DEFAULT_REPLICAS, len(brokers)) if brokers else DEFAULT_REPLICAS
    if brokers and choices.replicas > len(brokers):
        raise ValueError(
            f"--replication-factor {choices.replicas} takes as many brokers, and there "
            f"{'is' if len(brokers) == 1 else 'are'} {len(brokers)}: choose less, or add brokers"
        )
    return choices.replicas


def _min_insync(choices: Choices, replicas: int) -> int:
    """Two, so that what is acknowledged outlives a broker; one where a broker may not be away."""
    wanted = choices.min_insync
    if wanted is None:
        return 2 if replicas >= DEFAULT_REPLICAS else 1
    if wanted > replicas:
        raise ValueError(
            f"--min-insync-replicas {wanted} is more than the {replicas} replicas there are to be: "
            "nothing could be written"
        )
    return wanted


def _largest_input(choices: Choices, found: Mapping[Purpose, Found | None]) -> int:
    there = [
        int(each.config.get(_SIZE, DEFAULT_LARGEST_INPUT))
        for each in map(found.get, INPUTS)
        if each
    ]
    if not there:
        return choices.largest_input or DEFAULT_LARGEST_INPUT
    return max(*there, choices.largest_input or 0)


def _differences(blueprint: Blueprint, found: Found) -> list[Difference]:
    told = []
    if found.partitions != blueprint.partitions:
        too_few = found.partitions < blueprint.partitions
        told.append(
            Difference(
                change=Change.MORE_PARTITIONS if too_few else Change.FEWER_PARTITIONS,
                what="partitions",
                actual=str(found.partitions),
                needed=str(blueprint.partitions),
                why="a cart has the same partition number in all topics",
            )
        )
    if found.replicas < blueprint.replicas:
        told.append(
            Difference(
                change=Change.MORE_REPLICAS,
                what="replicas",
                actual=str(found.replicas),
                needed=str(blueprint.replicas),
                rule=Rule.AT_LEAST,
                why="what is acknowledged has to outlive a broker",
            )
        )
    told += [
        Difference(
            change=Change.CONFIG,
            what=need.setting,
            actual=found.config.get(need.setting, "not told"),
            needed=need.value,
            rule=need.rule,
            why=need.why,
        )
        for need in blueprint.needs
        if not need.is_met_by(found.config.get(need.setting))
    ]
    return told


def _notes(choices: Choices, cluster: Cluster, scale: Scale) -> list[str]:
    told = []
    if not cluster.brokers:
        told.append("No broker was asked: everything is shown as if nothing was there yet.")
    if choices.partitions is None and not any(cluster.topics.values()):
        told.append(
            f"Nothing says how many partitions the inputs are to have, so it is {scale.partitions} "
            "(--partitions). Choose well: no more processors than that can work at once, and a "
            "later change needs new topics."
        )
    if cluster.brokers and len(cluster.brokers) < DEFAULT_REPLICAS:
        count = len(cluster.brokers)
        are = "is one broker" if count == 1 else f"are {count} brokers"
        told.append(
            f"There {are} only: records are kept {often(scale.replicas)} at most, and what was "
            "acknowledged may go with a broker. Money needs three."
        )
    return told
