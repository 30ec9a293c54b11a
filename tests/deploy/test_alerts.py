"""The alert rules at work: promtool's tests, and a fault that somebody is told of, and its end."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from processor.fake_rokt.rules import Rule, Then, When
from tests.support.alert_rules import RULES, TESTS
from tests.support.brokers import RealKafka
from tests.support.events import order_paid
from tests.support.programs import wait_until
from tests.support.prometheus import Webhook, open_alerting, scaled
from tests.support.prometheus_parts import program
from tests.support.registries import RealRegistry
from tests.support.world import Processor, World, open_world

pytestmark = pytest.mark.alerts

BURN, ABSENT = "OrdersBurnFast", "ProcessorAbsent"
Alerting = tuple[Processor, Webhook]


@pytest.fixture
def world(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world of two partitions."""
    with open_world(kafka, registry, tmp_path, partitions=2) as opened:
        yield opened


@pytest.fixture
def alerting(world: World, tmp_path: Path) -> Iterator[Alerting]:
    """A processor that is ready, and somebody who is told of its alerts."""
    folder = tmp_path / "alerting"
    folder.mkdir()
    with world.processor() as processor:
        processor.wait_until_ready()
        with open_alerting([processor.url.removeprefix("http://")], folder) as webhook:
            yield processor, webhook


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_promtool_has_nothing_to_say_against_the_rules(path: Path) -> None:
    _promtool("check", "rules", "--lint=all", "--lint-fatal", path)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_the_rules_come_to_what_their_tests_say(path: Path) -> None:
    _promtool("test", "rules", path)


def _promtool(*arguments: str | Path) -> None:
    done = subprocess.run(
        [program("promtool"), *arguments], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_scaled_rules_differ_in_their_durations_alone() -> None:
    text = "rate(x[5m]) / 60 > 300 and y offset 20m\n        for: 5m\n avg_over_time(x[30s])"
    assert (
        scaled(text)
        == "rate(x[5s]) / 60 > 300 and y offset 20s\n        for: 5s\n avg_over_time(x[1s])"
    )


@pytest.mark.timeout(300)
def test_an_outage_is_told_and_so_is_its_end(world: World, alerting: Alerting) -> None:
    processor, webhook = alerting
    _pay(world, "well", 30)
    world.wait_until_drained()
    world.rokt.rules.add((Rule(when=When(), then=Then(status=503)),))
    _pay(world, "held", 10)
    wait_until(lambda: webhook.states(BURN), within=150, what="somebody is told")
    told = webhook.alerts(BURN)[0]
    assert told["labels"]["severity"] == "critical"
    assert told["annotations"]["runbook_url"] == "deploy/README.md#ordersburnfast"
    assert processor.metrics()['processor_hold{scope="confirm"}'] == 1
    world.rokt.rules.clear()
    world.wait_until_drained(120)
    ends = ["firing", "resolved"]
    wait_until(lambda: webhook.states(BURN) == ends, within=60, what="the end is told")
    names = {each["labels"]["alertname"] for each in webhook.told}
    # Prometheus scrapes nothing in its first five seconds, which here stand for five minutes.
    assert names - {ABSENT} <= {BURN, "OrdersBurnSlow", "OrdersBurnDay", "OrdersBurnDays"}


@pytest.mark.timeout(200)
def test_a_processor_that_dies_is_missed_until_it_is_back(alerting: Alerting) -> None:
    processor, webhook = alerting
    wait_until(
        lambda: webhook.states(ABSENT)[-1:] != ["firing"], within=60, what="it is known to be there"
    )
    processor.program.kill()
    wait_until(lambda: webhook.states(ABSENT)[-1:] == ["firing"], within=60, what="it is missed")
    processor.program.start()
    wait_until(lambda: webhook.states(ABSENT)[-1:] == ["resolved"], within=60, what="it is back")


def _pay(world: World, name: str, count: int) -> None:
    for number in range(count):
        world.shop.paid(order_paid(f"{name}-{number}", f"cart-{name}-{number}"))
    world.shop.flush()
