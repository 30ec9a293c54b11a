"""The guard: who may ask the server for what."""

import hashlib
import hmac
import ipaddress
import re
from base64 import b64decode
from typing import Final

from aiohttp import web

from processor.shell.clock import steady
from processor.shell.settings_server import Server

PROBES: Final = frozenset({"/livez", "/readyz"})
_HOST: Final = re.compile(r"\[([^\]]*)\](?::\d*)?|([^:\[\]]+)(?::\d*)?")
_ASK: Final = {"WWW-Authenticate": 'Basic realm="processor", charset="UTF-8"'}
_LOGIN: Final = (
    "A user and a password are asked for: PROCESSOR_SERVER__USERNAME and "
    "PROCESSOR_SERVER__PASSWORD.\n"
)
_NAME: Final = (
    "Ask by address or as localhost: any other name may be a stranger's, whose page in a browser "
    "would read this. Where PROCESSOR_SERVER__USERNAME and PROCESSOR_SERVER__PASSWORD are set, "
    "every name will do.\n"
)


class Guard:
    """Lets whoever asks have the probes, and the rest to those who know the password, if any.

    Without one, what comes over the loopback address has to ask by address or as localhost. A
    browser that a stranger's page has led here by a name of its own names that; who listens on
    the network was asked to keep strangers away.
    """

    def __init__(self, where: Server) -> None:
        """Guard a server with these settings."""
        self._username = where.username
        self._password = where.password
        self._own_name = where.host.lower()

    def refusal(self, request: web.Request) -> web.Response | None:
        """Return what to answer instead, if a request is to be refused."""
        if request.path in PROBES:
            return None
        if self._password is not None:
            password = self._password.current(steady()).reveal()
            if _tells(request, f"{self._username}:{password}".encode()):
                return None
            return web.Response(text=_LOGIN, status=401, headers=_ASK)
        if _came_over_loopback(request) and not self._is_ours(request.headers.get("Host")):
            return web.Response(text=_NAME, status=421)
        return None

    def _is_ours(self, host: str | None) -> bool:
        """Whether a name can be nobody else's; browsers never leave it out."""
        if host is None:
            return True
        parts = _HOST.fullmatch(host.lower())
        name = (parts[1] or parts[2]) if parts is not None else ""
        return name in ("localhost", self._own_name) or _address(name) is not None


def _tells(request: web.Request, wanted: bytes) -> bool:
    """Whether a request has the user and the password."""
    scheme, _, told = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = b64decode(told.strip(), validate=True)
    except ValueError:
        return False
    # Of digests, because a comparison in constant time still tells the length.
    return hmac.compare_digest(_digest(given), _digest(wanted))


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()


def _came_over_loopback(request: web.Request) -> bool:
    name = request.transport.get_extra_info("sockname") if request.transport else None
    address = _address(name[0]) if name else None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address is not None and address.is_loopback


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
