"""What happens to a broker costs time, and nothing else."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.brokers import KafkaProcess
from tests.support.load import Load, under_load
from tests.support.members import GROUPS
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry

pytestmark = pytest.mark.e2e

# The lease, and what a call needs on its way.
_SILENT_AFTER = 2.0 + 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault of the only broker: how it begins and ends, and how many seconds it lasts.

    `shows` is what members show after that time at the latest.
    """

    begin: Callable[[KafkaProcess], None]
    end: Callable[[KafkaProcess], None]
    seconds: float
    shows: Callable[[Load], bool]


def _killed(seconds: float) -> Fault:
    return Fault(
        begin=KafkaProcess.kill,
        end=KafkaProcess.start,
        seconds=seconds,
        shows=Load.is_said_to_be_away,
    )


def _suspended(seconds: float, shows: Callable[[Load], bool]) -> Fault:
    return Fault(begin=KafkaProcess.pause, end=KafkaProcess.resume, seconds=seconds, shows=shows)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaProcess]:
    """A broker that each of these tests leaves running."""
    with KafkaProcess(tmp_path_factory.mktemp("broker")) as own:
        yield own


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(_killed(5), id="killed for 5 s"),
        pytest.param(_killed(120), id="killed for 120 s", marks=pytest.mark.faults),
        pytest.param(
            _suspended(5, Load.has_no_lease), id="suspended for 5 s", marks=pytest.mark.faults
        ),
        pytest.param(
            _suspended(20, Load.is_not_ready), id="suspended for 20 s", marks=pytest.mark.faults
        ),
        pytest.param(
            _suspended(70, Load.is_not_ready), id="suspended for 70 s", marks=pytest.mark.faults
        ),
    ],
)
@pytest.mark.parametrize(
    "protocol", ["classic", pytest.param("consumer", marks=pytest.mark.faults)]
)
def test_a_broker_that_is_away_delays_and_costs_nothing(
    broker: KafkaProcess, registry: RealRegistry, tmp_path: Path, fault: Fault, protocol: str
) -> None:
    # Under KIP-848 it is the broker that tells a member of its loss, and this one says nothing.
    is_silent = protocol == "consumer" and fault.begin is KafkaProcess.pause
    shows = Load.has_no_lease if is_silent else fault.shows
    with under_load(broker, registry, tmp_path, **GROUPS[protocol]) as load:
        fault.begin(broker)
        began = time.monotonic()
        try:
            time.sleep(fault.seconds)  # that is the fault
            wait_until(lambda: shows(load), within=30, what="the members show it")
            calls = load.calls_between(began + _SILENT_AFTER, time.monotonic())
            assert not calls, "nobody calls without a lease"
        finally:
            fault.end(broker)


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_a_broker_that_is_shut_down_in_order_and_comes_back_costs_nothing(
    broker: KafkaProcess, registry: RealRegistry, tmp_path: Path
) -> None:
    with under_load(broker, registry, tmp_path, **GROUPS["classic"]) as load:
        broker.stop()
        wait_until(load.is_said_to_be_away, within=30, what="/status says that Kafka is away")
        broker.start()
