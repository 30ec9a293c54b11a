"""The fast engine: reqwest (Rust) behind httpx's contract.

The class of its exceptions does not tell whether a request was sent: a connection that ends
after the request is a `ConnectError` there, too. What does tell is the chain of causes: it holds
`client error (Connect)` exactly when the connection was never made. Only then does this
transport raise `ConnectError` or `ConnectTimeout`; everything else may have been applied.
"""

import ssl
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, Self

import httpx2 as httpx
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    BuilderError,
    DetailedPyreqwestError,
    PyreqwestError,
    RequestTimeoutError,
)
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response, ResponseBodyReader

from processor.shell.http.edge_settings import EdgeSettings

_NEVER_CONNECTED: Final = "client error (Connect)"
_FIRST_FINAL_STATUS: Final = 200
_PIECE: Final = 64 * 1024
_TIMED_OUT: Final = ("operation timed out", "deadline has elapsed")
# How the errors of rustls begin, and how hyper says that a head is not HTTP.
_TLS: Final = (
    "invalid peer certificate",
    "received corrupt message",
    "received fatal alert",
    "received unexpected",
    "peer is incompatible",
    "peer misbehaved",
    "peer sent no certificates",
    "tls handshake eof",
)
_NOT_HTTP: Final = (" parsed", "message head is too large")


class FastTransport(httpx.AsyncBaseTransport):
    """Sends httpx requests through reqwest. Bodies come as they were sent, still encoded."""

    def __init__(self, clients: Mapping[float, Client]) -> None:
        """Send through `clients`, by read timeout: reqwest knows none that is per request."""
        self._clients = clients

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the response as soon as its head is there.

        The request's extensions must hold its `timeout`, of which `read` counts, and its
        `deadline`, the bound of the whole exchange; seconds. Raises httpx.TransportError:
        `ConnectError` and `ConnectTimeout` when no connection was made (an `ssl.SSLError` is
        the cause when the handshake failed), `LocalProtocolError` when the request cannot be
        written, everything else when it may have arrived.

        Cancelling stops only the waiting: reqwest goes on in its own thread until one of the
        two times is over, and a request whose connection was still being made goes out yet.
        """
        exchange = self._exchange(request, await request.aread())
        try:
            answer = await exchange.__aenter__()
        except PyreqwestError as error:
            raise _as_httpx(error, request) from _tls_error(error)
        body = _Body(exchange, answer.body_reader, request)
        if answer.status < _FIRST_FINAL_STATUS:
            await body.aclose()
            raise httpx.RemoteProtocolError("a change of protocol unasked", request=request)
        return httpx.Response(answer.status, headers=_headers(answer), stream=body)

    async def aclose(self) -> None:
        """Close all idle connections; whoever waits for a reply is told that it is lost."""
        for client in self._clients.values():
            await client.close()

    def _exchange(self, request: httpx.Request, body: bytes) -> StreamRequest:
        try:
            pairs = request.headers.raw
            headers = [(name.decode("ascii"), value.decode("ascii")) for name, value in pairs]
            client = self._clients[request.extensions["timeout"]["read"]]
            return (
                client.request(request.method, str(request.url))
                .headers(headers)
                .body_bytes(body)
                # With a buffer the head would wait for the body, and its status would be lost
                # if that never comes.
                .streamed_read_buffer_limit(0)
                .timeout(timedelta(seconds=request.extensions["deadline"]))
                .build_streamed()
            )
        except ValueError:
            # No cause: it quotes the value.
            raise httpx.LocalProtocolError("the request cannot be sent", request=request) from None


class _Body(httpx.AsyncByteStream):
    """The body of one response; closing it before its end drops the connection.

    It comes in pieces that are full but for the last: a usual reply is read in one go.
    """

    def __init__(
        self, exchange: StreamRequest, reader: ResponseBodyReader, request: httpx.Request
    ) -> None:
        self._exchange = exchange
        self._reader = reader
        self._request = request
        self._is_read = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._is_read:
            raise StopAsyncIteration
        try:
            piece = await self._reader.read(_PIECE)
        except PyreqwestError as error:
            raise _as_httpx(error, self._request) from _tls_error(error)
        if piece is None:
            raise StopAsyncIteration
        self._is_read = len(piece) < _PIECE
        return piece.to_bytes()

    async def aclose(self) -> None:
        await self._exchange.__aexit__(None, None, None)


def open_fast_transport(settings: EdgeSettings) -> FastTransport:
    """Return the transport for both operations.

    The files of `settings` must have been vetted: here a CA file without certificates passes.
    """
    read_timeouts = {settings.confirm_read_timeout, settings.release_read_timeout}
    return FastTransport({seconds: _open_client(settings, seconds) for seconds in read_timeouts})


def _open_client(settings: EdgeSettings, read_timeout: float) -> Client:
    """Return a reqwest client that does what it is told, once.

    HTTP/1.1 only: over HTTP/2 reqwest sends a refused request again by itself.
    """
    builder = (
        ClientBuilder()
        .https_only(settings.is_https)
        .min_tls_version("TLSv1.2")
        .http1_only()
        .no_proxy()
        .follow_redirects(enable=False)
        .referer(enable=False)
        .default_cookie_store(enable=False)
        .gzip(enable=False)
        .brotli(enable=False)
        .zstd(enable=False)
        .deflate(enable=False)
        .connect_timeout(timedelta(seconds=settings.connect_timeout))
        .read_timeout(timedelta(seconds=read_timeout))
        .pool_idle_timeout(timedelta(seconds=settings.idle_timeout))
        .pool_max_idle_per_host(settings.max_connections)
    )
    if settings.ca_file is not None:
        builder = builder.add_root_certificate_pem(settings.ca_file.read_bytes())
    if settings.client_cert_file is not None:
        key_file = settings.client_key_file
        key = b"" if key_file is None else b"\n" + key_file.read_bytes()
        builder = builder.identity_pem(settings.client_cert_file.read_bytes() + key)
    return builder.build()


def _headers(answer: Response) -> list[tuple[str, str]]:
    headers = answer.headers
    try:
        return list(headers.items())
    except ValueError:
        # Reading a value that is not ASCII raises: it must not cost us the reply.
        return [(name, value) for name in set(headers) for value in _values(answer, name)]


def _values(answer: Response, name: str) -> list[str]:
    try:
        return answer.get_header_all(name)
    except ValueError:
        return ["?"]


def _as_httpx(error: PyreqwestError, request: httpx.Request) -> httpx.TransportError:
    causes = _causes(error)
    text = causes[-1] if causes else error.message
    # Whole messages are compared: a part of one may be the peer's words.
    if _NEVER_CONNECTED in causes:
        if any(cause in _TIMED_OUT for cause in causes):
            return httpx.ConnectTimeout(text, request=request)
        return httpx.ConnectError(text, request=request)
    if isinstance(error, BuilderError):
        return httpx.LocalProtocolError(text, request=request)
    if isinstance(error, RequestTimeoutError):
        return httpx.ReadTimeout(text, request=request)
    if any(sign in text for sign in _NOT_HTTP):
        return httpx.RemoteProtocolError(text, request=request)
    return httpx.ReadError(text, request=request)


def _tls_error(error: PyreqwestError) -> ssl.SSLError | None:
    """Return the handshake's error, if that is what failed."""
    causes = _causes(error)
    if _NEVER_CONNECTED in causes and causes[-1].startswith(_TLS):
        return ssl.SSLError(ssl.SSL_ERROR_SSL, causes[-1])
    return None


def _causes(error: PyreqwestError) -> Sequence[str]:
    if not isinstance(error, DetailedPyreqwestError):
        return ()
    return [cause["message"] for cause in error.details["causes"] or ()]
