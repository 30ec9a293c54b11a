"""The watch: what health, readiness and status say of a worker among fakes."""

import asyncio
import ssl
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from processor.core.partitions import Phase
from processor.core.records import Partition
from processor.core.scopes import Scope
from processor.core.sight import HoldSight, Reserved, RetrySight, Sight
from processor.core.vocabulary import Operation, Reason
from processor.errors import RuntimeFailure
from processor.shell import watch as module
from processor.shell.kafka.gaps import Gap
from processor.shell.metrics import Metrics
from processor.shell.page.recent import Recent
from processor.shell.secrets import SecretFile
from processor.shell.settings import Kafka, Rokt, SchemaRegistry, Settings
from processor.shell.watch import Watch
from processor.shell.worker import Worker
from tests.support.mock_kafka import exception

PAID, ABANDONED = Partition("order-paid", 0), Partition("cart-abandoned", 1)
NOW = 1_000.0
SETTINGS = Settings(
    kafka=Kafka(bootstrap_servers="b:1", group_id="g"),
    schema_registry=SchemaRegistry(url="mock://watch"),
    rokt=Rokt.model_validate({"base_url": "http://127.0.0.1:9", "api_key": "k", "tag_id": "t"}),
)

HOLD = HoldSight(
    since=1_789_998_400.0,
    reason=Reason.UNAUTHORIZED,
    why="the key is refused",
    waiting=12,
    next_probe=1_789_998_430.0,
)


@dataclass
class FakeBroker:
    """Tells ends and counts as the test says."""

    ends: dict[Partition, int | None] = field(default_factory=dict)
    counts: list[Mapping[str, int | None] | Exception] = field(default_factory=list)
    rounds: int = 0

    def ask_ends(
        self,
        partitions: Collection[Partition],
        _: float,
        answer: Callable[[Partition, int | None], None],
    ) -> None:
        for partition in partitions:
            answer(partition, self.ends.get(partition))

    def partitions(self, _: Sequence[str], __: float) -> Mapping[str, int | None]:
        self.rounds += 1
        counts = self.counts.pop(0)
        if isinstance(counts, Exception):
            raise counts
        return counts


class Stage:
    """A watch, and the worker that it looks at once `run` has begun."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, settings: Settings = SETTINGS) -> None:
        monkeypatch.setattr(module, "steady", lambda: NOW)
        monkeypatch.setattr(module, "_LOOK_EVERY", 0.0)
        self.registry, self.broker = CollectorRegistry(), FakeBroker()
        self.watch = Watch(settings, Metrics(self.registry))
        self.sight: dict[str, Any] = {
            "in_flight": 2,
            "is_restored": True,
            "unfinished": {"order-paid": 3},
            "oldest": {Operation.CONFIRM: 5_000},
            "timestamps": {Operation.CONFIRM: [5_000, 9_000]},
            "reserved": (),
            "next_offsets": {PAID: 5, ABANDONED: 7},
            "holds": {},
            "paused_until": {},
            "retrying": None,
            "releases_stopped": None,
        }
        self.schemas = SimpleNamespace(away=None)
        self.observers = SimpleNamespace(last_outcome_at=0.0, recent=Recent())
        self.states = {0: SimpleNamespace(phase=Phase.WORKING, inputs={})}
        self.tls_context = ssl.create_default_context()
        self.worker = SimpleNamespace(
            parts=SimpleNamespace(
                engine=SimpleNamespace(
                    look=lambda: Sight(**self.sight),
                    assignments=SimpleNamespace(states=self.states),
                ),
                broker=self.broker,
                schemas=self.schemas,
                observers=self.observers,
                rokt=SimpleNamespace(tls_context=lambda: self.tls_context),
            ),
            sink=SimpleNamespace(trouble=None),
            poller=SimpleNamespace(
                trouble=None, member_since=None, polled_at=NOW, gaps=SimpleNamespace(parked={})
            ),
            membership=SimpleNamespace(has_assignment=True),
            restorer=SimpleNamespace(trouble=None, remaining=11, left=lambda: {0: 4, 1: 7}),
            commit_trouble=None,
            ticked_at=NOW,
            last_commit_at=None,
        )

    def run(self, *, rounds: int = 1) -> None:
        """Watch until the partitions have been counted as often."""
        left = len(self.broker.counts)
        self.broker.counts += [{"order-paid": 4}] * (rounds - left)

        async def run() -> None:
            watching = asyncio.create_task(self.watch.run(cast("Worker", self.worker), 4))
            async with asyncio.timeout(10):
                while self.broker.rounds < rounds and not watching.done():  # noqa: ASYNC110  no event tells it
                    await asyncio.sleep(0)
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            if not watching.cancelled() and (error := watching.exception()) is not None:
                raise error

        asyncio.run(run())

    def gauge(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


def test_before_the_work_begins_it_is_live_and_not_ready(stage: Stage) -> None:
    status = stage.watch.status()
    assert (status["is_live"], status["is_ready"], status["away"]) == (True, False, [])
    assert (status["last_commit_at"], status["in_flight"]) == (None, 0)


@pytest.mark.parametrize(
    ("ticked", "polled", "is_live"),
    [(9.9, 59.9, True), (10.0, 0.0, False), (0.0, 60.0, False)],
)
def test_it_is_live_while_the_loop_and_the_poll_thread_go_round(
    stage: Stage, ticked: float, polled: float, *, is_live: bool
) -> None:
    stage.run()
    stage.worker.ticked_at = NOW - ticked
    stage.worker.poller.polled_at = NOW - polled
    assert stage.watch.is_live() is is_live


@pytest.mark.parametrize(("polled", "is_live"), [(114.9, True), (115.0, False)])
def test_a_hand_over_of_many_seconds_is_no_death(
    monkeypatch: pytest.MonkeyPatch, polled: float, *, is_live: bool
) -> None:
    patient = SETTINGS.kafka.model_copy(update={"drain_deadline": 90.0})
    stage = Stage(monkeypatch, SETTINGS.model_copy(update={"kafka": patient}))
    stage.run()
    stage.worker.poller.polled_at = NOW - polled
    assert stage.watch.is_live() is is_live


@pytest.mark.parametrize(
    ("has_assignment", "member_for", "is_restored", "is_ready"),
    [
        (True, None, True, True),
        (True, None, False, False),
        (False, None, True, False),
        (False, 1.0, True, False),  # its partitions may still be handed over to it
        (False, 100.0, True, True),
    ],
)
def test_it_is_ready_once_the_group_has_answered_and_the_ledgers_are_read(
    stage: Stage,
    *,
    has_assignment: bool,
    member_for: float | None,
    is_restored: bool,
    is_ready: bool,
) -> None:
    stage.run()
    stage.worker.membership.has_assignment = has_assignment
    stage.worker.poller.member_since = None if member_for is None else NOW - member_for
    stage.sight["is_restored"] = is_restored
    assert stage.watch.is_ready() is is_ready


def test_lag_is_what_lies_between_the_next_offset_and_the_end(stage: Stage) -> None:
    stage.broker.ends = {PAID: 12, ABANDONED: 6}
    stage.run()
    status = stage.watch.status()
    assert status["lag"] == {"order-paid": {"0": 7}, "cart-abandoned": {"1": 0}}
    assert status["assignment"] == {"order-paid": [0], "cart-abandoned": [1]}


def test_how_old_is_what_waits_and_when_its_reservation_ends_is_counted(stage: Stage) -> None:
    stage.sight["reserved"] = [Reserved(NOW - 61, 8_000), Reserved(NOW, 7_000)]
    stage.run()
    older, expiry = "processor_unfinished_older_than", "processor_first_reservation_expiry"
    labels = {"operation": "CONFIRM", "seconds": "3600"}
    assert stage.registry.get_sample_value(older, labels) == 2
    labels = {"operation": "CONFIRM"}
    assert stage.registry.get_sample_value(f"{expiry}_timestamp_seconds", labels) == 8


def test_an_end_that_is_not_told_shows_no_lag(stage: Stage) -> None:
    stage.broker.ends = {PAID: 12, ABANDONED: None}
    stage.run()
    assert stage.watch.status()["lag"] == {"order-paid": {"0": 7}}


def test_the_page_shows_the_last_look_and_asks_for_no_other(stage: Stage) -> None:
    stage.broker.ends = {PAID: 12, ABANDONED: 6}
    stage.run()
    engine = stage.worker.parts.engine
    engine.look = lambda: pytest.fail("a poll of the page looks at the engine")
    view = stage.watch.view()
    assert (view["level"], view["word"], view["in_flight"]) == ("well", "Working", 2)
    assert view["rows"] == [
        {"number": 0, "state": "works", "level": "well", "lag": [7, None], "left": 4}
    ]


def test_the_page_is_made_once_a_look_however_many_people_ask(stage: Stage) -> None:
    stage.run()
    first = stage.watch.view()["rows"]
    assert stage.watch.view()["rows"] is first
    stage.run(rounds=2)
    assert stage.watch.view()["rows"] is not first


def test_the_page_of_a_processor_that_has_not_begun_says_so(stage: Stage) -> None:
    assert stage.watch.view()["word"] == "Starting"


def test_no_secret_is_on_the_page(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("canary-of-the-key")
    rokt = SETTINGS.rokt.model_copy(update={"api_key": SecretFile(file, str)})
    stage.watch = Watch(SETTINGS.model_copy(update={"rokt": rokt}), Metrics(CollectorRegistry()))
    stage.sight["holds"] = {Scope.CONFIRM: HOLD}
    file.unlink()
    stage.run()
    assert "canary" not in str(stage.watch.view())


def test_the_last_minutes_are_kept_for_the_page_while_nobody_looks(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = [NOW]
    monkeypatch.setattr(module, "steady", lambda: at[0])
    stage.broker.ends = {PAID: 12, ABANDONED: 6}
    stage.run()
    at[0] += 5.0
    stage.run(rounds=2)
    points = stage.watch.view()["points"]
    assert (points["lag"], points["in_flight"], points["outcomes"]) == ([7], [2], [0])


def test_a_parked_partition_is_shown_with_what_is_missing_and_the_command(stage: Stage) -> None:
    gap = Gap(partition=PAID, position=4, begin=9, end=20, is_replaced=False)
    stage.worker.poller.gaps.parked = {PAID: gap}
    stage.run()
    assert stage.watch.status()["parked"] == {
        "order-paid": {"0": f"{gap.missing}; to go on: {gap.remedy}"}
    }
    assert stage.gauge("processor_parked", topic="order-paid", partition="0") == 1
    assert stage.gauge("processor_parked", topic="cart-abandoned", partition="1") == 0


@pytest.mark.parametrize("place", ["sink", "restorer", "poller"])
def test_trouble_with_kafka_is_shown_wherever_it_is(stage: Stage, place: str) -> None:
    getattr(stage.worker, place).trouble = f"{place} is in trouble"
    stage.run()
    assert stage.watch.status()["away"] == [f"kafka: {place} is in trouble"]


def test_what_follows_from_a_trouble_does_not_hide_it(stage: Stage) -> None:
    stage.worker.commit_trouble = stage.worker.sink.trouble = "Waiting for coordinator"
    stage.worker.poller.trouble = "Authentication failed"
    stage.run()
    assert stage.watch.status()["away"] == ["kafka: Waiting for coordinator; Authentication failed"]
    assert stage.gauge("processor_away", dependency="kafka") == 1
    assert stage.gauge("processor_away", dependency="schema_registry") == 0


def test_a_kafka_that_acknowledges_no_commit_is_said_to_be_away(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = [NOW]
    monkeypatch.setattr(module, "steady", lambda: at[0])
    stage.watch = Watch(SETTINGS, Metrics(CollectorRegistry()))
    stage.worker.last_commit_at = 5.0
    stage.run()
    at[0] += 10.5
    assert stage.watch.status()["away"] == [
        "kafka: no commit was acknowledged for 10 s, so no calls go out"
    ]
    stage.worker.last_commit_at = 6.0
    stage.run(rounds=2)
    assert stage.watch.status()["away"] == []


def test_refused_commits_a_silent_registry_and_failing_calls_are_shown(stage: Stage) -> None:
    stage.worker.commit_trouble = "the group has rebalanced"
    stage.schemas.away = "no answer"
    stage.sight["holds"] = {Scope.CONFIRM: HOLD}
    stage.run()
    assert stage.watch.status()["away"] == [
        "kafka: the group has rebalanced",
        "schema_registry: no answer",
        "rokt confirm: the key is refused",
    ]
    assert stage.gauge("processor_away", dependency="schema_registry") == 1


def test_a_hold_is_shown_with_all_that_a_person_needs(stage: Stage) -> None:
    stage.sight["holds"] = {Scope.CONFIRM: HOLD}
    stage.run()
    assert stage.watch.status()["holds"] == {
        "confirm": {
            "since": "2026-09-21T13:46:40+00:00",
            "reason": "UNAUTHORIZED",
            "why": "the key is refused",
            "waiting": 12,
            "next_probe_at": "2026-09-21T13:47:10+00:00",
        }
    }
    assert stage.gauge("processor_hold", scope="confirm") == 1
    assert stage.gauge("processor_hold", scope="release") == 0
    assert stage.gauge("processor_hold_waiting", scope="confirm") == 12
    stage.sight["holds"] = {}
    stage.run(rounds=2)
    assert stage.watch.status()["holds"] == {}
    assert stage.gauge("processor_hold", scope="confirm") == 0


def test_retries_are_in_the_status_and_said_once_a_minute_at_most(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = [NOW]
    monkeypatch.setattr(module, "steady", lambda: at[0])
    failing = RetrySight(records=2, since=1_789_998_400.0, last="HTTP 503")
    with capture_logs() as logs:
        for seconds, retrying in ((0, failing), (1, failing), (2, None), (3, failing), (4, None)):
            at[0] = NOW + seconds
            stage.sight["retrying"] = retrying
            stage.run(rounds=stage.broker.rounds + 1)
        at[0], stage.sight["retrying"] = NOW + 61, failing
        stage.run(rounds=stage.broker.rounds + 1)
    said = [log for log in logs if log["event"] == "calls fail and are tried again"]
    assert [(log["log_level"], log["records"], log["last"]) for log in said] == [
        ("warning", 2, "HTTP 503")
    ] * 2
    assert stage.watch.status()["retrying"] == {
        "records": 2,
        "since": "2026-09-21T13:46:40+00:00",
        "last": "HTTP 503",
    }


def test_a_rotated_key_has_a_hold_probed_at_once(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = [NOW]
    monkeypatch.setattr(module, "steady", lambda: at[0])
    file = tmp_path / "key"
    file.write_text("old")
    rokt = SETTINGS.rokt.model_copy(update={"api_key": SecretFile(file, str)})
    settings = SETTINGS.model_copy(update={"rokt": rokt})
    hastened: list[object] = []
    stage.worker.parts.engine.hasten = lambda _: ["probe"]
    stage.worker.apply = hastened.append
    stage.watch = Watch(settings, Metrics(CollectorRegistry()))
    stage.sight["holds"] = {Scope.CONFIRM: HOLD}
    stage.run()
    assert not hastened
    file.write_text("the new key")
    at[0] += 2
    with capture_logs() as lines:
        stage.run(rounds=2)
    assert hastened == [["probe"]]
    assert [line["event"] for line in lines] == ["the key was read again"]


def test_a_new_certificate_has_a_hold_probed_at_once(stage: Stage) -> None:
    hastened: list[object] = []
    stage.worker.parts.engine.hasten = lambda _: ["probe"]
    stage.worker.apply = hastened.append
    stage.sight["holds"] = {Scope.CONFIRM: HOLD}
    stage.run()
    assert not hastened
    stage.tls_context = ssl.create_default_context()
    stage.run(rounds=2)
    assert hastened == [["probe"]]


def test_partitions_added_while_it_runs_end_the_process(stage: Stage) -> None:
    stage.broker.counts = [{"order-paid": 4, "cart-abandoned": 5}]
    with pytest.raises(RuntimeFailure, match="cart-abandoned has 5 partitions now, and had 4"):
        stage.run(rounds=2)


def test_partitions_that_nobody_counts_are_counted_again(stage: Stage) -> None:
    stage.broker.counts = [
        exception(KafkaError._TRANSPORT),  # noqa: SLF001
        {"order-paid": 4, "cart-abandoned": None},
        {"order-paid": 8},
    ]
    with pytest.raises(RuntimeFailure, match="order-paid has 8"):
        stage.run(rounds=4)
    assert stage.broker.rounds == 3
