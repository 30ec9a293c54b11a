"""Engines: the two transports that can carry calls, opened under the same rules."""

import logging
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx2 as httpx

from processor.shell.http.edge_settings import (
    EdgeSettings,
    EdgeSettingsError,
    Engine,
)
from processor.shell.http.fast_transport import FastTransport
from processor.shell.http.httpx_transport import HttpxTransport
from processor.shell.http.rokt_client import RoktClient
from processor.shell.http.transport import Transport


def open_client(
    settings: EdgeSettings,
    engine: Engine,
    api_key: Callable[[], str],
    transport: Transport | None = None,
) -> RoktClient:
    """Return a client of Rokt; `transport` replaces the engine's.

    EdgeSettingsError says which file cannot be used.
    """
    return RoktClient(settings, transport or open_transport(settings, engine), api_key)


def open_transport(settings: EdgeSettings, engine: Engine) -> Transport:
    """Return the transport of `engine`: HTTP/1.1, no retries, nothing from the environment."""
    context = _tls_context(settings)
    match engine:
        case Engine.FAST:
            return FastTransport(settings, context)
        case Engine.HTTPX:
            # Its debug lines quote the peer, and the peer may quote the API key.
            logging.getLogger("httpcore2").setLevel(logging.WARNING)
            limits = httpx.Limits(
                max_connections=settings.max_connections,
                max_keepalive_connections=settings.max_connections,
                keepalive_expiry=settings.idle_timeout,
            )
            pool = httpx.AsyncHTTPTransport(
                verify=context, trust_env=False, http2=False, retries=0, limits=limits
            )
            return HttpxTransport(settings, pool)


def _tls_context(settings: EdgeSettings) -> ssl.SSLContext:
    """Return Python's view of the TLS settings; building it vets the files for both engines."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.ca_file is not None:
        try:
            context.load_verify_locations(cafile=settings.ca_file)
        except OSError as error:
            raise _unusable("CA", settings.ca_file, error) from None
    if settings.client_cert_file is not None:
        try:
            # An empty password, because none at all would ask for one on the terminal.
            context.load_cert_chain(
                settings.client_cert_file, settings.client_key_file, password=""
            )
        except OSError as error:
            raise _unusable("client certificate", settings.client_cert_file, error) from None
    return context


def _unusable(what: str, path: Path, error: OSError) -> EdgeSettingsError:
    # ssl.SSLError is an OSError, too; its text is OpenSSL's name for the problem.
    return EdgeSettingsError(f"the {what} file {path} cannot be used: {error.strerror or error}")
