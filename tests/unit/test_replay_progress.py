"""What a replay keeps in Kafka: marks and covers, as text."""

import json
from dataclasses import replace

import pytest

from processor.core.pace import Pace
from processor.core.records import Partition
from processor.core.replays import Prospect, Slice
from processor.errors import ConfigurationError
from processor.shell.history.progress import (
    Cover,
    Mark,
    Part,
    State,
    group_of,
    read_cover,
    read_mark,
    write_cover,
    write_mark,
)

PLACE = Partition("order-paid", 3)
MARK = Mark(
    index=2,
    part=Part(
        slice=Slice(place=PLACE, begin=10, end=900),
        position=77,
        counts={Prospect.CONFIRM: 40, Prospect.SETTLED: 5},
    ),
)
COVER = Cover(
    slices=4,
    state=State.PAUSED,
    started_at=1_790_000_000_000,
    written_at=1_790_000_060_000,
    head={"version": 1, "kind": "replay", "selection": {"orders": ["Bestellung-ä"]}},
    pace=Pace(rate=7.5, stop_after_failures=3),
    expected=1_200,
)


def test_a_mark_reads_back_whatever_the_client_puts_behind_it() -> None:
    for ending in ("", "\0"):
        assert read_mark(write_mark(MARK) + ending, PLACE, 77) == MARK


def test_a_cover_reads_back() -> None:
    assert read_cover(write_cover(COVER) + "\0") == COVER


def test_a_cover_that_tells_no_pace_is_read_as_the_ordinary_one() -> None:
    fields = json.loads(write_cover(COVER))
    for name in ("rate", "stop", "copies"):
        del fields[name]
    assert read_cover(json.dumps(fields)) == replace(COVER, pace=Pace(), expected=None)


@pytest.mark.parametrize(
    "text", [None, "", "{}", "[]", "7", '{"v":2}', '{"v":1}', '{"v":1,"i":"x"}', "\0", "{" * 5_000]
)
def test_what_somebody_else_has_written_is_told_apart(text: str | None) -> None:
    assert isinstance(read_mark(text, PLACE, 0), str)
    assert isinstance(read_cover(text), str)


def test_a_selection_that_does_not_fit_is_refused_with_the_remedy() -> None:
    long = Cover(
        slices=1,
        state=State.COPYING,
        started_at=0,
        written_at=0,
        head={"orders": [f"order-{n}" for n in range(500)]},
        pace=Pace(),
        expected=None,
    )
    with pytest.raises(ConfigurationError, match="Put the ids into a file and name it with --ids"):
        write_cover(long)


def test_the_group_of_a_replay_is_named_after_the_live_one() -> None:
    assert group_of("rokt-cart-processor", "r-1") == "rokt-cart-processor.replay.r-1"
