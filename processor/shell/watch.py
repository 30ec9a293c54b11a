"""The watch: looks at the work once a second, for metrics, health and `/status`."""

import asyncio
import ssl
from dataclasses import replace
from typing import Final

import structlog
from confluent_kafka import KafkaException

from processor.core.records import Partition
from processor.core.sight import Sight
from processor.errors import RuntimeFailure
from processor.shell.clock import now, steady
from processor.shell.credential_files import CredentialFiles
from processor.shell.inputs import inputs
from processor.shell.metrics import Dependency, HoldScope, Metrics
from processor.shell.page.shape import View
from processor.shell.page.view import live_lag, view
from processor.shell.parts import Parts
from processor.shell.secrets import SecretFile
from processor.shell.seen import Seen
from processor.shell.settings import Settings
from processor.shell.status import Status, iso, name_of, status_of
from processor.shell.worker import Worker

_LOG: Final = structlog.get_logger(__name__)
_LOOK_EVERY: Final = 1.0
_ASK_LAG_EVERY: Final = 5
_COUNT_PARTITIONS_EVERY: Final = 30
_ANSWER_WITHIN: Final = 5.0
_LOOP_MAY_REST: Final = 10.0
_POLL_MAY_REST: Final = 60.0
_HAND_OVER_MAY_TAKE: Final = 25.0
"""Beyond the drain deadline: for the last commit."""
_HAND_OVER_MARGIN: Final = 2.0
_SILENT_FOR: Final = 5.0
_SAY_RETRIES_EVERY: Final = 60.0


class Watch:
    """What can be said of the work, from before it begins."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        """Begin with nothing to see."""
        self._settings = settings
        self._metrics = metrics
        self._worker: Worker | None = None
        self._sight: Sight | None = None
        self._view: tuple[Sight | None, View | None] = (None, None)
        self._is_retrying = False
        self._say_retries_at = 0.0
        self._said_stopped: str | None = None
        self._said_key: str | None = None
        self._key = settings.rokt.api_key.current(steady())
        self._context: ssl.SSLContext | None = None
        self._files = CredentialFiles(settings)
        self._ends: dict[Partition, int] = {}
        self._away_since: dict[Dependency, float] = {}
        self._last_commit: float | None = None
        self._committed_at = steady()

    async def run(self, worker: Worker, partitions: int) -> None:
        """Look until cancelled; RuntimeFailure when the inputs' partitions have changed."""
        self._worker, parts = worker, worker.parts
        loop, rounds = asyncio.get_running_loop(), 0

        def answered(partition: Partition, end: int | None) -> None:
            if end is not None:
                loop.call_soon_threadsafe(self._ends.__setitem__, partition, end)

        while True:
            self._sight = sight = parts.engine.look()
            if not sight.next_offsets or worker.last_commit_at != self._last_commit:
                self._last_commit, self._committed_at = worker.last_commit_at, steady()
            if rounds % _ASK_LAG_EVERY == 0 and sight.next_offsets:
                parts.broker.ask_ends(tuple(sight.next_offsets), _ANSWER_WITHIN, answered)
            if rounds % _COUNT_PARTITIONS_EVERY == 1:
                await self._count_partitions(parts, partitions)
            self._show(sight)
            self._files.look()
            self._say_retrying(sight)
            behind = live_lag(self._lag(sight), self._settings.topics.replay)
            parts.observers.recent.look(steady(), behind, sight.in_flight)
            rounds += 1
            await asyncio.sleep(_LOOK_EVERY)

    def _show(self, sight: Sight) -> None:
        metrics = self._metrics
        metrics.set_in_flight(sight.in_flight)
        metrics.set_unfinished(sight.unfinished)
        metrics.set_oldest_unfinished(
            {operation: timestamp / 1000 for operation, timestamp in sight.oldest.items()}
        )
        timestamps = {
            operation: [timestamp / 1000 for timestamp in timestamps]
            for operation, timestamps in sight.timestamps.items()
        }
        metrics.set_ages(timestamps, now().wall)
        metrics.set_first_expiry(_seconds(sight.first_expiry(steady())))
        metrics.set_next_offsets(sight.next_offsets)
        metrics.set_lag(self._lag(sight))
        if self._worker is not None:
            metrics.set_parked(sight.next_offsets.keys(), self._worker.poller.gaps.parked)
            metrics.set_restore_remaining(self._worker.restorer.remaining)
        metrics.set_holds({HoldScope(name_of(scope)): hold for scope, hold in sight.holds.items()})
        metrics.set_pauses(
            {HoldScope(name_of(scope)): until for scope, until in sight.paused_until.items()}
        )
        metrics.set_partitioners_disagree(is_so=sight.releases_stopped is not None)
        if sight.releases_stopped is not None and self._said_stopped is None:
            _LOG.error("releases stopped", why=sight.releases_stopped)
        self._said_stopped = sight.releases_stopped
        self._follow_key(sight)
        if (problem := self._key_problem()) is not None and self._said_key is None:
            _LOG.warning("the key's file cannot be read again", why=problem)
        self._said_key = self._key_problem()
        away = self._away()
        for dependency in Dependency:
            metrics.set_away(dependency, is_away=dependency in away)
            self._say_away(dependency, away.get(dependency))

    def _say_retrying(self, sight: Sight) -> None:
        """Say when records are tried again after none was, once a minute at most."""
        retrying = sight.retrying
        if retrying is not None and not self._is_retrying and steady() >= self._say_retries_at:
            self._say_retries_at = steady() + _SAY_RETRIES_EVERY
            _LOG.warning(
                "calls fail and are tried again", records=retrying.records, last=retrying.last
            )
        self._is_retrying = retrying is not None

    def _follow_key(self, sight: Sight) -> None:
        """Probe at once when key or certificates have changed: a hold may wait for that."""
        key, context = self._settings.rokt.api_key.current(steady()), None
        if self._worker is not None:
            context = self._worker.parts.rokt.tls_context()
        has_changed = self._context is not None and context is not self._context
        if key is not self._key:
            _LOG.info("the key was read again")
            has_changed = True
        if has_changed and sight.holds and self._worker is not None:
            self._worker.apply(self._worker.parts.engine.hasten(now()))
        self._key, self._context = key, context

    def _say_away(self, dependency: Dependency, why: str | None) -> None:
        """Say once that something does not answer, and once that it does again."""
        since = self._away_since.get(dependency)
        if why is not None and since is None:
            self._away_since[dependency] = steady()
            _LOG.warning("away: nothing is lost, it waits", what=dependency, why=why)
        elif why is None and since is not None:
            seconds = round(steady() - self._away_since.pop(dependency), 1)
            _LOG.info("back", what=dependency, after_seconds=seconds)

    async def _count_partitions(self, parts: Parts, partitions: int) -> None:
        try:
            counts = await asyncio.to_thread(
                parts.broker.partitions, inputs(self._settings.topics), _ANSWER_WITHIN
            )
        except KafkaException:
            return
        for topic, count in counts.items():
            if count is not None and count != partitions:
                raise RuntimeFailure(
                    f"{topic} has {count} partitions now, and had {partitions} at the start. Carts "
                    "have moved to other partitions, whose ledgers know nothing of them, so orders "
                    "could be confirmed twice: work the old topics off with the old count, then go "
                    "on with new topics and a new group."
                )

    def _lag(self, sight: Sight) -> dict[Partition, int]:
        return {
            partition: max(0, self._ends[partition] - offset)
            for partition, offset in sight.next_offsets.items()
            if partition in self._ends
        }

    def _away(self) -> dict[Dependency, str]:
        """Return what does not answer, and what was last heard of it."""
        worker = self._worker
        if worker is None:
            return {}
        # A commit that finds no coordinator is what a password that is wrong leads to: say both.
        troubles = (
            worker.sink.trouble,
            worker.commit_trouble,
            worker.restorer.trouble,
            worker.poller.trouble,
        )
        kafka = "; ".join(dict.fromkeys(filter(None, troubles))) or self._silence()
        known = {Dependency.KAFKA: kafka, Dependency.SCHEMA_REGISTRY: worker.parts.schemas.away}
        return {dependency: why for dependency, why in known.items() if why is not None}

    def _silence(self) -> str | None:
        """Return since when no commit has been acknowledged, if the lease has lapsed over it."""
        silent = steady() - self._committed_at
        if silent <= max(self._settings.kafka.lease, _SILENT_FOR):
            return None
        return f"no commit was acknowledged for {silent:.0f} s, so no calls go out"

    def _key_problem(self) -> str | None:
        key = self._settings.rokt.api_key
        return key.problem if isinstance(key, SecretFile) else None

    def is_live(self) -> bool:
        """Whether the loop and the poll thread go round; before they begin, always."""
        worker = self._worker
        if worker is None:
            return True
        # A hand-over holds the poll thread up.
        longest = max(_POLL_MAY_REST, self._settings.kafka.drain_deadline + _HAND_OVER_MAY_TAKE)
        return (
            steady() - worker.ticked_at < _LOOP_MAY_REST
            and steady() - worker.poller.polled_at < longest
        )

    def is_ready(self) -> bool:
        """Whether the group has answered and all assigned partitions are restored."""
        worker = self._worker
        return (
            worker is not None and self._has_partitions() and worker.parts.engine.look().is_restored
        )

    def _has_partitions(self) -> bool:
        """Whether the group has given us what we are to have."""
        worker = self._worker
        return worker is not None and (
            worker.membership.has_assignment or self._is_idle_member(worker)
        )

    def _is_idle_member(self, worker: Worker) -> bool:
        """Whether the group has had the time to give us partitions, and gave none.

        Their former owners may take as long as their deadline to hand them over.
        """
        since = worker.poller.member_since
        patience = self._settings.kafka.drain_deadline + _HAND_OVER_MARGIN
        return since is not None and steady() - since > patience

    def status(self) -> Status:
        """Return what `/status` shows."""
        worker = self._worker
        return status_of(self._seen(worker.parts.engine.look() if worker is not None else None))

    def view(self) -> View:
        """Return what the page shows, as of the last look.

        It is made once a look, however many people ask for it, and goes over no record.
        """
        sight, (viewed, made) = self._sight, self._view
        if made is None or sight is None or sight is not viewed:
            made = view(self._seen(sight))
            self._view = sight, made
        made["now"] = iso(now().wall)
        return made

    def _seen(self, sight: Sight | None) -> Seen:
        """Gather what has been seen, up to a look at the engine."""
        settings, worker = self._settings, self._worker
        seen = Seen(
            wall=now().wall,
            group_id=settings.kafka.group_id,
            topics=(*inputs(settings.topics), settings.topics.replay),
            most_in_flight=settings.calls.max_in_flight,
            is_live=self.is_live(),
            is_ready=sight is not None and self._has_partitions() and sight.is_restored,
            key_problem=self._key_problem(),
        )
        if worker is None or sight is None:
            return seen
        states = worker.parts.engine.assignments.states
        return replace(
            seen,
            sight=sight,
            recent=worker.parts.observers.recent,
            phases={number: state.phase for number, state in states.items()},
            full=[
                number
                for number, state in states.items()
                if any(owned.is_paused for owned in state.inputs.values())
            ],
            lag=self._lag(sight),
            left=worker.restorer.left(),
            gaps=tuple(worker.poller.gaps.parked.values()),
            away=[f"{dependency}: {why}" for dependency, why in self._away().items()],
            last_outcome_at=worker.parts.observers.last_outcome_at,
            last_commit_at=worker.last_commit_at,
        )


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
