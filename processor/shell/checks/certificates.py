"""Certificates: whether those that the settings name, and those of servers, are in force."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from processor.shell.checks.findings import Area, Finding, Voice
from processor.shell.checks.network import days_left
from processor.shell.clock import now
from processor.shell.server_tls import pinning_context, server_context

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


def own_certificate(
    name: str, certificate: Path, key: Path, password: str = ""
) -> Iterator[Finding]:
    """Look whether our certificate is in force, by letting it show itself to itself."""
    yield from _judged(name, *_shaken(certificate, key, password))


def unseen_certificate(name: str) -> Finding:
    """Say that nobody here can look into that form of a certificate."""
    return _FILES.unknown(name, "Only Kafka's client reads this form: see yourself when it ends")


def served_certificate(name: str, certificate: Path, key: Path) -> Iterator[Finding]:
    """Look the same way whether the certificate of our server is in force."""
    server, client = server_context(certificate, key), pinning_context(certificate)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there, server_side=False)
    refusal = _shake(asking, server.wrap_bio(there, back, server_side=True))
    yield from _judged(name, _until(asking), refusal)


def _judged(name: str, until: str | None, refusal: str | None) -> Iterator[Finding]:
    if refusal is not None:
        yield _FILES.error(
            name, f"Our certificate would be refused: {refusal}", "Have a new one issued"
        )
    elif until is not None:
        yield _FILES.ok(name, f"In force until {until}")
        yield from ending(_FILES, name, until)


def _shaken(certificate: Path, key: Path, password: str) -> tuple[str | None, str | None]:
    """Return until when a certificate holds, and why a server would not take it, if so.

    Python decodes a certificate only in a handshake, so there is one, in memory.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key, password=password)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(cafile=certificate)
    server.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    client.load_cert_chain(certificate, key, password=password)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    judging = server.wrap_bio(there, back, server_side=True)
    refusal = _shake(client.wrap_bio(back, there, server_side=False), judging)
    return _until(judging), refusal


def _shake(client: ssl.SSLObject, server: ssl.SSLObject) -> str | None:
    """Return why one of two ends does not take the certificate of the other, if so."""
    for step in range(_STEPS):
        try:
            (client, server)[step % 2].do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        except ssl.SSLError:
            return None
    return None


def _until(judging: ssl.SSLObject) -> str | None:
    try:
        until = (judging.getpeercert() or {}).get("notAfter")
    except ValueError:  # no handshake, no certificate
        return None
    return until if isinstance(until, str) else None
