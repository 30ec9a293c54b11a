"""The broker, asked about topics and where they end."""

import re
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import Any, Final, TypeVar

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    ListOffsetsResultInfo,
    OffsetSpec,
    ResourceType,
    TopicDescription,
)

from processor.core.records import Partition
from processor.errors import RuntimeFailure
from processor.shell.kafka import clients
from processor.shell.settings import Kafka

Ends = Mapping[Partition, int]
_LATEST: Final = OffsetSpec.latest()
_AFTER: Final = re.compile(r" \(after .*\)$")
_NO_ID: Final = "AAAAAAAAAAAAAAAAAAAAAA"  # from brokers that give topics no id


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What was asked about partitions and is being answered: look again until it is there.

    Each part is None for what the brokers did not tell.
    """

    _topics: "Mapping[str, Future[TopicDescription]]"
    _begins: "Mapping[Partition, Future[ListOffsetsResultInfo]]"
    _ends: "Mapping[Partition, Future[ListOffsetsResultInfo]]"
    _offsets: "Future[list[TopicPartition]] | None"

    @property
    def is_answered(self) -> bool:
        """Whether everything has been answered, or has failed."""
        return all(future.done() for future in self._futures)

    def wait(self, timeout: float) -> None:
        """Wait for the answers, at most `timeout` seconds."""
        wait(self._futures, timeout=timeout)

    @property
    def _futures(self) -> "tuple[Future[Any], ...]":
        offsets = () if self._offsets is None else (self._offsets,)
        return (*self._topics.values(), *self._begins.values(), *self._ends.values(), *offsets)

    def topic_id(self, topic: str) -> str | None:
        """Return which topic bears a name now."""
        described = _result(self._topics.get(topic))
        topic_id = None if described is None else str(described.topic_id)
        return None if topic_id == _NO_ID else topic_id

    def log(self, partition: Partition) -> tuple[int, int] | None:
        """Return the first offset of a partition, and the next one to be written."""
        begin, end = _result(self._begins.get(partition)), _result(self._ends.get(partition))
        return None if begin is None or end is None else (begin.offset, end.offset)

    def offset(self, partition: Partition) -> TopicPartition | None:
        """Return what the group that was asked about has committed."""
        for each in _result(self._offsets) or ():
            if (each.topic, each.partition) == partition and each.error is None:
                return each
        return None


Answer = TypeVar("Answer")


def _result(future: "Future[Answer] | None") -> Answer | None:
    if future is None or not future.done() or future.cancelled() or future.exception() is not None:
        return None
    return future.result()


def _answers(
    futures: "Mapping[Partition, Future[ListOffsetsResultInfo]]", timeout: float
) -> Mapping[Partition, int]:
    wait(futures.values(), timeout=timeout)
    return {partition: future.result(timeout=0).offset for partition, future in futures.items()}


def _hear(heard: dict[str, None], error: KafkaError) -> None:
    """Keep what is said of a broker; that all are down says less."""
    if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001  the only name it has
        heard[_AFTER.sub("", error.str())] = None


class Broker:
    """Questions to the cluster that are not about our own group. Safe to use from any thread."""

    def __init__(self, kafka: Kafka) -> None:
        """Prepare; nothing is sent yet."""
        self._kafka = kafka
        self._heard: dict[str, None] = {}
        # Not a method of ours: the client would keep us, and we it.
        own = {"error_cb": partial(_hear, self._heard)}
        self._client: AdminClient | None = AdminClient(
            clients.admin(kafka) | clients.FORGETFUL | own
        )
        self._login = clients.Login(kafka)

    def close(self) -> None:
        """Let go of the client; what is still asked for is not answered any more.

        Its thread calls into Python with each answer. One that came after the interpreter's end
        would end the process with a fault, so whoever asks without waiting closes in time.
        """
        self._client = None

    @property
    def _admin(self) -> AdminClient:
        if self._client is None:
            raise RuntimeFailure("Kafka's client is closed: the process ends.")
        self._login.follow(self._client)
        return self._client

    def partitions(self, topics: Collection[str], timeout: float) -> Mapping[str, int | None]:
        """Return how many partitions each topic has, None where there is no such topic.

        Blocks up to `timeout` seconds; KafkaException when the brokers do not answer, with what
        the client has heard of each.
        """
        self._heard.clear()
        try:
            known = self._admin.list_topics(timeout=timeout).topics
        except KafkaException as away:
            self._admin.poll(0)
            if not self._heard:
                raise
            code = away.args[0].code()
            raise KafkaException(KafkaError(code, "; ".join(self._heard))) from None
        return {
            topic: len(known[topic].partitions)
            if topic in known and known[topic].error is None
            else None
            for topic in topics
        }

    def config(self, topic: str, timeout: float) -> Mapping[str, str | None]:
        """Return a topic's settings; empty where we may not, or cannot, read them. Blocks."""
        resource = ConfigResource(ResourceType.TOPIC, topic)
        try:
            asked = self._admin.describe_configs([resource], request_timeout=timeout)
            entries = asked[resource].result(timeout=timeout)
        except (KafkaException, TimeoutError):
            return {}
        return {name: entry.value for name, entry in entries.items()}

    def topic_id(self, topic: str, timeout: float) -> str | None:
        """Return which topic bears a name now; None where the brokers do not tell. Blocks."""
        inquiry = self.inquire([topic], [], "", timeout)
        inquiry.wait(timeout)
        return inquiry.topic_id(topic)

    def ends(self, partitions: Collection[Partition], timeout: float) -> Ends:
        """Return where partitions end: their last stable offsets. Blocks.

        KafkaException or TimeoutError when the brokers do not answer.
        """
        return _answers(self._list_offsets(partitions, timeout), timeout)

    def begins(self, partitions: Collection[Partition], timeout: float) -> Ends:
        """Return the first offsets that partitions still have. Blocks, and fails, as `ends`."""
        return _answers(self._list_offsets(partitions, timeout, OffsetSpec.earliest()), timeout)

    def ask_ends(
        self,
        partitions: Collection[Partition],
        timeout: float,
        answer: Callable[[Partition, int | None], None],
    ) -> None:
        """Ask where partitions end; `answer` gets each, from another thread. None: no answer."""

        def answered(partition: Partition, future: "Future[ListOffsetsResultInfo]") -> None:
            failed = future.cancelled() or future.exception() is not None
            answer(partition, None if failed else future.result().offset)

        for partition, future in self._list_offsets(partitions, timeout).items():
            future.add_done_callback(partial(answered, partition))

    def inquire(
        self,
        topics: Collection[str],
        partitions: Collection[Partition],
        group_id: str,
        timeout: float,
    ) -> Inquiry:
        """Ask which topics bear these names, where partitions begin and end, and a group's offsets.

        Returns at once.
        """
        offsets = None
        if partitions:
            offsets = self._ask_committed(partitions, group_id, timeout)
        return Inquiry(
            self._admin.describe_topics(TopicCollection([*topics]), request_timeout=timeout),
            self._list_offsets(partitions, timeout, OffsetSpec.earliest()),
            self._list_offsets(partitions, timeout),
            offsets,
        )

    def _ask_committed(
        self, partitions: Collection[Partition], group_id: str, timeout: float
    ) -> "Future[list[TopicPartition]]":
        """Ask what a group has committed, by a consumer.

        The admin client ends the whole process when the coordinator goes away while it asks
        (librdkafka issue 4605).
        """
        told: Future[list[TopicPartition]] = Future()

        def ask() -> None:
            try:
                consumer = Consumer(clients.offsets_only(self._kafka) | {"group.id": group_id})
                try:
                    asked = [TopicPartition(*partition) for partition in partitions]
                    told.set_result(consumer.committed(asked, timeout=timeout))
                finally:
                    consumer.close()
            except Exception as error:  # noqa: BLE001  whoever asked is told
                told.set_exception(error)

        Thread(target=ask, name="offsets", daemon=True).start()
        return told

    def _list_offsets(
        self,
        partitions: Collection[Partition],
        timeout: float,
        where: OffsetSpec = _LATEST,
    ) -> dict[Partition, "Future[ListOffsetsResultInfo]"]:
        if not partitions:
            return {}
        asked = {TopicPartition(*partition): where for partition in partitions}
        futures = self._admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=timeout
        )
        return {Partition(each.topic, each.partition): futures[each] for each in futures}
