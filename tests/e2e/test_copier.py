"""The copier against a real broker: what it copies, keeps, waits for, and tells."""

import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_END, TopicPartition
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from processor.core.pace import LEAST_AHEAD, Cause, Pace
from processor.core.replays import Plan
from processor.core.selection import Selection
from processor.errors import ConfigurationError, RuntimeFailure
from processor.shell.history import plans
from processor.shell.history.control import Control
from processor.shell.history.copier import STOPPED, LaneLost
from processor.shell.history.progress import Known, State
from processor.shell.history.report import Report
from processor.shell.history.shelf import Shelf
from processor.shell.kafka.broker import Broker
from tests.support.brokers import RealKafka
from tests.support.copying import (
    FAST,
    NO_REGISTRY,
    LiveFleet,
    Place,
    Running,
    found,
    origins,
    wanted,
)
from tests.support.programs import Program, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture
def place(kafka: RealKafka) -> Place:
    """The topics of one live group."""
    return Place(kafka, NO_REGISTRY)


def _execute(place: Place, plan: Plan, pace: Pace = FAST) -> Report:
    with Running(place, plan, pace) as running:
        return running.wait()


def test_every_wanted_record_is_copied_once_and_what_came_of_it_is_told(place: Place) -> None:
    plan = place.plan(70)
    with LiveFleet(place, fails=frozenset({4})):
        report = _execute(place, plan)
    assert origins(place) == dict.fromkeys(wanted(plan), 1)
    assert report.is_finished
    told = report.as_json()
    assert {name: count for name, count in told["found"].items() if count} == found(plan)
    assert (told["done"], told["total"], told["copied"]) == (140, 140, len(wanted(plan)))
    assert told["outcomes"] == [
        {"operation": "CONFIRM", "status": "REJECTED", "count": 2},
        {"operation": "CONFIRM", "status": "SUCCEEDED", "count": len(wanted(plan)) - 2},
    ]
    assert told["deadLetters"] == {"UNPROCESSABLE": 2}
    assert (told["called"], told["changedOrders"]) == (len(wanted(plan)), len(wanted(plan)) - 2)
    assert told["settledMeanwhile"] == 0


def test_a_copy_keeps_bytes_key_headers_and_partition_and_tells_its_origin(place: Place) -> None:
    plan = place.plan(1)
    with LiveFleet(place):
        _execute(place, plan)
    (message,) = place.read(place.topics.replay, 1)
    assert (message.value(), message.key()) == (b"value-1-0", b"cart-1-0")
    headers = message.headers()
    assert headers is not None
    assert dict(headers) == {
        "a": b"b",
        "processor.replay.id": plan.run_id.encode(),
        "processor.origin.topic": place.topics.order_paid.encode(),
        "processor.origin.partition": b"1",
        "processor.origin.offset": b"0",
        "processor.origin.timestamp": b"1790000000000",
    }


def test_a_stop_pauses_and_the_same_plan_goes_on_from_anywhere(place: Place) -> None:
    plan = place.plan(200)
    with LiveFleet(place):
        with Running(place, plan, Pace(rate=60)) as running:
            wait_until(lambda: running.copied >= 20, within=30, what="some are copied")
            running.control.stop()
            paused = running.wait()
        assert paused.reason == STOPPED
        known = Shelf(place.settings).get(plan.replay_id)
        assert (known.state, known.copied, known.counts) == (
            State.PAUSED,
            paused.copied,
            paused.counts,
        )
        again = plans.from_head(dict(known.head), known.slices, frozenset())
        assert again == plan
        report = _execute(place, again)
    assert report.is_finished
    assert origins(place) == dict.fromkeys(wanted(plan), 1)
    assert report.counts == found(plan)
    assert report.tallied.total == len(wanted(plan))
    assert report.started_at == paused.started_at


def test_a_finished_replay_copies_nothing_when_it_is_resumed_and_reports_again(
    place: Place,
) -> None:
    plan = place.plan(40)
    with LiveFleet(place):
        first = _execute(place, plan)
        second = _execute(place, plan)
    assert origins(place) == dict.fromkeys(wanted(plan), 1)
    assert (second.counts, second.tallied.outcomes) == (first.counts, first.tallied.outcomes)


def test_copies_of_one_partition_come_in_the_order_of_their_originals(place: Place) -> None:
    plan = place.plan(100)
    with LiveFleet(place):
        _execute(place, plan)
    for number in range(place.partitions):
        offsets = [copy.origin.offset for where, copy in place.copies() if where.number == number]
        assert offsets == sorted(offsets)


def test_it_is_never_further_ahead_of_the_fleet_than_a_few_copies(place: Place) -> None:
    plan = place.plan(200)
    with LiveFleet(place) as fleet:
        fleet.is_idle = True
        with Running(place, plan) as running:
            wait_until(lambda: len(place.copies()) >= LEAST_AHEAD, within=30, what="it copies")
            time.sleep(2.5)
            assert len(place.copies()) == LEAST_AHEAD
            assert running.seen.sights[-1].wait is not None
            assert running.seen.sights[-1].wait.cause is Cause.LANE
            fleet.is_idle = False
            assert running.wait().is_finished


def test_it_waits_while_live_events_are_late_and_goes_on_afterwards(place: Place) -> None:
    plan = place.plan(400)
    with LiveFleet(place) as fleet, Running(place, plan, Pace(rate=40, late_after=1.0)) as running:
        wait_until(lambda: running.copied >= 10, within=30, what="some are copied")
        fleet.is_late = True
        place.produce(place.topics.order_paid, 3)
        running.wait_until_noticed("waiting: 3 live events are late in")
        before = len(place.copies())
        time.sleep(1.0)
        assert len(place.copies()) == before
        fleet.is_late = False
        running.wait_until_noticed("going on")
        running.control.change(FAST)
        assert running.wait().is_finished


def test_it_says_that_nobody_works_the_lane_and_goes_on_when_somebody_does(place: Place) -> None:
    plan = place.plan(40)
    with Running(place, plan) as running:
        running.wait_until_noticed("nobody works the replay lane")
        assert place.copies() == []
        with LiveFleet(place):
            assert running.wait().is_finished


def test_it_stops_after_so_many_dead_letters_and_can_be_resumed(place: Place) -> None:
    plan = place.plan(300, partitions=1)
    fails = frozenset({4, 11, 18})
    with LiveFleet(place, fails=fails):
        paused = _execute(place, plan, Pace(rate=30, stop_after_failures=2))
        assert paused.reason is not None
        assert "ended as dead letters" in paused.reason
        assert paused.done < paused.total
        assert _execute(place, plan, replace(FAST, stop_after_failures=2)).is_finished
    assert set(origins(place)) == wanted(plan)


def test_the_rate_follows_its_file_while_it_runs(place: Place, tmp_path: Path) -> None:
    plan, rate = place.plan(300), tmp_path / "rate"
    rate.write_text("2\n")
    with LiveFleet(place), Running(place, plan, Control(FAST, rate)) as running:
        wait_until(lambda: running.copied >= 2, within=30, what="some are copied")
        rate.write_text("no number")
        running.wait_until_noticed("holds no rate: write one number above 0")
        rate.write_text("500")
        running.wait_until_noticed("the rate is 500 copies a second from now on")
        assert running.wait(30).is_finished


def test_two_replays_at_once_see_each_other_and_both_finish(place: Place) -> None:
    first, second = place.plan(150, "first"), place.plan(150, "second")
    with (
        LiveFleet(place),
        Running(place, first, Pace(rate=20)) as one,
        Running(place, second, Pace(rate=20)) as other,
    ):
        one.wait_until_noticed("replay second is being copied at the same time")
        other.wait_until_noticed("replay first is being copied at the same time")
        one.control.change(FAST)
        other.control.change(FAST)
        assert one.wait().is_finished
        assert other.wait().is_finished
    assert origins(place) == dict.fromkeys(wanted(first), 2)


def test_the_same_replay_is_not_copied_twice_at_once(place: Place) -> None:
    plan = place.plan(150)
    with LiveFleet(place), Running(place, plan, Pace(rate=20)) as running:
        wait_until(lambda: running.copied > 0, within=30, what="it copies")
        with pytest.raises(ConfigurationError, match="is being copied by another process"):
            _execute(place, plan)


def test_a_replay_ends_when_its_copies_are_deleted_before_they_are_worked(place: Place) -> None:
    plan = place.plan(90)
    with LiveFleet(place) as fleet, Running(place, plan) as running:
        fleet.is_idle = True
        wait_until(lambda: running.copied > 10, within=30, what="it copies")
        lane = TopicPartition(place.topics.replay, 0, OFFSET_END)
        admin = place.kafka.admin()  # its answers go with it
        admin.delete_records([lane])[lane].result(20)
        with pytest.raises(LaneLost, match=r"Copies of this replay are lost: .*plan anew"):
            running.wait()
    assert any("deleted before they were worked" in notice for notice in running.seen.notices)
    (known,) = Shelf(place.settings).all()
    assert isinstance(known, Known)
    assert known.state is State.LOST
    with LiveFleet(place), pytest.raises(ConfigurationError, match="were lost with the lane"):
        _execute(place, plan)


def test_a_replay_ends_when_its_lane_is_created_anew(place: Place) -> None:
    lane = place.topics.replay
    with LiveFleet(place) as fleet, Running(place, place.plan(90)) as running:
        fleet.is_idle = True
        wait_until(lambda: running.copied >= LEAST_AHEAD, within=30, what="it copies")
        admin = place.kafka.admin()
        admin.delete_topics([lane], operation_timeout=30)[lane].result(30)
        again = [NewTopic(lane, num_partitions=place.partitions)]
        wait_until(
            lambda: admin.create_topics(again)[lane].exception(30) is None,
            within=30,
            what="the lane is there again",
        )
        with pytest.raises(LaneLost, match=rf"{lane} was created anew"):
            running.wait()


def test_a_lane_that_lost_copies_before_is_no_loss_of_a_new_replay(place: Place) -> None:
    with LiveFleet(place) as fleet:
        fleet.is_idle = True
        place.produce(place.topics.replay, 3)
        admin = place.kafka.admin()  # its answers go with it
        end = TopicPartition(place.topics.replay, 0, OFFSET_END)
        admin.delete_records([end])[end].result(20)
        with pytest.raises(RuntimeFailure, match=r"has lost copies before .*accept-gap"):
            _execute(place, place.plan(10))
        (known,) = Shelf(place.settings).all()
        assert isinstance(known, Known)
        assert (known.state, known.copied) == (State.PAUSED, 0)


def test_a_missing_lane_is_refused_with_the_remedy(place: Place) -> None:
    topics = place.topics.model_copy(update={"replay": "no-such-topic"})
    place.topics = topics
    with pytest.raises(ConfigurationError, match=r"no replay topic no-such-topic.*2 partitions"):
        _execute(place, place.plan(10))


def test_a_lane_with_another_partition_count_is_refused(place: Place) -> None:
    admin = place.kafka.admin()
    admin.create_partitions([NewPartitions(place.topics.replay, 3)])[place.topics.replay].result()
    wait_until(
        lambda: (
            len(admin.list_topics(place.topics.replay).topics[place.topics.replay].partitions) == 3
        ),
        within=10,
        what="the lane has grown",
    )
    with pytest.raises(ConfigurationError, match=r"has 3 partitions, and .* has 2"):
        _execute(place, place.plan(10))


def _set(place: Place, topic: str, name: str, value: str) -> None:
    """Change a topic's setting, and wait until the broker keeps to it."""
    change = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[change])
    admin, broker = place.kafka.admin(), Broker(place.settings.kafka)
    admin.incremental_alter_configs([resource])[resource].result()
    wait_until(
        lambda: broker.config(topic, 5.0).get(name) == value, within=10, what=f"{name} is {value}"
    )


def test_a_compacted_lane_is_refused(place: Place) -> None:
    _set(place, place.topics.replay, "cleanup.policy", "compact")
    with pytest.raises(ConfigurationError, match=r"is compacted: .* Set cleanup.policy=delete"):
        _execute(place, place.plan(10))


def test_a_copy_that_is_too_large_stops_it_with_the_remedy_and_it_can_go_on(place: Place) -> None:
    plan = place.plan(30)
    _set(place, place.topics.replay, "max.message.bytes", "150")
    with LiveFleet(place):
        with pytest.raises(RuntimeFailure) as stopped:
            _execute(place, plan)
        for part in (
            f"does not take the copy of {place.topics.order_paid} [0] offset 0",
            "Raise max.message.bytes of",
            "`processor replay --resume replay-1` goes on",
        ):
            assert part in str(stopped.value)
        _set(place, place.topics.replay, "max.message.bytes", "100000")
        assert _execute(place, plan).is_finished
    assert origins(place) == dict.fromkeys(wanted(plan), 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_pauses_the_command(place: Place, tmp_path: Path, number: signal.Signals) -> None:
    saved = tmp_path / "plan.json"
    plans.save(place.plan(900), saved)
    command = [sys.executable, "-m", "tests.support.copying_program", str(saved), "20"]
    environment = {**os.environ, **place.environment}
    with LiveFleet(place), Program(command, log=tmp_path / "log", env=environment) as program:
        wait_until(lambda: '"done": 1' in program.log_text(), within=30, what="it copies")
        program.signal(number)
        assert program.wait(20) == 1
    end = json.loads(program.log_text().splitlines()[-1])
    assert (end["event"], end["report"]["reason"]) == ("paused", STOPPED)
    known = Shelf(place.settings).get("replay-1")
    assert (known.state, known.done) == (State.PAUSED, end["report"]["done"])


def test_a_plan_with_other_slices_under_the_same_id_is_refused(place: Place) -> None:
    with LiveFleet(place):
        _execute(place, place.plan(10))
        with pytest.raises(ConfigurationError, match="another replay of the id replay-1"):
            _execute(place, place.plan(20))


def test_a_plan_that_selects_other_records_under_the_same_id_is_refused(place: Place) -> None:
    with LiveFleet(place):
        _execute(place, place.plan(10))
        other = replace(place.plan(10), selection=Selection(orders=frozenset({"o-1"})))
        with pytest.raises(ConfigurationError, match="or selects other records"):
            _execute(place, other)


def test_the_list_knows_every_replay_and_what_became_of_it(place: Place) -> None:
    shelf = Shelf(place.settings)
    assert list(shelf.all()) == []
    with LiveFleet(place):
        _execute(place, place.plan(20, "done"))
        with Running(place, place.plan(500, "runs"), Pace(rate=10)) as running:
            wait_until(lambda: running.copied > 0, within=30, what="it copies")
            found = list(shelf.all())
            assert [(each.replay_id, each.state) for each in found if isinstance(each, Known)] == [
                ("done", State.FINISHED),
                ("runs", State.COPYING),
            ]
            assert shelf.being_copied(found) == {"runs"}
    assert shelf.being_copied(list(shelf.all())) == frozenset()
