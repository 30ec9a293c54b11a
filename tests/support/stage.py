"""A stage: one real engine, a clock, and a Rokt that answers as each cart's rule says."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from processor.core import effects as do
from processor.core.assignments import Assigned
from processor.core.conclusions import RetrySettings
from processor.core.copies import Copy, Headers, headers_of_copy
from processor.core.engine import Engine
from processor.core.events import Content
from processor.core.horizon import Horizon, write
from processor.core.ledgers import ForgottenLedgers
from processor.core.outcomes import DeadLetter, Outcome
from processor.core.permits import Permits
from processor.core.records import Now, Partition, Record, Source
from processor.core.replies import Failure, FailureKind, Reply, Response
from processor.core.scopes import Scope
from processor.core.turns import Turns
from processor.core.vocabulary import Reason
from tests.support.simulation import SETTINGS
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, REPLAY, order, release
from tests.support.simulation_rokt import Reaction, reply_to

OK: Final = Reaction.SUCCEED
REFUSED: Final = Failure(kind=FailureKind.UNREACHABLE, detail="refused")
TIMEOUT: Final = Failure(kind=FailureKind.TIMEOUT, detail="no answer")
DOCUMENTED: Final = b'{"description": "no", "errors": []}'
What = Reply | Reaction
ALL: Final = (PAYMENTS, ABANDONMENTS, REPLAY)


def http(status: int, body: bytes = b"", **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=named, body=body)


FORBIDDEN: Final = http(403)
ERROR: Final = http(500)


class Stage:
    """One engine that owns everything, a clock, and a Rokt that answers as each cart's rule says.

    A call's answer comes after `latency`, or what `slow` says of its cart; what is produced is
    acknowledged at once. With `is_writing` off calls stay in `unwritten` until `write`.
    """

    def __init__(
        self, *, holds: bool = True, max_in_flight: int = 64, max_unfinished: int = 1000
    ) -> None:
        retries = RetrySettings(holds=holds)
        chosen = replace(
            SETTINGS,
            retries=retries,
            max_in_flight=max_in_flight,
            max_unfinished=max_unfinished,
            max_span=100_000,
            topics=replace(SETTINGS.topics, replay=REPLAY),
        )
        self.engine = Engine(chosen, ForgottenLedgers(ABANDONMENTS), lambda: 0.5)
        self.at = 1000.0
        self.rules: dict[str, What] = {}
        self.default: What = OK
        self.latency = 0.05
        self.slow: dict[str, float] = {}
        self.is_writing = True
        self.unwritten: list[do.Send] = []
        self.calls: list[tuple[float, str]] = []
        self.ended: dict[str, Outcome] = {}
        self.seen: list[do.Effect] = []
        self.paused: set[Partition] = set()
        self.refused: set[Partition] = set()
        self._in_air: list[tuple[float, do.Send]] = []
        self._offsets: dict[str, int] = {}
        self.take()
        self.run(2.0)

    @property
    def now(self) -> Now:
        return Now(self.at, 1_700_000_000.0 + self.at)

    @property
    def dead_letters(self) -> dict[str, Reason | None]:
        return {cart: each.reason for cart, each in self.ended.items() if each.reason}

    @property
    def holds(self) -> set[Scope]:
        return set(self.engine.look().holds)

    @property
    def permits(self) -> Permits:
        return self.engine._dispatch.permits  # noqa: SLF001  nothing else shows it at once

    @property
    def turns(self) -> Turns:
        return self.engine._dispatch.turns  # noqa: SLF001  nor this

    def told(self, *kinds: type[do.Effect]) -> list[do.Effect]:
        """Return what observers were told of these kinds."""
        return [each for each in self.seen if isinstance(each, kinds)]

    def take(self, *topics: str, end: int = 0, reach: int = 0) -> None:
        """Have partitions assigned, by default all, of which nothing is committed.

        Their logs end at `end`; the last owner's horizon was `reach`.
        """
        self._offsets |= dict.fromkeys(topics or ALL, 0)
        metadata = write(Horizon(offset=reach, partitions=SETTINGS.fence.partitions))
        taken = [
            Assigned(partition=Partition(topic, 0), committed=0, metadata=metadata, end=end)
            for topic in topics or ALL
        ]
        self._apply(self.engine.assign(taken, self.now))

    def lose(self, *topics: str) -> None:
        """Lose partitions, by default all."""
        lost = [Partition(topic, 0) for topic in topics or ALL]
        self._apply(self.engine.lose(lost, self.now))

    def decode(self, schema: int, decode: Callable[[Record], Content]) -> None:
        """Have a schema known from now on."""
        self._apply(self.engine.decode_pending(schema, decode, self.now))

    def hasten(self) -> None:
        """Have a new key."""
        self._apply(self.engine.hasten(self.now))

    def pay(self, *carts: str) -> None:
        for cart in carts:
            self.admit(PAYMENTS, cart, order(f"order of {cart}", cart, "a"))

    def abandon(self, *carts: str) -> None:
        for cart in carts:
            self.admit(ABANDONMENTS, cart, release(cart, "b"))

    def replay(self, content: Content, cart: str, copy: Copy) -> None:
        """Have a copy in the replay lane."""
        self.admit(REPLAY, cart, content, headers_of_copy(copy, ()))

    def admit(self, topic: str, cart: str, content: Content, headers: Headers = ()) -> None:
        offset = self._offsets[topic]
        self._offsets[topic] += 1
        value = repr(content).encode()
        record = Record(Source(topic, 0, offset, 1), cart.encode(), value, headers)
        self._apply(self.engine.admit(record, content, self.now))

    def run(self, seconds: float, step: float = 0.05) -> None:
        """Let time pass."""
        end = self.at + seconds
        while self.at < end - 1e-9:
            self.at += step
            self._apply(self.engine.tick(self.now))
            for due, send in [each for each in self._in_air if each[0] <= self.at]:
                self._in_air.remove((due, send))
                self._answer(send)

    def _answer(self, send: do.Send) -> None:
        what = self.rules.get(send.call.cart_id, self.default)
        reply = reply_to(send.call, what) if isinstance(what, Reaction) else what
        self._apply(self.engine.settle(send.call_id, reply, self.now))

    def _apply(self, effects: Iterable[do.Effect]) -> None:  # noqa: C901  one case an effect
        for effect in effects:
            self.seen.append(effect)
            match effect:
                case do.Send():
                    self.unwritten.append(effect)
                    if self.is_writing:
                        self.write()
                case do.Produce(content=content):
                    if not isinstance(content, DeadLetter):
                        self.ended[content.cart_id or ""] = content
                    self._apply(self.engine.acknowledged(effect.output_id, 0, self.now))
                case do.Commit():
                    refused = {each.partition for each in effect.offsets} & self.refused
                    self._apply(self.engine.committed(effect, refused, self.at, self.now))
                case do.AskEnds(partitions=partitions):
                    for number, epoch in partitions:
                        end = self._offsets[PAYMENTS]
                        self._apply(self.engine.end(number, epoch, end, self.now))
                case do.Restore():
                    self._apply(self.engine.restored(effect, 0, 0, self.now))
                case do.Pause(partition=partition):
                    self.paused.add(partition)
                case do.Resume(partition=partition):
                    self.paused.discard(partition)
                case _:
                    pass

    def write(self) -> None:
        """Write the calls that wait for it, if they may still be."""
        waiting, self.unwritten = self.unwritten, []
        for send in waiting:
            if self.engine.begin(send.call_id, self.now):
                cart = send.call.cart_id
                self.calls.append((self.at, cart))
                self._in_air.append((self.at + self.slow.get(cart, self.latency), send))

    def called_since(self, at: float) -> list[str]:
        return [cart for when, cart in self.calls if when > at]


def carts(prefix: str, count: int) -> list[str]:
    return [f"{prefix}-{number}" for number in range(count)]
