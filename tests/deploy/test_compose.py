"""The showcase of compose: ours are locked down, set up as they must be, and all are found."""

import re
from pathlib import Path
from typing import Any

import pytest

from processor.shell.settings import load
from processor.shell.settings_table import Kafka
from tests.support.helm import values_of

pytestmark = pytest.mark.deploy

FOLDER = Path(__file__).parents[2] / "deploy" / "compose"
OURS = ["load", "processor-1", "processor-2", "rokt", "topics"]
PROCESSORS = ["processor-1", "processor-2"]


@pytest.fixture
def services() -> dict[str, Any]:
    """Give the services, what they share merged in."""
    found: dict[str, Any] = values_of(FOLDER / "compose.yaml")["services"]
    return found


def test_ours_are_locked_down_and_one_of_them_builds_the_image(services: dict[str, Any]) -> None:
    ours = {name: each for name, each in services.items() if "rokt-cart-" in each["image"]}
    assert sorted(ours) == OURS
    for each in ours.values():
        assert each["read_only"] is True
        assert each["cap_drop"] == ["ALL"]
        assert each["security_opt"] == ["no-new-privileges:true"]
    assert [name for name, each in ours.items() if "build" in each] == ["rokt"]


@pytest.mark.parametrize("name", PROCESSORS)
def test_the_processors_take_their_settings(services: dict[str, Any], name: str) -> None:
    given = dict(services[name]["environment"])
    (secret,) = services[name]["secrets"]
    assert given["PROCESSOR_ROKT__API_KEY_FILE"] == f"/run/secrets/{secret}"
    given["PROCESSOR_ROKT__API_KEY_FILE"] = str(FOLDER / secret)
    assert load(None, given).topics.results == "rokt-results"


def test_the_processors_have_the_time_to_stop(services: dict[str, Any]) -> None:
    longest = Kafka(bootstrap_servers="x:1").drain_deadline + 25
    assert all(services[name]["stop_grace_period"] == f"{longest:g}s" for name in PROCESSORS)


def test_nothing_listens_beyond_this_machine(services: dict[str, Any]) -> None:
    ports = [port for each in services.values() for port in each.get("ports", ())]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_prometheus_scrapes_both_processors_in_the_network_in_which_they_live(
    services: dict[str, Any],
) -> None:
    (job,) = values_of(FOLDER / "prometheus.yml")["scrape_configs"]
    (targets,) = (each["targets"] for each in job["static_configs"])
    networks = {services[name]["network_mode"].removeprefix("service:") for name in PROCESSORS}
    ports = {
        services[name]["environment"].get("PROCESSOR_SERVER__PORT", "9464") for name in PROCESSORS
    }
    assert sorted(targets) == sorted(f"{name}:{port}" for name in networks for port in ports)


def test_every_file_that_is_mounted_is_there(services: dict[str, Any]) -> None:
    mounts = [mount for each in services.values() for mount in each.get("volumes", ())]
    here = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]
    assert here
    assert [path for path in here if not (FOLDER / path).exists()] == []


def test_every_image_has_its_version(services: dict[str, Any]) -> None:
    others = [each["image"] for name, each in services.items() if name not in OURS]
    assert [image for image in others if not re.search(r":v?\d+\.\d+\.\d+$", image)] == []
