"""The planner: from what somebody asks for to a frozen plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from processor.core.partitioners import Partitioners
from processor.core.records import Partition
from processor.core.replays import Guards, Kind, Plan, Slice
from processor.core.selection import Selection
from processor.core.vocabulary import Operation
from processor.errors import ConfigurationError
from processor.shell.history.cluster import Cluster, look
from processor.shell.history.files import CART_FIELD, ContainerFile
from processor.shell.history.reader import Reader
from processor.shell.history.windows import Drawn, Windows
from processor.shell.inputs import inputs
from processor.shell.settings import Connections

_KEYS_LOOKED_AT: Final = 64
_PARTITIONS_LOOKED_AT: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody asks for.

    `topics` are read in the place of the inputs, `offsets` in the place of a window, `files` in
    the place of Kafka. `partitioner` is the one to place keys by, None to find it out.
    """

    kind: Kind
    replay_id: str
    selection: Selection
    guards: Guards
    topics: tuple[str, ...] = ()
    offsets: tuple[Slice, ...] = ()
    files: tuple[ContainerFile, ...] = ()
    cart_field: str = CART_FIELD
    ids_sha256: str | None = None
    partitioner: str | None = None


def draw_up(request: Request, settings: Connections, reader: Reader, created_at: int) -> Plan:
    """Return the plan of a request. Blocks; ConfigurationError says what cannot be."""
    topics = settings.topics
    sources = _sources(request, settings)
    needed = (*inputs(topics), topics.results, *sources)
    cluster = look(settings.kafka, {*needed, topics.replay})
    missing = sorted({name for name in needed if name not in cluster.counts})
    if missing:
        raise ConfigurationError(
            f"Missing topics: {', '.join(missing)}. Check PROCESSOR_TOPICS__… and --topic."
        )
    if topics.replay in sources:
        raise ConfigurationError(
            f"{topics.replay} is the replay lane itself: name the topics that its copies came from."
        )
    _check_sources(request, settings, sources)
    drawn = _draw(request, settings, reader, {name: cluster.counts[name] for name in sources})
    partitions = cluster.counts[topics.order_paid]
    placing = _placing(request, settings, reader, cluster)
    return Plan(
        replay_id=request.replay_id,
        kind=request.kind,
        created_at=created_at,
        cluster_id=cluster.cluster_id,
        group=settings.kafka.group_id,
        lane=topics.replay,
        topic_ids={
            name: topic_id
            for name, topic_id in cluster.topic_ids.items()
            if name != topics.replay or cluster.counts[name] == partitions  # else made anew
        },
        counts={**cluster.counts, topics.replay: partitions},
        selection=request.selection,
        guards=request.guards,
        slices=drawn.slices,
        containers=tuple(each.container for each in request.files),
        cart_field=request.cart_field,
        partitioner=placing.partitioner,
        by_key=placing.by_key,
        ids_sha256=request.ids_sha256,
        waiting=drawn.waiting,
        notes=(*drawn.notes, *placing.notes, *_lane_notes(topics.replay, cluster, partitions)),
    )


def _check_sources(request: Request, settings: Connections, sources: Sequence[str]) -> None:
    """Refuse topics in which a replay, or a redrive, can find nothing that is its own."""
    topics = settings.topics
    if request.kind is Kind.REDRIVE:
        wrong = {*inputs(topics), topics.results}
        remedy = "it holds no dead letters: name a topic that does, or use `processor replay`"
    else:
        wrong = {topics.results, topics.dead_letters}
        remedy = "it holds no events: name an input, or use `processor redrive` for dead letters"
    for topic in sources:
        if topic in wrong:
            raise ConfigurationError(f"A {request.kind} cannot read {topic}: {remedy}.")


def _sources(request: Request, settings: Connections) -> tuple[str, ...]:
    """Return the topics that are read, payments first."""
    topics = settings.topics
    if request.files:
        return ()
    if request.offsets:
        order = {topics.order_paid: 0, topics.cart_abandoned: 1}
        named = {each.place.topic for each in request.offsets}
        return tuple(sorted(named, key=lambda topic: (order.get(topic, 2), topic)))
    if request.kind is Kind.REDRIVE:
        return request.topics or (topics.dead_letters,)
    if request.topics:
        last = {topics.order_paid: 0, topics.cart_abandoned: 2}
        return tuple(sorted(request.topics, key=lambda topic: last.get(topic, 1)))
    operations = request.selection.operations
    if operations == {Operation.CONFIRM}:
        return (topics.order_paid,)
    if operations == {Operation.RELEASE}:
        return (topics.cart_abandoned,)
    return inputs(topics)


def _draw(
    request: Request, settings: Connections, reader: Reader, counts: Mapping[str, int]
) -> Drawn:
    if request.files:
        rows = sum(each.container.rows for each in request.files)
        place = Partition(settings.topics.replay, 0)
        return Drawn(slices=(Slice(place=place, begin=0, end=rows),), waiting=0, notes=())
    windows = Windows(settings.kafka, reader, inputs(settings.topics))
    if not request.offsets:
        return windows.draw(counts, request.selection)
    for each in request.offsets:
        if each.place.number >= counts[each.place.topic]:
            raise ConfigurationError(
                f"{each.place.topic} has no partition {each.place.number}: it has 0 to "
                f"{counts[each.place.topic] - 1}."
            )
    order = list(counts)
    wanted = sorted(request.offsets, key=lambda s: (s.place.number, order.index(s.place.topic)))
    return windows.draw_offsets(wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placing:
    """Which topics' carts are placed anew, and how; `notes` say why."""

    partitioner: str | None = None
    by_key: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def _placing(request: Request, settings: Connections, reader: Reader, cluster: Cluster) -> _Placing:
    """Find out which records cannot keep their partition number, and where they belong."""
    partitions = cluster.counts[settings.topics.order_paid]
    own = {*inputs(settings.topics), settings.topics.dead_letters}
    sources = _sources(request, settings)
    others = [topic for topic in sources if cluster.counts[topic] != partitions]
    foreign = [topic for topic in sources if topic not in own and topic not in others]
    if not (others or foreign or request.files):
        return _Placing()
    shown = _shown(inputs(settings.topics), reader, partitions)
    if shown and request.partitioner and shown != request.partitioner:
        raise ConfigurationError(
            f"The inputs' producers place carts by {shown}, not {request.partitioner}: leave "
            "--partitioner out."
        )
    chosen = shown or request.partitioner
    if chosen is None:
        raise ConfigurationError(
            "The inputs hold too few keys to tell how their producers place carts: say it with "
            "--partitioner (murmur2: Java's clients; CRC-32: librdkafka's default)."
        )
    why = [
        *(f"{topic} has {cluster.counts[topic]} partitions" for topic in others),
        *(f"{topic} is no input" for topic in foreign),
        *(["rows of files have no partition"] if request.files else ()),
    ]
    note = (
        f"{' and '.join(why)}; the inputs have {partitions}, by {chosen}: these carts are placed "
        "anew by their key."
    )
    return _Placing(partitioner=chosen, by_key=(*others, *foreign), notes=(note,))


def _shown(topics: Sequence[str], reader: Reader, partitions: int) -> str | None:
    """Return the partitioner that the last keys of topics show."""
    if partitions == 1:
        return "murmur2"  # any will do
    seen = Partitioners(partitions)
    for topic in topics:
        for number in range(min(partitions, _PARTITIONS_LOOKED_AT)):
            place = Partition(topic, number)
            begin, end = reader.bounds(place)
            for batch in reader.read(place, max(begin, end - _KEYS_LOOKED_AT), end):
                for record in batch.records:
                    seen.see(topic, record.key, number)
    return seen.shown


def _lane_notes(lane: str, cluster: Cluster, partitions: int) -> Sequence[str]:
    count = cluster.counts.get(lane)
    if count == partitions:
        return ()
    state = "is missing" if count is None else f"has {count} partitions"
    remedy = (
        f"create it with {partitions} partitions, as many as the inputs have, and restart the "
        "processors, before the plan is executed"
    )
    return (f"The replay lane {lane} {state}: {remedy}.",)
