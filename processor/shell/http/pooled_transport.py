"""The `httpx` engine: its well-known connection pool, under the rules of the fast one."""

import logging
from typing import Any, Protocol, cast

import httpx2 as httpx

from processor.shell.clock import steady
from processor.shell.http.destinations import Destinations
from processor.shell.http.edge_settings import EdgeSettings
from processor.shell.tls import Tls


class _Stream(Protocol):
    """A connection of httpx's pool, before TLS."""

    def get_extra_info(self, info: str, /) -> Any:  # noqa: ANN401  (the library's own)
        """Return the peer's address, among others."""

    async def aclose(self) -> None:
        """Close it."""


class _Network(Protocol):
    """What httpx's pool makes connections with."""

    async def connect_tcp(self, *args: Any, **settings: Any) -> _Stream:  # noqa: ANN401
        """Connect."""


class PooledTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport that looks at its peers' addresses, and at changed certificates."""

    def __init__(self, settings: EdgeSettings, tls: Tls) -> None:
        """Send to the host of `settings.base_url`; `tls` says whom to trust."""
        # Its debug lines quote the peer, and the peer may quote the API key.
        logging.getLogger("httpcore2").setLevel(logging.WARNING)
        limits = httpx.Limits(
            max_connections=settings.max_connections,
            max_keepalive_connections=settings.max_connections,
            keepalive_expiry=settings.idle_timeout,
        )
        self._tls = tls
        self._context = tls.current(steady())
        self._has_older = False
        super().__init__(
            verify=self._context, trust_env=False, http2=False, retries=0, limits=limits
        )
        # httpx has no way to give its pool another network, nor another context later.
        self._inner = cast("Any", self._pool)
        self._inner._network_backend = _Guarded(  # noqa: SLF001
            self._inner._network_backend,  # noqa: SLF001
            settings.destinations,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request on a connection that was made under the certificates of now."""
        context = self._tls.current(steady())
        if context is not self._context:
            self._context = self._inner._ssl_context = context  # noqa: SLF001
            self._has_older = True
        if self._has_older:
            await self._close_older()
        return await super().handle_async_request(request)

    async def _close_older(self) -> None:
        """Close the connections that were made under other certificates, once they are idle."""
        older = [
            each
            for each in self._inner.connections
            if each._ssl_context is not self._context  # noqa: SLF001
        ]
        self._has_older = bool(older)
        for each in older:
            if each.is_idle():
                await each.aclose()


class _Guarded:
    """A network that gives no connection to an address that may not be called."""

    def __init__(self, network: _Network, destinations: Destinations) -> None:
        self._network = network
        self._destinations = destinations

    async def connect_tcp(self, *args: Any, **settings: Any) -> _Stream:  # noqa: ANN401
        """Connect, and look whom to: nothing has been said yet, not even TLS's first word."""
        stream = await self._network.connect_tcp(*args, **settings)
        peer = stream.get_extra_info("server_addr")
        if peer is None:  # it has been reset already
            refusal: str | None = "the connection ended"
        else:
            refusal = self._destinations.refusal_of_all([str(peer[0])])
        if refusal is not None:
            await stream.aclose()
            raise httpx.ConnectError(refusal)
        return stream
