"""Rights: what each user of the topics has to be allowed in Kafka, and no more.

READ and WRITE of Kafka imply DESCRIBE. Each right says what does not work without it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from processor.core.blueprints import INPUTS, Names, Purpose


class Role(StrEnum):
    """Who uses the topics."""

    RUN = "run"
    CHECK = "check"
    LOOK_BACK = "look-back"
    COPY = "copy"
    ACCEPT_GAP = "accept-gap"
    TOPICS = "topics"
    SCALE = "scale"
    PRODUCE_ORDER_PAID = "produce-order-paid"
    PRODUCE_CART_ABANDONED = "produce-cart-abandoned"


class Kind(StrEnum):
    """What a right is on."""

    TOPIC = "topic"
    GROUP = "group"
    CLUSTER = "cluster"


CLUSTER: Final = "kafka-cluster"
"""What Kafka calls the cluster as a thing that one has rights on."""


class Operation(StrEnum):
    """What Kafka lets somebody do."""

    READ = "Read"
    WRITE = "Write"
    CREATE = "Create"
    DESCRIBE = "Describe"
    DESCRIBE_CONFIGS = "DescribeConfigs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """To be allowed `operation` on what is called `name`, or begins with it if `is_prefix`."""

    kind: Kind
    name: str
    operation: Operation
    is_prefix: bool = False
    without: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """The names of consumer groups: the processors', its accepted gaps', the replays' prefix."""

    own: str
    accepted_gaps: str
    replays: str


def rights(role: Role, names: Names, groups: Groups) -> tuple[Right, ...]:
    """Return what a role has to be allowed."""
    match role:
        case Role.RUN:
            return _run(names, groups)
        case Role.CHECK:
            return _check(names, groups)
        case Role.LOOK_BACK:
            return _look_back(names, groups)
        case Role.COPY:
            return _copy(names, groups)
        case Role.ACCEPT_GAP:
            return _accept_gap(names, groups)
        case Role.TOPICS:
            return _topics(names)
        case Role.SCALE:
            return _scale(names, groups)
        case Role.PRODUCE_ORDER_PAID:
            return (_write(names[Purpose.ORDER_PAID], "payments are not written"),)
        case Role.PRODUCE_CART_ABANDONED:
            return (_write(names[Purpose.CART_ABANDONED], "abandonments are not written"),)


def _run(names: Names, groups: Groups) -> tuple[Right, ...]:
    results = names[Purpose.RESULTS]
    return (
        _read(names[Purpose.ORDER_PAID], "payments are not received"),
        _read(names[Purpose.CART_ABANDONED], "abandonments are not received"),
        _read(names[Purpose.REPLAY], "the replay lane is off"),
        _read(results, "the ledger is not read, so nothing is called"),
        _write(results, "outcomes are not written, and nothing is committed"),
        _configs(results, "a results topic that is compacted is not refused at start"),
        _write(names[Purpose.DEAD_LETTERS], "dead letters are not written, nor their outcomes"),
        _member(groups.own, "no partition is assigned"),
        _group(groups.accepted_gaps, "a parked partition stays parked though it was accepted"),
    )


def _check(names: Names, groups: Groups) -> tuple[Right, ...]:
    """Return what is needed to look at everything; those who run have some of it already."""
    told = (
        (Operation.DESCRIBE, "nobody knows whether it is there"),
        (Operation.DESCRIBE_CONFIGS, "its settings are not looked at"),
    )
    return (
        *(_topic(name, *each) for name in names.values() for each in told),
        _group(groups.own, "nobody knows where the processors are, or begin"),
        Right(
            kind=Kind.CLUSTER,
            name=CLUSTER,
            operation=Operation.DESCRIBE_CONFIGS,
            without="sessions and assignors of the brokers are not looked at",
        ),
    )


def _look_back(names: Names, groups: Groups) -> tuple[Right, ...]:
    return (
        *_history(names, groups),
        _read(names[Purpose.REPLAY], "`inspect` shows no copies"),
        _replays(groups.replays, Operation.DESCRIBE, "`replay list` is empty"),
    )


def _copy(names: Names, groups: Groups) -> tuple[Right, ...]:
    lane = names[Purpose.REPLAY]
    return (
        *_history(names, groups),
        _write(lane, "nothing can be copied"),
        _configs(lane, "a lane that is compacted is not refused"),
        _replays(groups.replays, Operation.READ, "the progress is not kept, so nothing is copied"),
    )


def _history(names: Names, groups: Groups) -> tuple[Right, ...]:
    """Return what is needed to plan what a replay or redrive would do."""
    results, letters = names[Purpose.RESULTS], names[Purpose.DEAD_LETTERS]
    without_configs = "a plan does not say that it is compacted, and so not complete"
    return (
        *(_read(names[each], "its events of the past are not found") for each in INPUTS),
        _read(results, "nobody knows what came of them"),
        _read(letters, "nothing can be redriven"),
        *(_configs(names[each], without_configs) for each in INPUTS),
        _configs(letters, without_configs),
        _group(groups.own, "nobody knows how far the processors are"),
    )


def _accept_gap(names: Names, groups: Groups) -> tuple[Right, ...]:
    inputs = (*INPUTS, Purpose.REPLAY)
    return (
        *(_read(names[each], "its gaps cannot be accepted") for each in inputs),
        _group(groups.own, "nobody knows where the gap begins"),
        _member(groups.accepted_gaps, "the acceptance is not written"),
    )


def _topics(names: Names) -> tuple[Right, ...]:
    told = (
        (Operation.CREATE, "it is not created"),
        (Operation.DESCRIBE, "nobody knows whether it is there"),
        (Operation.DESCRIBE_CONFIGS, "nobody knows its settings"),
    )
    return tuple(
        _topic(name, operation, without) for name in names.values() for operation, without in told
    )


def _scale(names: Names, groups: Groups) -> tuple[Right, ...]:
    """Return what is needed to see how many records wait, as KEDA does."""
    without = "nobody knows how many records wait in it, so no member is added"
    return (
        *(_topic(names[each], Operation.DESCRIBE, without) for each in INPUTS),
        _group(groups.own, "nobody knows how far the processors are, so no member is added"),
    )


def _topic(name: str, operation: Operation, without: str) -> Right:
    return Right(kind=Kind.TOPIC, name=name, operation=operation, without=without)


def _read(name: str, without: str) -> Right:
    return _topic(name, Operation.READ, without)


def _write(name: str, without: str) -> Right:
    return _topic(name, Operation.WRITE, without)


def _configs(name: str, without: str) -> Right:
    return _topic(name, Operation.DESCRIBE_CONFIGS, without)


def _member(name: str, without: str) -> Right:
    return Right(kind=Kind.GROUP, name=name, operation=Operation.READ, without=without)


def _group(name: str, without: str) -> Right:
    return Right(kind=Kind.GROUP, name=name, operation=Operation.DESCRIBE, without=without)


def _replays(prefix: str, operation: Operation, without: str) -> Right:
    return Right(kind=Kind.GROUP, name=prefix, operation=operation, is_prefix=True, without=without)


DEFAULT_USERS: Final = {
    Role.RUN: "rokt-cart-processor",
    Role.CHECK: "rokt-cart-doctor",
    Role.LOOK_BACK: "rokt-cart-history",
    Role.COPY: "rokt-cart-copier",
    Role.ACCEPT_GAP: "rokt-cart-operator",
    Role.TOPICS: "rokt-cart-topics",
    Role.SCALE: "rokt-cart-scaler",
    Role.PRODUCE_ORDER_PAID: "order-paid-producer",
    Role.PRODUCE_CART_ABANDONED: "cart-abandoned-producer",
}
"""What each role's user is called where nothing else is said."""
