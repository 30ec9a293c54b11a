"""Every client that lives long follows a password that changes in the file of the properties.

The clients are real, of librdkafka; what they are given is noted on the way.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from processor.core.records import Partition
from processor.errors import RuntimeFailure
from processor.shell import settings_properties
from processor.shell.clock import steady
from processor.shell.history import bookmarks, fleet, lane, reader, tail
from processor.shell.kafka import broker, clients, poller, restorer, sink
from processor.shell.kafka.results import Results
from processor.shell.settings import Kafka, Topics
from processor.shell.settings_properties import PropertiesFile
from processor.shell.settings_values import FromFile
from tests.support.programs import wait_until

NOBODY: Final = "127.0.0.1:1"
PLACE: Final = Partition("in", 0)
anything = cast("Any", SimpleNamespace())


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class File:
    """A file of properties that can be given another password."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self.write("old")

    def write(self, password: str, **others: object) -> None:
        login = {"sasl.username": "user", "sasl.password": password}
        self._path.write_text(json.dumps(login | others))
        self._clock.now += 1

    @property
    def kafka(self) -> Kafka:
        """Settings with what is in the file now."""
        properties = cast("Any", FromFile(self._path))
        return Kafka(bootstrap_servers=NOBODY, group_id="group", properties=properties)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    own = Clock()
    monkeypatch.setattr(settings_properties, "steady", own)
    return own


@pytest.fixture
def file(tmp_path: Path, clock: Clock) -> File:
    return File(tmp_path / "properties.json", clock)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that clients were given, since they were made."""
    passwords: list[str] = []

    class Noting:
        def set_sasl_credentials(self, user: str, password: str) -> None:
            passwords.append(password)
            cast("Any", super()).set_sasl_credentials(user, password)

    made: dict[str, type] = {
        each.__name__: type(each.__name__, (Noting, each), {})
        for each in (Consumer, Producer, AdminClient)
    }
    for module in (broker, poller, restorer, sink, bookmarks, fleet, lane, reader, tail):
        for name in made.keys() & vars(module).keys():
            monkeypatch.setattr(module, name, made[name])
    return passwords


Step = Callable[[], object]


@contextmanager
def a_poller(kafka: Kafka) -> Iterator[Step]:
    member = poller.Poller(kafka, ["in"], anything, anything, steady)
    member.start()
    yield lambda: None
    member.stop()
    assert member.join(10)


@contextmanager
def a_restorer(kafka: Kafka) -> Iterator[Step]:
    topic = Results(name="results", topic_id=None, ask_id=lambda: None)
    restoring = restorer.Restorer(kafka, topic, anything, anything, steady)
    restoring.start()
    yield lambda: None
    restoring.stop()
    restoring.join(10)


@contextmanager
def a_sink(kafka: Kafka) -> Iterator[Step]:
    yield sink.Sink(kafka, Topics(), anything, anything, steady).poll


@contextmanager
def a_broker(kafka: Kafka) -> Iterator[Step]:
    asked = broker.Broker(kafka)
    yield lambda: asked.partitions(["in"], 0.01)


@contextmanager
def a_reader(kafka: Kafka) -> Iterator[Step]:
    with reader.Reader(kafka, patience=0.01) as reading:
        yield lambda: next(reading.read(PLACE, 0, 1), None)


@contextmanager
def a_tail(kafka: Kafka) -> Iterator[Step]:
    following = tail.Tail(kafka, "results", "run", anything)
    yield following.serve
    following.close()


@contextmanager
def a_lane(kafka: Kafka) -> Iterator[Step]:
    yield lane.Lane(kafka, "replay", "run").serve


@contextmanager
def a_fleet(kafka: Kafka) -> Iterator[Step]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_ANSWER_WITHIN", "_LOOK_EVERY"):
            patch.setattr(fleet, name, 0.05)
        with fleet.Fleet(kafka, [PLACE], []):
            yield lambda: None


@contextmanager
def bookmarks_of_a_replay(kafka: Kafka) -> Iterator[Step]:
    written = bookmarks.Bookmarks(kafka, Topics(), "replay")
    yield written.serve
    written.close()


LONG_LIVED: Final = (
    a_poller,
    a_restorer,
    a_sink,
    a_broker,
    a_reader,
    a_tail,
    a_lane,
    a_fleet,
    bookmarks_of_a_replay,
)


@pytest.mark.parametrize("make", LONG_LIVED)
def test_a_client_is_given_a_password_that_changed(
    make: Callable[[Kafka], Any], file: File, given: list[str]
) -> None:
    with make(file.kafka) as step:

        def is_given(password: str) -> bool:
            with suppress(KafkaException, RuntimeFailure):
                step()
            return password in given

        wait_until(lambda: is_given("old"), within=10, what="it has the first one")
        file.write("new")
        wait_until(lambda: is_given("new"), within=10, what="it has the other one")
    assert given == ["old", "new"]


def test_a_client_is_given_a_password_once(file: File, given: list[str]) -> None:
    with a_sink(file.kafka) as poll:
        for _ in range(5):
            poll()
    assert given == ["old"]


def test_clients_that_are_made_anew_have_the_password_of_the_file(file: File) -> None:
    kafka = file.kafka
    file.write("new")
    configured = (clients.consumer, clients.reader, clients.offsets_only, clients.admin)
    assert [make(kafka)["sasl.password"] for make in configured] == ["new"] * 4


def test_a_restorer_takes_its_new_client_with_the_new_password(
    file: File, given: list[str]
) -> None:
    topic = Results(name="results", topic_id=None, ask_id=lambda: None)
    restoring = restorer.Restorer(file.kafka, topic, anything, anything, steady)
    file.write("new")
    assert restoring._open() is not None  # noqa: SLF001  what `_renew` opens
    assert given == []


def test_what_only_a_restart_would_bring_into_use_is_told_and_not_used(file: File) -> None:
    kafka = file.kafka
    properties = cast("PropertiesFile", kafka.properties)
    assert properties.unused() == []
    file.write("new", **{"linger.ms": 7})
    assert properties.unused() == ["linger.ms"]
    assert kafka.client_properties() == {"sasl.username": "user", "sasl.password": "new"}
    assert (len(properties), [*properties]) == (2, ["sasl.username", "sasl.password"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "is not valid JSON"),
        ('{"sasl.password": "********"}', "gives `sasl.password` the mask that stands for"),
        ("", "names an empty file"),
    ],
)
def test_a_file_that_cannot_be_used_changes_nothing(
    file: File, clock: Clock, tmp_path: Path, text: str, why: str
) -> None:
    kafka = file.kafka
    (tmp_path / "properties.json").write_text(text)
    clock.now += 1
    assert kafka.client_properties()["sasl.password"] == "old"
    problem = cast("PropertiesFile", kafka.properties).file.problem
    assert problem is not None
    assert problem.startswith(why)
    file.write("new")
    assert kafka.client_properties()["sasl.password"] == "new"


def test_properties_of_a_file_show_no_password(file: File) -> None:
    file.write("canary-5f1d")
    kafka = file.kafka
    assert "canary-5f1d" not in f"{kafka!r} {kafka.properties!r} {dict(kafka.properties)}"


def test_without_a_user_nobody_is_given_anything(given: list[str]) -> None:
    with a_sink(Kafka(bootstrap_servers=NOBODY)) as poll:
        poll()
    assert given == []
