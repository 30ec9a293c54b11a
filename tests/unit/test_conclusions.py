"""What follows from a verdict: an end, or a rest of some length."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from processor.core.calls import CallShape, confirm_call
from processor.core.conclusions import Rest, RetrySettings, Surroundings, follow
from processor.core.events import OrderPaid
from processor.core.outcomes import Ending
from processor.core.records import Now, Record, Source
from processor.core.replies import Failure, FailureKind, Reply, Response
from processor.core.verdicts import classify
from processor.core.vocabulary import CartId, EventId, OrderId, Reason
from processor.core.work import Work

EVENT = OrderPaid(
    event_id=EventId("e"), occurred_at=0, order_id=OrderId("o"), cart_id=CartId("c"), items=(),
    rokt_session_id=None, rokt_tag_id=None, accept_language=None, pay_pal_order_id=None,
    merchant_id=None, attributes={},
)  # fmt: skip
CALL = confirm_call(EVENT, CallShape(tag_id="tag"))

REFUSED = Failure(kind=FailureKind.UNREACHABLE, detail="refused")
ALONE = Surroundings(is_pause=False, is_held=False, is_own_fault=False, patience=0.0, jitter=0.5)
OTHERS_SUCCEED = replace(ALONE, is_own_fault=True)
HELD = replace(ALONE, is_held=True)
PAUSED = replace(ALONE, is_pause=True)


def reply(status: int, **headers: str) -> Response:
    return Response(status=status, headers=headers, body=b"")


def new_work() -> Work:
    return Work(Record(Source("t", 0, 0, 0), b"c", b""), EVENT, arrival=1)


def play(
    replies: Iterable[Reply],
    seen_with: Surroundings = ALONE,
    settings: RetrySettings = RetrySettings(),  # noqa: B008  a frozen value
) -> list[Ending | Rest]:
    """Let a record's attempts get these replies, each after the rest before it; up to its end."""
    work, at, followings = new_work(), 0.0, []
    for each in replies:
        work.sent(Now(at, at))
        verdict = classify(each, CALL, is_proven=False, wall=at)
        following = follow(work, verdict, replace(seen_with, patience=at), settings)
        followings.append(following)
        if isinstance(following, Ending):
            break
        at += following.seconds
    return followings


def follow_each(
    work: Work, replies: Iterable[tuple[float, Reply, Surroundings]]
) -> list[Ending | Rest]:
    """Let a record's attempts get these replies, each at its moment and in its surroundings."""
    followings = []
    for at, each, seen_with in replies:
        work.sent(Now(at, at))
        verdict = classify(each, CALL, is_proven=False, wall=at)
        followings.append(follow(work, verdict, replace(seen_with, patience=at), RetrySettings()))
    return followings


def rests(followings: list[Ending | Rest]) -> list[float]:
    return [each.seconds for each in followings if isinstance(each, Rest)]


def reason(followings: list[Ending | Rest]) -> Reason | None:
    return followings[-1].reason if isinstance(followings[-1], Ending) else None


def test_a_probe_that_fails_uses_nothing_up_and_lets_the_next_one_come() -> None:
    assert rests(play([REFUSED, reply(502), reply(403)] * 200, HELD)) == [0.0] * 600


@pytest.mark.parametrize("failing", [reply(502), REFUSED, reply(403)])
def test_a_record_that_fails_for_long_by_itself_is_given_up(failing: Reply) -> None:
    followings = play([failing] * 1000)
    assert isinstance(followings[-1], Ending)
    assert 900 <= sum(rests(followings)) < 1300


def test_used_up_attempts_end_a_record_while_others_succeed() -> None:
    followings = play([reply(502)] * 100, OTHERS_SUCCEED)
    assert reason(followings) is Reason.RETRIES_EXHAUSTED
    assert 60 <= sum(rests(followings)) < 120


def test_a_suspect_is_convicted_for_its_own_reason_within_ninety_seconds() -> None:
    followings = play([reply(403)] * 100, OTHERS_SUCCEED)
    assert rests(followings) == [1, 2, 4, 8, 16, 32]
    assert reason(followings) is Reason.FORBIDDEN


def test_without_holds_what_concerns_everything_ends_at_once() -> None:
    followings = play([REFUSED], settings=RetrySettings(holds=False))
    assert [type(each) for each in followings] == [Ending]
    assert reason(followings) is Reason.UNREACHABLE


def test_without_holds_the_rest_ends_when_its_attempts_are_used_up() -> None:
    followings = play([reply(502)] * 100, settings=RetrySettings(holds=False))
    assert reason(followings) is Reason.RETRIES_EXHAUSTED
    assert 60 <= sum(rests(followings)) < 120


def test_without_holds_what_rokt_paces_never_ends() -> None:
    followings = play([reply(429)] * 200, settings=RetrySettings(holds=False))
    assert len(rests(followings)) == 200


def test_a_conflict_is_tried_once_more_whatever_else_came_and_ends_at_the_second() -> None:
    lone = play([reply(409)] * 5)
    mixed = play([reply(503), reply(503), reply(409), reply(503), reply(409), reply(503)])
    assert [type(each) for each in lone] == [Rest, Ending]
    assert rests(lone)[0] >= 5
    assert [type(each) for each in mixed] == [Rest, Rest, Rest, Rest, Ending]


def test_pauses_without_a_time_grow_and_use_nothing_up() -> None:
    followings = play([reply(429)] * 12, PAUSED)
    pauses = [each for each in followings if isinstance(each, Rest) and each.is_pause]
    assert len(pauses) == 12
    assert [round(each.seconds / 1.05, 1) for each in pauses[:5]] == [0.5, 1, 2, 4, 8]


@pytest.mark.parametrize("seen_with", [PAUSED, ALONE])
def test_a_pause_that_rokt_names_is_kept(seen_with: Surroundings) -> None:
    (rest,) = rests(play([reply(429, **{"retry-after": "7"})], seen_with))
    assert 7 <= rest < 8


def test_time_that_rokt_told_a_record_to_wait_is_not_its_patience() -> None:
    paced = [reply(429, **{"retry-after": "100"})] * 6
    assert len(rests(play([*paced, reply(502)], OTHERS_SUCCEED))) == 7


@pytest.mark.parametrize(("first", "first_reply"), [(HELD, reply(502)), (PAUSED, reply(429))])
def test_patience_counts_from_the_first_attempt_that_counts(
    first: Surroundings, first_reply: Reply
) -> None:
    failing = [(float(at), reply(502), OTHERS_SUCCEED) for at in (100, 110, 120, 130, 140, 159)]
    followings = follow_each(new_work(), [(0.0, first_reply, first), *failing])
    assert [type(each) for each in followings] == [Rest] * 7
    followings = follow_each(
        new_work(), [(0.0, first_reply, first), *failing, (160.0, reply(502), OTHERS_SUCCEED)]
    )
    assert reason(followings) is Reason.RETRIES_EXHAUSTED


def test_pauses_without_a_time_begin_anew_once_something_else_was_answered() -> None:
    paused = [(0.0, reply(429), PAUSED)] * 4
    followings = follow_each(new_work(), [*paused, (0.0, reply(502), ALONE), *paused])
    pauses = [each.seconds for each in followings if isinstance(each, Rest) and each.is_pause]
    assert pauses[4:] == pauses[:4] == pytest.approx([0.525, 1.05, 2.1, 4.2])
