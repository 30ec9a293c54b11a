"""The ledger's copy on a real disk: what it survives, and what it says where it cannot be used."""

import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Final

import pytest

from processor.core.ledgers import Kept
from processor.core.meetings import Conflict, Duplicate, Proceed
from processor.core.outcomes import OutcomeView
from processor.core.records import Source, Topics
from processor.core.replies import ItemVerdict
from processor.core.vocabulary import Effect, ItemResult, Operation, Status
from processor.errors import ConfigurationError, RuntimeFailure
from processor.shell.ledger.disk import Disk, Identity
from processor.shell.ledger.folder import ledger_folder
from processor.shell.ledger.lasting import LastingLedgers
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, order

IDENTITY: Final[Identity] = {
    "results": "results",
    "topic_id": "abc",
    "partitions": 2,
    "releases": "x",
}


def outcome(number: int) -> OutcomeView:
    return OutcomeView(
        outcome_id=f"id-{number}",
        operation=Operation.CONFIRM,
        status=Status.SUCCEEDED,
        effect=Effect.APPLIED,
        reason=None,
        cart_id=f"cart-{number}",
        order_id=f"order-{number}",
        source=Source(PAYMENTS, 0, number, None),
        origin=None,
        replay_id=None,
        request_fingerprint="f" * 64,
        items=(
            ItemVerdict(
                cart_item_id=f"item-{number}",
                item_reservation_id=None,
                result=ItemResult.SUCCEEDED,
            ),
        ),
    )


TOPICS: Final = Topics(payments=PAYMENTS, abandonments=ABANDONMENTS)


class Copy:
    """A copy in a folder, and the ledger of one partition in it."""

    def __init__(self, folder: Path, identity: Identity = IDENTITY) -> None:
        self.ledgers = LastingLedgers(Disk(folder, identity), TOPICS)
        self.ledger, self.position = self.ledgers.open(0)
        self.read = self.position
        self.at = 0.0

    def learn(self, count: int) -> None:
        for number in range(self.read, self.read + count):
            self.ledger.learn(outcome(number), number)
        self.read += count

    def checkpoint(self) -> None:
        self.at += 10.0
        self.ledgers.checkpoint([self.kept], self.at)

    @property
    def kept(self) -> tuple[int, Kept]:
        return 0, Kept(self.ledger, self.read)

    def close(self) -> None:
        self.ledgers.close([self.kept])

    def knows(self, number: int) -> bool:
        answer = self.ledger.ask_confirm(order(f"order-{number}", f"cart-{number}", "a"), "f" * 64)
        assert isinstance(answer, Duplicate | Proceed)
        return isinstance(answer, Duplicate)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger"


def test_what_was_learnt_is_known_to_the_next_process_and_read_on_from_there(folder: Path) -> None:
    copy = Copy(folder)
    copy.learn(7)
    copy.ledger.done.forget(PAYMENTS, 7)
    copy.close()
    again = Copy(folder)
    assert (again.position, again.knows(6), again.knows(7)) == (7, True, False)
    again.close()


def large(number: int, items: int) -> OutcomeView:
    names = ["item-a", *(f"{number}-{item}" for item in range(items))]
    verdicts = [ItemVerdict(name, None, ItemResult.SUCCEEDED) for name in names]
    return outcome(number)._replace(items=tuple(verdicts))


@pytest.mark.parametrize(("carts", "items", "most"), [(20, 5_000, 500_000), (150, 800, 5_000_000)])
def test_memory_does_not_grow_with_large_carts(
    folder: Path, carts: int, items: int, most: int
) -> None:
    """A fifth of a second lies between two looks. `most` is bytes."""
    copy = Copy(folder)
    tracemalloc.start()
    try:
        for number in range(carts):
            copy.ledger.learn(large(number, items), number)
            copy.ledger.done.forget(PAYMENTS, number)
            copy.ledgers.checkpoint([copy.kept], 100.0 + number / 5)
        copy.ledgers.checkpoint([copy.kept], 200.0)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < most
    assert copy.knows(0)
    assert copy.knows(carts - 1)
    copy.close()


def test_large_carts_are_written_at_once_however_many_there_are(folder: Path) -> None:
    """A slice at each tick, until little is left."""
    copy = Copy(folder)
    for number in range(10):
        copy.ledger.learn(large(number, 5_000), number)
    for tick in range(5):
        copy.ledgers.checkpoint([copy.kept], 100.0 + tick / 200)
    left = folder.with_name("left")
    shutil.copytree(folder, left)
    found = Copy(left)
    assert isinstance(found.ledger.ask_confirm(order("another", "cart-8", "a"), "x"), Conflict)
    found.close()
    copy.close()


def test_of_records_that_may_come_again_the_outcomes_are_read_again(folder: Path) -> None:
    copy = Copy(folder)
    copy.learn(7)
    copy.ledger.done.forget(PAYMENTS, 4)
    copy.close()
    again = Copy(folder)
    assert (again.position, again.ledger.done.floors) == (4, {PAYMENTS: 4})
    again.close()


def test_a_process_that_is_killed_leaves_its_last_checkpoint(folder: Path) -> None:
    """As the disk would be found: its files, taken while they are open."""
    copy = Copy(folder)
    copy.learn(5)
    copy.ledger.done.forget(PAYMENTS, 5)
    copy.checkpoint()
    copy.learn(5)
    left = folder.with_name("left")
    shutil.copytree(folder, left)
    found = Copy(left)
    assert (found.position, found.knows(4), found.knows(5)) == (5, True, False)
    found.close()
    copy.close()


def test_much_that_is_unwritten_does_not_wait_for_its_time(folder: Path) -> None:
    copy = Copy(folder)
    copy.learn(10)
    copy.ledgers.checkpoint([copy.kept], 1.0)
    copy.ledgers.checkpoint([copy.kept], 5.0)
    copy.learn(5_000)
    copy.ledgers.checkpoint([copy.kept], 5.2)
    left = folder.with_name("left")
    shutil.copytree(folder, left)
    found = Copy(left)
    assert found.knows(5_000)
    found.close()
    copy.close()


@pytest.mark.parametrize(
    "other",
    [{"topic_id": "def"}, {"results": "other"}, {"partitions": 3}, {"releases": "y"}],
    ids=str,
)
def test_a_copy_of_something_else_is_not_used(folder: Path, other: dict[str, str | int]) -> None:
    copy = Copy(folder)
    copy.learn(3)
    copy.close()
    again = Copy(folder, {**IDENTITY, **other})
    assert (again.position, again.knows(0)) == (0, False)
    again.close()


def test_where_brokers_tell_no_topic_id_no_copy_is_used(folder: Path) -> None:
    for _ in range(2):
        copy = Copy(folder, {**IDENTITY, "topic_id": None})
        assert (copy.position, copy.knows(0)) == (0, False)
        copy.learn(3)
        copy.close()


def test_a_copy_of_another_form_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Copy(folder)
    copy.learn(3)
    copy.close()
    monkeypatch.setattr("processor.shell.ledger.disk.FORMAT", 2)
    again = Copy(folder)
    assert (again.position, again.knows(0)) == (0, False)
    again.close()


def test_a_copy_that_cannot_be_opened_begins_anew(folder: Path) -> None:
    copy = Copy(folder)
    copy.learn(3)
    copy.close()
    (folder / "CURRENT").write_bytes(b"\x00garbage")
    again = Copy(folder)
    assert (again.position, again.knows(0)) == (0, False)
    again.close()


def test_a_damaged_copy_ends_the_process_once_and_is_not_used_again(folder: Path) -> None:
    copy = Copy(folder)
    copy.learn(20_000)
    copy.close()
    tables = sorted(folder.glob("*.sst"))
    assert tables
    for table in tables:
        data = bytearray(table.read_bytes())
        data[len(data) // 4 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 4)
        table.write_bytes(data)
    with pytest.raises(RuntimeFailure, match=r"cannot be read.*next start throws it away"):
        _read_all(folder)
    again = Copy(folder)
    assert (again.position, again.knows(0)) == (0, False)
    again.close()


def _read_all(folder: Path) -> None:
    copy = Copy(folder)
    try:
        for number in range(20_000):
            assert copy.knows(number)
    finally:
        copy.ledgers.close([])


def test_a_folder_that_another_process_uses_is_refused(folder: Path) -> None:
    copy = Copy(folder)
    with pytest.raises(ConfigurationError, match="Another process uses"):
        Copy(folder)
    copy.close()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigurationError, match=r"cannot be written to .*PROCESSOR_STATE_DIR"):
        Copy(file / "ledger")


def test_a_full_disk_is_said_and_nothing_is_forgotten() -> None:
    """In a process of its own, whose files may not grow: each write fails like on a full disk."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.full_disk"],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.decode()[-500:]) == (0, "")
    assert done.stdout.decode().splitlines()[-1] == "known: 6000; written after all: True"


def test_offsets_that_go_back_have_all_results_read_again(folder: Path) -> None:
    copy = Copy(folder)
    copy.learn(7)
    copy.ledger.done.forget(PAYMENTS, 7)
    copy.close()
    again = Copy(folder)
    assert again.ledger.done.floors == {PAYMENTS: 7}
    again.ledger = again.ledgers.anew(0)
    again.read = 0
    assert (again.ledger.done.floors, again.knows(3)) == ({}, True)
    again.ledger.done.forget(PAYMENTS, 2)
    again.learn(7)
    assert again.ledger.done.has(PAYMENTS, 3, "id-3")
    again.close()


def test_a_copy_that_lost_something_while_it_was_closed_is_not_trusted(folder: Path) -> None:
    """Somebody made room by deleting what looked like logs: the copy opens, and knows less."""
    disk = Disk(folder, IDENTITY)
    before = folder.with_name("before")
    shutil.copytree(folder, before)
    assert disk.put([(b"a", b"1")]) is None
    disk._trouble = "no room"  # noqa: SLF001  as a write leaves it
    assert disk.put([(b"b", b"2")]) == "no room"
    disk.close()
    shutil.rmtree(folder)
    before.rename(folder)
    with pytest.raises(RuntimeFailure, match="is not what it was"):
        disk.ready()
    again = Disk(folder, IDENTITY)
    assert again.get(b"a", bytes) is None
    again.close()


def test_a_copy_that_was_opened_again_goes_on(folder: Path) -> None:
    disk = Disk(folder, IDENTITY)
    disk.put([(b"a", b"1")])
    disk._trouble = "no room"  # noqa: SLF001  as a write leaves it
    assert (disk.ready(), disk.put([(b"b", b"2")])) == (None, None)
    assert (disk.get(b"a", bytes), disk.get(b"b", bytes)) == (b"1", b"2")
    disk.close()


def test_a_folder_that_is_gone_is_a_trouble_like_any_other(folder: Path) -> None:
    disk = Disk(folder, IDENTITY)
    disk._trouble = "no room"  # noqa: SLF001  as a write leaves it
    shutil.rmtree(folder)
    assert "No such file" in str(disk.ready())


def test_what_is_asked_of_a_closed_copy_does_not_mark_it(folder: Path) -> None:
    disk = Disk(folder, IDENTITY)
    disk.put([(b"a", b"1")])
    disk.close()
    with pytest.raises(RuntimeFailure):
        disk.get(b"a", bytes)
    again = Disk(folder, IDENTITY)
    assert again.get(b"a", bytes) == b"1"
    again.close()


def test_much_is_written_in_slices_with_how_far_it_goes_last(folder: Path) -> None:
    copy = Copy(folder)
    copy.learn(9_000)  # two entries each
    copy.checkpoint()
    assert copy.ledgers._copies[0].checkpoint.position == 0  # noqa: SLF001
    copy.checkpoint()
    assert copy.ledgers._copies[0].unwritten == 0  # noqa: SLF001
    copy.close()


# Where it lies


def test_a_temporary_folder_goes_with_the_process() -> None:
    with ledger_folder(None) as folder:
        folder.mkdir()
        (folder / "file").touch()
    assert not folder.parent.exists()


HOLD = """
import sys
from pathlib import Path
from processor.shell.ledger.disk import Disk
disk = Disk(Path(sys.argv[1]), {"topic_id": "abc"})
print("open", flush=True)
sys.stdin.read()
"""


def test_what_a_killed_process_has_left_goes_with_the_next_and_what_lives_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever it is that holds it: process ids say nothing where containers share a folder."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left, alive = (tmp_path / f"rokt-cart-processor-{number}-x" for number in (1, 2))
    empty, foreign = tmp_path / "rokt-cart-processor-3-x", tmp_path / "rokt-cart-processor-notes"
    for each in (empty, foreign):
        each.mkdir()
    Disk(left / "ledger", IDENTITY).close()
    command = [sys.executable, "-c", HOLD, str(alive / "ledger")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with ledger_folder(None) as first:
            Disk(first, IDENTITY)
            with ledger_folder(None):
                assert first.exists(), "our own"
        assert {each.name for each in tmp_path.iterdir()} == {alive.name, empty.name, foreign.name}
        holder.kill()


def test_a_folder_that_is_set_stays(tmp_path: Path) -> None:
    with ledger_folder(tmp_path) as folder:
        folder.mkdir()
    assert folder.exists()
