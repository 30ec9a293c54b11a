"""The client of Rokt: one attempt of a call in, its reply out, whatever the network does."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import httpx2 as httpx

from processor import __version__
from processor.core.calls import Call
from processor.core.replies import Failure, FailureKind, Reply, Response
from processor.core.vocabulary import Operation
from processor.shell.reply_bodies import read_body
from processor.shell.http.edge_settings import EdgeSettings
from processor.shell.http.failures import failure_of

_MEDIA_TYPE: Final = b"application/json"
_UNSENDABLE: Final = "cannot be sent: only printable ASCII can"
_FIXED_HEADERS: Final = (
    (b"Content-Type", _MEDIA_TYPE),
    (b"Accept", _MEDIA_TYPE),
    (b"Accept-Encoding", b"identity"),  # replies are small
    (b"User-Agent", f"rokt-cart-processor/{__version__}".encode()),
)


class RoktClient:
    """Sends calls to Rokt: once, without redirects, cookies or proxies, and under a deadline.

    `api_key` is asked for the key before each attempt. The key goes into the request and
    nowhere else.
    """

    def __init__(
        self,
        settings: EdgeSettings,
        transport: httpx.AsyncBaseTransport,
        api_key: Callable[[], str],
    ) -> None:
        self._transport = transport
        self._api_key = api_key
        self._reply_limit = settings.reply_limit
        self._base_url = httpx.URL(settings.base_url)
        self._urls: dict[str, httpx.URL] = {}
        connect = settings.connect_timeout
        self._extensions = {
            Operation.CONFIRM: _extensions(
                connect, settings.confirm_read_timeout, settings.confirm_deadline
            ),
            Operation.RELEASE: _extensions(
                connect, settings.release_read_timeout, settings.release_deadline
            ),
        }

    async def send(self, call: Call) -> Reply:
        """Make one attempt of `call` and return what came back.

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
        return await self._attempt(self._request(call, key))

    async def aclose(self) -> None:
        """Close the transport."""
        await self._transport.aclose()

    async def _attempt(self, request: httpx.Request) -> Reply:
        status: int | None = None
        try:
            async with asyncio.timeout(request.extensions["deadline"]):
                response = await self._transport.handle_async_request(request)
                status = response.status_code
                return await self._read(response)
        except Exception as error:  # noqa: BLE001  a record never raises, whatever the engine does
            return failure_of(error, status)

    async def _read(self, response: httpx.Response) -> Response:
        stream = response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError("the transport's responses must be asynchronous")
        headers = dict(response.headers.items())
        try:
            body, state = await read_body(
                stream, headers.get("content-encoding", ""), self._reply_limit
            )
        finally:
            # What was read counts, however the connection ends.
            with contextlib.suppress(Exception):
                await stream.aclose()
        return Response(status=response.status_code, headers=headers, body=body, body_state=state)

    def _request(self, call: Call, key: str) -> httpx.Request:
        url = self._urls.get(call.path) or self._locate(call.path)
        headers = [
            (b"Host", url.netloc),
            (b"Content-Length", b"%d" % len(call.body)),
            (b"rokt-api-key", key.encode()),
            *_FIXED_HEADERS,
        ]
        headers += [(name.encode(), value.encode()) for name, value in call.headers]
        # With `content` instead of a stream httpx would spend more time on these headers than
        # the rest of the client takes.
        return httpx.Request(
            "POST",
            url,
            headers=headers,
            stream=httpx.ByteStream(call.body),
            extensions=self._extensions[call.operation],
        )

    def _locate(self, path: str) -> httpx.URL:
        base_path = self._base_url.raw_path.rstrip(b"/")
        url = self._base_url.copy_with(raw_path=base_path + path.encode())
        return self._urls.setdefault(path, url)


def _extensions(connect: float, read: float, deadline: float) -> dict[str, object]:
    timeouts = {"connect": connect, "read": read, "write": read, "pool": connect}
    return {"timeout": timeouts, "deadline": deadline}


def _no_key(problem: str) -> Failure:
    # Not UNSENDABLE: that would blame the event for what concerns every call.
    return Failure(kind=FailureKind.UNREACHABLE, detail=f"the API key {problem}")


def _is_sendable(value: str) -> bool:
    # Of ASCII, `isprintable` takes the blank and all that is visible: no CR, LF, tab or NUL.
    return value.isascii() and value.isprintable() and value.strip() == value
