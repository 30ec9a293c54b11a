"""The table of replies: one case at least for each row, compared as whole rows."""

import time
from collections.abc import Mapping

import pytest

from processor.core.calls import Call, RequestedItem
from processor.core.replies import (
    BodyState,
    Concern,
    Failure,
    FailureKind,
    Kind,
    Reply,
    Response,
    RoktError,
    Verdict,
)
from processor.core.verdicts import classify
from processor.core.vocabulary import Effect, Operation, Reason, Status

CALL = Call(
    operation=Operation.CONFIRM,
    path="/v1/Cart/confirm",
    headers=(),
    body=b"{}",
    fingerprint="f",
    cart_id="cart",
    order_id="order",
    items=(RequestedItem(cart_item_id="item", item_reservation_id="reservation"),),
)
ERROR_BODY = b'{"description":"no","errors":[{"code":"c","message":"m","value":{"a":1}}]}'
HTML = b"<html>no</html>"
NEW_YEAR = 1_767_225_600.0  # Thu, 01 Jan 2026 00:00:00 GMT


def verdict_of(reply: Reply, *, is_proven: bool = True) -> Verdict:
    return classify(reply, CALL, is_proven=is_proven, wall=NEW_YEAR)


def response(status: int, body: bytes = b"", **headers: str) -> Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=names, body=body)


def row(verdict: Verdict) -> Verdict:
    """Return the verdict without what it only passes on of the reply."""
    return verdict._replace(
        detail=None,
        http_status=None,
        error_description=None,
        errors=(),
        trace_id=None,
        response_body=None,
    )


REJECTED = Verdict(
    kind=Kind.REJECTED,
    effect=Effect.NOT_APPLIED,
    concern=Concern.MESSAGE,
    is_final=True,
    status=Status.REJECTED,
    reason=Reason.OTHER_CLIENT_ERROR,
)
SYSTEMIC = REJECTED._replace(kind=Kind.SYSTEMIC, concern=Concern.SYSTEMIC, is_final=False)
RETRY = Verdict(
    kind=Kind.RETRY,
    effect=Effect.MAYBE_APPLIED,
    concern=Concern.MESSAGE,
    is_final=False,
    status=Status.INDETERMINATE,
    reason=Reason.RETRIES_EXHAUSTED,
)
UNAPPLIED_RETRY = RETRY._replace(effect=Effect.NOT_APPLIED, status=Status.REJECTED)
PACED = UNAPPLIED_RETRY._replace(kind=Kind.PACED, concern=Concern.PACING)
TOO_MANY = PACED._replace(is_overload=True, asks_for_less=True)
OVERLOAD = RETRY._replace(is_overload=True)
GARBLED = RETRY._replace(kind=Kind.SYSTEMIC, concern=Concern.SYSTEMIC)
INDETERMINATE = RETRY._replace(kind=Kind.INDETERMINATE, is_final=True, reason=Reason.INDETERMINATE)
UNREACHABLE = SYSTEMIC._replace(
    kind=Kind.NOT_SENT, effect=Effect.NOT_SENT, reason=Reason.UNREACHABLE
)

ROWS: list[tuple[Reply, Verdict]] = [
    # 200 that says nothing; what a readable one says is in test_replies_of_200.py.
    (response(200), GARBLED),
    (response(200, HTML), GARBLED),
    (response(200, b'{"items":'), GARBLED),
    (response(201, HTML), GARBLED),
    (Response(status=200, headers={}, body=b"", body_state=BodyState.TOO_LARGE), GARBLED),
    (Response(status=200, headers={}, body=b"", body_state=BodyState.UNREADABLE), GARBLED),
    # other 2xx
    *[(response(status, b"{}"), INDETERMINATE) for status in (202, 204, 206, 299)],
    # 3xx
    *[
        (response(status, location="https://x/"), SYSTEMIC._replace(heals_slowly=True))
        for status in (300, 301, 302, 304, 307, 308)
    ],
    # the documented error body of 400, 422, 404
    (
        response(400, ERROR_BODY),
        REJECTED._replace(reason=Reason.BAD_REQUEST, is_documented=True),
    ),
    (
        response(422, ERROR_BODY),
        REJECTED._replace(reason=Reason.UNPROCESSABLE, is_documented=True),
    ),
    (response(404, ERROR_BODY), REJECTED),
    # the same without it
    *[(response(status, body), SYSTEMIC) for status in (400, 404, 422) for body in (b"", HTML)],
    # refused for good
    *[(response(status, HTML), REJECTED) for status in (402, 410, 413, 414, 418, 431, 451, 499)],
    # authorisation
    *[
        (response(status), SYSTEMIC._replace(reason=Reason.UNAUTHORIZED, heals_slowly=True))
        for status in (401, 407)
    ],
    (
        response(403, ERROR_BODY),
        SYSTEMIC._replace(reason=Reason.FORBIDDEN, heals_slowly=True),
    ),
    # a wrong route, a proxy, a captive portal
    *[(response(status), SYSTEMIC) for status in (405, 406, 415, 421, 426, 501, 505, 511)],
    # as 5xx, but certainly not applied
    *[(response(status), UNAPPLIED_RETRY) for status in (408, 425)],
    (
        response(409, ERROR_BODY),
        RETRY._replace(reason=Reason.INDETERMINATE, min_delay=5.0, max_attempts=2),
    ),
    # pacing
    (response(429), TOO_MANY),
    (response(429, retry_after="7"), TOO_MANY._replace(retry_after=7.0)),
    (response(413, retry_after="7"), PACED._replace(retry_after=7.0)),
    (response(413, retry_after="soon"), PACED),
    (
        response(503, ERROR_BODY, retry_after="7"),
        OVERLOAD._replace(kind=Kind.PACED, concern=Concern.PACING, retry_after=7.0),
    ),
    # 5xx; Retry-After on any other than 503 is not documented by anybody
    *[(response(status, ERROR_BODY), RETRY) for status in (500, 502, 507, 599)],
    (response(503, ERROR_BODY), OVERLOAD),
    (response(500, retry_after="7"), RETRY),
    (response(504, ERROR_BODY), OVERLOAD._replace(min_delay=2.0)),
    # no HTTP that we know
    *[(response(status), RETRY) for status in (101, 600, 999)],
    # failures
    (Failure(kind=FailureKind.UNREACHABLE, detail="refused"), UNREACHABLE),
    (Failure(kind=FailureKind.TLS, detail="unknown CA"), UNREACHABLE._replace(heals_slowly=True)),
    (
        Failure(kind=FailureKind.UNSENDABLE, detail="a header"),
        REJECTED._replace(
            kind=Kind.NOT_SENT,
            effect=Effect.NOT_SENT,
            reason=Reason.INVALID_EVENT,
        ),
    ),
    (Failure(kind=FailureKind.TIMEOUT, detail="gone"), OVERLOAD),
    *[
        (Failure(kind=kind, detail="gone"), RETRY)
        for kind in (
            FailureKind.CONNECTION_LOST,
            FailureKind.BODY_INTERRUPTED,
            FailureKind.PROTOCOL,
        )
    ],
]


def name_of(reply: Reply) -> str:
    match reply:
        case Response():
            headers = "+".join(reply.headers.values())
            return f"{reply.status} {reply.body_state} {len(reply.body)} {headers}"
        case Failure():
            return reply.kind


@pytest.mark.parametrize(("reply", "expected"), ROWS, ids=[name_of(reply) for reply, _ in ROWS])
def test_a_reply_means_what_its_row_says(reply: Reply, expected: Verdict) -> None:
    assert row(verdict_of(reply)) == expected


def test_every_kind_of_failure_has_a_row() -> None:
    assert {reply.kind for reply, _ in ROWS if isinstance(reply, Failure)} == set(FailureKind)


def test_only_certain_failures_are_called_not_sent() -> None:
    certain = {
        kind
        for kind in FailureKind
        if verdict_of(Failure(kind=kind, detail="")).effect is Effect.NOT_SENT
    }
    assert certain == {FailureKind.UNREACHABLE, FailureKind.TLS, FailureKind.UNSENDABLE}


def test_a_documented_404_may_be_a_wrong_route_until_a_call_has_succeeded() -> None:
    verdict = verdict_of(response(404, ERROR_BODY), is_proven=False)
    assert row(verdict) == SYSTEMIC


@pytest.mark.parametrize("is_proven", [False, True])
def test_a_404_without_a_body_stays_systemic_whatever_succeeded(*, is_proven: bool) -> None:
    assert row(verdict_of(response(404, HTML), is_proven=is_proven)) == SYSTEMIC


def test_a_refusal_passes_on_what_rokt_said() -> None:
    verdict = verdict_of(response(422, ERROR_BODY, x_request_id="trace"))
    assert verdict == REJECTED._replace(
        reason=Reason.UNPROCESSABLE,
        is_documented=True,
        detail="HTTP 422",
        http_status=422,
        error_description="no",
        errors=(RoktError(code="c", message="m", value_json='{"a":1}'),),
        trace_id="trace",
        response_body=ERROR_BODY.decode(),
    )


def test_a_failure_keeps_the_status_that_was_seen_and_a_clean_detail() -> None:
    failure = Failure(
        kind=FailureKind.BODY_INTERRUPTED, detail="reset\r\n\x1b[31m" + "x" * 1000, status=200
    )
    verdict = verdict_of(failure)
    assert verdict.http_status == 200
    assert verdict.detail is not None
    assert verdict.detail.startswith("body_interrupted: reset   [31mxxx")
    assert len(verdict.detail) == 300


REDIRECTS = [
    ("https://user:secret@evil.example:8443/path?token=secret", "evil.example"),
    ("//other.example/path", "other.example"),
    ("/v1/elsewhere?token=secret", None),
    ("http://[broken", None),
    ("", None),
    (None, None),
]


@pytest.mark.parametrize(("location", "host"), REDIRECTS)
def test_of_a_redirect_nothing_but_the_host_is_told(location: str | None, host: str | None) -> None:
    headers: Mapping[str, str] = {} if location is None else {"location": location}
    verdict = verdict_of(Response(status=302, headers=headers, body=b""))
    target = f" to {host}" if host else ""
    assert verdict.detail == f"HTTP 302: a redirect{target}, not followed"


RETRY_AFTERS = [
    ("1", 1.0),
    (" 30 ", 30.0),
    ("900", 900.0),
    ("901", 900.0),
    ("99999999999999999999999999", 900.0),
    ("9" * 5000, None),
    ("0", None),
    ("-1", None),
    ("+5", None),
    ("1.5", None),
    ("1e3", None),
    ("inf", None),
    ("nan", None),
    ("٣", None),
    ("²", None),
    ("", None),
    ("soon", None),
    ("1, 2", None),
    ("Thu, 01 Jan 2026 00:01:00 GMT", 60.0),
    ("Thursday, 01-Jan-26 00:01:00 GMT", 60.0),
    ("Thu Jan  1 00:01:00 2026", 60.0),
    ("Thu, 01 Jan 2026 01:01:00 +0100", 60.0),
    ("Thu, 01 Jan 2026 00:01:00 -0000", 60.0),
    ("Fri, 02 Jan 2026 00:00:00 GMT", 900.0),
    ("Fri, 31 Dec 9999 23:59:59 GMT", 900.0),
    ("Thu, 01 Jan 2026 00:00:00 GMT", None),
    ("Wed, 31 Dec 2025 23:59:59 GMT", None),
    ("Thu, 01 Jan 0001 00:00:00 +2359", None),
    ("Thu, 41 Foo 2026 99:99:99 GMT", None),
    ("Thu, 01 Jan 2026 00:01:00 +999999999999", None),
    ("Thu, 01 Jan 2026 00:01:00 +99999999999999999", None),
]


@pytest.mark.parametrize(("value", "seconds"), RETRY_AFTERS, ids=lambda value: repr(value)[:60])
@pytest.mark.parametrize("status", [413, 429, 503])
def test_retry_after_is_read_in_every_shape(status: int, value: str, seconds: float | None) -> None:
    verdict = verdict_of(response(status, retry_after=value))
    assert (verdict.concern, verdict.retry_after) == (Concern.PACING, seconds)


def test_a_date_without_a_zone_is_in_utc_wherever_we_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as abroad:
        abroad.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        verdict = verdict_of(response(429, retry_after="Thu Jan  1 00:01:00 2026"))
    time.tzset()
    assert verdict.retry_after == 60.0


TRACES = [
    ({"x-request-id": "a", "rokt-trace-id": "b"}, "b"),
    ({"x-correlation-id": "a"}, "a"),
    ({"x-trace-id": "a"}, "a"),
    ({"traceparent": "00-a-b-01"}, "00-a-b-01"),
    ({"x-amzn-trace-id": "Root=1"}, "Root=1"),
    ({"cf-ray": "a"}, "a"),
    ({"x-request-id": "", "cf-ray": "a"}, "a"),
    ({"x-request-id": "a\x1b\u202eb"}, "a  b"),
    ({"x-request-id": "a" * 500}, "a" * 199 + "…"),
    ({"server": "nginx"}, None),
]


@pytest.mark.parametrize(("headers", "trace_id"), TRACES)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_the_trace_id_is_taken_from_the_usual_headers(
    status: int, headers: Mapping[str, str], trace_id: str | None
) -> None:
    verdict = verdict_of(Response(status=status, headers=headers, body=b""))
    assert verdict.trace_id == trace_id


def test_of_a_body_the_first_8_kib_are_kept() -> None:
    verdict = verdict_of(response(500, b"\xff" + b"x" * 100_000))
    assert verdict.response_body == "\ufffd" + "x" * 8191
