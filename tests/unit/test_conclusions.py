"""What follows from a verdict: an end, or a rest of some length."""

from collections.abc import Iterable

from processor.core.calls import CallShape, confirm_call
from processor.core.conclusions import Rest, RetrySettings, follow
from processor.core.events import OrderPaid
from processor.core.outcomes import Ending
from processor.core.records import Now, Record, Source
from processor.core.replies import Failure, FailureKind, Reply, Response
from processor.core.verdicts import classify
from processor.core.vocabulary import CartId, EventId, OrderId, Reason
from processor.core.work import Work

NEVER = float("-inf")
EVENT = OrderPaid(
    event_id=EventId("e"), occurred_at=0, order_id=OrderId("o"), cart_id=CartId("c"), items=(),
    rokt_session_id=None, rokt_tag_id=None, accept_language=None, pay_pal_order_id=None,
    merchant_id=None, attributes={},
)  # fmt: skip
CALL = confirm_call(EVENT, CallShape(tag_id="tag"))

REFUSED = Failure(kind=FailureKind.UNREACHABLE, detail="refused")


def reply(status: int, **headers: str) -> Response:
    return Response(status=status, headers=headers, body=b"")


def play(
    replies: Iterable[Reply], *, last_success: float = NEVER, start: float = 0.0
) -> list[Ending | Rest]:
    """Let a record's attempts get these replies, each after the rest before it; up to its end."""
    work, at, followings = (
        Work(Record(Source("t", 0, 0, 0), b"c", b""), EVENT, arrival=1),
        start,
        [],
    )
    for each in replies:
        now = Now(at, at)
        work.sent(now)
        verdict = classify(each, CALL, is_proven=False, wall=at)
        following = follow(
            work, verdict, RetrySettings(), now=now, jitter=0.5, last_success=last_success
        )
        followings.append(following)
        if isinstance(following, Ending):
            break
        at += following.seconds
    return followings


def rests(followings: list[Ending | Rest]) -> list[float]:
    return [each.seconds for each in followings if isinstance(each, Rest)]


def test_a_systemic_reply_rests_ever_longer_and_never_ends() -> None:
    followings = play([REFUSED] * 50)
    assert rests(followings)[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert len(rests(followings)) == 50


def test_time_in_an_outage_is_not_the_patience_of_a_record() -> None:
    followings = play([REFUSED] * 40 + [reply(502)] * 10)
    assert len(rests(followings)) == 50


def test_a_record_that_fails_for_long_by_itself_is_given_up() -> None:
    followings = play([reply(502)] * 100)
    assert isinstance(followings[-1], Ending)
    assert followings[-1].reason is Reason.RETRIES_EXHAUSTED
    assert 900 <= sum(rests(followings)) < 1000


def test_used_up_attempts_end_a_record_while_others_succeed() -> None:
    followings = play([reply(502)] * 100, last_success=1e9)
    assert isinstance(followings[-1], Ending)
    assert 60 <= sum(rests(followings)) < 120


def test_a_conflict_is_tried_once_more_whatever_else_came_and_ends_at_the_second() -> None:
    lone = play([reply(409)] * 5)
    mixed = play([reply(503), reply(503), reply(409), reply(503), reply(409), reply(503)])
    assert [type(each) for each in lone] == [Rest, Ending]
    assert rests(lone)[0] >= 5
    assert [type(each) for each in mixed] == [Rest, Rest, Rest, Rest, Ending]


def test_pauses_without_a_time_grow_and_use_nothing_up() -> None:
    followings = play([reply(429)] * 12)
    pauses = [each for each in followings if isinstance(each, Rest) and each.is_pause]
    assert len(pauses) == 12
    assert [round(each.seconds / 1.05, 1) for each in pauses[:5]] == [0.5, 1, 2, 4, 8]


def test_a_pause_that_rokt_names_is_kept() -> None:
    (rest,) = rests(play([reply(429, **{"retry-after": "7"})]))
    assert 7 <= rest < 8
