"""The real parts, for whichever test asks for them; each starts when it is first asked for."""

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest
import structlog

from tests.support.brokers import KafkaProcess, RealKafka
from tests.support.ladder import real_kafka
from tests.support.registries import RealRegistry

_NO_LOG: Final = SimpleNamespace()


@pytest.fixture(scope="session", autouse=True)
def no_terminal() -> None:
    """Forget the width that pytest's workers set for a terminal which they do not have."""
    os.environ.pop("COLUMNS", None)


@pytest.fixture(autouse=True)
def no_logs_of_others() -> Iterator[None]:
    """Take back how a test has had the logs written: to a stream that is gone by the next one."""
    yield
    if not structlog.is_configured():
        return
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root = logging.getLogger()
    for handler in [each for each in root.handlers if type(each) is logging.StreamHandler]:
        root.removeHandler(handler)
    for module in list(sys.modules.values()):
        vars(getattr(module, "_LOG", _NO_LOG)).pop("bind", None)  # what it has cached


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka]:
    """A real Kafka that all tests share: make topics and groups of your own, leave it running."""
    with real_kafka(tmp_path_factory.mktemp("kafka")) as shared:
        yield shared


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[KafkaProcess]:
    """A real Kafka for one test alone, to be killed, paused and started again."""
    folder = tmp_path / "kafka"
    folder.mkdir()
    with KafkaProcess(folder) as own:
        yield own


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    """A real schema registry that all tests share: use subjects of your own, leave it running."""
    with RealRegistry(tmp_path_factory.mktemp("registry")) as shared:
        yield shared


@pytest.fixture
def own_registry(tmp_path: Path) -> Iterator[RealRegistry]:
    """A real schema registry for one test alone, to be killed, paused and started again."""
    folder = tmp_path / "registry"
    folder.mkdir()
    with RealRegistry(folder) as own:
        yield own
