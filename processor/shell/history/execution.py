"""Executing a plan: everything that a copier needs, and what speaks against beginning."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from processor.core.records import Partition
from processor.core.replays import Plan
from processor.errors import ConfigurationError
from processor.shell import schemas
from processor.shell.clock import steady
from processor.shell.encoding import OutcomeReader
from processor.shell.history import lane as lanes
from processor.shell.history import plans
from processor.shell.history.bookkeeping import Bookkeeping
from processor.shell.history.bookmarks import Bookmarks
from processor.shell.history.control import Control
from processor.shell.history.copier import AFTER_A_LOSS, Copier, Stock
from processor.shell.history.fleet import Fleet
from processor.shell.history.lane import Lane
from processor.shell.history.neighbours import Neighbours
from processor.shell.history.progress import Known, State, Unreadable
from processor.shell.history.report import Observer, Report
from processor.shell.history.rounds import Parts, Rounds
from processor.shell.history.shelf import Shelf
from processor.shell.history.tail import Tail
from processor.shell.history.writers_schemas import WritersSchemas
from processor.shell.inputs import inputs
from processor.shell.registry import Registry
from processor.shell.settings import Connections

_REGISTRY_PATIENCE: Final = 5.0


def execute(
    plan: Plan,
    stock: Stock,
    settings: Connections,
    control: Control,
    observer: Observer,
    expected: int | None = None,
) -> Report:
    """Copy what a plan names, from where it stands; return when the live fleet has worked it.

    It returns earlier when `control` asks for it, or too many copies have failed: the report then
    has a reason, and the same call goes on. `expected` is how many copies a survey has promised of
    a replay that begins; one that goes on knows it. ConfigurationError: what is set up cannot work;
    RuntimeFailure: something stayed away; what was acknowledged is kept.
    """
    partitions = lanes.check(settings)
    known = _known(plan, settings)
    with ExitStack() as stack:
        bookmarks = Bookmarks(settings.kafka, settings.topics, plan.replay_id)
        stack.callback(bookmarks.close)
        books = Bookkeeping(plan, known, bookmarks, control.pace(steady()), steady())
        if known is None:
            books.expected = expected
        books.begin()
        lane = Lane(settings.kafka, plan.lane, plan.run_id)
        stack.callback(lane.close)
        parts = Parts(
            lane=lane,
            books=books,
            fleet=stack.enter_context(_fleet(settings, partitions)),
            tail=stack.enter_context(_tail(plan, settings, books.started_at)),
            neighbours=stack.enter_context(Neighbours(plan.replay_id, Shelf(settings))),
        )
        rounds = Rounds(parts, control, observer, steady())
        return Copier(plan, stock, settings, control, rounds).run()


def _known(plan: Plan, settings: Connections) -> Known | None:
    """Return how far a replay is, None when it has not begun; refuse what would not go well."""
    shelf = Shelf(settings)
    known = shelf.find(plan.replay_id)
    match known:
        case None:
            return None
        case Unreadable(why=why):
            raise ConfigurationError(
                f"The progress of {plan.replay_id} cannot be read: {why}. Plan anew: what is "
                "settled by now is not called again."
            )
        case Known():
            pass
    is_same = plans.names_the_same(known.head, plans.head_of(plan))
    if known.slices != plan.slices or not is_same:
        raise ConfigurationError(
            f"There is another replay of the id {plan.replay_id}, which was planned at another "
            f"time or selects other records: --resume {plan.replay_id} goes on with that one. Plan "
            "anew under another --id."
        )
    if known.state is State.LOST:
        raise ConfigurationError(
            f"Copies of {plan.replay_id} were lost with the lane that they lay in. {AFTER_A_LOSS}"
        )
    if shelf.being_copied([known]):
        raise ConfigurationError(
            f"{plan.replay_id} is being copied by another process: follow it with "
            "`processor replay list`, or stop that process first."
        )
    return known


def _fleet(settings: Connections, partitions: int) -> Fleet:
    numbers = range(partitions)
    live = [Partition(topic, number) for topic in inputs(settings.topics) for number in numbers]
    lane = [Partition(settings.topics.replay, number) for number in numbers]
    return Fleet(settings.kafka, live, lane)


@contextmanager
def _tail(plan: Plan, settings: Connections, started_at: int) -> Iterator[Tail]:
    registry = Registry.of(settings.schema_registry)
    writers = WritersSchemas(registry, schemas.readers(), patience=_REGISTRY_PATIENCE)
    results = settings.topics.results
    tail = Tail(settings.kafka, results, plan.run_id, OutcomeReader(writers).read)
    try:
        tail.begin(plan.counts[results], started_at)
        yield tail
    finally:
        tail.close()
