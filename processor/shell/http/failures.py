"""What an exception of the HTTP edge says about an attempt."""

import ssl
from collections.abc import Iterator
from typing import Final

import httpx2 as httpx

from processor.core.replies import Failure, FailureKind

_DETAIL_LIMIT: Final = 200

# The first row that fits counts. Only the first two say that nothing was sent.
_TABLE: Final[tuple[tuple[type[Exception], FailureKind, str], ...]] = (
    (httpx.ConnectTimeout, FailureKind.UNREACHABLE, "no connection in time"),
    (httpx.ConnectError, FailureKind.UNREACHABLE, "no connection"),
    (httpx.TimeoutException, FailureKind.TIMEOUT, "no reply in time"),
    (TimeoutError, FailureKind.TIMEOUT, "no reply in time"),
    (httpx.NetworkError, FailureKind.CONNECTION_LOST, "connection lost before the reply"),
    (httpx.RemoteProtocolError, FailureKind.PROTOCOL, "the reply is not HTTP"),
    (Exception, FailureKind.CONNECTION_LOST, "the attempt broke off"),
)
_ENDED: Final = "Server disconnected"  # httpx has no class of its own for it


def failure_of(error: Exception, status: int | None) -> Failure:
    """Return what `error` means; `status` is that of the response if its head had come.

    The detail repeats words of the exception only where nothing was sent: elsewhere they may
    quote the peer, and the peer may quote the API key.
    """
    kind, words = next((kind, words) for row, kind, words in _TABLE if isinstance(error, row))
    if kind is FailureKind.UNREACHABLE:
        if isinstance(error, httpx.ConnectError) and _has_tls_cause(error):
            kind, words = FailureKind.TLS, "the TLS handshake failed"
        return Failure(kind=kind, detail=f"{words}: {_text(error)}")
    if kind is not FailureKind.TIMEOUT and status is not None:
        kind, words = FailureKind.BODY_INTERRUPTED, "connection lost inside the body"
    elif kind is FailureKind.PROTOCOL and str(error).startswith(_ENDED):
        kind, words = FailureKind.CONNECTION_LOST, "connection lost before the reply"
    return Failure(kind=kind, detail=f"{words} ({type(error).__name__})", status=status)


def _has_tls_cause(error: Exception) -> bool:
    return any(isinstance(link, ssl.SSLError) for link in _chain(error))


def _text(error: Exception) -> str:
    text = next(filter(None, map(str, _chain(error))), type(error).__name__)
    return "".join(letter if letter.isprintable() else " " for letter in text)[:_DETAIL_LIMIT]


def _chain(error: Exception) -> Iterator[Exception]:
    link: BaseException | None = error
    while link is not None:
        # A handshake that waits for its peer looks like an error of TLS, too.
        if isinstance(link, Exception) and not isinstance(link, ssl.SSLWantReadError):
            yield link
        # httpcore hides the context from tracebacks; it is there all the same.
        link = link.__cause__ or link.__context__
