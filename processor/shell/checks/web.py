"""A harmless question over HTTP: HEAD of an address, without any key, cookie or proxy."""

import http.client
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import SplitResult, urlsplit

from processor import __version__
from processor.shell.checks.network import (
    Address,
    TroubleError,
    Trust,
    connected,
    end_of,
    no_certificate,
    secured,
    wants_certificate,
)

_PORTS: Final = {"https": 443, "http": 80}
_OURS: Final = "CLIENT_CERTIFICATE_FILE and …CLIENT_KEY_FILE"
USER_AGENT: Final = f"rokt-cart-processor/{__version__} (check)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a server answered.

    `ahead` is by how many seconds its clock is ahead of ours, to about a second; None where it
    does not say. `not_after` is when its certificate ends.
    """

    status: int
    location: str | None
    ahead: float | None
    not_after: str | None


def address_of(url: SplitResult) -> Address:
    """Return where the server of a URL listens."""
    return Address(host=url.hostname or "", port=url.port or _PORTS[url.scheme])


def head(url: str, trust: Trust, within: float) -> Seen:
    """Ask; TroubleError says why there is no answer. `within` seconds hold for each step."""
    parts = urlsplit(url)
    address = address_of(parts)
    with ExitStack() as stack:
        sock = stack.enter_context(connected(address, within))
        not_after = None
        if parts.scheme == "https":
            sock = stack.enter_context(secured(sock, address, trust))
            not_after = end_of(sock)
        connection = http.client.HTTPConnection(address.host, address.port)
        connection.sock = sock
        began = time.time()
        try:
            headers = {"Host": parts.netloc, "User-Agent": USER_AGENT, "Connection": "close"}
            connection.request("HEAD", parts.path or "/", headers=headers)
            response = connection.getresponse()
        except TimeoutError:
            raise TroubleError(
                f"{address} takes connections and answers nothing within {within:g} s",
                "Look whether the server behind it is well",
            ) from None
        except (OSError, http.client.HTTPException):
            if parts.scheme == "https" and wants_certificate(address, trust, within):
                raise no_certificate(address, _beside(trust)) from None
            raise TroubleError(
                f"{address} does not answer as a web server does",
                "Check host and port: is it another program's?",
            ) from None
        told = dict(response.getheaders())
        return Seen(
            status=response.status,
            location=response.getheader("Location"),
            ahead=ahead_of_us(told, (began + time.time()) / 2),
            not_after=not_after,
        )


def _beside(trust: Trust) -> str:
    """Return the settings of our certificate, which stand beside that of the authorities."""
    return trust.setting.removesuffix("CA_FILE") + _OURS


def ahead_of_us(headers: Mapping[str, str], now: float) -> float | None:
    """Return by how many seconds the clock that wrote `Date` is ahead; None where none is told.

    A copy that lay in a cache (`Age`) tells nothing of a clock.
    """
    named = {name.lower(): value for name, value in headers.items()}
    if named.get("age", "0") != "0" or "date" not in named:
        return None
    try:
        told = parsedate_to_datetime(named["date"]).timestamp()
    except (ValueError, OverflowError):
        return None
    # Its clock has gone on by half a second, on average, since the second it names.
    return told + 0.5 - now
