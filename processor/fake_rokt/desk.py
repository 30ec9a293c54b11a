"""The desk: takes each request in, decides what becomes of it, and sees the answer off.

A request goes: ledger, contract, rule, latency, effect, latency, answer.
"""

import asyncio
from random import Random
from time import time

from aiohttp import web

from processor.fake_rokt import answers, contract
from processor.fake_rokt.answers import Answer
from processor.fake_rokt.contract import Call, Refusal
from processor.fake_rokt.exchange import Exchange, Written
from processor.fake_rokt.ledger import Arrival, Entry, Ledger
from processor.fake_rokt.outage import Outage
from processor.fake_rokt.reservations import Reservations, Settled
from processor.fake_rokt.rules import Latency, Rules, Send, Then
from processor.fake_rokt.settings import Settings


class Desk:
    """What all requests share. `outage` is set while Rokt is down."""

    def __init__(self, settings: Settings) -> None:
        rng = Random(settings.seed)  # noqa: S311  (repeatable on purpose)
        self._rng = rng
        self._latency = settings.latency
        self.api_key = settings.api_key
        self.rules = Rules(settings.rules, rng)
        self.ledger = Ledger(limit=settings.keep_entries, keeps_bodies=settings.keep_bodies)
        self.reservations = Reservations(
            is_strict=settings.strict_reservations, limit=settings.keep_entries
        )
        self.reservations.seed(settings.reservations)
        self.outage: Outage | None = None

    async def serve(self, request: web.BaseRequest, exchanges: dict[object, Exchange]) -> Written:
        """Answer one request, and leave its exchange in `exchanges`, by connection."""
        body = await request.content.read()
        is_key_right = (
            self.api_key is not None and request.headers.get("rokt-api-key") == self.api_key
        )
        entry = self.ledger.arrive(_arrival(request, body, is_key_right=is_key_right))
        exchange = Exchange(request, self.ledger, entry)
        exchanges[request.protocol] = exchange
        if self.outage is not None:
            return await exchange.send(_nobody_home(self.outage), Send.WHOLE, 0.0)
        asked = contract.Request(
            method=request.method,
            path=request.raw_path,
            headers=request.headers,
            body=body,
            is_key_right=is_key_right,
        )
        return await self._answer(asked, entry, exchange)

    async def _answer(self, request: contract.Request, entry: Entry, exchange: Exchange) -> Written:
        call = self._check(request)
        if isinstance(call, Refusal):
            self.ledger.refuse(entry)
            await self._pause(self._latency)
            return await exchange.send(answers.refusal(call), Send.WHOLE, 0.0)
        then = self.rules.decide(call.operation, call.cart_id, call.order_id, entry.attempt)
        if then is None:
            then = _AS_ROKT
        else:
            self.ledger.rule(entry)
        await self._pause(self._latency if then.latency is None else then.latency)
        settled = self._settle(call, then, entry)
        await self._pause(then.answer_latency)
        return await exchange.send(
            answers.answer(call, settled, then, time()), then.send, then.drip
        )

    def _check(self, request: contract.Request) -> Call | Refusal:
        call = contract.read(request)
        if isinstance(call, Refusal):
            return call
        problems = self.reservations.problems(call)
        return contract.unprocessable(problems) if problems else call

    def _settle(self, call: Call, then: Then, entry: Entry) -> list[Settled]:
        ids = then.reject
        rejected = frozenset(item.cart_item_id for item in call.items) if ids == "all" else ids
        settled = self.reservations.settle(
            call, rejected=frozenset(rejected), is_applied=then.applies
        )
        done = [each for each in settled if each.is_success]
        if then.applies and (done or not settled):
            self.ledger.apply(
                entry,
                tuple(each.item.cart_item_id for each in done),
                is_repeat=all(each.is_repeat for each in done),
            )
        return settled

    async def _pause(self, latency: Latency) -> None:
        seconds = latency if isinstance(latency, float | int) else self._rng.uniform(*latency)
        if seconds > 0:
            await asyncio.sleep(seconds)


_AS_ROKT = Then()


def _nobody_home(outage: Outage) -> Answer:
    headers = tuple(outage.headers.items())
    return Answer(status=outage.status, headers=headers, body=outage.body.encode())


def _arrival(request: web.BaseRequest, body: bytes, *, is_key_right: bool) -> Arrival:
    headers = request.headers
    cart_id, order_id = contract.ids_of(body)
    peer = request.get_extra_info("peername")
    return Arrival(
        operation=contract.PATHS.get(request.raw_path),
        method=request.method,
        path=request.raw_path,
        cart_id=_printable(cart_id),
        order_id=_printable(order_id),
        body=body,
        tag_id=_printable(headers.get("rokt-tag-id")),
        session_id=_printable(headers.get("rokt-session-id")),
        accept_language=_printable(headers.get("Accept-Language")),
        user_agent=_printable(headers.get("User-Agent")),
        traceparent=_printable(headers.get("traceparent")),
        is_key_right=is_key_right,
        peer_port=peer[1] if peer else None,
    )


def _printable(text: str | None) -> str | None:
    """Escape lone surrogates, which JSON and raw header bytes can bring but no page can show."""
    return text and text.encode("utf-8", "backslashreplace").decode()
