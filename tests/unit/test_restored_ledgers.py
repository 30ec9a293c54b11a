"""Ledgers for plans: read to the end, never with a hole, and aware of what was deleted."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from processor.core.events import Undecodable
from processor.core.meetings import Duplicate, Proceed
from processor.core.records import Partition, Record, Source
from processor.core.vocabulary import Effect, Reason, Status
from processor.errors import RuntimeFailure
from processor.shell.history.ledgers import Ledgers, Read
from processor.shell.history.reader import Batch
from processor.shell.outputs import Foreign
from processor.shell.settings import Topics
from tests.support.simulation_events import order
from tests.unit.test_ledger import outcome

OUTCOME = outcome(Status.SUCCEEDED, Effect.APPLIED)


class MadeUpResults:
    """A partition of the results topic; its values tell what they are."""

    def __init__(self, values: Sequence[bytes | None], low: int) -> None:
        self._low = low
        self._records = tuple(
            Record(Source("rokt-results", 0, low + at, 1_000 + at), b"cart", value)
            for at, value in enumerate(values)
        )

    def bounds(self, place: Partition) -> tuple[int, int]:  # noqa: ARG002  as the reader
        return self._low, self._low + len(self._records)

    def read(self, place: Partition, begin: int, end: int) -> Iterator[Batch]:  # noqa: ARG002
        yield Batch(records=self._records, position=end)

    def first(self, place: Partition, begin: int, end: int) -> Record | None:  # noqa: ARG002
        return next(iter(self._records), None)


def ledgers(*values: bytes | None, low: int = 0) -> Ledgers:
    says = {
        b"settled": OUTCOME,
        b"foreign": Foreign(detail="made up"),
        b"broken": Undecodable(reason=Reason.UNDECODABLE, detail="It is broken."),
    }
    read = cast("Read", says.__getitem__)
    return Ledgers(cast("Any", MadeUpResults(values, low)), Topics(), read, 1)


def test_a_ledger_knows_what_lies_in_the_results() -> None:
    restored = ledgers(None, b"foreign", b"settled").restore(0)
    assert isinstance(restored.ledger.ask_confirm(order(), "same"), Duplicate)
    assert isinstance(restored.ledger.ask_confirm(order("other", items="b"), "same"), Proceed)


def test_a_ledger_with_its_beginning_knows_nothing_from_before_its_first_outcome() -> None:
    assert ledgers(b"settled", b"foreign").restore(0).forgets_before == 1_000
    nothing = ledgers().restore(0).forgets_before
    assert nothing > 1_000_000_000_000  # the topic may have been created anew just now


def test_an_outcome_that_cannot_be_read_is_a_failure_not_a_hole() -> None:
    with pytest.raises(RuntimeFailure, match=r"rokt-results \[0\] offset 1 cannot be read"):
        ledgers(b"settled", b"broken").restore(0)


def test_a_ledger_whose_beginning_is_deleted_says_what_it_may_have_forgotten() -> None:
    assert ledgers(b"settled", low=5).restore(0).forgets_before == 1_000
    emptied = ledgers(low=5).restore(0).forgets_before
    assert emptied > 1_000_000_000_000  # all that ever was: until now
