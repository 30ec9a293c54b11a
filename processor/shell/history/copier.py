"""The copier: brings the records of a plan into the replay lane, slice by slice.

It can end at any moment: its progress covers only copies that the lane has acknowledged, so
whoever resumes copies what is not covered, some of it once more. The live fleet works one record
of one replay once, however often it was copied.
"""

import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from confluent_kafka import KafkaException

from processor.core.records import Partition
from processor.core.replays import Candidate, Passed, Plan, Slice
from processor.core.trail import Trail
from processor.errors import RuntimeFailure
from processor.shell.clock import now, steady
from processor.shell.history import plans
from processor.shell.history.cluster import look as look_at
from processor.shell.history.control import Control
from processor.shell.history.feed import Feed
from processor.shell.history.progress import State
from processor.shell.history.report import Phase, Report
from processor.shell.history.rounds import TURN, Rounds
from processor.shell.kafka.broker import Broker, Ends
from processor.shell.settings import Connections

_FLUSH_WITHIN: Final = 10.0
_ANSWER_WITHIN: Final = 10.0
AFTER_A_LOSS: Final = (
    "Do not resume it. What the processors had received by then they may still work. Let them go "
    "on where they are parked (`/status`, `processor topics accept-gap`), and plan anew: what is "
    "settled by then is not called again."
)
STOPPED: Final = "it was asked to stop"


class Stock(Protocol):
    """Where candidates come from."""

    def candidates(self, part: Slice, position: int) -> Iterator[Candidate | Passed]:
        """Yield what a slice holds from a position on, in order."""


class LaneLost(RuntimeFailure):
    """Copies are gone from the lane that nobody has worked."""


class Copier:
    """One run through what is left of a plan."""

    def __init__(
        self, plan: Plan, stock: Stock, settings: Connections, control: Control, rounds: Rounds
    ) -> None:
        """Begin with everything else at hand."""
        self._plan = plan
        self._stock = stock
        self._topics = settings.topics
        self._broker = Broker(settings.kafka)
        self._kafka = settings.kafka
        self._control = control
        self._rounds = rounds
        self._parts = rounds.parts
        self._began_at = steady()
        numbers = {part.place.number for part in plan.slices}
        self._numbers = numbers if plan.partitioner is None else range(plan.lane_partitions)
        self._lane_id = plan.topic_ids.get(plan.lane) or None

    def run(self) -> Report:
        """Copy, wait until the fleet has worked it, and tell what came of it."""
        try:
            reason = self._copy_all() or self._work_off()
            if reason is not None:
                self._rounds.notice(f"stopping: {reason}")
        except LaneLost:
            self._end(State.LOST)
            raise
        except RuntimeFailure as failure:
            self._end(State.PAUSED)
            raise RuntimeFailure(f"{failure} {how_to_go_on(self._plan)}") from failure
        except Exception:
            self._end(State.PAUSED)
            raise
        self._end(State.FINISHED if reason is None else State.PAUSED)
        self._rounds.tell(steady())
        books = self._parts.books
        return Report(
            replay_id=self._plan.replay_id,
            run_id=self._plan.run_id,
            kind=self._plan.kind,
            reason=reason,
            done=books.done,
            total=books.total,
            counts=books.counts,
            tallied=self._parts.tail.tallied,
            started_at=books.started_at,
            ended_at=now().wall_ms,
            seconds=steady() - self._began_at,
        )

    # Each of these returns why it has stopped, None when it came to its end.

    def _copy_all(self) -> str | None:
        books = self._parts.books
        for index, part in enumerate(self._plan.slices):
            trail = books.turn_to(index)
            if trail.position >= part.end:
                continue
            reason = self._copy(part, trail)
            if reason is not None:
                return reason
        return None

    def _copy(self, part: Slice, trail: Trail) -> str | None:
        position = trail.position
        with Feed(lambda: self._stock.candidates(part, position)) as feed:
            for item in feed:
                self._rounds.serve(steady())
                reason = self._why_stop()
                if isinstance(item, Candidate) and item.is_copied and reason is None:
                    reason = self._send(item, trail)
                if reason is not None:
                    return reason
                match item:
                    case Candidate() if not item.is_copied:
                        trail.count(item)
                    case Passed():
                        trail.skip(item)
                    case _:
                        pass
        trail.skip(Passed(position=part.end))
        return self._wait(lambda: trail.in_flight == 0)

    def _send(self, candidate: Candidate, trail: Trail) -> str | None:
        """Copy a record as soon as it may go."""
        reason = self._wait(lambda: self._rounds.ask(steady()) is None)
        if reason is not None:
            return reason
        copying = trail.send(candidate)
        self._rounds.pacer.sent(steady())
        return self._wait(lambda: self._parts.lane.send(candidate, copying.acknowledged))

    def _work_off(self) -> str | None:
        """Wait until the fleet has worked what lies in the lane, and read what came of it."""
        books = self._parts.books
        if books.is_new and not books.copied:
            return None
        self._rounds.phase = Phase.WORKING_OFF
        lane = self._ends(self._plan.lane)
        if lane is None or self._wait(lambda: self._is_worked(lane)) is not None:
            return f"{STOPPED}: all is copied, and what lies in the lane is still worked"
        now_there = look_at(self._kafka, [self._plan.lane]).topic_ids.get(self._plan.lane)
        self._check_identity(now_there or "")
        results = self._ends(self._topics.results)
        if results is None:
            return STOPPED
        return self._wait(lambda: self._parts.tail.has_reached(results))

    def _is_worked(self, ends: Ends) -> bool:
        self._rounds.ask(steady())
        look = self._rounds.look
        return look is not None and all(
            not look.lane[place].is_torn and (look.lane[place].committed or 0) >= end
            for place, end in ends.items()
        )

    def _ends(self, topic: str) -> Ends | None:
        """Ask where the partitions of a topic end, again and again; None: it was asked to stop."""
        places = [Partition(topic, number) for number in range(self._plan.counts[topic])]
        while self._why_stop() is None:
            self._rounds.serve(steady())
            try:
                return self._broker.ends(places, _ANSWER_WITHIN)
            except (KafkaException, TimeoutError):
                time.sleep(TURN)
        return None

    def _wait(self, is_so: Callable[[], bool]) -> str | None:
        """Go round until something is so; return why that is given up."""
        while not is_so():
            self._rounds.serve(steady())
            reason = self._why_stop()
            if reason is not None:
                return reason
            time.sleep(TURN)
        return None

    def _why_stop(self) -> str | None:
        self._check_lane()
        if self._control.is_stopping:
            return STOPPED
        limit = self._rounds.pacer.pace.stop_after_failures
        failed = self._parts.tail.new_dead_letters
        if limit is None or failed < limit or self._rounds.phase is Phase.WORKING_OFF:
            return None
        copies = "1 copy has" if failed == 1 else f"{failed} copies have"
        return f"{copies} ended as dead letters, and {limit} were to stop it"

    def _check_lane(self) -> None:
        """Raise when copies are gone from the lane, or those of others were before we began."""
        look = self._rounds.look
        if look is None:
            return
        self._lane_id = self._lane_id or look.lane_id
        if look.lane_id is not None:
            self._check_identity(look.lane_id)
        torn = self._rounds.pacer.torn
        why = next((torn[place] for place in torn if place.number in self._numbers), None)
        if why is None:
            return
        books = self._parts.books
        if books.is_new and not any(trail.has_begun for trail in books.trails):
            raise RuntimeFailure(
                f"The lane has lost copies before this replay has made any: {why}. Let the "
                "processors go on (`processor topics accept-gap`)."
            )
        raise LaneLost(f"Copies of this replay are lost: {why}. {AFTER_A_LOSS}")

    def _check_identity(self, lane_id: str) -> None:
        if self._lane_id is not None and lane_id != self._lane_id:
            why = f"{self._plan.lane} was created anew"
            raise LaneLost(f"Copies of this replay are lost: {why}. {AFTER_A_LOSS}")

    def _end(self, state: State) -> None:
        """Wait a while for acknowledgements, and write down how far it is."""
        self._parts.lane.flush(_FLUSH_WITHIN)
        is_kept = self._parts.books.end(state)
        if state is State.LOST and not is_kept:
            self._rounds.notice("that it is lost could not be written: do not resume it")
        elif not is_kept:
            self._rounds.notice(
                "the last second's progress could not be written: what it copied will be copied "
                "again, and worked once"
            )


def how_to_go_on(plan: Plan) -> str:
    """Return the sentence that tells how to resume."""
    return f"What was copied is kept: `{plans.resuming(plans.head_of(plan))}` goes on."
