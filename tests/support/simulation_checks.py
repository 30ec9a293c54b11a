"""What must hold in a simulated world: checked at every call, output and commit, and at the end."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from processor.core import effects as do
from processor.core import horizon
from processor.core.calls import Call
from processor.core.copies import Copy, copy_of
from processor.core.effects import CommitOffset
from processor.core.events import CartAbandoned, Content, OrderPaid, Undecodable
from processor.core.outcomes import DeadLetter, Outcome
from processor.core.records import Partition, Record, Source
from processor.core.vocabulary import Effect, ItemResult, Operation, Status, strongest
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, REPLAY
from tests.support.simulation_rokt import Reaction

SETTLED: Final = frozenset({Effect.APPLIED, Effect.PARTIALLY_APPLIED, Effect.MAYBE_APPLIED})
_CHANGES_NO_ORDER: Final = frozenset({Status.DUPLICATE, Status.CONFLICT, Status.SKIPPED})
_FINAL: Final = frozenset(
    {
        Reaction.SUCCEED,
        Reaction.REFUSE,
        Reaction.REJECT,
        Reaction.SPLIT,
        Reaction.OMIT,
    }
)
_HARMLESS: Final = frozenset(  # the reply proves that nothing was done
    {
        Reaction.REFUSE,
        Reaction.REJECT,
        Reaction.DENY,
        Reaction.FORBID,
        Reaction.PACE,
        Reaction.SLOW_DOWN,
        Reaction.UNREACHABLE,
    }
)
_APPLIED: Final = frozenset({Reaction.SUCCEED, Reaction.SPLIT})


@dataclass(eq=False)
class Attempt:
    """A call that went out; `reaction` is None until its reply was delivered.

    `grant` numbers the assignment that it was planned in: a later owner's is higher.
    """

    owner: tuple[str, int]
    source: Source
    call: Call
    reaction: Reaction | None = None
    grant: int = 0

    @property
    def is_doubtful(self) -> bool:
        """Whether it may have been applied, as far as anybody can know."""
        return self.reaction not in _HARMLESS

    @property
    def is_ambiguous(self) -> bool:
        """Whether its owner knows that it may have been applied, and no more."""
        return self.reaction not in _HARMLESS | _APPLIED


def refuses(outcome: Outcome) -> bool:
    """Whether an outcome says of anything that it was not applied."""
    items = outcome.items
    return outcome.effect not in SETTLED or any(i.result is ItemResult.REJECTED for i in items)


class Checks:
    """What was written, called and committed so far, and whether that may be."""

    def __init__(
        self, logs: dict[Partition, list[Record | None]], contents: dict[Source, Content]
    ) -> None:
        """Look at the logs and at what their records say."""
        self._logs = logs
        self._contents = contents
        self.schema_of: dict[Source, int] = {}
        self.applied: defaultdict[Source, set[str]] = defaultdict(set)
        self.results: defaultdict[int, list[Outcome]] = defaultdict(list)
        self.attempts: list[Attempt] = []
        self._outcomes: defaultdict[Source, list[Outcome]] = defaultdict(list)
        self._passed: set[tuple[str, int, int]] = set()
        self._dead_letters: set[str] = set()
        self._gates: dict[tuple[str, Source], int] = {}
        self._positions: dict[tuple[str, Partition], int] = {}
        self._grants: dict[tuple[str, int], int] = {}
        self._newest: defaultdict[str, int] = defaultdict(int)

    def granted(self, member: str, partition: Partition, offset: int) -> None:
        """Note where a member begins to read a partition."""
        self._positions[member, partition] = offset
        if partition.topic == REPLAY:
            return  # it works where the live inputs are
        self._grants[member, partition.number] = 1 + max(self._grants.values(), default=0)

    def admitted(self, member: str, source: Source) -> None:
        """Note what a member reads, and where the payments end at that moment."""
        partition = Partition(source.topic, source.partition)
        self._positions[member, partition] = source.offset + 1
        payments = self._logs[Partition(PAYMENTS, source.partition)]
        self._gates[member, source] = len(payments)

    # Calls

    def began(
        self,
        attempt: Attempt,
        known: set[int],
        committed: Mapping[Partition, tuple[int, str | None]],
    ) -> None:
        """Check a call that goes out; `known` are the outcomes that its owner has read."""
        self._check_alone(attempt)
        self._check_bytes(attempt)
        self._check_copied_once(attempt, known)
        source = attempt.source
        reach = horizon.read(committed[Partition(source.topic, source.partition)][1])
        assert reach is not None
        assert source.offset < reach.offset, "a call beyond the committed horizon"
        if attempt.call.operation is Operation.CONFIRM:
            self._check_unsettled(attempt, known)
        else:
            self._check_unpaid(attempt)
        self.attempts.append(attempt)

    def _check_alone(self, attempt: Attempt) -> None:
        for other in self.attempts:
            assert (
                other.owner[0] != attempt.owner[0]
                or other.call.cart_id != attempt.call.cart_id
                or other.reaction is not None
            ), "two calls of one cart are in flight"
            assert (
                other.source != attempt.source
                or other.owner != attempt.owner
                or other.reaction not in _FINAL
            ), "it is called again after a final reply"

    def arrived(self, attempt: Attempt) -> None:
        """Check a call that reaches Rokt: once a new owner's has, no old owner's does."""
        cart = attempt.call.cart_id
        assert attempt.grant >= self._newest[cart], "an old owner calls after the new one"
        self._newest[cart] = attempt.grant

    def planned(self, attempt: Attempt) -> None:
        """Check that a call's turn has come: all that goes before it in its cart is finished."""
        source = attempt.source
        attempt.grant = self._grants[attempt.owner[0], source.partition]
        own = self._record(source)
        before = list(self._records(Partition(source.topic, source.partition), source.offset))
        if source.topic == REPLAY and attempt.call.operation is Operation.CONFIRM:
            before = [each for each in before if not self._is_release(each)]
        if attempt.call.operation is Operation.RELEASE:
            payments = Partition(PAYMENTS, source.partition)
            admitted = self._positions.get((attempt.owner[0], payments), 0)
            before += self._records(payments, admitted)
        for record in before:
            if record.key == own.key:
                assert self._is_done(record.source), f"{record.source} was to go first"

    def _check_bytes(self, attempt: Attempt) -> None:
        for other in self.attempts:
            # Which of two carts' records of one order an owner that died had called, nobody knows.
            order_id, cart_id = attempt.call.order_id, attempt.call.cart_id
            is_same = other.source == attempt.source or (
                order_id is not None
                and order_id == other.call.order_id
                and attempt.source.partition == other.source.partition
                and (cart_id == other.call.cart_id or attempt.owner == other.owner)
            )
            # A live record and a copy of another one, of the same order, meet in a takeover in
            # the order in which the new owner happens to receive them.
            is_met = attempt.owner == other.owner or (
                (other.source.topic == REPLAY) is (attempt.source.topic == REPLAY)
            )
            if is_same and is_met and other.is_doubtful:
                assert (other.call.body, other.call.headers) == (
                    attempt.call.body,
                    attempt.call.headers,
                ), "it goes out with other bytes than before"

    def _check_copied_once(self, attempt: Attempt, known: set[int]) -> None:
        copy = copy_of(self._record(attempt.source).headers)
        for outcome in self.results[attempt.source.partition]:
            assert (
                not isinstance(copy, Copy)
                or id(outcome) not in known
                or (outcome.replay_id, outcome.origin) != (copy.replay_id, copy.origin)
            ), "an original is worked twice in one replay"

    def _check_unsettled(self, attempt: Attempt, known: set[int]) -> None:
        copy = copy_of(self._record(attempt.source).headers)
        is_authorised = isinstance(copy, Copy) and copy.is_authorised
        for outcome in self.results[attempt.source.partition]:
            if is_authorised and outcome.effect is Effect.MAYBE_APPLIED:
                continue
            assert (
                id(outcome) not in known
                or outcome.order_id != attempt.call.order_id
                or outcome.status in _CHANGES_NO_ORDER
                or not outcome.request_fingerprint
                or outcome.effect not in SETTLED
            ), f"a settled order is called again: {outcome.source} before {attempt.source}"

    def _check_unpaid(self, attempt: Attempt) -> None:
        source, call = attempt.source, attempt.call
        gate = self._gates[attempt.owner[0], source]
        released = {item.cart_item_id for item in call.items}
        released |= {item.item_reservation_id or "" for item in call.items}
        for record in self._records(Partition(PAYMENTS, source.partition), gate):
            content = self._contents[record.source]
            if isinstance(content, OrderPaid) and content.cart_id == call.cart_id:
                paid = {item.cart_item_id for item in content.items}
                paid |= {item.item_reservation_id or "-" for item in content.items}
                assert not released & paid, "a paid unit is released"
            elif isinstance(content, Undecodable) and record.key == call.cart_id.encode():
                raise AssertionError("a release passes a payment that could not be read")

    def settled(self, attempt: Attempt, effects: Iterable[do.Effect], *, is_stale: bool) -> None:
        """Check what follows from a reply; one to a lost partition changes nothing by itself."""
        if is_stale and attempt.reaction not in _APPLIED and attempt.call.items:
            written = [
                effect
                for effect in effects
                if isinstance(effect, do.Produce) and _source(effect.content) == attempt.source
            ]
            assert written == [], "a stale reply changes something"

    # Outputs and commits

    def landed(self, number: int, content: Outcome | DeadLetter) -> int:
        """Check an output that reaches its topic; return its offset."""
        assert _source(content).partition == number
        if isinstance(content, DeadLetter):
            self._dead_letters.add(content.outcome.outcome_id)
            return len(self._dead_letters)
        if content.reason is not None:
            assert content.outcome_id in self._dead_letters, "an outcome before its dead letter"
        self.results[number].append(content)
        self._outcomes[content.source].append(content)
        return len(self.results[number]) - 1

    def is_overtaken(self, outcome: Outcome, member: str, since: int) -> bool:
        """Whether somebody else has called since for what an outcome says was not applied."""
        return refuses(outcome) and any(
            attempt.source == outcome.source and attempt.owner[0] != member
            for attempt in self.attempts[since:]
        )

    def committed(self, partition: Partition, before: int, one: CommitOffset) -> None:
        """Check an offset that is committed, and that its horizon covers what may be applied."""
        assert one.offset >= before, "a commit goes back"
        for record in self._records(partition, one.offset):
            assert self._is_done(record.source), "a commit passes an unfinished record"
        reach = horizon.read(one.metadata)
        assert reach is not None
        doubtful = self.doubtful_offsets(partition)
        assert all(offset < reach.offset for offset in doubtful), "a horizon forgets a call"

    def passed_over(self, partition: Partition, offset: int) -> None:
        """Note that nothing is to be done for a record: a copy leaves no outcome then."""
        if partition.topic == REPLAY:
            self._passed.add((*partition, offset))

    def _is_done(self, source: Source) -> bool:
        return bool(self._outcomes[source]) or source[:3] in self._passed

    def is_finished(self, partition: Partition) -> bool:
        """Whether every record of a partition has its outcome, or needs none."""
        return all(self._is_done(record.source) for record in self._records(partition))

    def doubtful_offsets(self, partition: Partition) -> set[int]:
        """Return the unfinished offsets of a partition with a doubtful attempt."""
        return {
            attempt.source.offset
            for attempt in self.attempts
            if Partition(attempt.source.topic, attempt.source.partition) == partition
            and attempt.is_doubtful
            and not self._is_done(attempt.source)
        }

    def at_the_end(self) -> None:
        """Check every record's outcomes against what was done to it."""
        for partition in self._logs:
            for record in self._records(partition):
                outcomes = self._outcomes[record.source]
                if not outcomes and record.source[:3] in self._passed:
                    continue  # what it asked for is settled, with the same content
                assert len({outcome.outcome_id for outcome in outcomes}) == 1
                self._check_truth(record.source, outcomes)

    def _check_truth(self, source: Source, outcomes: list[Outcome]) -> None:
        effect = Effect.NOT_SENT
        for outcome in outcomes:
            effect = strongest(effect, outcome.effect)
        applied = self.applied[source]
        assert not applied or effect in SETTLED, f"an effect is reported as {effect}"
        for outcome in outcomes:
            if outcome.status is Status.SUCCEEDED:
                asked = {item.cart_item_id for item in outcome.items}
                done = {i.cart_item_id for i in outcome.items if i.result is ItemResult.SUCCEEDED}
                assert applied >= (done or {""} - asked), "a success that never was"
            if outcome.effect is effect:
                rejected = {
                    i.cart_item_id for i in outcome.items if i.result is ItemResult.REJECTED
                }
                assert not rejected & applied, "an effect is reported as a rejected item"
                assert not applied or outcome.status is not Status.REJECTED

    # Logs

    def _is_release(self, record: Record) -> bool:
        content = self._contents[record.source]
        if isinstance(content, OrderPaid | CartAbandoned):
            return isinstance(content, CartAbandoned)
        copy = copy_of(record.headers)
        return isinstance(copy, Copy) and copy.origin.topic == ABANDONMENTS

    def _records(self, partition: Partition, below: int | None = None) -> Iterator[Record]:
        return (record for record in self._logs[partition][:below] if record is not None)

    def _record(self, source: Source) -> Record:
        record = self._logs[Partition(source.topic, source.partition)][source.offset]
        assert record is not None
        return record


def _source(content: Outcome | DeadLetter) -> Source:
    return content.source if isinstance(content, Outcome) else content.record.source
