"""What Kafka's client complains of, and when that is over."""

import pytest
from confluent_kafka import KafkaError

from processor.shell.kafka.commits import Answer
from processor.shell.kafka.complaints import Complaints

_DOWN = KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001


@pytest.mark.parametrize("code", [KafkaError._AUTHENTICATION, KafkaError._SSL])  # noqa: SLF001
def test_a_commit_that_is_taken_ends_whatever_kept_from_connecting(code: int) -> None:
    complaints = Complaints(lambda: 5.0)
    complaints.heard(KafkaError(_DOWN))
    complaints.heard(KafkaError(code))
    assert complaints.trouble is not None
    complaints.committed(Answer(refused=(), sent_at=4.0, trouble=None))
    assert complaints.trouble is not None
    complaints.committed(Answer(refused=(), sent_at=6.0, trouble=None))
    assert complaints.trouble is None
