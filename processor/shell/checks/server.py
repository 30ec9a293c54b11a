"""The place where metrics, health and status are to be served."""

import errno
import http.client
import ipaddress
import json
import socket
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any, Final

from processor.shell.checks.findings import Area, Finding, Voice
from processor.shell.checks.network import Address
from processor.shell.checks.scene import Scene
from processor.shell.clock import steady
from processor.shell.server_tls import pinning_context
from processor.shell.settings import Server
from processor.shell.settings_source import variable

_VOICE: Final = Voice(area=Area.SERVER)
_LARGEST: Final = 1 << 20


def look(scene: Scene) -> Iterator[Finding]:
    """Take the port and give it back; where it is taken, ask who has it."""
    given = scene.settings.server
    place = Address(host=given.host, port=given.port)
    yield from _in_the_open(given)
    if given.port == 0:
        yield _VOICE.warning(
            str(place),
            "The port is 0: each start takes another, and nobody knows where to look",
            "Set PROCESSOR_SERVER__PORT",
        )
        return
    try:
        for family, kind, _, _, where in socket.getaddrinfo(
            given.host, given.port, type=socket.SOCK_STREAM
        ):
            with socket.socket(family, kind) as taken:
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                taken.bind(where)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            yield from _taken(place, given, scene.within)
            return
        why = (error.strerror or "unknown error").lower()
        yield _VOICE.error(
            str(place),
            f"Nothing can be served there ({why})",
            "Set PROCESSOR_SERVER__HOST to an address of this machine, and a port that this user "
            "may take",
        )
    else:
        yield _VOICE.ok(str(place), "The port is free")


def _taken(place: Address, given: Server, within: float) -> Iterator[Finding]:
    told = _status(given, within)
    if told is not None:
        yield _VOICE.ok(str(place), "A processor is at work there already")
        yield from _troubles(place, told)
        return
    yield _VOICE.error(
        str(place),
        "Another program listens there, or a processor with another certificate or password",
        "Stop it, or set PROCESSOR_SERVER__PORT to another port",
    )


def _status(given: Server, within: float) -> Mapping[str, Any] | None:
    """Return what a processor says of itself; None if it is none, or not one of ours."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(given.host, given.host)  # noqa: S104
    connection = (
        http.client.HTTPConnection(host, given.port, timeout=within)
        if given.certificate_file is None
        else http.client.HTTPSConnection(
            host, given.port, timeout=within, context=pinning_context(given.certificate_file)
        )
    )
    try:
        connection.request("GET", "/status", headers=_login(given))
        told = json.loads(connection.getresponse().read(_LARGEST))
    except (OSError, ValueError, http.client.HTTPException):
        told = None
    finally:
        connection.close()
    return told if isinstance(told, dict) and "group_id" in told else None


def _login(given: Server) -> dict[str, str]:
    if given.password is None:
        return {}
    told = f"{given.username}:{given.password.current(steady()).reveal()}".encode()
    return {"Authorization": f"Basic {b64encode(told).decode()}"}


def _in_the_open(given: Server) -> Iterator[Finding]:
    """Say so if anybody may look, or a password crosses a network that may not be one's own."""
    if _is_loopback(given.host):
        return
    if given.password is None:
        yield _VOICE.warning(
            variable("server.host"),
            "No password is asked for: whoever reaches the port sees ids of carts and orders",
            "Let a firewall or a network policy say who reaches it, as the chart's does, or set "
            "PROCESSOR_SERVER__USERNAME and PROCESSOR_SERVER__PASSWORD",
        )
    elif given.certificate_file is None:
        yield _VOICE.warning(
            variable("server.password"),
            "It is asked for, but without TLS: it goes over the network as it is",
            "Set PROCESSOR_SERVER__CERTIFICATE_FILE and PROCESSOR_SERVER__KEY_FILE",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _troubles(place: Address, told: Mapping[str, Any]) -> Iterator[Finding]:
    """Say what that processor complains about; those of other versions may tell less."""
    subject = f"the processor at {place}"
    for complaint in told.get("away") or ():
        yield _VOICE.warning(
            subject,
            f"It waits, as something does not answer as it should: {complaint}",
            "Nothing is lost. Look at its /status and at the findings below",
        )
    for topic, numbers in (told.get("parked") or {}).items():
        for number, why in numbers.items():
            yield _VOICE.warning(
                subject,
                f"{topic} [{number}] is parked: {why}",
                "Find out which orders are gone before it goes on without them",
            )
    if retrying := told.get("retrying"):
        yield _VOICE.warning(
            subject,
            f"Calls fail and are tried again ({retrying['records']} of its records, since "
            f"{retrying['since']}), the last answer: {retrying['last']}",
            "Nothing is given up at once. Look whether it lasts, and at Rokt",
        )
