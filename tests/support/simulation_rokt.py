"""A simulated Rokt: whether a call takes effect, and what is answered, are two things."""

import json
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from processor.core.calls import Call
from processor.core.replies import Failure, FailureKind, Reply, Response


class Reaction(Enum):
    """What Rokt, or the way to it, does with one call."""

    SUCCEED = auto()
    LOSE_ANSWER = auto()  # applied, and never answered
    BREAK = auto()  # not applied, 500
    BREAK_APPLIED = auto()  # applied, 500
    REFUSE = auto()  # not applied, 422
    REJECT = auto()  # not applied, every item success: false
    SPLIT = auto()  # all but the first item applied
    GARBLE = auto()  # applied, answered with a page
    OMIT = auto()  # applied, the first item is missing from the answer
    MISTAKE = auto()  # applied, answered for another cart
    DENY = auto()  # 401
    PACE = auto()  # 429
    BUSY_APPLIED = auto()  # applied, 503 with Retry-After
    CLASH = auto()  # applied, 409
    UNREACHABLE = auto()  # never sent
    FORBID = auto()  # 403
    SLOW_DOWN = auto()  # 429, for half a minute


_ERROR: Final = b'{"description":"no","errors":[]}'
_BY_ITEM: Final = frozenset({Reaction.REJECT, Reaction.SPLIT, Reaction.OMIT})
_APPLIES: Final = frozenset(
    {
        Reaction.SUCCEED,
        Reaction.LOSE_ANSWER,
        Reaction.BREAK_APPLIED,
        Reaction.SPLIT,
        Reaction.GARBLE,
        Reaction.OMIT,
        Reaction.MISTAKE,
        Reaction.BUSY_APPLIED,
        Reaction.CLASH,
    }
)


def sensible(call: Call, reaction: Reaction) -> Reaction:
    """Return what a reaction amounts to for a call with too few items for it."""
    if reaction in _BY_ITEM and not call.items:
        return Reaction.SUCCEED
    return Reaction.REJECT if reaction is Reaction.SPLIT and len(call.items) == 1 else reaction


def applied_items(call: Call, reaction: Reaction) -> frozenset[str]:
    """Return the cartItemIds on which a call takes effect; an order without items is `""`."""
    if reaction not in _APPLIES:
        return frozenset()
    items = call.items[1:] if reaction is Reaction.SPLIT else call.items
    return frozenset(item.cart_item_id for item in items) or frozenset({""})


_REPLIES: Final[Mapping[Reaction, Reply]] = {
    Reaction.MISTAKE: Response(status=200, headers={}, body=b'{"cartId":"another"}'),
    Reaction.LOSE_ANSWER: Failure(kind=FailureKind.TIMEOUT, detail=""),
    Reaction.BREAK: Response(status=500, headers={}, body=_ERROR),
    Reaction.BREAK_APPLIED: Response(status=500, headers={}, body=_ERROR),
    Reaction.REFUSE: Response(status=422, headers={}, body=_ERROR),
    Reaction.GARBLE: Response(status=200, headers={}, body=b"<html>"),
    Reaction.DENY: Response(status=401, headers={}, body=b""),
    Reaction.PACE: Response(status=429, headers={"retry-after": "2"}, body=_ERROR),
    Reaction.BUSY_APPLIED: Response(status=503, headers={"retry-after": "2"}, body=_ERROR),
    Reaction.CLASH: Response(status=409, headers={}, body=_ERROR),
    Reaction.UNREACHABLE: Failure(kind=FailureKind.UNREACHABLE, detail=""),
    Reaction.FORBID: Response(status=403, headers={}, body=_ERROR),
    Reaction.SLOW_DOWN: Response(status=429, headers={"retry-after": "30"}, body=_ERROR),
}


def reply_to(call: Call, reaction: Reaction) -> Reply:
    """Return what comes back of a call."""
    return _REPLIES.get(reaction) or _answer(call, reaction)


class Rokt:
    """Who answers. In an `outage` all calls come to the same; so do those of a cart in a mood."""

    def __init__(self) -> None:
        """Begin well, and well-disposed to every cart."""
        self.outage: Reaction | None = None
        self.moods: dict[str, Reaction] = {}

    def react(self, call: Call, reaction: Reaction) -> Reaction:
        """Return what happens to a call that would otherwise come to `reaction`."""
        if reaction is Reaction.UNREACHABLE:  # it never got there
            return reaction
        return sensible(call, self.outage or self.moods.get(call.cart_id) or reaction)


def _answer(call: Call, reaction: Reaction) -> Response:
    items = [
        {
            "cartItemId": item.cart_item_id,
            "itemReservationId": item.item_reservation_id,
            "success": reaction is Reaction.SUCCEED
            or reaction is Reaction.OMIT
            or (reaction is Reaction.SPLIT and index > 0),
        }
        for index, item in enumerate(call.items)
        if reaction is not Reaction.OMIT or index > 0
    ]
    answer = {"cartId": call.cart_id, "orderId": call.order_id, "items": items}
    return Response(status=200, headers={}, body=json.dumps(answer).encode())
