"""Certificates: whether those that the settings name, and those of servers, are in force."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from processor.shell.checks.findings import Area, Finding, Voice
from processor.shell.checks.network import days_left
from processor.shell.clock import now

_FILES: Final = Voice(area=Area.FILES)
_STEPS: Final = 8


def ending(voice: Voice, subject: str, not_after: str) -> Iterator[Finding]:
    """Say so if a certificate ends soon."""
    days, is_soon = days_left(not_after, now().wall)
    if is_soon:
        yield voice.warning(
            subject,
            f"Its certificate ends in {days} days ({not_after})",
            "Have it renewed; nothing works here once it has ended",
        )


def authorities(name: str, path: Path) -> Iterator[Finding]:
    """Look whether the authorities in a file are in force; `name` is the setting."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=path)
    ends = [str(each["notAfter"]) for each in context.get_ca_certs() if "notAfter" in each]
    expired = [each for each in ends if ssl.cert_time_to_seconds(each) < now().wall]
    if expired and len(expired) == len(ends):
        yield _FILES.error(
            name, f"All of its certificates have expired ({expired[0]})", "Put today's in it"
        )
    elif expired:
        yield _FILES.warning(name, f"A certificate in it has expired ({expired[0]})", "Take it out")
    else:
        yield _FILES.ok(name, f"{len(ends)} certificate(s) of authorities")


def own_certificate(name: str, certificate: Path, key: Path) -> Iterator[Finding]:
    """Look whether our certificate is in force, by letting it show itself to itself."""
    until, refusal = _shaken(certificate, key)
    if refusal is not None:
        yield _FILES.error(
            name, f"Our certificate would be refused: {refusal}", "Have a new one issued"
        )
    elif until is not None:
        yield _FILES.ok(name, f"In force until {until}")
        yield from ending(_FILES, name, until)


def _shaken(certificate: Path, key: Path) -> tuple[str | None, str | None]:
    """Return until when a certificate holds, and why a server would not take it, if so.

    Python decodes a certificate only in a handshake, so there is one, in memory.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key, password="")
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(cafile=certificate)
    server.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    client.load_cert_chain(certificate, key, password="")
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(back, there, server_side=False),
        server.wrap_bio(there, back, server_side=True),
    )
    for step in range(_STEPS):
        try:
            ends[step % 2].do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as error:
            return None, error.verify_message
        except ssl.SSLError:
            return None, None
    shown = ends[1].getpeercert() or {}
    until = shown.get("notAfter")
    return (until if isinstance(until, str) else None), None
