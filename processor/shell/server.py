"""The server: metrics, health and status over HTTP, for the people who run the processor."""

import io
import os
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Final, Self, cast

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from processor.core.escapes import escaped_json
from processor.errors import ConfigurationError
from processor.shell import settings
from processor.shell.page.document import document
from processor.shell.page.shape import View
from processor.shell.server_door import Door
from processor.shell.server_guard import Guard
from processor.shell.server_pace import Kept, KeptAside, Pace
from processor.shell.server_speaker import Speaker
from processor.shell.server_tls import Certificate
from processor.shell.status import Status

_LARGEST_BODY: Final = 2_048
_STOP_TIMEOUT: Final = 1.0
_REQUESTS_A_SECOND: Final = 100
_REQUESTS_AT_ONCE: Final = 200
_OPEN_METRICS: Final = "application/openmetrics-text"
_PLAIN: Final = "text/plain"
_FORMS: Final = {
    _OPEN_METRICS: choose_encoder(f"{_OPEN_METRICS}; version=1.0.0"),
    _PLAIN: choose_encoder(_PLAIN),
}
"""Of what scrapers ask for no more is taken: the library trips over versions that are none."""
_PROTECTION: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What browsers are told with every answer; the page has a policy of its own."""


class Server:
    """Serves while it is entered: `async with Server(…) as server`.

    What it shows comes from four callables, which run on the loop's thread and must be quick.
    Whoever asks, and however often: work goes on beside it (decision 0044).
    """

    def __init__(
        self,
        where: settings.Server,
        registry: CollectorRegistry,
        *,
        is_live: Callable[[], bool],
        is_ready: Callable[[], bool],
        status: Callable[[], Status],
        view: Callable[[], View],
    ) -> None:
        """Prepare it; nothing listens yet."""
        self._where = where
        self._guard = Guard(where)
        self._pace = Pace(_REQUESTS_A_SECOND, _REQUESTS_AT_ONCE)
        self._is_live = is_live
        self._is_ready = Kept(is_ready)
        self._status = Kept(status)
        self._view = Kept(lambda: _printing(orjson.dumps(view())))
        self._metrics = {
            form: KeptAside(partial(encode, registry)) for form, (encode, _) in _FORMS.items()
        }
        self._page = document()
        app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[self._admit])
        app.on_response_prepare.append(_protect)
        app.router.add_get("/", self._serve_page)
        app.router.add_get("/page.json", self._serve_view)
        app.router.add_get("/metrics", self._serve_metrics)
        app.router.add_get("/livez", self._serve_livez)
        app.router.add_get("/readyz", self._serve_readyz)
        app.router.add_get("/status", self._serve_status)
        app.router.add_get("/status/{key}", self._serve_part)
        self._runner = web.AppRunner(
            app,
            # Who has left waits for no turn.
            handler_cancellation=True,
            shutdown_timeout=_STOP_TIMEOUT,
        )

    @property
    def url(self) -> str:
        """Where it listens, the port being the real one even if the settings leave it open."""
        host, port = self._door.address
        host = f"[{host}]" if ":" in host else host
        return f"{self._where.scheme}://{host}:{port}"

    async def __aenter__(self) -> Self:
        """Begin to listen; ConfigurationError where that cannot be."""
        certificate = _certificate(self._where)
        await self._runner.setup()
        welcome = partial(Speaker, cast("web.Server", self._runner.server))
        self._door = Door(welcome, certificate.context if certificate is not None else _plain)
        host, port = self._where.host, self._where.port
        try:
            await self._door.open(host, port)
        except OSError as error:
            await self._runner.cleanup()
            message = (
                f"The server cannot listen on {host}, port {port}: {_cause(error)}. Set "
                "PROCESSOR_SERVER__PORT to a free port (0 takes any), or PROCESSOR_SERVER__HOST "
                "to an address of this machine."
            )
            raise ConfigurationError(message) from error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop listening and close every connection."""
        await self._door.close()
        await self._runner.cleanup()
        self._door.empty()

    @web.middleware
    async def _admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let one request after the other be answered, if whoever asks may know the answer."""
        self._door.asks(request.protocol)
        await self._pace.turn()
        refusal = self._guard.refusal(request)
        return await handler(request) if refusal is None else refusal

    async def _serve_page(self, _: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": self._page.policy}
        return web.Response(
            body=self._page.body, content_type="text/html", charset="utf-8", headers=headers
        )

    async def _serve_view(self, _: web.Request) -> web.Response:
        return web.Response(body=self._view.get(), content_type="application/json")

    async def _serve_metrics(self, request: web.Request) -> web.Response:
        form = _OPEN_METRICS if _OPEN_METRICS in request.headers.get("Accept", "") else _PLAIN
        # Thousands of partitions make this take longer than a call may wait; and whoever reads
        # slowly gets it piece by piece, so that no more than a piece is kept for them.
        body = io.BytesIO(await self._metrics[form].get())
        return web.Response(body=body, headers={"Content-Type": _FORMS[form][1]})

    async def _serve_livez(self, _: web.Request) -> web.Response:
        return _health(is_well=self._is_live())

    async def _serve_readyz(self, _: web.Request) -> web.Response:
        return _health(is_well=self._is_ready.get())

    async def _serve_status(self, _: web.Request) -> web.Response:
        return _json(self._status.get())

    async def _serve_part(self, request: web.Request) -> web.Response:
        """Serve one key of the status alone, for people who wait for one thing."""
        parts = dict(self._status.get())
        if (key := request.match_info["key"]) in parts:
            return _json(parts[key])
        return web.Response(text=f"/status has {', '.join(parts)}\n", status=404)


async def _protect(request: web.Request, response: web.StreamResponse) -> None:
    if "Expect" in request.headers:
        # The library refuses what it does not know before anybody's turn. So it costs the
        # connection, of which an address has so many a second.
        response.force_close()
    for name, value in _PROTECTION.items():
        response.headers.setdefault(name, value)


def _json(value: object) -> web.Response:
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return web.Response(body=_printing(body), content_type="application/json")


def _printing(document: bytes) -> bytes:
    # People look at it on a terminal, where what brokers and replies say would act.
    return escaped_json(document.decode()).encode()


def _plain() -> None:
    """Return the TLS of a server without a certificate."""


def _certificate(where: settings.Server) -> Certificate | None:
    if where.certificate_file is None or where.key_file is None:
        return None
    try:
        return Certificate(where.certificate_file, where.key_file)
    except (OSError, ValueError) as error:
        message = (
            f"The server's certificate cannot be used: {error}. Check "
            "PROCESSOR_SERVER__CERTIFICATE_FILE and PROCESSOR_SERVER__KEY_FILE."
        )
        raise ConfigurationError(message) from None


def _cause(error: OSError) -> str:
    # Of a system's error asyncio makes a sentence that has the address in it once more; those of
    # the name service have numbers below zero, and say what they mean.
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()
    return (error.strerror or str(error)).lower()


def _health(*, is_well: bool) -> web.Response:
    return web.Response(text="yes\n") if is_well else web.Response(text="no\n", status=503)
