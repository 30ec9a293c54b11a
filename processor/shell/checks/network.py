"""The way to a server, step by step: its name, a connection, TLS. Each failure has its own words.

Clients say "no connection" and leave the rest to whoever reads it.
"""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

_A_MOMENT: Final = 1.0
_DAY: Final = 86_400.0
_SOON: Final = 21 * _DAY
# OpenSSL's X509_V_ERR_…
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_OTHER_NAME: Final = (62, 64)
_NO_TLS: Final = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "UNEXPECTED_EOF_WHILE_READING",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
)


class TroubleError(Exception):
    """A step that failed: what was found, and the remedy."""

    def __init__(self, found: str, remedy: str) -> None:
        """Keep both."""
        super().__init__(found)
        self.found = found
        self.remedy = remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as settings have it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How TLS is spoken: the context, and the setting that says whom to trust."""

    context: ssl.SSLContext
    setting: str


@contextmanager
def connected(address: Address, within: float) -> Iterator[socket.socket]:
    """Give a connection; `within` seconds hold for each step. TroubleError when there is none."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise TroubleError(
            f"The name {address.host} is not known here",
            "Check its spelling, and the name servers of this machine or container",
        ) from None
    with _first(address, [each[4] for each in found], within) as connection:
        connection.settimeout(within)
        yield connection


def _first(address: Address, places: list[Any], within: float) -> socket.socket:
    """Connect to the first place that takes a connection."""
    why = ""
    for place in dict.fromkeys(places):
        try:
            return socket.create_connection(place[:2], timeout=within)
        except TimeoutError:
            why = f"No connection to {address} within {within:g} s"
        except OSError as error:
            why = f"No connection to {address} ({(error.strerror or 'unknown error').lower()})"
    raise TroubleError(why, "Check host and port, that it runs, firewalls and network policies")


def secured(connection: socket.socket, address: Address, trust: Trust) -> ssl.SSLSocket:
    """Speak TLS over a connection; TroubleError says why that cannot be."""
    try:
        return trust.context.wrap_socket(connection, server_hostname=address.host)
    except ssl.SSLCertVerificationError as error:
        raise _refused(address, trust, error.verify_code, error.verify_message) from None
    except ssl.SSLError as error:
        reason = error.reason or "the connection ends"
        if reason in _NO_TLS:
            raise _no_tls(address) from None
        said = reason.lower().replace("_", " ")
        raise TroubleError(
            f"{address} does not agree on TLS ({said})",
            "Look at the versions, ciphers and client certificates that it asks for",
        ) from None
    except TimeoutError:
        raise TroubleError(
            f"{address} takes connections and does not answer to TLS",
            "Check that the port is the one for TLS, and that the server is well",
        ) from None
    except OSError:
        raise _no_tls(address) from None


def wants_certificate(address: Address, trust: Trust, within: float) -> bool:
    """Whether a server ends connections because we show no certificate.

    In TLS 1.3 it says so only after the handshake, and what we send may wipe that out.
    """
    try:
        with connected(address, within) as connection, secured(connection, address, trust) as sock:
            sock.settimeout(min(within, _A_MOMENT))
            sock.recv(1)
    except ssl.SSLError as error:
        return "CERTIFICATE_REQUIRED" in (error.reason or "")
    except (TroubleError, OSError):
        return False
    return False


def no_certificate(address: Address, settings: str) -> TroubleError:
    """Return the trouble that a server asks for our certificate; `settings` would name it."""
    return TroubleError(
        f"{address} asks for our certificate, and was shown none",
        f"Name certificate and key in {settings}",
    )


def _no_tls(address: Address) -> TroubleError:
    return TroubleError(
        f"{address} does not speak TLS",
        "Name the port for TLS, or, where nothing is encrypted on purpose, say so in the settings",
    )


def _refused(address: Address, trust: Trust, code: int, words: str) -> TroubleError:
    now = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    if code == _EXPIRED:
        return TroubleError(
            f"The certificate of {address} has expired",
            f"Have it renewed where it is served, unless this machine's clock is wrong: {now}",
        )
    if code == _NOT_YET_VALID:
        return TroubleError(
            f"The certificate of {address} is not valid yet",
            f"Look at the clock of this machine ({now}), and when the certificate begins",
        )
    if code in _OTHER_NAME:
        return TroubleError(
            f"The certificate of {address} is for another name",
            "Connect by a name that it holds, or have one issued for this name",
        )
    return TroubleError(
        f"The certificate of {address} comes from nobody who is trusted here ({words})",
        f"Name the file with the authority's certificate in {trust.setting}; has it changed?",
    )


def speaks_tls(address: Address, within: float) -> bool:
    """Whether a server answers to TLS, whoever it is; nothing is told to it."""
    try:
        with connected(address, within) as connection, secured(connection, address, blind()):
            return True
    except TroubleError:
        return False


def blind() -> Trust:
    """Return how to speak TLS with whoever it is, where only that counts."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return Trust(context=context, setting="")


def days_left(not_after: str, now: float) -> tuple[int, bool]:
    """Return for how many days a certificate holds yet, and whether that is too short to wait.

    `not_after` is as Python's ssl writes it, `now` in seconds since 1970.
    """
    left = ssl.cert_time_to_seconds(not_after) - now
    return int(left // _DAY), left < _SOON


def end_of(secured_socket: ssl.SSLSocket) -> str | None:
    """Return until when the peer's certificate holds, None where it was not looked at."""
    certificate = secured_socket.getpeercert() or {}
    until = certificate.get("notAfter")
    return until if isinstance(until, str) else None
