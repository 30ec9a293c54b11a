"""The benchmark's API: a program that says yes to everything, and knows how late it was.

It reads HTTP/1.1 with a Content-Length, one request at a time on a connection, and keeps
nothing. `GET /lateness` tells what it has answered since it was asked the last time.
"""

import argparse
import asyncio
import re
import time
from array import array
from collections import deque
from typing import Any, Final, cast

import orjson
import uvloop

from tests.benchmarks.percentiles import percentile

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_CONNECTIONS: Final = 4_096
# uvloop's timers count in milliseconds, and one of none would spin.
_SHORTEST_REST: Final = 0.001


class Desk:
    """Keeps answers until their time has come: all take as long, so the first is due first."""

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._waiting: deque[tuple[float, asyncio.Transport, bytes]] = deque()
        self._late = array("d")
        self._calls = 0

    def take(self, transport: asyncio.Transport, answer: bytes) -> None:
        """Send an answer when the API would."""
        self._calls += 1
        if not self._latency:
            transport.write(answer)
            return
        self._waiting.append((time.monotonic() + self._latency, transport, answer))
        if len(self._waiting) == 1:
            self._rest(self._latency)

    def _rest(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(max(seconds, _SHORTEST_REST), self._send)

    def _send(self) -> None:
        waiting, now = self._waiting, time.monotonic()
        while waiting and waiting[0][0] <= now:
            due, transport, answer = waiting.popleft()
            transport.write(answer)
            self._late.append(now - due)
        if waiting:
            self._rest(waiting[0][0] - now)

    def report(self) -> bytes:
        """Return the calls since the last report, and how late answers were; seconds."""
        late, calls = self._late, self._calls
        self._late, self._calls = array("d"), 0
        return orjson.dumps({"calls": calls, "late_p99": percentile(late, 99) if late else 0.0})


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received = received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        if received.startswith(b"GET /lateness "):
            self._received = b""
            self._transport.write(_framed(self._desk.report()))
            return
        length = _LENGTH.search(received, 0, end + 2)
        if length is None:
            self._transport.abort()
        elif len(received) - end - 4 >= int(length[1]):
            self._received = b""
            self._desk.take(self._transport, _framed(reply(received[end + 4 :])))


def reply(body: bytes) -> bytes:
    """Return the body by which Rokt confirms all items of a request."""
    order = orjson.loads(body)
    order_id = order["orderId"]
    items = [_item(order_id, item) for item in order["items"]]
    return orjson.dumps({"cartId": order["cartId"], "orderId": order_id, "items": items})


def _item(order_id: str, item: dict[str, Any]) -> dict[str, Any]:
    confirmation = f"confirmation.{order_id}.{item['cartItemId']}"
    return {
        "cartItemId": item["cartItemId"],
        "itemReservationId": item["itemReservationId"],
        "itemConfirmationId": confirmation,
        "itemConfirmationUrl": f"https://confirmations.invalid/{confirmation}",
        "success": True,
    }


def _framed(body: bytes) -> bytes:
    return _OK % (len(body), body)


async def _serve(latency: float) -> None:
    desk = Desk(latency)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(desk), "127.0.0.1", 0, backlog=_CONNECTIONS
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Print the port, then serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, required=True, help="seconds")
    uvloop.run(_serve(parser.parse_args().latency))


if __name__ == "__main__":
    main()
