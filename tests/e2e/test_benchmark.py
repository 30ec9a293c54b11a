"""The benchmark measures: small cases on a real Kafka, however fast they are."""

from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from tests.benchmarks.case import Case
from tests.benchmarks.stage import Stage
from tests.benchmarks.trial import Spans, Subject, Trial, run
from tests.support.brokers import RealKafka
from tests.support.registries import RealRegistry

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

CASE = Case(orders=600, items=2, latency=0.01, in_flight=8, partitions=2)


@pytest.fixture
def stage(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Stage:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers, "log_level": 0})
    return Stage(kafka=kafka, admin=admin, registry_url=registry.url, folder=tmp_path)


def check(trial: Trial, orders: int) -> None:
    assert trial.oddity is None
    assert 0 < trial.work.events <= orders
    assert trial.work.cpu > 0
    assert trial.work.peak >= trial.work.resident > 0
    assert trial.threads["loop"] > 0


def test_a_processor_is_measured_with_its_delays(stage: Stage) -> None:
    trial = run(stage, Subject.PROCESSOR, CASE, Spans(most=30, low=0.5, saturated=0.5))

    check(trial, CASE.orders)
    assert trial.low
    assert trial.saturated
    assert trial.low.count == 50
    assert trial.low.p99 >= trial.low.p50 >= CASE.latency


@pytest.mark.parametrize(("subject", "orders"), [(Subject.LOOP, 600), (Subject.FLOOR, 20_000)])
def test_the_yardsticks_are_measured(stage: Stage, subject: Subject, orders: int) -> None:
    trial = run(stage, subject, replace(CASE, orders=orders), Spans(most=30))

    check(trial, orders)
