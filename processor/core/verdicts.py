"""Verdicts: the table of what each reply means for the call that it answers."""

from collections.abc import Mapping
from typing import Final

from processor.core import answers
from processor.core.bodies import cleaned, error_body, excerpt
from processor.core.calls import Call
from processor.core.headers import redirect_host, retry_after, trace_id
from processor.core.replies import Concern, Failure, FailureKind, Kind, Reply, Response, Verdict
from processor.core.vocabulary import Effect, Reason, Status

_LONGEST_DETAIL: Final = 300


def classify(reply: Reply, call: Call, *, is_proven: bool, wall: float) -> Verdict:
    """Return what `reply` means for `call`.

    `is_proven`: a call of this operation has succeeded in this process (then a documented 404
    concerns the message; before that it may be a wrong route). `wall`: seconds since the epoch,
    for a Retry-After that is a date.
    """
    match reply:
        case Failure():
            return _failed(reply)
        case Response(status=200 | 201):
            return answers.judge(reply, call)
        case Response():
            return _refused(reply, is_proven=is_proven, wall=wall)


# The rows. `status` and `reason` of one that is not final apply when attempts are used up.


def _rejected(reason: Reason, *, is_documented: bool = False) -> Verdict:
    return Verdict(
        kind=Kind.REJECTED,
        effect=Effect.NOT_APPLIED,
        concern=Concern.MESSAGE,
        is_final=True,
        status=Status.REJECTED,
        reason=reason,
        is_documented=is_documented,
    )


def _systemic(reason: Reason, detail: str, *, heals_slowly: bool = False) -> Verdict:
    return Verdict(
        kind=Kind.SYSTEMIC,
        effect=Effect.NOT_APPLIED,
        concern=Concern.SYSTEMIC,
        is_final=False,
        status=Status.REJECTED,
        reason=reason,
        detail=detail,
        heals_slowly=heals_slowly,
    )


_RETRY: Final = Verdict(
    kind=Kind.RETRY,
    effect=Effect.MAYBE_APPLIED,
    concern=Concern.MESSAGE,
    is_final=False,
    status=Status.INDETERMINATE,
    reason=Reason.RETRIES_EXHAUSTED,
)
_RETRY_UNAPPLIED: Final = _RETRY._replace(effect=Effect.NOT_APPLIED, status=Status.REJECTED)
_ONE_MORE_TRY: Final = _RETRY._replace(reason=Reason.INDETERMINATE, min_delay=5.0, max_attempts=2)
_PACED: Final = _RETRY_UNAPPLIED._replace(kind=Kind.PACED, concern=Concern.PACING)
_TOO_MANY: Final = _PACED._replace(is_overload=True, asks_for_less=True)
_PACED_AMBIGUOUS: Final = _RETRY._replace(kind=Kind.PACED, concern=Concern.PACING, is_overload=True)
_OVERLOADED: Final = _RETRY._replace(is_overload=True)
_UNEXPECTED_SUCCESS: Final = _RETRY._replace(
    kind=Kind.INDETERMINATE,
    is_final=True,
    reason=Reason.INDETERMINATE,
    detail="a success that is neither 200 nor 201: it accounts for nothing",
)
_NOT_SENT: Final = _systemic(Reason.UNREACHABLE, "")._replace(
    kind=Kind.NOT_SENT, effect=Effect.NOT_SENT
)
_REJECTED: Final = _rejected(Reason.OTHER_CLIENT_ERROR)
_REDIRECT: Final = _systemic(Reason.OTHER_CLIENT_ERROR, "a redirect", heals_slowly=True)
_UNDOCUMENTED: Final = _systemic(
    Reason.OTHER_CLIENT_ERROR, "without the documented body: a proxy speaks, not Rokt"
)
_WRONG_ROUTE: Final = _systemic(Reason.OTHER_CLIENT_ERROR, "a wrong route, or a proxy")
_UNAUTHORIZED: Final = _systemic(
    Reason.UNAUTHORIZED, "the API key, or a proxy's, is not accepted", heals_slowly=True
)
_FORBIDDEN: Final = _systemic(
    Reason.FORBIDDEN, "this key, tag or cart may not do that", heals_slowly=True
)

_BY_STATUS: Final[Mapping[int, Verdict]] = {
    400: _UNDOCUMENTED,
    401: _UNAUTHORIZED,
    403: _FORBIDDEN,
    404: _UNDOCUMENTED,
    405: _WRONG_ROUTE,
    406: _WRONG_ROUTE,
    407: _UNAUTHORIZED,
    408: _RETRY_UNAPPLIED,
    409: _ONE_MORE_TRY,
    415: _WRONG_ROUTE,
    421: _WRONG_ROUTE,
    422: _UNDOCUMENTED,
    425: _RETRY_UNAPPLIED,
    426: _WRONG_ROUTE,
    429: _TOO_MANY,
    501: _WRONG_ROUTE,
    503: _OVERLOADED,
    504: _OVERLOADED._replace(min_delay=2.0),
    505: _WRONG_ROUTE,
    511: _WRONG_ROUTE,
}
_BY_CLASS: Final[Mapping[int, Verdict]] = {
    2: _UNEXPECTED_SUCCESS,
    3: _REDIRECT,
    4: _REJECTED,
    5: _RETRY,
}
_WITH_ERROR_BODY: Final[Mapping[int, Verdict]] = {
    400: _rejected(Reason.BAD_REQUEST, is_documented=True),
    404: _WRONG_ROUTE,
    422: _rejected(Reason.UNPROCESSABLE, is_documented=True),
}
_WITH_ERROR_BODY_ONCE_PROVEN: Final[Mapping[int, Verdict]] = {404: _REJECTED}
_WITH_RETRY_AFTER: Final[Mapping[int, Verdict]] = {413: _PACED, 503: _PACED_AMBIGUOUS}
_BY_FAILURE: Final[Mapping[FailureKind, Verdict]] = {
    FailureKind.UNREACHABLE: _NOT_SENT,
    FailureKind.TLS: _NOT_SENT._replace(heals_slowly=True),
    FailureKind.UNSENDABLE: _rejected(Reason.INVALID_EVENT)._replace(
        kind=Kind.NOT_SENT, effect=Effect.NOT_SENT
    ),
    FailureKind.TIMEOUT: _OVERLOADED,
    FailureKind.CONNECTION_LOST: _RETRY,
    FailureKind.BODY_INTERRUPTED: _RETRY,
    FailureKind.PROTOCOL: _RETRY,
}


# From a reply to its row.


def _failed(failure: Failure) -> Verdict:
    return _BY_FAILURE[failure.kind]._replace(
        detail=cleaned(f"{failure.kind}: {failure.detail}", _LONGEST_DETAIL),
        http_status=failure.status,
    )


def _refused(response: Response, *, is_proven: bool, wall: float) -> Verdict:
    status = response.status
    error = error_body(response.body)
    asked = response.headers.get("retry-after")
    row = _BY_CLASS.get(status // 100, _RETRY)
    for applies, table in (
        (asked is not None, _WITH_RETRY_AFTER),
        (error is not None and is_proven, _WITH_ERROR_BODY_ONCE_PROVEN),
        (error is not None, _WITH_ERROR_BODY),
        (True, _BY_STATUS),
    ):
        if applies and status in table:
            row = table[status]
            break
    why = _redirected(response) if row is _REDIRECT else row.detail
    return row._replace(
        detail=f"HTTP {status}: {why}" if why else f"HTTP {status}",
        http_status=status,
        error_description=error.description if error else None,
        errors=error.errors if error else (),
        trace_id=trace_id(response.headers),
        response_body=excerpt(response.body),
        retry_after=retry_after(asked, wall) if row.concern is Concern.PACING else None,
    )


def _redirected(response: Response) -> str:
    host = redirect_host(response.headers)
    return f"a redirect to {host}, not followed" if host else "a redirect, not followed"
