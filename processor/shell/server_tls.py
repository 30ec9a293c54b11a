"""The certificate that the server shows, read again when its files change."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from processor.shell.clock import steady
from processor.shell.secrets import identity

_LOG: Final = structlog.get_logger(__name__)
_LOOK_EVERY: Final = 1.0


class Certificate:
    """What a new connection is secured with.

    Where changed files cannot be used, what was read last stays in use, which is said once: a
    rotation that is half done must stop nobody from looking.
    """

    def __init__(self, certificate: Path, key: Path, clock: Callable[[], float] = steady) -> None:
        """Read the files; OSError or ValueError where they cannot be used."""
        self._files = certificate, key
        self._clock = clock
        self._seen = self._identity()
        self._context = server_context(certificate, key)
        self._looked_at = clock()
        self._is_well = True

    def context(self) -> ssl.SSLContext:
        """Return what to secure a connection with, looking at the files once a second at most."""
        if (now := self._clock()) - self._looked_at >= _LOOK_EVERY:
            self._looked_at = now
            self._follow()
        return self._context

    def _follow(self) -> None:
        certificate, key = self._files
        try:
            # The identity is taken first: a change between the two shows at the next look.
            if (seen := self._identity()) == self._seen:
                return
            self._context = server_context(certificate, key)
        except (OSError, ValueError) as error:
            if self._is_well:
                _LOG.warning("the server's certificate cannot be read again", why=_why(error))
            self._is_well = False
        else:
            _LOG.info("the server's certificate was read again", file=str(certificate))
            self._seen, self._is_well = seen, True

    def _identity(self) -> tuple[int, ...]:
        certificate, key = self._files
        return identity(certificate) + identity(key)


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what a server secures connections with: TLS 1.2 or newer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Whoever could begin again and again would have us compute for nothing.
    context.options |= ssl.OP_NO_RENEGOTIATION
    # An empty password, because none at all would ask for one on the terminal.
    context.load_cert_chain(certificate, key, password="")
    return context


def probing_context() -> ssl.SSLContext:
    """Return TLS for whoever asks this machine's server whether it is well, and tells no secret.

    Whose certificate it is, and whether it is in force, is no question of health.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def pinning_context(certificate: Path) -> ssl.SSLContext:
    """Return TLS for whoever tells this machine's server the password: it shows this certificate.

    By which name it is asked does not matter.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cafile=certificate)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _why(error: OSError | ValueError) -> str:
    return str((error.strerror if isinstance(error, OSError) else None) or error)
