"""The tally of a replay's outcomes."""

from dataclasses import replace

from processor.core.tally import Tally, Told
from processor.core.vocabulary import Effect, Operation, Reason, Status

DONE = Told(
    outcome_id="1",
    operation=Operation.CONFIRM,
    status=Status.SUCCEEDED,
    effect=Effect.APPLIED,
    reason=None,
    order_id="order-1",
)
REFUSED = Told(
    outcome_id="2",
    operation=Operation.CONFIRM,
    status=Status.REJECTED,
    effect=Effect.NOT_APPLIED,
    reason=Reason.UNPROCESSABLE,
    order_id=None,
)
SKIPPED = Told(
    outcome_id="3",
    operation=Operation.RELEASE,
    status=Status.SKIPPED,
    effect=Effect.NOT_SENT,
    reason=None,
    order_id=None,
)


def tally(*told: Told) -> Tally:
    made = Tally()
    for each in told:
        made.take(each)
    return made


def test_outcomes_calls_changes_and_dead_letters_are_counted() -> None:
    counted = tally(DONE, REFUSED, SKIPPED).now()
    assert counted.outcomes == {
        (Operation.CONFIRM, Status.SUCCEEDED): 1,
        (Operation.CONFIRM, Status.REJECTED): 1,
        (Operation.RELEASE, Status.SKIPPED): 1,
    }
    assert (counted.called, counted.changed, counted.orders) == (2, 1, ("order-1",))
    assert (counted.dead_letters, counted.failed) == ({Reason.UNPROCESSABLE: 1}, 1)


def test_an_outcome_that_is_written_twice_counts_once_by_its_stronger_effect() -> None:
    unclear = replace(
        REFUSED,
        status=Status.INDETERMINATE,
        effect=Effect.MAYBE_APPLIED,
        reason=Reason.RETRIES_EXHAUSTED,
    )
    for order in ((REFUSED, unclear), (unclear, REFUSED), (unclear, unclear, REFUSED)):
        counted = tally(*order).now()
        assert counted.outcomes == {(Operation.CONFIRM, Status.INDETERMINATE): 1}
        assert counted.dead_letters == {Reason.RETRIES_EXHAUSTED: 1}
        assert (counted.called, counted.changed) == (1, 1)


def test_dead_letters_and_calls_of_an_earlier_run_are_not_new() -> None:
    counted = tally(replace(REFUSED, is_new=False), replace(REFUSED, outcome_id="4"))
    assert (counted.now().failed, counted.new_dead_letters) == (2, 1)
    assert (counted.now().called, counted.now().new_calls) == (2, 1)
