"""The client of Rokt: one attempt of a call in, its reply out, whatever the network does."""

import contextlib
import ssl
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import httpx2 as httpx

from processor import __version__
from processor.core.calls import Call
from processor.core.replies import Failure, FailureKind, Reply, Response
from processor.core.vocabulary import Operation
from processor.shell.clock import steady
from processor.shell.http.edge_settings import EdgeSettings
from processor.shell.http.failures import failure_of
from processor.shell.http.transport import Answer, Request, Transport, Withheld, always, as_mapping
from processor.shell.reply_bodies import read_body
from processor.shell.secrets import MASK
from processor.shell.tls import Tls

_MEDIA_TYPE: Final = b"application/json"
_UNSENDABLE: Final = "cannot be sent: only printable ASCII can"
_SHORTEST_MASKED: Final = 12
"""A shorter key stays as it is in replies: it may be a word of any of them."""
_FIXED_HEADERS: Final = (
    (b"Content-Type", _MEDIA_TYPE),
    (b"Accept", _MEDIA_TYPE),
    (b"Accept-Encoding", b"identity"),  # replies are small
    (b"User-Agent", f"rokt-cart-processor/{__version__}".encode()),
)


class RoktClient:
    """Sends calls to Rokt: once, without redirects, cookies or proxies, and under a deadline.

    `api_key` is asked for the key before each attempt. The key goes into the request and
    nowhere else: where a reply quotes it, it is masked.
    """

    def __init__(
        self,
        settings: EdgeSettings,
        transport: Transport,
        api_key: Callable[[], str],
        tls: Tls | None = None,
    ) -> None:
        self._transport = transport
        self._tls = tls
        self._api_key = api_key
        self._reply_limit = settings.reply_limit
        url = httpx.URL(settings.base_url)
        self._host, self._base_path = url.netloc, url.raw_path.rstrip(b"/")
        self._times = {
            Operation.CONFIRM: (settings.confirm_read_timeout, settings.confirm_deadline),
            Operation.RELEASE: (settings.release_read_timeout, settings.release_deadline),
        }

    async def send(self, call: Call, may_go: Callable[[], bool] = always) -> Reply:
        """Make one attempt of `call` and return what came back.

        `may_go` is asked before it is written on a connection that had to be made; of the `httpx`
        engine, nobody asks. Raises Withheld when it may not go, and nothing was sent.
        Never raises for what the network or the peer does. Cancelling hangs up; the effect of the
        attempt is unknown then.
        """
        for name, value in call.headers:
            if not _is_sendable(value):
                return Failure(
                    kind=FailureKind.UNSENDABLE,
                    detail=f"header {name} {_UNSENDABLE}",
                )
        try:
            key = self._api_key()
        except (OSError, ValueError) as error:
            return _no_key(f"cannot be read ({type(error).__name__})")
        if not key or not _is_sendable(key):
            return _no_key(f"is empty or {_UNSENDABLE}")
        return _without(key, await self._attempt(self._request(call, key, may_go)))

    def tls_context(self) -> ssl.SSLContext | None:
        """Return what new connections are made with: another one once its files have changed."""
        return None if self._tls is None else self._tls.current(steady())

    async def aclose(self) -> None:
        """Close the transport."""
        await self._transport.aclose()

    async def _attempt(self, request: Request) -> Reply:
        status: int | None = None
        try:
            answer = await self._transport.exchange(request)
            status = answer.status
            return await self._read(answer)
        except Withheld:
            raise
        except Exception as error:  # noqa: BLE001  a record never raises, whatever the engine does
            return failure_of(error, status)

    async def _read(self, answer: Answer) -> Response:
        headers = as_mapping(answer.headers)
        encoding = headers.get("content-encoding", "")
        try:
            body, state = await read_body(answer, encoding, self._reply_limit)
        finally:
            # What was read counts, however the connection ends.
            with contextlib.suppress(Exception):
                await answer.close()
        return Response(status=answer.status, headers=headers, body=body, body_state=state)

    def _request(self, call: Call, key: str, may_go: Callable[[], bool]) -> Request:
        read_timeout, deadline = self._times[call.operation]
        headers = [
            (b"Host", self._host),
            (b"Content-Length", b"%d" % len(call.body)),
            (b"rokt-api-key", key.encode()),
            *_FIXED_HEADERS,
        ]
        headers += [(name.encode(), value.encode()) for name, value in call.headers]
        target = self._base_path + call.path.encode()
        return Request(b"POST", target, headers, call.body, read_timeout, deadline, may_go)


def _without(key: str, reply: Reply) -> Reply:
    """Return a reply without the key: what comes back goes into topics and logs."""
    if len(key) < _SHORTEST_MASKED:
        return reply
    if isinstance(reply, Failure):
        return replace(reply, detail=reply.detail.replace(key, MASK))
    spelt = {key.encode(), key.replace("\\", "\\\\").replace('"', '\\"').encode()}  # JSON's, too
    is_quoted = any(each in reply.body for each in spelt)
    if not is_quoted and not any(key in value for value in reply.headers.values()):
        return reply
    body = reply.body
    for each in spelt:
        body = body.replace(each, MASK.encode())
    headers = {name: value.replace(key, MASK) for name, value in reply.headers.items()}
    return replace(reply, body=body, headers=headers)


def _no_key(problem: str) -> Failure:
    # Not UNSENDABLE: that would blame the event for what concerns every call.
    return Failure(kind=FailureKind.UNREACHABLE, detail=f"the API key {problem}")


def _is_sendable(value: str) -> bool:
    # Of ASCII, `isprintable` takes the blank and all that is visible: no CR, LF, tab or NUL.
    return value.isascii() and value.isprintable() and value.strip() == value
