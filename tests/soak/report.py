"""The report: what the soak did, and what it found."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from processor.fake_rokt.contract import Operation
from processor.fake_rokt.ledger import Entry
from tests.soak.fleet import Fleet, Sample
from tests.soak.plan import Domain, Planned
from tests.support.oracle import Written

_MEGABYTE = 1e6
_DENIED = frozenset({"NOT_SENT", "NOT_APPLIED"})
# After these, a call that was answered may have left no outcome.
_LIKE_A_CRASH = frozenset({Domain.PROCESSOR, Domain.BROKER})
_ORDERLY = frozenset({"processor stopped in order", "another processor joins and leaves"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One fault that happened, from `began` to `recovered` on the monotonic clock.

    `recovery` is the time from the end of all faults of its round until everything was committed
    that lay in the inputs then; infinite if that took too long.
    """

    planned: Planned
    bit: bool
    is_alone: bool
    began: float
    recovered: float
    recovery: float

    @property
    def is_like_a_crash(self) -> bool:
        kind = self.planned.kind
        return kind.domain in _LIKE_A_CRASH and kind.name not in _ORDERLY


def fault_table(happened: Sequence[Happened]) -> Iterable[str]:
    """Return lines: how often each fault came, how often it bit, and how long recovery took."""
    by_name: dict[str, list[Happened]] = defaultdict(list)
    for each in happened:
        by_name[each.planned.kind.name].append(each)
    yield f"{'fault':<40} {'times':>5} {'bit':>5} {'median s':>9} {'max s':>7}"
    for name, times in sorted(by_name.items()):
        alone = [each.recovery for each in times if each.is_alone]
        recoveries = alone or [each.recovery for each in times]
        bit = sum(each.bit for each in times)
        mark = "" if alone else "  (with others)"
        yield (
            f"{name:<40} {len(times):>5} {bit:>5} {median(recoveries):>9.1f}"
            f" {max(recoveries):>7.1f}{mark}"
        )


def effects_lost(entries: Sequence[Entry], outcomes: Iterable[Written]) -> list[str]:
    """Return the orders that Rokt confirmed while no outcome of theirs admits it."""
    told: dict[str, set[str]] = defaultdict(set)
    for each in outcomes:
        if each.value["operation"] == "CONFIRM" and each.value["orderId"]:
            told[each.value["orderId"]].add(each.value["effect"])
    applied = {each.order_id for each in entries if each.is_applied and each.order_id}
    return sorted(order for order in applied if not told[order] - _DENIED)


def called_after_an_answer(
    entries: Sequence[Entry], happened: Sequence[Happened]
) -> tuple[int, list[str]]:
    """Return how many confirms came although an earlier one had been answered with a success.

    And the orders among them that no fault explains which takes a cart's owner away.
    """
    answered: dict[str, float] = {}
    again, unexplained = 0, []
    crashes = [each for each in happened if each.is_like_a_crash]
    for entry in entries:
        order = entry.order_id
        if entry.operation is not Operation.CONFIRM or order is None:
            continue
        since = answered.get(order)
        if since is not None and entry.arrived_at > since:
            again += 1
            if not any(
                each.began < entry.arrived_at and each.recovered > since for each in crashes
            ):
                unexplained.append(order)
        if entry.is_applied and entry.is_answered and entry.ended_at is not None:
            answered.setdefault(order, entry.ended_at)
    return again, unexplained


def fleet_lines(fleet: Fleet) -> Iterable[str]:
    """Return what the members' processes needed, first, last and at most, and how they ended."""
    for number, member in enumerate(fleet.members, start=1):
        samples = member.samples
        if samples:
            yield f"member {number}: {_resources(samples)}"
    odd = fleet.odd_ends()
    yield f"processes that ended unasked, by exit code: {dict(odd) or 'none'}"


def _resources(samples: Sequence[Sample]) -> str:
    resident = [each.resident / _MEGABYTE for each in samples]
    descriptors = [each.descriptors for each in samples]
    return (
        f"{resident[0]:.0f} MB at first, {resident[-1]:.0f} at last, {max(resident):.0f} at most; "
        f"descriptors {descriptors[0]}, {descriptors[-1]}, {max(descriptors)}"
    )
