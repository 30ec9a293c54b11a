import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest
from aiohttp import web

from processor.fake_rokt.answers import Answer
from processor.fake_rokt.contract import Operation
from processor.fake_rokt.exchange import Exchange
from processor.fake_rokt.ledger import Arrival, Entry, Ledger
from processor.fake_rokt.rules import Send


class ClosingTransport:
    """The caller has left, and the loop is about to say so."""

    def is_closing(self) -> bool:
        return True


@dataclass
class ClosingRequest:
    transport: ClosingTransport | None = field(default_factory=ClosingTransport)
    keep_alive: bool = True


def entered(ledger: Ledger) -> Entry:
    arrival = Arrival(
        operation=Operation.CONFIRM,
        method="POST",
        path="/v1/Cart/confirm",
        cart_id="c",
        order_id="o",
        body=b"",
    )
    return ledger.arrive(arrival)


@pytest.mark.parametrize("how", list(Send))
def test_a_caller_that_is_leaving_counts_as_gone_however_it_is_answered(how: Send) -> None:
    async def answer() -> Entry:
        ledger = Ledger(limit=1, keeps_bodies=False)
        entry = entered(ledger)
        request = cast("web.BaseRequest", ClosingRequest())
        exchange = Exchange(request, ledger, entry)
        answering = asyncio.create_task(exchange.send(Answer(status=200), how, 0.0))
        await asyncio.sleep(0)
        assert not answering.done()
        exchange.leave()
        await answering
        return entry

    entry = asyncio.run(answer())
    assert (entry.is_answered, entry.is_disconnected, entry.status) == (False, True, None)


def test_a_caller_may_be_gone_before_its_request_was_read() -> None:
    async def begin() -> Entry:
        ledger = Ledger(limit=1, keeps_bodies=False)
        entry = entered(ledger)
        Exchange(cast("web.BaseRequest", ClosingRequest(transport=None)), ledger, entry)
        return entry

    entry = asyncio.run(begin())
    assert (entry.is_answered, entry.is_disconnected) == (False, True)
