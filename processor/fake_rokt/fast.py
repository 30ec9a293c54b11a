"""A lean server for benchmarks: believes every request, answers as Rokt would, keeps the ledger.

It reads HTTP/1.1 with a Content-Length and one request at a time on a connection, which is what
HTTP clients send; everything else ends the connection.
"""

import asyncio
import re
from collections.abc import Callable
from random import Random
from typing import Final, cast

import orjson

from processor.fake_rokt.contract import PATHS, Operation
from processor.fake_rokt.ledger import Arrival, Entry, Ledger
from processor.fake_rokt.rules import Latency

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_HEAD_LIMIT: Final = 64 * 1024
_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_NOT_FOUND: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class FastConnections:
    """Makes a protocol for each connection."""

    def __init__(self, ledger: Ledger, latency: Latency, rng: Random) -> None:
        self._ledger = ledger
        self._draw: Callable[[], float] = (
            (lambda: rng.uniform(*latency)) if isinstance(latency, tuple) else (lambda: latency)
        )
        self._transports: set[asyncio.Transport] = set()

    def __call__(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        return _FastProtocol(self._ledger, self._draw, self._transports)

    def drop(self) -> None:
        """End all connections."""
        for transport in tuple(self._transports):
            transport.abort()


class _FastProtocol(asyncio.Protocol):
    def __init__(
        self,
        ledger: Ledger,
        draw: Callable[[], float],
        transports: set[asyncio.Transport],
    ) -> None:
        self._ledger = ledger
        self._draw = draw
        self._transports = transports
        self._received = b""
        self._entry: Entry | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transports.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transports.discard(self._transport)
        if self._entry is not None:
            self._ledger.end(self._entry, is_answered=False, is_disconnected=True)

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            if len(self._received) > _HEAD_LIMIT:
                self._transport.abort()
            return
        length = _LENGTH.search(self._received, 0, end + 2)
        if length is None:
            self._transport.abort()
            return
        start = end + 4
        if len(self._received) - start >= int(length[1]):
            body = self._received[start:]
            line = self._received[:end].split(b"\r\n", 1)[0].decode("latin-1")
            self._received = b""
            try:
                self._take(line, body)
            except (LookupError, TypeError, ValueError):  # no request line, or no such JSON
                self._transport.abort()

    def _take(self, line: str, body: bytes) -> None:
        path = line.split(" ", 2)[1]
        operation = PATHS.get(path)
        if operation is None:
            self._transport.write(_NOT_FOUND)
            return
        content = orjson.loads(body)
        item_ids = tuple([item["cartItemId"] for item in content["items"]])
        entry = self._ledger.arrive(
            Arrival(
                operation=operation,
                method="POST",
                path=path,
                cart_id=content["cartId"],
                order_id=content.get("orderId"),
                body=body,
            )
        )
        self._entry = entry
        seconds = self._draw()
        if seconds > 0:
            asyncio.get_running_loop().call_later(
                seconds, self._answer, entry, content["items"], item_ids
            )
        else:
            self._answer(entry, content["items"], item_ids)

    def _answer(self, entry: Entry, items: list[dict[str, str]], item_ids: tuple[str, ...]) -> None:
        order_id = entry.order_id
        reply: dict[str, object] = {"cartId": entry.cart_id}
        if entry.operation is Operation.CONFIRM:
            reply["orderId"] = order_id
        reply["items"] = [_reply_item(order_id, item) for item in items]
        self._ledger.apply(entry, item_ids, is_repeat=False)
        entry.status = 200
        self._ledger.end(entry, is_answered=True)
        body = orjson.dumps(reply)
        self._transport.write(_OK % (len(body), body))


def _reply_item(order_id: str | None, item: dict[str, str]) -> dict[str, object]:
    reply: dict[str, object] = {"cartItemId": item["cartItemId"]}
    if "itemReservationId" in item:
        reply["itemReservationId"] = item["itemReservationId"]
    if order_id is not None:
        confirmation_id = f"confirmation.{order_id}.{item['cartItemId']}"
        reply["itemConfirmationId"] = confirmation_id
        reply["itemConfirmationUrl"] = f"https://confirmations.invalid/{confirmation_id}"
    reply["success"] = True
    return reply
