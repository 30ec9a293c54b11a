"""A copy says what it stands for, whoever else has written headers."""

from dataclasses import replace

import pytest

from processor.core.copies import (
    Copy,
    NoCopy,
    copy_of,
    headers_of_copy,
    is_replay_id,
    is_replay_name,
)
from processor.core.records import Source
from tests.unit.test_plan_report import PLAN

COPY = Copy(replay_id="2026-11-24-a", origin=Source("order-paid", 3, 17, 1_700_000_000_000))


def _without(name: str) -> list[tuple[str, bytes | None]]:
    return [header for header in headers_of_copy(COPY, ()) if header[0] != name]


def test_a_name_that_is_given_again_makes_other_copies() -> None:
    longest = replace(PLAN, replay_id="n" * 48, created_at=4_102_444_800_000)
    again = replace(longest, created_at=longest.created_at + 1)
    assert is_replay_name(longest.replay_id)
    assert not is_replay_name(longest.replay_id + "n")
    assert is_replay_id(longest.run_id)
    assert longest.run_id != again.run_id


def test_what_is_written_is_read_back() -> None:
    assert copy_of(headers_of_copy(COPY, ())) == COPY


def test_an_authorised_one_without_a_timestamp_too() -> None:
    copy = Copy(replay_id="a", origin=Source("file:00ff", 0, 0, None), is_authorised=True)
    assert copy_of(headers_of_copy(copy, ())) == copy


@pytest.mark.parametrize("timestamp", [-(2**63), -1, 0, 1_700_000_000_000_000_000, 2**63 - 1])
def test_whatever_time_a_producer_gave_its_record_is_read_back(timestamp: int) -> None:
    copy = Copy(replay_id="a", origin=Source("order-paid", 0, 0, timestamp))
    assert copy_of(headers_of_copy(copy, ())) == copy


def test_foreign_headers_stay_and_come_first() -> None:
    foreign = (("trace", b"\xff"), ("none", None))
    assert headers_of_copy(COPY, foreign)[:2] == foreign


def test_what_an_earlier_replay_wrote_is_left_out() -> None:
    earlier = Copy(replay_id="earlier", origin=Source("x", 0, 0, None), is_authorised=True)
    again = headers_of_copy(COPY, headers_of_copy(earlier, (("trace", b"1"),)))
    assert again == headers_of_copy(COPY, (("trace", b"1"),))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("processor.replay.id", b""),
        ("processor.replay.id", b"../x"),
        ("processor.replay.id", b"x" * 65),
        ("processor.origin.topic", b""),
        ("processor.origin.topic", b"x" * 250),
        ("processor.origin.partition", b"-1"),
        ("processor.origin.partition", b"1.0"),
        ("processor.origin.partition", b"2147483648"),
        ("processor.origin.offset", b"9" * 19),
        ("processor.origin.timestamp", b"9" * 19),
        ("processor.origin.timestamp", b"-9223372036854775809"),
        ("processor.origin.offset", None),
        ("processor.origin.timestamp", "٣".encode()),
    ],
)
def test_headers_that_no_replay_writes_make_no_copy(name: str, value: bytes | None) -> None:
    found = copy_of([*_without(name), (name, value)])
    assert isinstance(found, NoCopy)
    assert name in found.detail


@pytest.mark.parametrize("name", [name for name, _ in headers_of_copy(COPY, ())][:4])
def test_a_missing_header_is_named(name: str) -> None:
    assert copy_of(_without(name)) == NoCopy(detail=f"header {name} is missing")


def test_only_true_authorises() -> None:
    found = copy_of([*headers_of_copy(COPY, ()), ("processor.replay.include-maybe-applied", b"1")])
    assert found == COPY
