"""Samples: what is produced, how Rokt is told to answer, and what has to come of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from processor.core.events import Event, OrderPaid
from processor.core.vocabulary import Effect, Operation, Reason, Status
from processor.fake_rokt import Operation as RoktOperation
from processor.fake_rokt import Rule, Then, When


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What has to come of a sample. With a `reason` there is a dead letter, otherwise none."""

    status: Status = Status.SUCCEEDED
    effect: Effect = Effect.APPLIED
    reason: Reason | None = None
    calls: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """One record of an input, and all there is to say of it. Each is equal to itself only.

    `content` is an event, or the record's value where it holds none. `replies` is what Rokt does
    instead of what it should, call by call. A `late` sample is produced when all others have
    come to their outcomes.
    """

    title: str
    operation: Operation
    key: str
    content: Event | bytes | None
    expects: Expectation = Expectation()
    replies: tuple[Then, ...] = ()
    is_late: bool = False

    @property
    def order_id(self) -> str | None:
        """The order that is to be confirmed, if it can be read."""
        return self.content.order_id if isinstance(self.content, OrderPaid) else None

    def rules(self) -> Iterator[Rule]:
        """Yield what Rokt is told of its calls."""
        when = When(
            operation=RoktOperation[self.operation], cart_id=self.key, order_id=self.order_id
        )
        for reply in self.replies:
            yield Rule(when=when, then=reply, times=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Samples that belong together."""

    title: str
    samples: tuple[Sample, ...]


def sample(
    title: str,
    event: Event,
    expects: Expectation = Expectation(),
    *replies: Then,
    is_late: bool = False,
) -> Sample:
    """Return an event as a shop would produce it: on its topic, under its cart."""
    return Sample(
        title=title,
        operation=Operation.CONFIRM if isinstance(event, OrderPaid) else Operation.RELEASE,
        key=event.cart_id,
        content=event,
        expects=expects,
        replies=replies,
        is_late=is_late,
    )
