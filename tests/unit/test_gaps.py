"""Gaps: what a parked partition misses, and which acceptance is meant for it."""

import pytest

from processor.core.records import Partition
from processor.shell.kafka.gaps import Gap
from processor.shell.kafka.marks import Acceptance, mark, read, topic_id_of, write

PLACE = Partition("order-paid", 3)
DELETED = Gap(partition=PLACE, position=10, begin=30, end=90, is_replaced=False)
CUT_BACK = Gap(partition=PLACE, position=10, begin=0, end=4, is_replaced=False)
REPLACED = Gap(partition=PLACE, position=10, begin=0, end=90, is_replaced=True)


def accepted(position: int, go_on: int, topic_id: str = "now") -> Acceptance:
    return Acceptance(position=position, go_on=go_on, topic_id=topic_id)


@pytest.mark.parametrize(
    ("gap", "acceptance", "expected"),
    [
        (DELETED, accepted(10, 30), True),
        (DELETED, accepted(4, 30), True),  # what was committed, and less than was received
        (DELETED, accepted(10, 20), True),  # more was deleted since: it parks again from there
        (DELETED, accepted(11, 30), False),  # begins above what is missing
        (DELETED, accepted(2, 8), False),  # an earlier one, long passed
        (DELETED, accepted(2, 10), False),
        (DELETED, accepted(50, 0), False),  # that of another end
        (DELETED, accepted(10, 30, "before"), False),  # of a topic of the same name
        (CUT_BACK, accepted(10, 0), True),
        (CUT_BACK, accepted(2, 8), False),
        (CUT_BACK, accepted(10, 0, "before"), False),
        (REPLACED, accepted(10, 0), True),
        (REPLACED, accepted(0, 0), True),
        (REPLACED, accepted(10, 0, "before"), False),
    ],
)
def test_only_the_acceptance_that_was_made_for_a_gap_passes_it(
    gap: Gap, acceptance: Acceptance, *, expected: bool
) -> None:
    assert gap.is_accepted_by(acceptance, "now") is expected


def test_a_gap_says_how_many_records_are_missing_and_what_accepts_that() -> None:
    assert "20 offsets, from 10 to 29" in DELETED.missing
    assert DELETED.remedy == "processor topics accept-gap --topic order-paid --partition 3"


def test_a_log_that_says_nothing_of_the_position_is_worked_from_its_beginning() -> None:
    assert (DELETED.is_anew, CUT_BACK.is_anew, REPLACED.is_anew) == (False, True, True)
    assert "ends at offset 4, below 10" in CUT_BACK.missing
    assert "created anew" in REPLACED.missing


def test_an_acceptance_comes_back_as_it_was_written() -> None:
    acceptance = accepted(10, 30)
    assert read(f"{write(acceptance)}\0", 30) == acceptance  # as the client hands it over
    without = Acceptance(position=0, go_on=5, topic_id=None)
    assert read(write(without), 5) == without


@pytest.mark.parametrize(
    "metadata", [None, "", "not ours", "[]", '{"from":true}', "{}", "[" * 9999]
)
def test_what_is_no_acceptance_accepts_nothing(metadata: str | None) -> None:
    assert read(metadata, 5) is None


def test_no_offset_accepts_nothing() -> None:
    assert read(write(accepted(1, 2)), -1001) is None


def test_a_mark_leaves_the_metadata_as_it_is_otherwise() -> None:
    assert mark('{"v":1,"horizon":7}', "now") == '{"v":1,"horizon":7,"topic":"now"}'
    assert topic_id_of(mark('{"v":1}', "now")) == "now"


def test_what_is_not_ours_is_not_marked() -> None:
    assert mark("horizon", "now") == "horizon"
    assert mark('{"v":1}', None) == '{"v":1}'
    assert topic_id_of("horizon") is None
    assert topic_id_of('{"topic":7}') is None
