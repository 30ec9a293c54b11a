"""The replay lane's producer: what it says when Kafka will have none of it."""

from typing import Any

import pytest
from confluent_kafka import KafkaError

from processor.errors import RuntimeFailure
from processor.shell.history import lane as module
from processor.shell.history.lane import Lane
from processor.shell.settings import Kafka
from tests.support.mock_kafka import exception


class RefusedProducer:
    """A client whose user may write nowhere: it raises when it is polled."""

    def __init__(self, _: dict[str, Any]) -> None:
        self.is_purged = False

    def __len__(self) -> int:
        return 1 - self.is_purged

    def poll(self, _: float) -> None:
        raise exception(KafkaError.CLUSTER_AUTHORIZATION_FAILED, "not allowed")

    def purge(self) -> None:
        self.is_purged = True


def test_a_user_who_may_write_nowhere_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Producer", RefusedProducer)
    lane = Lane(Kafka(bootstrap_servers="broker:9092"), "rokt-replay", "a-replay")
    with pytest.raises(RuntimeFailure) as told:
        lane.serve()
    assert str(told.value) == (
        "rokt-replay takes no copies: not allowed. Check that the user may write to it."
    )
    lane.flush(0.01)
    lane.close()
