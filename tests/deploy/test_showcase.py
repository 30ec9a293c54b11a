"""The showcase of compose, started for real: events come to their ends, and can be looked at."""

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.programs import wait_until

pytestmark = [pytest.mark.showcase, pytest.mark.timeout(900)]

COMPOSE = os.environ.get("COMPOSE", "docker compose --file deploy/compose/compose.yaml").split()
EVENTS = 200


def compose(*arguments: str) -> str:
    """Run compose to its end and return what it printed; fail with it otherwise."""
    done = subprocess.run(
        [*COMPOSE, *arguments], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def get(port: int, path: str) -> Any:  # noqa: ANN401  whatever JSON has
    """Return what a server of the showcase answers."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return json.load(answer)


def asked(query: str) -> float:
    """Return what Prometheus answers to a query; 0 where it has nothing."""
    found = get(9090, f"/api/v1/query?query={query}")["data"]["result"]
    return float(found[0]["value"][1]) if found else 0.0


@pytest.fixture(scope="module", autouse=True)
def _started() -> Iterator[None]:
    assert compose("ps", "--all", "--quiet") == "", "the showcase runs already: make down"
    try:
        compose("up", "--build", "--detach", "--wait")
        compose("run", "--rm", "--no-deps", "load", "--rate", "20", "--seconds", str(EVENTS // 20))
        yield
    finally:
        compose("--profile", "load", "down", "--volumes")
    assert compose("ps", "--all", "--quiet") == ""


def test_every_event_comes_to_its_end_in_one_of_two_processors() -> None:
    wait_until(
        lambda: asked("sum(processor_outcomes_total)") == EVENTS, within=60, what="all have ended"
    )
    wait_until(lambda: asked("sum(processor_consumer_lag)") == 0, within=60, what="lag is 0")
    assert get(8081, "/_fake/stats")["totals"]["statuses"] == {"200": 160, "422": 20, "503": 20}
    numbers = [get(port, "/status")["assignment"]["order-paid"] for port in (9464, 9465)]
    assert sorted(number for owned in numbers for number in owned) == [0, 1, 2, 3]


def test_prometheus_scrapes_both_knows_the_rules_and_tells_the_alertmanager() -> None:
    targets = get(9090, "/api/v1/targets")["data"]["activeTargets"]
    assert [target["health"] for target in targets] == ["up", "up"]
    assert get(9090, "/api/v1/rules")["data"]["groups"]
    assert len(get(9090, "/api/v1/alertmanagers")["data"]["activeAlertmanagers"]) == 1
    assert get(9093, "/api/v2/status")["versionInfo"]


def test_grafana_has_a_dashboard() -> None:
    wait_until(has_a_dashboard, within=120, what="Grafana shows a dashboard")


def has_a_dashboard() -> bool:
    """Tell whether Grafana answers, and has one."""
    try:
        return bool(get(3000, "/api/search?type=dash-db"))
    except OSError:
        return False
