"""What the tests of the HTTP edge share: a call, a certificate authority, one attempt."""

import asyncio
import ssl
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import trustme
import uvloop

from processor.core.calls import Call
from processor.core.replies import Reply
from processor.core.vocabulary import Operation
from processor.shell.http import EdgeSettings, Engine, open_client

T = TypeVar("T")

CANARY_KEY: Final = "canary-4f1d0c5e-key"
BODY: Final = b'{"cartId":"c-1","orderId":"o-1","items":[]}'

CONFIRM: Final = Call(
    operation=Operation.CONFIRM,
    path="/v1/Cart/confirm",
    headers=(("rokt-tag-id", "253_1"), ("rokt-session-id", "s-1"), ("Accept-Language", "en-US")),
    body=BODY,
    fingerprint="f" * 64,
    cart_id="c-1",
    order_id="o-1",
    items=(),
)
RELEASE: Final = replace(CONFIRM, operation=Operation.RELEASE, path="/v1/cart/release")


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority of our own; `file` holds its certificate."""

    ca: trustme.CA
    file: Path

    def server(self, name: str = "127.0.0.1", not_after: datetime | None = None) -> ssl.SSLContext:
        """Return the context of a server whose certificate is for `name`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(name, not_after=not_after).configure_cert(context)
        return context

    def demanding(self) -> ssl.SSLContext:
        """Return the context of a server that asks clients for a certificate of this authority."""
        context = self.server()
        context.verify_mode = ssl.CERT_REQUIRED
        self.ca.configure_trust(context)
        return context


def new_authority(folder: Path) -> Authority:
    """Return a fresh authority whose certificate lies in `folder`."""
    ca = trustme.CA()
    file = folder / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    return Authority(ca, file)


LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)


def patient(base_url: str, ca_file: Path | None = None) -> EdgeSettings:
    """Return settings whose times no healthy exchange on a busy machine runs into."""
    return EdgeSettings(base_url=base_url, ca_file=ca_file)


def hasty(base_url: str) -> EdgeSettings:
    """Return settings for exchanges that hang: they end within a second."""
    return EdgeSettings(
        base_url=base_url,
        connect_timeout=0.2,
        confirm_read_timeout=0.4,
        release_read_timeout=0.3,
        confirm_deadline=0.8,
        release_deadline=0.5,
    )


def run(scenario: Coroutine[Any, Any, T]) -> T:
    """Run `scenario` on the loop that the processor uses, and fail rather than hang."""

    async def bounded() -> T:
        async with asyncio.timeout(20):
            return await scenario

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(bounded())


async def attempt(settings: EdgeSettings, engine: Engine, call: Call = CONFIRM) -> Reply:
    """Make one attempt with a client of its own."""
    client = open_client(settings, engine, lambda: CANARY_KEY)
    try:
        return await client.send(call)
    finally:
        await client.aclose()
