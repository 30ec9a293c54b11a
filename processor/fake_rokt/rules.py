"""Rules: which calls are treated otherwise than Rokt would, and how.

The first rule that matches a call decides its fate. "Apply the effect" (`apply`) and "send the
answer" (`send`) are switched separately, so that every disagreement between what Rokt did and
what its caller knows can be staged.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from processor.fake_rokt.contract import Operation
from processor.fake_rokt.reservations import Reservation

_Seconds = Annotated[float, Field(ge=0)]
Latency = _Seconds | tuple[_Seconds, _Seconds]
"""Seconds: a fixed number, or a range of which each call draws one."""


class Lie(StrEnum):
    """A way in which the JSON of an answer is wrong."""

    WRONG_CART_ID = "wrong_cart_id"
    WRONG_ORDER_ID = "wrong_order_id"
    WRONG_RESERVATION_ID = "wrong_reservation_id"
    MISSING_ITEM = "missing_item"
    UNKNOWN_ITEM = "unknown_item"
    DUPLICATE_ITEM = "duplicate_item"
    SUCCESS_AS_TEXT = "success_as_text"
    SUCCESS_AS_NUMBER = "success_as_number"


class Content(StrEnum):
    """What the body of an answer is made of, where a rule gives none of its own."""

    DOCUMENTED = "documented"  # what Rokt's pages show for that status
    ERROR = "error"  # the documented error body, whatever the status
    EMPTY = "empty"
    HTML = "html"
    INVALID_JSON = "invalid_json"
    BROKEN_GZIP = "broken_gzip"
    GZIP_BOMB = "gzip_bomb"  # the right answer, `size` bytes of it once unpacked
    HUGE = "huge"  # the right answer and blanks up to `size` bytes


class Send(StrEnum):
    """How much of an answer leaves, and how."""

    WHOLE = "whole"
    SLOW_HEADERS = "slow_headers"  # one byte each `drip` seconds
    SLOW_BODY = "slow_body"  # one byte of the body each `drip` seconds
    ENDLESS = "endless"  # a body that goes on until the caller leaves
    TRUNCATE = "truncate"  # half of the announced body, then FIN
    TRUNCATE_CHUNK = "truncate_chunk"  # half of an announced chunk, then FIN
    TRUNCATE_RESET = "truncate_reset"  # half of the announced body, then RST
    CLOSE = "close"  # nothing but FIN
    RESET = "reset"  # nothing but RST
    NEVER = "never"  # nothing, until the caller leaves


class _Scripted(BaseModel):
    """A value that scripts and the admin interface can give; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class When(_Scripted):
    """Which calls a rule is for: those that meet everything given.

    Attempts are numbered from 1, for each order (confirm) or cart (release).
    """

    operation: Operation | None = None
    cart_id: str | None = None
    order_id: str | None = None
    first_attempt: Annotated[int, Field(ge=1)] = 1
    last_attempt: Annotated[int, Field(ge=1)] | None = None
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0


class Then(_Scripted):
    """What happens to a call.

    `latency` passes before the effect (None: the usual one), `answer_latency` between effect
    and answer. `apply` None means: exactly when the status is a success. `reject` names items
    (by cartItemId or reservation id) that are answered `success: false` and not applied.
    `headers` replace those of the same name; `body` stands instead of `content`, text as it is
    and anything else as JSON. `retry_after_in` adds a Retry-After with the date so many seconds
    from now; the other shapes of that header go into `headers`.
    """

    latency: Latency | None = None
    apply: bool | None = None
    answer_latency: Latency = 0.0
    status: Annotated[int, Field(ge=200, le=999)] = 200
    headers: dict[str, str] = Field(default_factory=dict)
    retry_after_in: float | None = None
    body: str | dict[str, JsonValue] | list[JsonValue] | None = None
    content: Content = Content.DOCUMENTED
    size: Annotated[int, Field(ge=0)] = 4 * 1024 * 1024
    reject: Literal["all"] | tuple[str, ...] = ()
    lies: tuple[Lie, ...] = ()
    send: Send = Send.WHOLE
    drip: _Seconds = 0.05

    @property
    def is_success(self) -> bool:
        """Whether the status claims that the call succeeded."""
        return self.status < 300  # noqa: PLR2004  (HTTP's own boundary)

    @property
    def applies(self) -> bool:
        """Whether the effect takes place."""
        return self.is_success if self.apply is None else self.apply


class Rule(_Scripted):
    """One rule; it is used up after `times` calls (None: never). `comment` is for its readers."""

    comment: str | None = None
    when: When = When()
    then: Then
    times: Annotated[int, Field(ge=1)] | None = None


class Script(_Scripted):
    """What a script file holds."""

    rules: tuple[Rule, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    strict_reservations: bool | None = None


@dataclass(slots=True)
class _Remaining:
    rule: Rule
    times: int | None


class Rules:
    """The rules in force, in order, with what is left of each. Randomness comes from `rng`."""

    def __init__(self, rules: Iterable[Rule], rng: Random) -> None:
        self._rng = rng
        self._remaining: list[_Remaining] = []
        self.add(rules)

    def add(self, rules: Iterable[Rule]) -> None:
        """Append rules: those before them go first."""
        self._remaining += [_Remaining(rule, rule.times) for rule in rules]

    def clear(self) -> None:
        """Forget all rules."""
        self._remaining = []

    @property
    def in_force(self) -> tuple[Rule, ...]:
        """The rules that are not used up, each with the times that are left."""
        return tuple(
            each.rule.model_copy(update={"times": each.times}) for each in tuple(self._remaining)
        )

    def decide(
        self, operation: Operation, cart_id: str, order_id: str | None, attempt: int
    ) -> Then | None:
        """Return what the first matching rule says, and use it up by one."""
        for each in self._remaining:
            if self._matches(each.rule.when, operation, (cart_id, order_id), attempt):
                if each.times is not None:
                    each.times -= 1
                    if not each.times:
                        self._remaining.remove(each)
                return each.rule.then
        return None

    def _matches(
        self, when: When, operation: Operation, ids: tuple[str, str | None], attempt: int
    ) -> bool:
        return (
            when.operation in {None, operation}
            and when.cart_id in {None, ids[0]}
            and when.order_id in {None, ids[1]}
            and when.first_attempt <= attempt
            and (when.last_attempt is None or attempt <= when.last_attempt)
            and (when.probability >= 1 or self._rng.random() < when.probability)
        )
