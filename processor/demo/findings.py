"""Findings: what came of each sample, against what had to come of it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from processor.core.vocabulary import Effect, Reason, Status
from processor.demo.samples import Sample
from processor.fake_rokt import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the results topic says of one record."""

    id: str
    status: Status
    effect: Effect
    reason: Reason | None
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """What the dead-letter topic says of one record. `id` is that of its outcome."""

    id: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """All that the two topics say of one record."""

    outcomes: tuple[Outcome, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether there is an outcome, and the dead letter that it calls for."""
        return bool(self.outcomes) and (self.outcomes[0].reason is None or bool(self.dead_letters))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What came of one sample. `calls` are those that reached Rokt, as Rokt tells it."""

    sample: Sample
    outcome: Outcome | None
    dead_letter: DeadLetter | None
    calls: tuple[Entry, ...]
    deviations: tuple[str, ...]


def find(readings: Mapping[Sample, Readings], calls: Sequence[Entry]) -> list[Finding]:
    """Return the findings on samples, in their order; `calls` are all that reached Rokt.

    The order of samples that concern the same order, or releases of the same cart, has to be
    that in which they were produced: their calls are told apart by it.
    """
    shares = _share(readings, calls)
    return [_judge(sample, read, shares[sample]) for sample, read in readings.items()]


def _share(
    readings: Mapping[Sample, Readings], calls: Sequence[Entry]
) -> dict[Sample, tuple[Entry, ...]]:
    """Share calls out: each sample gets as many as its outcome tells, the last one the rest."""
    waiting: defaultdict[str | None, list[Entry]] = defaultdict(list)
    for call in calls:
        waiting[call.order_id or call.cart_id].append(call)
    last = {_subject(sample): sample for sample in readings}
    shares = {}
    for sample, read in readings.items():
        left = waiting[_subject(sample)]
        told = read.outcomes[0].attempts if read.outcomes else 0
        count = len(left) if last[_subject(sample)] is sample else told
        shares[sample] = tuple(left[:count])
        del left[:count]
    return shares


def _subject(sample: Sample) -> str:
    """Return the id by which Rokt's ledger tells whom a call was for."""
    return sample.order_id or sample.key


def _judge(sample: Sample, read: Readings, calls: tuple[Entry, ...]) -> Finding:
    return Finding(
        sample=sample,
        outcome=read.outcomes[0] if read.outcomes else None,
        dead_letter=read.dead_letters[0] if read.dead_letters else None,
        calls=calls,
        deviations=tuple(_deviations(sample, read, calls)),
    )


def _deviations(sample: Sample, read: Readings, calls: tuple[Entry, ...]) -> Iterator[str]:
    expects = sample.expects
    if len(read.outcomes) != 1:
        yield f"{len(read.outcomes)} outcomes instead of 1"
    for outcome in read.outcomes[:1]:
        for what, found, expected in (
            ("status", outcome.status, expects.status),
            ("effect", outcome.effect, expects.effect),
            ("reason", outcome.reason, expects.reason),
            ("attempts", outcome.attempts, expects.calls),
        ):
            if found != expected:
                yield f"{what} {found} instead of {expected}"
        letters = [(letter.id, letter.reason) for letter in read.dead_letters]
        if letters != ([(outcome.id, expects.reason)] if expects.reason else []):
            told = ", ".join(reason for _, reason in letters) or "none"
            yield f"dead letters {told} instead of {expects.reason or 'none'}"
    if len(calls) != expects.calls:
        yield f"{len(calls)} calls instead of {expects.calls}"
    if len({call.body_sha256 for call in calls}) > 1:
        yield "its calls are not identical in their bytes"
