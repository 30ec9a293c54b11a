"""The restorer: reads partitions of the results topic back into the ledger."""

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Final, Protocol

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from processor.core.effects import Restore
from processor.core.events import Pending, Undecodable
from processor.core.outcomes import OutcomeView
from processor.errors import RuntimeFailure
from processor.shell.kafka import clients
from processor.shell.kafka.results import Batch, Reading, Results
from processor.shell.outputs import Foreign
from processor.shell.settings import Kafka

_LOG: Final = structlog.get_logger()
# What somebody else has left open there must not hide what we wrote behind it.
_ALL_OF_IT: Final = {"isolation.level": "read_uncommitted"}
_MOST_AT_ONCE: Final = 1_000
_MOST_ITEMS: Final = 5_000  # some 2 MB of them
_BATCHES_AHEAD: Final = 4
_WAIT_FOR_RECORDS: Final = 0.1
_ANSWER_WITHIN: Final = 10.0
_LOOK_FOR_WORK_EVERY: Final = 0.5
_SAY_STUCK_AFTER: Final = 10.0
_NOT_THERE: Final = (KafkaError._AUTO_OFFSET_RESET, KafkaError._LOG_TRUNCATION)  # noqa: SLF001

Read = Callable[[bytes], OutcomeView | Pending | Foreign | Undecodable]


class Listener(Protocol):
    """Who gets what was read; called on the restorer's thread."""

    def read(
        self,
        restore: Restore,
        outcomes: Sequence[tuple[int, OutcomeView]],
        span: tuple[int, int],
        learnt: Callable[[], None],
    ) -> None:
        """Take outcomes of a partition, with their offsets: all that lie in `span`.

        `learnt` is to be called once they are taken in: a few batches may wait.
        """

    def replaced(self, restore: Restore) -> None:
        """Learn that a partition ends before what was read of it; it is read from its beginning."""

    def restored(self, restore: Restore, span: tuple[int, int]) -> None:
        """Learn that nothing more lies in `span`, and its end is where the results ended."""

    def failed(self, error: BaseException) -> None:
        """Learn that the restorer has ended."""


class Restorer:
    """A consumer outside the group, and its thread."""

    def __init__(
        self,
        kafka: Kafka,
        results: Results,
        read: Read,
        listener: Listener,
        clock: Callable[[], float],
    ) -> None:
        """`read` decodes an outcome; what it cannot decode yet is asked again until it can."""
        self._kafka = kafka
        self._results = results
        self._consumer = self._open()
        self._login = clients.Login(kafka)
        self._topic = results.name
        self._read = read
        self._listener = listener
        self._clock = clock
        self._asked: SimpleQueue[Restore | None] = SimpleQueue()
        self._readings: dict[int, Reading] = {}
        self._moved_at = clock()
        self._stopping = threading.Event()
        self._room = threading.Semaphore(_BATCHES_AHEAD)
        self._thread = threading.Thread(target=self._run, name="restore", daemon=True)
        self.trouble: str | None = None
        """Why reading makes no progress, None while it does."""

    def start(self) -> None:
        """Begin to wait for work."""
        self._thread.start()

    def restore(self, restore: Restore) -> None:
        """Read a partition, soon."""
        self._asked.put(restore)

    def stop(self) -> None:
        """End the thread, soon."""
        self._stopping.set()
        self._room.release()
        self._asked.put(None)

    def join(self, timeout: float) -> None:
        """Wait for the end of the thread."""
        if self._thread.is_alive():
            self._thread.join(timeout)

    @property
    def remaining(self) -> int:
        """How many outcomes are still to be read, at most."""
        return sum(self.left().values())

    def left(self) -> dict[int, int]:
        """Return how many outcomes are still to be read, at most, of each partition being read."""
        readings = tuple(self._readings.items())
        return {number: max(0, each.end - each.position) for number, each in readings}

    def _open(self) -> Consumer:
        properties = clients.reader(self._kafka) | _ALL_OF_IT
        properties.pop("client.rack", None)  # a follower lags behind, and ends early
        return Consumer(properties)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._login.follow(self._consumer)
                asked = self._take_work()
                if asked:
                    self._begin(asked)
                if self._readings:
                    self._advance()
            self._consumer.close()
        except BaseException as error:  # noqa: BLE001  the loop ends the process with it
            self._listener.failed(error)

    def _take_work(self) -> list[Restore]:
        """Return what has been asked for; wait for it when nothing is being read."""
        asked = []
        try:
            if not self._readings:
                asked.append(self._asked.get(timeout=_LOOK_FOR_WORK_EVERY))
            while True:
                asked.append(self._asked.get_nowait())
        except Empty:
            return [each for each in asked if each is not None]

    def _begin(self, asked: Sequence[Restore]) -> None:
        is_another = self._results.is_another()
        for restore in asked:
            ends = self._watermarks(restore.number)
            if ends is None:
                return
            low, high = ends
            begin = max(low, restore.position)
            if restore.position > high or is_another:
                begin = low  # what it holds is not known yet
                self._listener.replaced(restore)
                _LOG.error(
                    "results topic replaced",
                    topic=self._topic,
                    partition=restore.number,
                    why=f"it ends at offset {high}, and was read up to {restore.position} before, "
                    "or has another id: what it held then is known to this process only",
                )
            self._readings[restore.number] = Reading(restore, begin, high)
        self._moved_at = self._clock()
        _LOG.info(
            "reading the results",
            partitions=sorted(self._readings),
            outcomes=self.remaining,
        )
        self._finish_reached()
        self._assign()

    def _assign(self) -> None:
        self._consumer.assign(
            [
                TopicPartition(self._topic, number, reading.position)
                for number, reading in self._readings.items()
            ]
        )

    def _renew(self) -> None:
        """Take a new client: one that lay idle while its broker went has been seen to find none.

        It said for minutes that all connections were down, beside clients that worked.
        """
        self._consumer.close()
        self._consumer = self._open()

    def _watermarks(self, number: int) -> tuple[int, int] | None:
        """Return where a partition begins and ends, as soon as the brokers tell; None at a stop."""
        partition = TopicPartition(self._topic, number)
        while not self._stopping.is_set():
            try:
                return self._consumer.get_watermark_offsets(
                    partition, timeout=_ANSWER_WITHIN, cached=False
                )
            except KafkaException as away:
                self._complain(f"the results topic does not tell its end: {away.args[0].str()}")
                self._stopping.wait(0.5)
                self._renew()
        return None

    def _advance(self) -> None:
        batch, again = Batch(), []
        for message in self._receive():
            number, offset, error = message.partition() or 0, message.offset() or 0, message.error()
            reading = self._readings.get(number)
            if reading is None:
                continue
            if error is None:
                view = self._decode(message.value(), number, offset)
                reading.position, self.trouble = offset + 1, None
                if view is not None and batch.add(number, offset, view) >= _MOST_ITEMS:
                    self._hand_over(batch)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                reading.position = offset  # of a broker that lags, below the end
            elif error.code() in _NOT_THERE:
                # What was to be read has been deleted meanwhile: begin again where it begins now.
                again.append(reading.again())
            else:
                self._complain(f"the results topic cannot be read: {error.str()}")
        self._hand_over(batch)
        if again:
            self._begin(again)
        self._finish_reached()
        if not self._readings:
            self._consumer.unassign()

    def _hand_over(self, batch: Batch) -> None:
        for number, views in batch.take():
            self._room.acquire()
            if self._stopping.is_set():
                return  # an outcome may have been given up, and a ledger with a hole is none
            reading = self._readings[number]
            self._listener.read(reading.restore, views, reading.span(), self._room.release)

    def _finish_reached(self) -> None:
        """Report what has been read to its end; further records of it are passed over."""
        if self._stopping.is_set():
            return
        for reading in [each for each in self._readings.values() if each.position >= each.end]:
            del self._readings[reading.restore.number]
            self.trouble = None
            self._listener.restored(reading.restore, reading.span())

    def _decode(self, value: bytes | None, number: int, offset: int) -> OutcomeView | None:
        waiting_since = self._clock()
        while value is not None and not self._stopping.is_set():
            view = self._read(value)
            match view:
                case OutcomeView():
                    return view
                case Foreign(detail=detail):
                    _LOG.error(
                        "passed over what is no outcome",
                        partition=number,
                        offset=offset,
                        why=detail,
                    )
                    return None
                case Undecodable(detail=detail):
                    raise RuntimeFailure(
                        f"The outcome at {self._topic} [{number}] offset {offset} cannot be read: "
                        f"{detail} Without it an order could be called twice. Run a version of "
                        "the processor that can read it, and check which schema the registry "
                        "has for it."
                    )
                case Pending(schema=schema):
                    if self._clock() - waiting_since > _SAY_STUCK_AFTER:
                        self._complain(f"the registry does not tell schema {schema} of the results")
                    self._stopping.wait(0.05)
        return None

    def _receive(self) -> list[Message]:
        """Return what has come; say when nothing does: a broker may accept and never answer."""
        messages = self._consumer.consume(_MOST_AT_ONCE, _WAIT_FOR_RECORDS)
        if messages:
            self._moved_at = self._clock()
        elif self._clock() - self._moved_at > _SAY_STUCK_AFTER:
            partitions = ", ".join(map(str, sorted(self._readings)))
            self._complain(
                f"nothing comes of the results topic, partitions {partitions}: {self.remaining} "
                "outcomes are left to be read"
            )
            self._renew()
            self._begin([each.again() for each in self._readings.values()])
        return messages

    def _complain(self, trouble: str) -> None:
        if self.trouble != trouble:
            _LOG.warning("restore waits", why=trouble)
        self.trouble = trouble
