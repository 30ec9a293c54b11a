"""One owned partition of one input: how far calls may lead, when it is full."""

from dataclasses import replace

from processor.core.events import Pending, Undecodable
from processor.core.inputs import Input, Limits
from processor.core.lanes import Lane
from processor.core.ledger import Ledger
from processor.core.ledgers import Kept
from processor.core.partitions import PartitionState
from processor.core.records import Record, Source
from processor.core.vocabulary import Reason
from processor.core.work import Work
from tests.support.codec import PAID

ROUND_TRIP = 0.005
BYTES = Undecodable(reason=Reason.UNDECODABLE, detail="")


def commits(rate: float, seconds: float) -> list[float]:
    """Let records come steadily and commit when one waits, or a second is over; return when."""
    owned, at, wanted = Input(0, 0, 0), 1_000.0, False
    sent: list[float] = []
    answer: tuple[float, int] | None = None
    for offset in range(int(rate * seconds)):
        at += 1 / rate
        owned.offsets.track(offset)
        owned.offsets.resolve(offset)
        if answer is not None and at >= answer[0]:
            owned.horizon, answer, wanted = answer[1], None, False
        wanted = wanted or offset >= owned.horizon
        if answer is None and (wanted or not sent or at >= sent[-1] + 1.0):
            sent.append(at)
            answer = (at + ROUND_TRIP, owned.plan_horizon(at))
    return sent


def test_in_a_steady_stream_about_one_commit_a_second_suffices() -> None:
    for rate in (20, 500, 5_000):
        sent = commits(rate, 10)
        settled = [at for at in sent if at > sent[0] + 2]
        assert len(settled) <= 12, f"{len(settled)} commits at {rate} records a second"
        assert len(sent) <= 40


def test_a_quiet_partition_leads_nothing() -> None:
    owned = Input(0, 0, 0)
    for offset in range(100):
        owned.offsets.track(offset)
        owned.offsets.resolve(offset)
    reaches = [owned.plan_horizon(at) for at in (10.0, 11.0, 12.0, 13.0)]
    assert reaches[-2:] == [100, 100]


def test_a_brief_pause_does_not_wait_for_a_span_that_one_old_record_keeps_open() -> None:
    owned = Input(0, 0, 0)
    for offset in range(80):
        owned.offsets.track(offset)
    for offset in range(1, 70):
        owned.offsets.resolve(offset)
    assert not owned.is_full(Limits(20, 100))
    owned.offsets.track(80)
    for offset in range(81, 90):
        owned.offsets.track(offset)
    assert owned.is_full(Limits(20, 100))
    for offset in range(70, 89):
        owned.offsets.resolve(offset)
    assert owned.has_room(Limits(20, 100))


def sized(offset: int, size: int | None) -> Record:
    return Record(Source("t", 0, offset, 0), None, None if size is None else bytes(size))


def test_large_records_fill_a_partition_sooner_and_make_room_as_they_end() -> None:
    owned = Input(0, 0, 0)
    records = [sized(0, 1024 * 1024), sized(1, 4_095), sized(2, None), sized(3, 4_096)]
    assert [owned.track(record, BYTES) for record in (*records, records[0])] == [True] * 4 + [False]
    assert not owned.is_full(Limits(262, 100))
    assert owned.is_full(Limits(261, 100))
    assert not owned.has_room(Limits(261, 100))
    owned.resolve(0)
    assert not owned.is_full(Limits(5, 100))
    assert owned.is_full(Limits(4, 100))
    for offset in (1, 2, 3):
        owned.resolve(offset)
    assert owned.has_room(Limits(1, 100))


def test_keys_and_headers_count_as_well() -> None:
    key, headers = b"k" * 3_999, (("a", b"b" * 31), ("c", None))
    for records, is_full in (
        ([Record(Source("t", 0, 0, 0), key, b"", headers)], True),
        ([Record(Source("t", 0, 0, 0), key, b"", headers[:1])], False),
        ([Record(Source("t", 0, 0, 0), None, b"", headers * 63)], True),
    ):
        owned = Input(0, 0, 0)
        for record in records:
            owned.track(record, BYTES)
        assert owned.is_full(Limits(2, 100)) is is_full


def test_many_items_count_as_well_whenever_they_are_found() -> None:
    """Ten bytes may hold an item that takes eight hundred of memory."""
    found = replace(PAID, items=PAID.items * 320)
    at_once, later = Input(0, 0, 0), Input(0, 0, 0)
    assert at_once.track(sized(0, 4_000), found)
    assert later.track(sized(0, 4_000), Pending(schema=7))
    assert not later.is_full(Limits(2, 100))
    later.was_read(0, found)
    for owned in (at_once, later):
        assert owned.is_full(Limits(11, 100))
        assert not owned.is_full(Limits(12, 100))
        owned.resolve(0)
        assert owned.bulk == 0


def test_what_waits_for_a_schema_is_taken_in_portions() -> None:
    state = PartitionState(0, 1, Kept(Ledger("releases"), 0))
    lane = Lane(b"k")
    works = [Work(sized(offset, 600), Pending(schema=7), arrival=offset) for offset in range(5)]
    state.pending[7] = [(lane, work) for work in works]
    taken = [state.take_pending(7, room) for room in (0, 1_000, 1, 5_000, 5_000)]
    assert [[work for _, work in portion] for portion in taken] == [
        [],
        works[:2],
        works[2:3],
        works[3:],
        [],
    ]
    assert state.pending == {}
