"""The table of all metrics: names, types, closed label sets, meanings.

Nothing here holds an id: a label has few values, and they are known beforehand.
"""

from enum import StrEnum
from typing import Final

from processor.core.replies import Kind
from processor.core.vocabulary import Operation, Reason, Status
from processor.shell.metrics_form import Labels, Metric, MetricType
from processor.shell.metrics_process import PROCESS


class Lane(StrEnum):
    """Whether a record came from a live input or through the replay topic."""

    LIVE = "live"
    REPLAY = "replay"


class HoldScope(StrEnum):
    """What a hold stops."""

    CONFIRM = "confirm"
    RELEASE = "release"
    REPLAY = "replay"


class Rebalance(StrEnum):
    """What happened to partitions."""

    ASSIGNED = "assigned"
    REVOKED = "revoked"
    LOST = "lost"


class Rehearsed(StrEnum):
    """What came of decoding a record in a child process first."""

    HARMLESS = "harmless"
    DEADLY = "deadly"
    UNDECIDED = "undecided"


class Dependency(StrEnum):
    """What the processor cannot work without."""

    KAFKA = "kafka"
    SCHEMA_REGISTRY = "schema_registry"


_OPEN: Final[Labels] = ()
_OPERATIONS: Final = tuple(Operation)
_CALLED: Final = (Operation.CONFIRM, Operation.RELEASE)
_LANES: Final = tuple(Lane)
NO_STATUS: Final = "none"
STATUS_CLASSES: Final = (NO_STATUS, "1xx", "2xx", "3xx", "4xx", "5xx")
_CALL_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0)
_OUTCOME_BUCKETS: Final = (*_CALL_BUCKETS, 300.0, 900.0, 3600.0)
AGES: Final = (60, 300, 900, 3600)

COUNTED: Final = (
    Metric(
        name="processor_records_total",
        type=MetricType.COUNTER,
        help="Records received from the inputs.",
        labels={"topic": _OPEN},
    ),
    Metric(
        name="processor_calls_total",
        type=MetricType.COUNTER,
        help="Attempts to call Rokt, by what their replies meant.",
        labels={
            "operation": _CALLED,
            "verdict": tuple(Kind),
            "status_class": STATUS_CLASSES,
            "lane": _LANES,
        },
    ),
    Metric(
        name="processor_retries_total",
        type=MetricType.COUNTER,
        help="Attempts that another one of their record follows after a rest.",
        labels={"operation": _CALLED, "lane": _LANES},
        is_born_zero=True,
    ),
    Metric(
        name="processor_call_seconds",
        type=MetricType.HISTOGRAM,
        help="Time of an attempt, from its sending to its reply or failure.",
        labels={"operation": _CALLED, "verdict": tuple(Kind)},
        unit="seconds",
        buckets=_CALL_BUCKETS,
    ),
    Metric(
        name="processor_outcomes_total",
        type=MetricType.COUNTER,
        help="Outcomes acknowledged by the results topic.",
        labels={"operation": _OPERATIONS, "status": tuple(Status), "lane": _LANES},
        is_born_zero=True,
    ),
    Metric(
        name="processor_event_to_outcome_seconds",
        type=MetricType.HISTOGRAM,
        help="Time from an event to the acknowledgement of its outcome.",
        labels={"operation": _OPERATIONS, "lane": _LANES},
        unit="seconds",
        buckets=_OUTCOME_BUCKETS,
    ),
    Metric(
        name="processor_paid_to_confirmed_seconds",
        type=MetricType.HISTOGRAM,
        help="Time from an OrderPaid to the acknowledgement of its success; no others are in it.",
        labels={"lane": _LANES},
        unit="seconds",
        buckets=_OUTCOME_BUCKETS,
        is_born_zero=True,
    ),
    Metric(
        name="processor_dead_letters_total",
        type=MetricType.COUNTER,
        help="Dead letters acknowledged by their topic.",
        labels={"operation": _OPERATIONS, "reason": tuple(Reason), "lane": _LANES},
        is_born_zero=True,
    ),
    Metric(
        name="processor_released_before_paid_total",
        type=MetricType.COUNTER,
        help="Orders with an item that had been released before its payment was read.",
        labels={"lane": _LANES},
        is_born_zero=True,
    ),
    Metric(
        name="processor_replay_settled_total",
        type=MetricType.COUNTER,
        help="Replayed copies that were settled already and left no outcome.",
        labels={"operation": _OPERATIONS},
        is_born_zero=True,
    ),
    Metric(
        name="processor_rehearsals_total",
        type=MetricType.COUNTER,
        help="Records decoded in a child process first, since something had killed this one.",
        labels={"verdict": tuple(Rehearsed)},
        is_born_zero=True,
    ),
    Metric(
        name="processor_in_flight",
        type=MetricType.GAUGE,
        help="Calls waiting for their reply.",
        labels={},
    ),
    Metric(
        name="processor_unfinished",
        type=MetricType.GAUGE,
        help="Records received whose outcome is not acknowledged yet.",
        labels={"topic": _OPEN},
    ),
    Metric(
        name="processor_oldest_unfinished_timestamp_seconds",
        type=MetricType.GAUGE,
        help="Time of the oldest unfinished event, since the epoch; absent while there is none.",
        labels={"operation": _OPERATIONS},
        unit="seconds",
    ),
    Metric(
        name="processor_unfinished_older_than",
        type=MetricType.GAUGE,
        help="Unfinished live records whose event is older than so many seconds.",
        labels={"operation": _OPERATIONS, "seconds": tuple(map(str, AGES))},
        is_born_zero=True,
    ),
    Metric(
        name="processor_first_reservation_expiry_timestamp_seconds",
        type=MetricType.GAUGE,
        help="When the first reservation ends of the live orders that have waited for a minute, "
        "since the epoch; absent while there is none.",
        labels={"operation": (Operation.CONFIRM,)},
        unit="seconds",
    ),
    Metric(
        name="processor_next_offset",
        type=MetricType.GAUGE,
        help="First unfinished offset of a partition: the one that is committed.",
        labels={"topic": _OPEN, "partition": _OPEN},
    ),
    Metric(
        name="processor_consumer_lag",
        type=MetricType.GAUGE,
        help="Records between the committed offset and the end of a partition.",
        labels={"topic": _OPEN, "partition": _OPEN},
    ),
    Metric(
        name="processor_parked",
        type=MetricType.GAUGE,
        help="1 while a partition is parked because records are gone, else 0.",
        labels={"topic": _OPEN, "partition": _OPEN},
    ),
    Metric(
        name="processor_hold",
        type=MetricType.GAUGE,
        help="1 while a hold stops the calls of this scope, else 0.",
        labels={"scope": tuple(HoldScope)},
        is_born_zero=True,
    ),
    Metric(
        name="processor_hold_started_timestamp_seconds",
        type=MetricType.GAUGE,
        help="When the hold of this scope began, since the epoch; absent while there is none.",
        labels={"scope": tuple(HoldScope)},
        unit="seconds",
    ),
    Metric(
        name="processor_hold_reason",
        type=MetricType.GAUGE,
        help="1 for the reason of the hold of this scope; absent while there is none.",
        labels={"scope": tuple(HoldScope), "reason": tuple(Reason)},
    ),
    Metric(
        name="processor_hold_waiting",
        type=MetricType.GAUGE,
        help="Unfinished records that the hold of this scope stops.",
        labels={"scope": tuple(HoldScope)},
        is_born_zero=True,
    ),
    Metric(
        name="processor_hold_next_probe_timestamp_seconds",
        type=MetricType.GAUGE,
        help="When the hold of this scope is probed next, since the epoch; absent without one.",
        labels={"scope": tuple(HoldScope)},
        unit="seconds",
    ),
    Metric(
        name="processor_paused_until_timestamp_seconds",
        type=MetricType.GAUGE,
        help="Until when Rokt asked this scope to pause, since the epoch; absent while it did not.",
        labels={"scope": tuple(HoldScope)},
        unit="seconds",
    ),
    Metric(
        name="processor_away",
        type=MetricType.GAUGE,
        help="1 while this dependency does not answer, else 0.",
        labels={"dependency": tuple(Dependency)},
        is_born_zero=True,
    ),
    Metric(
        name="processor_partitioners_disagree",
        type=MetricType.GAUGE,
        help="1 while the producers of the two inputs put carts on different partitions, else 0.",
        labels={},
    ),
    Metric(
        name="processor_restore_remaining",
        type=MetricType.GAUGE,
        help="Outcomes still to be read back into the ledger before calls begin.",
        labels={},
    ),
    Metric(
        name="processor_rebalances_total",
        type=MetricType.COUNTER,
        help="Changes of the partitions that this process owns.",
        labels={"event": tuple(Rebalance)},
        is_born_zero=True,
    ),
    Metric(
        name="processor_last_commit_timestamp_seconds",
        type=MetricType.GAUGE,
        help="When offsets were last committed, since the epoch; 0 before the first time.",
        labels={},
        unit="seconds",
    ),
    Metric(
        name="processor_build_info",
        type=MetricType.GAUGE,
        help="Always 1; the labels say what is running.",
        labels={"version": _OPEN, "python": _OPEN},
    ),
)
"""What the processor counts itself."""

TABLE: Final = (*COUNTED, *PROCESS)
