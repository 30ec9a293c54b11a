"""Engines: the two transports that can carry calls, opened under the same rules."""

from collections.abc import Callable

from processor.shell.http.edge_settings import (
    EdgeSettings,
    EdgeSettingsError,
    Engine,
)
from processor.shell.http.fast_transport import FastTransport
from processor.shell.http.httpx_transport import HttpxTransport
from processor.shell.http.pooled_transport import PooledTransport
from processor.shell.http.rokt_client import RoktClient
from processor.shell.http.transport import Transport
from processor.shell.tls import Tls, TlsFileError


def open_client(
    settings: EdgeSettings,
    engine: Engine,
    api_key: Callable[[], str],
    transport: Transport | None = None,
) -> RoktClient:
    """Return a client of Rokt; `transport` replaces the engine's.

    EdgeSettingsError says which file cannot be used.
    """
    if transport is not None:
        return RoktClient(settings, transport, api_key)
    tls = _open_tls(settings)
    return RoktClient(settings, _of(engine, settings, tls), api_key, tls)


def open_transport(settings: EdgeSettings, engine: Engine) -> Transport:
    """Return the transport of `engine`: HTTP/1.1, no retries, nothing from the environment.

    EdgeSettingsError says which file cannot be used.
    """
    return _of(engine, settings, _open_tls(settings))


def _open_tls(settings: EdgeSettings) -> Tls:
    """Read the files, for plain HTTP as well: that vets them."""
    try:
        return Tls(settings.tls_files)
    except TlsFileError as error:
        raise EdgeSettingsError(str(error)) from None


def _of(engine: Engine, settings: EdgeSettings, tls: Tls) -> Transport:
    match engine:
        case Engine.FAST:
            return FastTransport(settings, tls)
        case Engine.HTTPX:
            return HttpxTransport(settings, PooledTransport(settings, tls))
