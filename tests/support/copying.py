"""A replay without the rest: a made-up history, a live fleet of one thread, and their topics."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Self
from uuid import uuid4

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from processor.core.copies import Copy, copy_of
from processor.core.pace import Pace
from processor.core.records import Partition, Record, Source
from processor.core.replays import COPIED, Candidate, Guards, Kind, Passed, Plan, Prospect, Slice
from processor.core.selection import Selection
from processor.core.vocabulary import Operation
from processor.errors import ProcessorError
from processor.shell.history.control import Control
from processor.shell.history.execution import execute
from processor.shell.history.report import Report, Sight
from processor.shell.settings import Connections, Kafka, SchemaRegistry, Topics
from tests.support.brokers import RealKafka
from tests.support.programs import wait_until

NO_REGISTRY: Final = "http://127.0.0.1:9"
FAST: Final = Pace(rate=1_000)
_KINDS: Final = (
    Prospect.CONFIRM,
    Prospect.SETTLED,
    Prospect.REPEAT,
    None,
    Prospect.CONFIRM,
    Prospect.UNDECODABLE,
    Prospect.RELEASE,
)


def prospect_at(offset: int) -> Prospect | None:
    """Return what the made-up history holds at an offset; None: nothing that is wanted."""
    return _KINDS[offset % len(_KINDS)]


class MadeUpStock:
    """A history that is the same each time it is read; `delay` seconds lie between its records."""

    def __init__(self, partitions: int, delay: float = 0.0) -> None:
        self._partitions = partitions
        self._delay = delay

    def candidates(self, part: Slice, position: int) -> Iterator[Candidate | Passed]:
        for offset in range(position, part.end):
            if self._delay:
                time.sleep(self._delay)
            prospect = prospect_at(offset)
            if prospect is None:
                yield Passed(position=offset + 1)
            else:
                yield candidate(part.place, offset, prospect)


def candidate(
    place: Partition, offset: int, prospect: Prospect = Prospect.CONFIRM, **changes: object
) -> Candidate:
    """Return a candidate of the made-up history."""
    source = Source(place.topic, place.number, offset, 1_790_000_000_000 + offset)
    name = f"{place.number}-{offset}"
    fields: dict[str, object] = {
        "position_after": offset + 1,
        "prospect": prospect,
        "origin": source,
        "partition": place.number,
        "record": Record(source, f"cart-{name}".encode(), f"value-{name}".encode(), (("a", b"b"),)),
        "operation": Operation.CONFIRM,
        "cart_id": f"cart-{name}",
        "order_id": f"order-{name}",
    }
    return Candidate(**(fields | changes))  # type: ignore[arg-type]


@dataclass
class Recorded:
    """An observer that keeps what it is told."""

    sights: list[Sight] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def progressed(self, sight: Sight) -> None:
        self.sights.append(sight)

    def noticed(self, notice: str) -> None:
        self.notices.append(notice)


class Place:
    """The topics of one live group, and the settings that lead there."""

    def __init__(self, kafka: RealKafka, registry_url: str, partitions: int = 2) -> None:
        inputs = ("order-paid", "cart-abandoned", "rokt-results", "rokt-dead-letters")
        created = kafka.create_topics(dict.fromkeys((*inputs, "rokt-replay"), partitions))
        self.kafka, self.partitions = kafka, partitions
        self.group = f"group-{uuid4().hex[:8]}"
        self.registry_url = registry_url
        self.topics = Topics(
            order_paid=created["order-paid"],
            cart_abandoned=created["cart-abandoned"],
            results=created["rokt-results"],
            dead_letters=created["rokt-dead-letters"],
            replay=created["rokt-replay"],
        )

    @property
    def settings(self) -> Connections:
        """The settings of a command."""
        return Connections(
            kafka=Kafka(bootstrap_servers=self.kafka.bootstrap_servers, group_id=self.group),
            schema_registry=SchemaRegistry(url=self.registry_url),
            topics=self.topics,
        )

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings of a command that is a process of its own."""
        topics = self.topics
        return {
            "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "PROCESSOR_KAFKA__GROUP_ID": self.group,
            "PROCESSOR_SCHEMA_REGISTRY__URL": self.registry_url,
            "PROCESSOR_TOPICS__ORDER_PAID": topics.order_paid,
            "PROCESSOR_TOPICS__CART_ABANDONED": topics.cart_abandoned,
            "PROCESSOR_TOPICS__RESULTS": topics.results,
            "PROCESSOR_TOPICS__DEAD_LETTERS": topics.dead_letters,
            "PROCESSOR_TOPICS__REPLAY": topics.replay,
        }

    def plan(self, size: int, replay_id: str = "replay-1", partitions: int | None = None) -> Plan:
        """Return a plan over `size` offsets of each partition of the first input."""
        names = self.topics
        counted = (names.order_paid, names.results, names.replay)
        return Plan(
            replay_id=replay_id,
            kind=Kind.REPLAY,
            created_at=int(time.time() * 1_000),
            cluster_id="cluster",
            group=self.group,
            lane=names.replay,
            topic_ids=dict.fromkeys(counted, ""),
            counts=dict.fromkeys(counted, self.partitions),
            selection=Selection(),
            guards=Guards(max_age=None, includes_maybe_applied=False, most_redrives=3),
            slices=tuple(
                Slice(place=Partition(names.order_paid, number), begin=0, end=size)
                for number in range(self.partitions if partitions is None else partitions)
            ),
        )

    def produce(self, topic: str, count: int, partition: int = 0) -> None:
        """Append records that mean nothing, and wait until they are there."""
        producer = Producer({"bootstrap.servers": self.kafka.bootstrap_servers})
        for _ in range(count):
            producer.produce(topic, b"value", b"key", partition)
        producer.flush(30)

    def copies(self) -> list[tuple[Partition, Copy]]:
        """Return what lies in the lane, each with the partition where it lies, in order."""
        found = []
        for number in range(self.partitions):
            for message in self.read(self.topics.replay, number):
                copy = copy_of(message.headers() or [])  # type: ignore[arg-type]
                assert isinstance(copy, Copy)
                found.append((Partition(self.topics.replay, number), copy))
        return found

    def read(self, topic: str, number: int) -> list[Message]:
        """Return all records of a partition."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.kafka.bootstrap_servers,
                "group.id": "look",
                "enable.partition.eof": True,
            }
        )
        consumer.assign([TopicPartition(topic, number, 0)])
        found = []
        while True:
            message = consumer.poll(10)
            assert message is not None, f"{topic} [{number}] does not come to its end"
            if message.error():
                break
            found.append(message)
        consumer.close()
        return found


def wanted(plan: Plan) -> set[tuple[str, int, int]]:
    """Return the origins that a plan over the made-up history has to copy."""
    return {
        (part.place.topic, part.place.number, offset)
        for part in plan.slices
        for offset in range(part.begin, part.end)
        if prospect_at(offset) in COPIED
    }


def origins(place: Place) -> Counter[tuple[str, int, int]]:
    """Return the origins of all that lies in the lane, and how often each does."""
    return Counter(copy.origin[:3] for _, copy in place.copies())


def found(plan: Plan) -> dict[Prospect, int]:
    """Return what the made-up history holds in a plan's slices."""
    return Counter(
        prospect
        for part in plan.slices
        for offset in range(part.begin, part.end)
        if (prospect := prospect_at(offset)) is not None
    )


class LiveFleet:
    """A live fleet of one thread: it commits its inputs, works the lane, and writes outcomes.

    Of each copy an outcome is written once. `fails` names offsets of origins that end as dead
    letters. `is_late`: it leaves its inputs; `is_idle`: it leaves the lane.
    """

    def __init__(self, place: Place, *, fails: frozenset[int] = frozenset()) -> None:
        self.is_late = self.is_idle = False
        self.worked: list[tuple[int, float]] = []
        self._place = place
        self._fails = fails
        self._known: set[tuple[str, Source]] = set()
        self._stopping = threading.Event()
        self._is_member = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleet")

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_member.wait(30), "the group does not come to be"
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        place = self._place
        topics = place.topics
        servers = {"bootstrap.servers": place.kafka.bootstrap_servers}
        consumer = Consumer(
            servers
            | {
                "group.id": place.group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "session.timeout.ms": 6000,
            }
        )
        producer = Producer(servers | {"enable.idempotence": True})
        consumer.subscribe([topics.order_paid, topics.cart_abandoned, topics.replay])
        positions: dict[tuple[str, int], int] = {}
        while not self._stopping.is_set():
            for message in consumer.consume(100, 0.1):
                if message.error() is None:
                    where = message.topic() or "", message.partition() or 0
                    positions[where] = (message.offset() or 0) + 1
                    if where[0] == topics.replay:
                        self._work(message, producer)
            if consumer.assignment() and not positions:
                positions = {(each.topic, each.partition): 0 for each in consumer.assignment()}
            producer.flush()
            self._commit(consumer, positions)
        consumer.close()

    def _commit(self, consumer: Consumer, positions: Mapping[tuple[str, int], int]) -> None:
        lane = self._place.topics.replay
        offsets = [
            TopicPartition(*where, offset)
            for where, offset in positions.items()
            if not (self.is_idle if where[0] == lane else self.is_late)
        ]
        with suppress(KafkaException):  # of a generation that is over: the next turn's is not
            if offsets:
                consumer.commit(offsets=offsets, asynchronous=False)
                self._is_member.set()

    def _work(self, message: Message, producer: Producer) -> None:
        copy = copy_of(message.headers() or [])  # type: ignore[arg-type]
        assert isinstance(copy, Copy)
        self.worked.append((copy.origin.offset, time.monotonic()))
        if (copy.replay_id, copy.origin) in self._known:
            return
        self._known.add((copy.replay_id, copy.origin))
        has_failed = copy.origin.offset in self._fails
        headers = {
            "processor.outcome.id": f"{copy.replay_id}/{copy.origin}",
            "processor.status": "REJECTED" if has_failed else "SUCCEEDED",
            "processor.effect": "NOT_APPLIED" if has_failed else "APPLIED",
            "processor.operation": "CONFIRM",
            "processor.replay.id": copy.replay_id,
        } | ({"processor.reason": "UNPROCESSABLE"} if has_failed else {})
        producer.produce(
            self._place.topics.results,
            b"outcome",
            message.key(),
            message.partition() or 0,
            headers=list(headers.items()),
        )


class Running:
    """A copier on a thread of its own."""

    def __init__(self, place: Place, plan: Plan, how: Pace | Control = FAST) -> None:
        self.seen = Recorded()
        self.control = Control(how) if isinstance(how, Pace) else how
        self.report: Report | None = None
        self.error: ProcessorError | None = None
        stock = MadeUpStock(place.partitions)

        def run() -> None:
            try:
                self.report = execute(plan, stock, place.settings, self.control, self.seen)
            except ProcessorError as error:
                self.error = error

        self._thread = threading.Thread(target=run, name="copier")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.control.stop()
        self._thread.join()

    def wait(self, within: float = 60) -> Report:
        """Return what came of it."""
        self._thread.join(within)
        assert not self._thread.is_alive(), self.seen.notices
        if self.error is not None:
            raise self.error
        assert self.report is not None
        return self.report

    @property
    def copied(self) -> int:
        """How many copies were acknowledged at the last sight."""
        return self.seen.sights[-1].copied if self.seen.sights else 0

    def wait_until_noticed(self, text: str, within: float = 30) -> None:
        """Return once somebody was told."""
        wait_until(
            lambda: any(text in notice for notice in self.seen.notices),
            within=within,
            what=f"{text!r} is noticed among {self.seen.notices} ({self.error})",
        )
