"""Settings of the HTTP edge: where Rokt is, how long to wait, how much to read."""

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import httpx2 as httpx

from processor.shell.http.destinations import Destinations, Network
from processor.shell.tls import TlsFiles


class Engine(StrEnum):
    """What carries the requests: both give the same replies, `fast` for a fraction of the CPU."""

    FAST = "fast"
    HTTPX = "httpx"


class EdgeSettingsError(ValueError):
    """A setting of the HTTP edge cannot be used; the text never shows a value that is secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSettings:
    """Where and how calls go out. Times in seconds, `reply_limit` in bytes (after decoding).

    A read timeout bounds each silence of the peer; a deadline bounds the whole attempt, from
    the first packet to the last byte of the body. `max_connections` has to be at least the
    number of calls in flight. `ca_file` (PEM) is trusted beside the system's authorities.
    `allowed_addresses`, if any, are the only networks that are called.

    `idle_timeout` is how long an unused connection is kept. It stays below what servers use
    (15 s and more): a call that meets a connection which was closed while idle fails in a way
    that cannot be told from a lost reply.
    """

    base_url: str
    connect_timeout: float = 3.0
    confirm_read_timeout: float = 25.0
    release_read_timeout: float = 10.0
    confirm_deadline: float = 30.0
    release_deadline: float = 15.0
    idle_timeout: float = 10.0
    reply_limit: int = 1 << 20
    max_connections: int = 64
    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    allowed_addresses: tuple[Network, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what could not be kept safe."""
        _check_base_url(self.base_url)
        shortest = min(
            self.confirm_read_timeout,
            self.release_read_timeout,
            self.confirm_deadline,
            self.release_deadline,
        )
        # Otherwise an unreachable host would look like a call that may have been applied.
        if not 0 < self.connect_timeout < shortest:
            raise EdgeSettingsError(
                "the connect timeout must be positive and shorter than every read timeout "
                "and deadline"
            )
        if self.client_key_file is not None and self.client_cert_file is None:
            raise EdgeSettingsError("a client key needs its client certificate")

    @property
    def is_https(self) -> bool:
        """Whether calls are encrypted: always, except to this very machine."""
        return httpx.URL(self.base_url).scheme == "https"

    @property
    def tls_files(self) -> TlsFiles:
        """Whom to trust, and what to show."""
        return TlsFiles(
            ca_file=self.ca_file,
            certificate_file=self.client_cert_file,
            key_file=self.client_key_file,
        )

    @property
    def destinations(self) -> Destinations:
        """Which addresses may be called."""
        return Destinations(
            allowed=self.allowed_addresses,
            is_this_machine=_is_loopback(httpx.URL(self.base_url).host),
        )


def _check_base_url(base_url: str) -> None:
    try:
        url = httpx.URL(base_url)
        is_secure = url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.host))
    except httpx.InvalidURL:
        raise EdgeSettingsError("the base URL is not a URL") from None
    # A host that httpx had to escape is none.
    if not _is_name(url.host) or not is_secure:
        raise EdgeSettingsError("the base URL must begin with https:// and name a host")
    if url.userinfo:
        raise EdgeSettingsError("the base URL must not carry a user name or password")
    if url.query or url.fragment:
        raise EdgeSettingsError("the base URL must end with its path")


def _is_name(host: str) -> bool:
    """Whether a host can be looked up: no empty part, none of more than 63 letters."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return bool(host) and "%" not in host


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
