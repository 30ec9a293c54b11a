"""Bookmarks: writes the progress of one replay."""

import time
from collections.abc import Iterable, Sequence
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from processor.errors import RuntimeFailure
from processor.shell.clock import steady
from processor.shell.history.progress import (
    Cover,
    Mark,
    cover_of,
    group_of,
    write_cover,
    write_mark,
)
from processor.shell.kafka import clients
from processor.shell.settings import Kafka, Topics

_MOST_AT_ONCE: Final = 100
_PATIENCE: Final = 15.0
_POLL: Final = 0.05
_REFUSED: Final = (
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)


class Bookmarks:
    """Writes marks and the cover. One commit is in the air at a time."""

    def __init__(self, kafka: Kafka, topics: Topics, replay_id: str) -> None:
        """Prepare; nothing is sent yet."""
        self._cover = cover_of(topics)
        own = {"group.id": group_of(kafka.group_id, replay_id), "on_commit": self._answered}
        self._consumer = Consumer(clients.offsets_only(kafka) | own)
        self._login = clients.Login(kafka)
        self._is_busy = False
        self._refusal: str | None = None
        self.trouble: str | None = None
        """Why the last commit was not taken, None when it was."""

    @property
    def is_busy(self) -> bool:
        """Whether a commit has not been answered."""
        return self._is_busy

    def write(self, marks: Sequence[Mark], cover: Cover | None = None) -> None:
        """Write marks, and the cover if it is given; call `serve` until it is not busy."""
        self._is_busy = True
        offsets = [
            TopicPartition(*mark.part.slice.place, mark.part.position, write_mark(mark))
            for mark in marks
        ]
        if cover is not None:
            offsets.append(TopicPartition(*self._cover, 0, write_cover(cover)))
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as refused:
            self._answered(refused.args[0], [])

    def serve(self, wait: float = 0.0) -> None:
        """Take answers; RuntimeFailure when this user may not write them."""
        self._login.follow(self._consumer)
        self._consumer.poll(wait)
        if self._refusal is not None:
            raise RuntimeFailure(self._refusal)

    def write_all(self, marks: Sequence[Mark], cover: Cover) -> bool:
        """Write all marks, then the cover, and wait; tell whether they were taken in time."""
        deadline = steady() + _PATIENCE
        for begin in range(0, len(marks), _MOST_AT_ONCE):
            if not self._write_until(deadline, marks[begin : begin + _MOST_AT_ONCE], None):
                return False
        return self._write_until(deadline, (), cover)

    def _write_until(self, deadline: float, marks: Sequence[Mark], cover: Cover | None) -> bool:
        """Write and wait for the answer, again if need be."""
        while True:
            self._await_answer(deadline)
            self.write(marks, cover)
            self._await_answer(deadline)
            if self._is_busy or (self.trouble is not None and steady() >= deadline):
                return False
            if self.trouble is None:
                return True
            time.sleep(_POLL)

    def _await_answer(self, deadline: float) -> None:
        while self._is_busy and steady() < deadline:
            self.serve(_POLL)

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()

    def _answered(self, error: KafkaError | None, offsets: Iterable[TopicPartition]) -> None:
        self._is_busy = False
        errors = [error, *(each.error for each in offsets)]
        wrong = next((each for each in errors if each is not None), None)
        self.trouble = None if wrong is None else wrong.str()
        if wrong is not None and wrong.code() in _REFUSED:
            self._refusal = (
                f"Kafka does not take the progress: {wrong.str()}. The user needs READ on groups "
                "that begin with the processors' group and '.replay.', and on the topics."
            )
