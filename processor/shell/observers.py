"""Observers: turn what the engine tells into metrics and log lines."""

from typing import Final

import structlog

from processor.core.effects import (
    CallEnded,
    HoldBegan,
    HoldEnded,
    Observation,
    PauseBegan,
    RecordEnded,
    RecordResolved,
    ReplaySettled,
    Retrying,
)
from processor.core.replies import Concern, Kind
from processor.core.vocabulary import Operation, Reason
from processor.shell.clock import steady
from processor.shell.metrics import Lane, Metrics
from processor.shell.page.recent import Recent

_SAY_AGAIN_AFTER: Final = 60.0
_MOST_REASONS: Final = 100
_NEVER: Final = float("-inf")
_CREATED: Final = 201
_LOOK_AT_ROKT: Final = "it is on Rokt's side: wait, or call Rokt"
_REMEDIES: Final = {
    Reason.UNAUTHORIZED: "put the new key into PROCESSOR_ROKT__API_KEY_FILE, or restart with it",
    Reason.FORBIDDEN: "check what PROCESSOR_ROKT__API_KEY and __TAG_ID may do",
    Reason.UNREACHABLE: "check PROCESSOR_ROKT__BASE_URL, names, network and certificates",
    Reason.OTHER_CLIENT_ERROR: "check PROCESSOR_ROKT__BASE_URL and proxies on the way",
}
_LOG: Final = structlog.get_logger(__name__)


class Observers:
    """Counts every observation, and logs those that a person may want to read."""

    def __init__(self, metrics: Metrics) -> None:
        """Count into `metrics`."""
        self._metrics = metrics
        self.recent = Recent()
        self.last_outcome_at: float | None = None
        """When the last outcome was acknowledged, seconds since the epoch."""
        self._said: dict[tuple[Operation, str], float] = {}
        self._has_seen_created = False

    def observe(self, seen: Observation, wall: float) -> None:
        """Take in one observation; `wall` is now, seconds since the epoch."""
        self.recent.observe(seen, wall)
        match seen:
            case CallEnded(operation=operation, verdict=verdict, seconds=seconds):
                lane = _lane(is_replayed=seen.is_replayed)
                self._metrics.called(operation, verdict.kind, verdict.http_status, lane, seconds)
                if verdict.kind is Kind.SUCCEEDED and verdict.http_status == _CREATED:
                    self._see_created(operation)
            case Retrying():
                self._retrying(seen)
            case HoldBegan(scope=scope, reason=reason, why=why):
                _LOG.warning(
                    "hold began: everything fails, nothing is given up",
                    scope=scope.name.lower(),
                    reason=reason,
                    why=why,
                    do=remedy(reason),
                )
            case HoldEnded(scope=scope, seconds=seconds, failures=failures):
                _LOG.info(
                    "hold ended: Rokt answers"
                    if seen.is_proven
                    else "hold ended: nothing is left to probe it with",
                    scope=scope.name.lower(),
                    seconds=round(seconds, 1),
                    failures=failures,
                )
            case PauseBegan(scope=scope, seconds=seconds, why=why):
                _LOG.warning(
                    "Rokt asks for a pause",
                    scope=scope.name.lower(),
                    seconds=round(seconds, 1),
                    why=why,
                )
            case RecordEnded():
                self.last_outcome_at = wall
                self._ended(seen)
            case ReplaySettled(operation=operation):
                self._metrics.replay_settled(operation)
            case RecordResolved(partition=partition, offset=offset):
                _LOG.debug(
                    "record had its outcome already",
                    topic=partition.topic,
                    partition=partition.number,
                    offset=offset,
                )

    def _retrying(self, seen: Retrying) -> None:
        self._metrics.retried(seen.operation, _lane(is_replayed=seen.is_replayed))
        if seen.verdict.concern is Concern.SYSTEMIC and not seen.is_held:
            self._suspect(seen)

    def _suspect(self, seen: Retrying) -> None:
        """Say what usually concerns all calls and fails a single cart: each reason once a while."""
        operation, why, now = seen.operation, seen.verdict.detail or "", steady()
        if now - self._said.get((operation, why), _NEVER) < _SAY_AGAIN_AFTER:
            return
        if len(self._said) >= _MOST_REASONS:
            self._said.clear()
        self._said[operation, why] = now
        _LOG.warning(
            "a call fails for a reason that would concern all, while others succeed",
            operation=operation,
            why=why,
            http_status=seen.verdict.http_status,
            attempts=seen.attempts,
            again_in=round(seen.seconds, 1),
            topic=seen.source.topic,
            partition=seen.source.partition,
            offset=seen.source.offset,
        )

    def _see_created(self, operation: Operation) -> None:
        if not self._has_seen_created:
            self._has_seen_created = True
            _LOG.warning("201 where Rokt documents 200; taken as one", operation=operation)

    def _ended(self, seen: RecordEnded) -> None:
        outcome, lane = seen.outcome, _lane(is_replayed=seen.is_replayed)
        self._metrics.concluded(outcome.operation, outcome.status, lane, seen.seconds or 0.0)
        if seen.is_released_before_paid:
            self._metrics.released_before_paid(lane)
            _LOG.warning("released before paid", cart_id=outcome.cart_id, order_id=outcome.order_id)
        if seen.has_dead_letter and outcome.reason is not None:
            self._metrics.dead_lettered(outcome.operation, outcome.reason, lane)
            topic, partition, offset, _ = outcome.source
            _LOG.warning(
                "dead letter",
                reason=outcome.reason,
                why=outcome.detail,
                status=outcome.status,
                effect=outcome.effect,
                operation=outcome.operation,
                cart_id=outcome.cart_id,
                order_id=outcome.order_id,
                topic=topic,
                partition=partition,
                offset=offset,
                http_status=outcome.http_status,
                attempts=outcome.attempts,
            )


def remedy(reason: Reason) -> str:
    """Return what a person can do about a hold."""
    return _REMEDIES.get(reason, _LOOK_AT_ROKT)


def _lane(*, is_replayed: bool) -> Lane:
    return Lane.REPLAY if is_replayed else Lane.LIVE
