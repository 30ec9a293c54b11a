"""The way to Rokt: one HEAD of the base URL, without the key. Nothing is ever confirmed here.

So this cannot know whether key and tag are right, nor whether the paths of the calls are: only a
call would show, and a call may have an effect.
"""

import asyncio
import os
import socket
from collections.abc import Iterator
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx2 as httpx

from processor.core.replies import FailureKind
from processor.shell.checks.certificates import ending
from processor.shell.checks.findings import Area, Finding, Level, Voice
from processor.shell.checks.network import TroubleError, Trust
from processor.shell.checks.scene import Clock, Scene
from processor.shell.checks.web import USER_AGENT, Seen, head
from processor.shell.composition import edge_settings
from processor.shell.http import EdgeSettings, EdgeSettingsError, Engine, open_transport
from processor.shell.http.failures import failure_of
from processor.shell.http.transport import Request, as_mapping
from processor.shell.settings import Settings
from processor.shell.settings_source import variable
from processor.shell.tls import TlsFiles, context_of

_VOICE: Final = Voice(area=Area.ROKT)
_BASE_URL: Final = variable("rokt.base_url")
_CA_FILE: Final = variable("http_client.ca_file")
_ALLOWED: Final = variable("http_client.allowed_addresses")
_KEY: Final = "key and tag"
_REDIRECTS: Final = range(300, 400)
_BAD_GATEWAY: Final = range(502, 505)
_PROXY_ASKS: Final = 407
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def look(scene: Scene) -> Iterator[Finding]:
    """Ask the base URL once by plain means, and once by the engine that makes the calls.

    The engine has the last word, whose trust may be another; plain means know what is wrong.
    """
    url = scene.settings.rokt.base_url
    refused = [*_refused(scene)]
    yield from refused
    if any(each.level is Level.ERROR for each in refused):
        return
    by_engine = asyncio.run(_by_engine(scene))
    try:
        seen = head(url, _trust(scene.settings), scene.within)
    except TroubleError as trouble:
        if isinstance(by_engine, Finding):
            yield _VOICE.error(url, trouble.found, f"{trouble.remedy}{_about_proxies()}")
            return
        seen = by_engine
    yield by_engine if isinstance(by_engine, Finding) else judge(url, seen)
    if seen.ahead is not None:
        scene.clocks.append(Clock(of=f"Rokt's ({urlsplit(url).netloc})", ahead=seen.ahead))
    if seen.not_after is not None:
        yield from ending(_VOICE, url, seen.not_after)
    yield _VOICE.unknown(
        _KEY, "Whether they are right only a call shows, and none is made: watch the first ones"
    )


def _refused(scene: Scene) -> Iterator[Finding]:
    """Say which addresses of the host are never called."""
    url = scene.settings.rokt.base_url
    host = urlsplit(url).hostname or ""
    try:
        destinations = edge_settings(scene.settings).destinations
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (EdgeSettingsError, OSError, UnicodeError):
        return  # whoever looks next has the words for it
    addresses = [*dict.fromkeys(str(each[4][0]) for each in found)]
    refusals = {each: destinations.refusal(each) for each in addresses}
    remedy = (
        f"Check {_BASE_URL}, and who answers for that name"
        if scene.settings.http_client.allowed_addresses is None
        else f"Check {_BASE_URL} and {_ALLOWED}, and who answers for that name"
    )
    if (all_refused := destinations.refusal_of_all(addresses)) is not None:
        yield _VOICE.error(url, f"C{all_refused[1:]}", remedy)
        return
    for address, refusal in refusals.items():
        if refusal is not None:
            yield _VOICE.warning(
                url, f"One of its addresses, {address}, is never called: it is {refusal}", remedy
            )


def judge(url: str, seen: Seen) -> Finding:
    """Say what an answer to HEAD means for calls below that URL."""
    if seen.status in _REDIRECTS:
        return _redirected(url, seen.location)
    if seen.status == _PROXY_ASKS:
        return _VOICE.error(
            url,
            "A proxy answers in Rokt's place (status 407)",
            "Let connections to it out directly: calls never go through a proxy",
        )
    if seen.status in _BAD_GATEWAY:
        return _VOICE.warning(
            url,
            f"It answers with status {seen.status}: what stands in front cannot reach Rokt",
            "Wait, and look at Rokt's status page; check the host if it stays so",
        )
    return _VOICE.ok(url, f"It answers (status {seen.status} to HEAD, without the key)")


def _redirected(url: str, location: str | None) -> Finding:
    target = urlsplit(urljoin(url, location or ""))
    here = urlsplit(url)
    if location is None or (target.scheme, target.netloc) == (here.scheme, here.netloc):
        return _VOICE.warning(
            url,
            "It redirects within itself; calls are never redirected, and go to their own paths",
            f"Make sure that {_BASE_URL} is what Rokt gave you, its path included",
        )
    to = f"{target.scheme}://{target.hostname or ''}"
    return _VOICE.error(
        url,
        f"It redirects to {to}, and calls are never redirected: all of them would fail",
        f"Set {_BASE_URL} to what Rokt gave you, or to {to} if that is Rokt's",
    )


def _trust(settings: Settings) -> Trust:
    client = settings.http_client
    files = TlsFiles(
        ca_file=client.ca_file,
        certificate_file=client.client_certificate_file,
        key_file=client.client_key_file,
    )
    return Trust(context=context_of(files), setting=_CA_FILE)


def _about_proxies() -> str:
    named = next((each for each in _PROXIES if os.environ.get(each)), None)
    return f". {named} is set and not used: calls never go through a proxy" if named else ""


async def _by_engine(scene: Scene) -> Seen | Finding:
    """Ask by the engine that makes the calls; return what it saw, or what is wrong."""
    url = scene.settings.rokt.base_url
    try:
        edge = edge_settings(scene.settings)
        transport = open_transport(edge, Engine(scene.settings.http_client.engine))
    except EdgeSettingsError as error:
        return _VOICE.error(
            url, f"Calls cannot be made: {error}", f"Check {_BASE_URL} and its files"
        )
    try:
        async with asyncio.timeout(scene.within):
            answer = await transport.exchange(_request(edge, scene.within))
            await answer.close()
            location = as_mapping(answer.headers).get("location")
            return Seen(status=answer.status, location=location, ahead=None, not_after=None)
    except Exception as error:  # noqa: BLE001  whatever the engine does
        failure = failure_of(error, None)
        remedy = (
            f"Check {_CA_FILE}" if failure.kind is FailureKind.TLS else "Try again, then report it"
        )
        return _VOICE.error(
            url, f"It answers, but not to the client that makes the calls: {failure.detail}", remedy
        )
    finally:
        await transport.aclose()


def _request(edge: EdgeSettings, within: float) -> Request:
    url = httpx.URL(edge.base_url)
    headers = [(b"Host", url.netloc), (b"User-Agent", USER_AGENT.encode())]
    return Request(b"HEAD", url.raw_path, headers, b"", edge.confirm_read_timeout, within)
