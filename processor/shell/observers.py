"""Observers: turn what the engine tells into metrics and log lines."""

from typing import Final

import structlog

from processor.core.effects import (
    CallEnded,
    Observation,
    RecordEnded,
    RecordResolved,
    Retrying,
)
from processor.core.replies import Kind, Scope
from processor.core.vocabulary import Operation
from processor.shell.clock import steady
from processor.shell.metrics import Lane, Metrics

_SAY_AGAIN_AFTER: Final = 60.0
_QUIET_FOR: Final = 10.0
_MOST_REASONS: Final = 100
_NEVER: Final = float("-inf")
_CREATED: Final = 201
_WHAT_TO_CHECK: Final = "PROCESSOR_ROKT__BASE_URL, __API_KEY, __TAG_ID and the way there"
_LOG: Final = structlog.get_logger(__name__)


class Observers:
    """Counts every observation, and logs those that a person may want to read."""

    def __init__(self, metrics: Metrics) -> None:
        """Count into `metrics`."""
        self._metrics = metrics
        self.last_outcome_at: float | None = None
        """When the last outcome was acknowledged, seconds since the epoch."""
        self._complaints: dict[Operation, tuple[str, float]] = {}
        self._said: dict[tuple[Operation, str], float] = {}
        self._has_seen_created = False

    @property
    def complaints(self) -> dict[Operation, str]:
        """What concerns all calls at present, by operation."""
        return {operation: why for operation, (why, _) in self._complaints.items()}

    def observe(self, seen: Observation, wall: float) -> None:
        """Take in one observation; `wall` is now, seconds since the epoch."""
        match seen:
            case CallEnded(operation=operation, verdict=verdict, seconds=seconds):
                lane = _lane(is_replayed=seen.is_replayed)
                self._metrics.called(operation, verdict.kind, verdict.http_status, lane, seconds)
                if verdict.kind is Kind.SUCCEEDED:
                    self._succeeded(operation, verdict.http_status)
            case Retrying():
                self._retrying(seen)
            case RecordEnded():
                self.last_outcome_at = wall
                self._ended(seen)
            case RecordResolved(partition=partition, offset=offset):
                _LOG.debug(
                    "record had its outcome already",
                    topic=partition.topic,
                    partition=partition.number,
                    offset=offset,
                )

    def _retrying(self, seen: Retrying) -> None:
        self._metrics.retried(seen.operation, Lane.LIVE)
        if seen.verdict.scope is Scope.SYSTEMIC:
            self._complain(seen)

    def _complain(self, seen: Retrying) -> None:
        """Say what concerns all calls: each reason once, and again when it goes on for long."""
        operation, why, now = seen.operation, seen.verdict.detail or "", steady()
        self._complaints[operation] = (why, now)
        if now - self._said.get((operation, why), _NEVER) < _SAY_AGAIN_AFTER:
            return
        if len(self._said) >= _MOST_REASONS:
            self._said.clear()
        self._said[operation, why] = now
        _LOG.warning(
            "call failed for a reason that concerns all calls",
            operation=operation,
            why=why,
            http_status=seen.verdict.http_status,
            attempts=seen.attempts,
            again_in=round(seen.seconds, 1),
            check=_WHAT_TO_CHECK,
        )

    def _succeeded(self, operation: Operation, status: int | None) -> None:
        """Note a success; only after a while without complaints it means that all is well again."""
        known = self._complaints.get(operation)
        if known is not None and steady() - known[1] >= _QUIET_FOR:
            del self._complaints[operation]
            self._said = {key: at for key, at in self._said.items() if key[0] is not operation}
            _LOG.info("calls succeed again", operation=operation)
        if status == _CREATED and not self._has_seen_created:
            self._has_seen_created = True
            _LOG.warning("201 where Rokt documents 200; taken as one", operation=operation)

    def _ended(self, seen: RecordEnded) -> None:
        outcome, lane = seen.outcome, _lane(is_replayed=seen.is_replayed)
        self._metrics.concluded(outcome.operation, outcome.status, lane, seen.seconds or 0.0)
        if seen.is_released_before_paid:
            self._metrics.released_before_paid()
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


def _lane(*, is_replayed: bool) -> Lane:
    return Lane.REPLAY if is_replayed else Lane.LIVE
