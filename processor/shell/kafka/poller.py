"""The poll thread: owns the consumer, hands over what it receives.

It never decides anything. Rebalance callbacks run here and block only it, while the loop
drains; the group's heartbeats go on meanwhile.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from processor.core.assignments import Assigned
from processor.core.effects import CommitOffset
from processor.core.records import Partition
from processor.shell.kafka import clients, group
from processor.shell.kafka.broker import Broker
from processor.shell.kafka.commits import Answer, Commits
from processor.shell.kafka.complaints import Complaints
from processor.shell.kafka.gaps import Gaps, GoOn
from processor.shell.kafka.listener import Listener
from processor.shell.kafka.marks import topic_id_of
from processor.shell.kafka.messages import partition_of
from processor.shell.kafka.portions import portions
from processor.shell.settings import Kafka

_MOST_AT_ONCE: Final = 500
_WAIT_FOR_RECORDS: Final = 0.005
_WAIT_FOR_COMMIT: Final = 0.001
_ANSWER_WITHIN: Final = 10.0
_ASK_AGAIN_AFTER: Final = 0.5
_BATCHES_AHEAD: Final = 2
_NOT_THERE: Final = (KafkaError._AUTO_OFFSET_RESET, KafkaError._LOG_TRUNCATION)  # noqa: SLF001


class Poller:
    """The consumer and the thread that polls it."""

    def __init__(
        self,
        kafka: Kafka,
        topics: Sequence[str],
        broker: Broker,
        listener: Listener,
        clock: Callable[[], float],
    ) -> None:
        """Prepare; `start` joins the group."""
        self.gaps = Gaps(broker, kafka.group_id, clock)
        """The partitions whose log does not hold what comes next."""
        self._commits = Commits(clock, self._committed, self.gaps.topic_id)
        self._is_incremental = kafka.group_protocol == "consumer"
        self._topics = list(topics)
        self._broker = broker
        self._listener = listener
        self._clock = clock
        self._stopping, self._room = threading.Event(), threading.Semaphore(_BATCHES_AHEAD)
        self._owned: dict[Partition, int] = {}
        self._began: dict[Partition, int] = {}
        self._assignments = 0
        self._wanted_paused: frozenset[Partition] = frozenset()
        self._paused: frozenset[Partition] = frozenset()
        self._thread = threading.Thread(target=self._run, name="poll", daemon=True)
        self.polled_at = clock()
        """When the thread last came round, on the clock."""
        self._complaints = Complaints(clock)
        self.member_since: float | None = None
        """When the group first answered under KIP-848, which tells nobody that it owns nothing."""
        self._login = clients.Login(kafka)
        self._consumer = Consumer(
            clients.consumer(kafka)
            | {"error_cb": self._complaints.heard, "on_commit": self._commit_came_back}
        )

    @property
    def trouble(self) -> str | None:
        """What the client last complained about; None when it does no more."""
        return self._complaints.trouble

    def start(self) -> None:
        """Join the group and begin to poll."""
        self._thread.start()

    def stop(self, *, is_failing: bool = False) -> None:
        """Hand over all partitions and leave the group; `join` waits for it.

        `is_failing`: an error that nobody foresaw ends the process.
        """
        self._commits.is_failing = is_failing
        self._stopping.set()
        self._room.release()

    def join(self, timeout: float) -> bool:
        """Wait for the end of the thread; return whether it has come."""
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def processed(self) -> None:
        """Note that a batch has been worked through, so that the next may come."""
        self._room.release()

    def commit(self, offsets: Sequence[CommitOffset]) -> None:
        """Commit, soon; the answer goes to the listener, and must come before the next one."""
        self._commits.request(offsets)

    def want_paused(self, partitions: frozenset[Partition]) -> None:
        """Fetch all partitions but these, soon."""
        self._wanted_paused = partitions

    def _run(self) -> None:
        try:
            self._consumer.subscribe(
                self._topics, on_assign=self._assign, on_revoke=self._revoke, on_lost=self._lose
            )
            wait = _WAIT_FOR_RECORDS
            while not self._stopping.is_set():
                wait = self._poll(wait)
            self._hand_over(tuple(self._owned))
            self._consumer.close()
        except BaseException as error:  # noqa: BLE001  the loop ends the process with it
            self._listener.failed(error)

    def _poll(self, wait: float) -> float:
        """Wait for a first record, then take what else is there: neither late nor one by one.

        Returns how long to wait the next time.
        """
        self._login.follow(self._consumer)
        self._apply_pauses()
        self._commits.send_requested(self._consumer)
        for accepted in self.gaps.look(self._position):
            self._go_on(accepted)
        self.polled_at = self._clock()
        if self._is_incremental and self.member_since is None and group.is_member(self._consumer):
            self.member_since = self._clock()
        first = self._consumer.poll(wait)
        if first is None:
            return _WAIT_FOR_RECORDS
        assignment = self._assignment_of(first)
        messages = self._consumer.consume(_MOST_AT_ONCE - 1, 0)
        # A rebalance in between may have begun its partition anew, at the committed offset.
        if self._assignment_of(first) == assignment:
            messages.insert(0, first)
        kept = [message for message in messages if self._is_news(message)]
        if not kept:
            return _WAIT_FOR_RECORDS
        self._complaints.end()
        for number, portion in enumerate(portions(kept)):
            if number:  # large records take long: the lease is kept meanwhile
                self.polled_at = self._clock()
                self._commits.send_and_wait(self._consumer)
            self._room.acquire()
            self._listener.received(portion)
            if self._stopping.is_set():  # what is left is read again
                break
        return _WAIT_FOR_COMMIT  # after a quiet time they need one before their calls

    def _assignment_of(self, message: Message) -> int | None:
        return self._owned.get(partition_of(message))

    def _is_news(self, message: Message) -> bool:
        """Whether a message is a record or the end of a partition; raise on what is fatal."""
        error, partition = message.error(), partition_of(message)
        if self.gaps.is_parked(partition):
            return False
        if error is None or error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
            return True
        if error.code() in _NOT_THERE:
            self.gaps.park(partition, message.offset() or 0)
        else:
            self._complaints.heard(error)
        return False

    def _committed(self, answer: Answer) -> None:
        self._complaints.committed(answer)
        self._listener.committed(answer)

    def _commit_came_back(self, error: KafkaError | None, committed: list[TopicPartition]) -> None:
        self._commits.came_back(self._consumer, error, committed)

    def _apply_pauses(self) -> None:
        wanted = self._wanted_paused
        if wanted is self._paused:
            return
        owned = self._owned.keys()
        if pause := (wanted - self._paused) & owned:
            self._consumer.pause([TopicPartition(*partition) for partition in pause])
        if resume := (self._paused - wanted) & owned:
            self._consumer.resume([TopicPartition(*partition) for partition in resume])
        self._paused = wanted

    # What is fetched

    def _begin(self, assigned: Sequence[Assigned]) -> None:
        """Note partitions as owned, from now on and anew."""
        self._assignments += 1
        self._owned |= dict.fromkeys((one.partition for one in assigned), self._assignments)
        self._began |= {one.partition: one.committed for one in assigned}

    def _fetch(self, positions: list[TopicPartition]) -> None:
        """Fetch partitions from these positions on, all that is owned under the old protocol."""
        if self._is_incremental:
            self._consumer.incremental_assign(positions)
        else:
            self._consumer.assign(positions)
        self._consumer.resume(positions)
        self._paused = self._paused.difference(
            Partition(each.topic, each.partition) for each in positions
        )

    def _position(self, partition: Partition) -> int:
        offset = self._consumer.position([TopicPartition(*partition)])[0].offset
        return offset if offset >= 0 else self._began[partition]

    def _go_on(self, accepted: GoOn) -> None:
        """Give the client a parked partition again: it seeks in none that it fetches no more."""
        partition, position = accepted.partition, accepted.position
        anew = Assigned(partition=partition, committed=position, metadata=None, end=position)
        if accepted.is_anew:
            self._hand_over([partition])
        self._begin([anew])
        self.gaps.follow(partition, accepted.topic_id)
        if self._is_incremental:
            self._consumer.incremental_unassign([TopicPartition(*partition)])
            self._fetch([TopicPartition(*partition, position)])
        else:
            going_on = {each: self._position(each) for each in self._owned} | {partition: position}
            self._fetch([TopicPartition(*each, offset) for each, offset in going_on.items()])
        if accepted.is_anew:
            self._listener.assigned([anew])

    # Rebalance callbacks

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        assigned = self._look_up(consumer, partitions) if partitions else []
        assigned = self._commits.begin(consumer, assigned)
        self._begin(assigned)
        for one in assigned:
            self.gaps.follow(one.partition, topic_id_of(one.metadata))
        self._fetch([TopicPartition(*one.partition, one.committed) for one in assigned])
        self._listener.assigned(assigned)

    def _look_up(self, consumer: Consumer, partitions: list[TopicPartition]) -> list[Assigned]:
        """Ask where partitions begin until there is an answer, or a stop."""
        while True:
            self._login.follow(consumer)
            try:
                return group.look_up(consumer, self._broker, partitions, _ANSWER_WITHIN)
            except (KafkaException, TimeoutError) as away:
                # It waits for Kafka: to end the process would heal nothing.
                self.polled_at = self._clock()
                self._complaints.say(f"the committed offsets are not told: {away}")
                if self._stopping.wait(_ASK_AGAIN_AFTER):
                    return []

    def _revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._hand_over([Partition(each.topic, each.partition) for each in partitions])
        self._unassign(consumer, partitions)

    def _lose(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        lost = [Partition(each.topic, each.partition) for each in partitions]
        self._forget(lost)
        self._listener.lost(lost, "somebody else may own them by now")
        self._unassign(consumer, partitions)

    def _unassign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._is_incremental:
            consumer.incremental_unassign(partitions)
        else:
            consumer.unassign()

    def _hand_over(self, partitions: Sequence[Partition]) -> None:
        """Let the loop finish what is in the air, then commit once more.

        The commits that it wants meanwhile go on: they keep the lease.
        """
        held = [partition for partition in partitions if partition in self._owned]
        if not held:
            return
        closing = self._listener.revoked(held)
        while not wait([closing], _WAIT_FOR_RECORDS).done:
            self._commits.send_and_wait(self._consumer)
        self._commits.send_and_wait(self._consumer)
        trouble = self._commits.commit_last(self._consumer, closing.result())
        self._forget(held)
        self._listener.lost(held, trouble)

    def _forget(self, partitions: Sequence[Partition]) -> None:
        self.gaps.forget(partitions)
        self._commits.forget(partitions)
        for partition in partitions:
            self._owned.pop(partition, None)
