"""The view: what the page is given to show."""

from dataclasses import replace

from processor.core.effects import RecordEnded
from processor.core.partitions import Phase
from processor.core.records import Partition
from processor.core.scopes import Scope
from processor.core.sight import HoldSight, Sight
from processor.core.vocabulary import Operation, Reason
from processor.shell.kafka.gaps import Gap
from processor.shell.page.recent import Recent
from processor.shell.page.view import MOST_ROWS, live_lag, view
from processor.shell.seen import Seen
from tests.unit.test_observers import OUTCOME

TOPICS = ("order-paid", "cart-abandoned", "rokt-replay")
WALL = 1_790_000_000.0
HOLD = HoldSight(
    since=WALL - 60,
    reason=Reason.UNREACHABLE,
    why="connection refused",
    waiting=12,
    next_probe=WALL + 8,
)
SIGHT = Sight(
    in_flight=2,
    is_restored=True,
    unfinished={"order-paid": 3, "cart-abandoned": 1, "rokt-replay": 5},
    oldest={Operation.CONFIRM: 1_789_999_990_000},
    timestamps={},
    reserved=(),
    next_offsets={Partition(topic, 0): 5 for topic in TOPICS}
    | {Partition(topic, 1): 5 for topic in TOPICS[:2]},
    holds={},
    paused_until={},
    retrying=None,
    releases_stopped=None,
)
SEEN = Seen(
    wall=WALL,
    group_id="g",
    topics=TOPICS,
    most_in_flight=64,
    is_live=True,
    is_ready=True,
    sight=SIGHT,
    phases={0: Phase.WORKING, 1: Phase.RESTORING},
    lag={Partition("order-paid", 0): 7, Partition("rokt-replay", 0): 40},
    left={1: 250},
    last_outcome_at=WALL - 1,
)
GAP = Gap(partition=Partition("order-paid", 1), position=41, begin=118, end=130, is_replaced=False)


def test_before_the_work_begins_there_is_nothing_to_show() -> None:
    seen = Seen(
        wall=WALL, group_id="g", topics=TOPICS, most_in_flight=64, is_live=True, is_ready=False
    )
    shown = view(seen)
    assert (shown["word"], shown["rows"], shown["letters"], shown["lag"]) == (
        "Starting",
        [],
        [],
        None,
    )
    assert set(map(tuple, shown["points"].values())) == {()}


def test_partitions_have_a_row_a_number() -> None:
    assert view(SEEN)["rows"] == [
        {"number": 0, "state": "works", "level": "well", "lag": [7, None, 40], "left": 0},
        {
            "number": 1,
            "state": "reads its ledger",
            "level": "busy",
            "lag": [None, None, None],
            "left": 250,
        },
    ]


def test_a_parked_partition_is_shown_with_the_command_and_a_full_one_as_full() -> None:
    shown = view(replace(SEEN, gaps=(GAP,), full=[0]))
    assert [(row["state"], row["level"]) for row in shown["rows"]] == [
        ("is full: it takes in no more until there is room", "busy"),
        ("order-paid is parked", "trouble"),
    ]
    assert shown["parked"] == [
        {
            "partition": "order-paid [1]",
            "missing": "records were deleted before they were received: 77 offsets, from 41 to 117",
            "command": "processor topics accept-gap --topic order-paid --partition 1",
        }
    ]


def test_the_lane_has_a_column_where_some_of_it_is_owned() -> None:
    shown = view(SEEN)
    assert (shown["topics"], shown["lag"]) == (list(TOPICS), 7)
    assert shown["replay"] == {
        "partitions": 1,
        "lag": 40,
        "unfinished": 5,
        "worked": 0,
        "settled": 0,
        "dead_letters": 0,
        "replay_id": None,
        "last_at": None,
    }
    owned = {partition: 5 for partition in SIGHT.next_offsets if partition.topic != "rokt-replay"}
    assert view(replace(SEEN, sight=replace(SIGHT, next_offsets=owned)))["topics"] == [
        "order-paid",
        "cart-abandoned",
    ]


def test_of_too_many_partitions_those_are_shown_that_need_somebody() -> None:
    phases = dict.fromkeys(range(MOST_ROWS + 50), Phase.WORKING) | {240: Phase.RESTORING}
    lag = {Partition("order-paid", 230): 9}
    owned = dict.fromkeys([Partition("order-paid", number) for number in phases], 5)
    shown = view(replace(SEEN, phases=phases, lag=lag, sight=replace(SIGHT, next_offsets=owned)))
    numbers = [row["number"] for row in shown["rows"]]
    assert (len(numbers), numbers[-2:], shown["rows_left_out"]) == (MOST_ROWS, [230, 240], 50)


def test_a_hold_is_shown_with_its_reason_its_next_probe_and_what_to_do() -> None:
    shown = view(replace(SEEN, sight=replace(SIGHT, holds={Scope.CONFIRM: HOLD})))
    assert shown["holds"] == [
        {
            "scope": "confirm",
            "since": "2026-09-21T14:12:20+00:00",
            "reason": "UNREACHABLE",
            "why": "connection refused",
            "do": "check PROCESSOR_ROKT__BASE_URL, names, network and certificates",
            "waiting": 12,
            "next_probe_at": "2026-09-21T14:13:28+00:00",
        }
    ]


def test_of_a_dead_letter_only_ids_and_reason_are_shown_and_no_id_without_end() -> None:
    outcome = replace(OUTCOME, cart_id="c" * 5_000)
    ended = RecordEnded(
        outcome=outcome,
        has_dead_letter=True,
        is_replayed=False,
        is_released_before_paid=False,
        seconds=1.0,
    )
    seen = replace(SEEN, recent=Recent())
    seen.recent.observe(ended, WALL)
    assert view(seen)["letters"] == [
        {
            "at": "2026-09-21T14:13:20+00:00",
            "id": "6f4f",
            "operation": "CONFIRM",
            "reason": "BAD_REQUEST",
            "effect": "NOT_APPLIED",
            "cart_id": "c" * 100 + "…",
            "order_id": "o-1",
            "source": "order-paid:3:42",
            "http_status": 400,
            "attempts": 2,
            "is_replayed": False,
        }
    ]


def test_complaints_are_told_in_the_words_of_those_who_complain() -> None:
    seen = replace(
        SEEN,
        away=["kafka: no answer"],
        key_problem="cannot be read: gone",
        sight=replace(SIGHT, releases_stopped="cart c-1 is on partitions 1 and 2"),
    )
    assert view(seen)["notices"] == [
        "kafka: no answer",
        "cart c-1 is on partitions 1 and 2",
        "PROCESSOR_ROKT__API_KEY_FILE cannot be read: gone",
    ]


def test_what_lies_in_the_lane_is_no_lag_of_live_events() -> None:
    assert live_lag({**SEEN.lag, Partition("cart-abandoned", 1): 2}, "rokt-replay") == 9
