"""The hammer: how many calls a second the API of the benchmark takes, when nothing else works.

A raw client with so many connections and one request at a time on each: what it reaches is a
bound from below, because it takes CPU, too.
"""

import asyncio
import time
from typing import cast

import orjson
import uvloop

_BODY = orjson.dumps(
    {
        "cartId": "2b8e4d17-3c6a-4f9b-b5d1-000081234567",
        "orderId": "7f3c2a51-90de-4b1c-a2f0-000051234567",
        "items": [
            {
                "cartItemId": "item-2b8e4d17-3c6a-4f9b-b5d1-000081234567-1",
                "catalogItemId": "parkwhiz_quote.84118520",
                "quantity": 1,
                "currency": "CAD",
                "unitPrice": 10,
                "totalPrice": 10,
                "itemReservationId": "reservation-2b8e4d17-3c6a-4f9b-b5d1-000081234567-1",
            }
        ],
    }
)
_REQUEST = (
    b"POST /v1/Cart/confirm HTTP/1.1\r\nHost: 127.0.0.1\r\nrokt-api-key: skeletonkey\r\n"
    b"rokt-tag-id: tag\r\nrokt-session-id: session\r\nAccept: application/json\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
)


class _Caller(asyncio.Protocol):
    """Calls again as soon as it is answered. All answers are as long as the first one."""

    def __init__(self) -> None:
        self.calls = 0
        self._length = 0
        self._received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(_REQUEST)

    def data_received(self, data: bytes) -> None:
        if not self._length:
            head, _, _ = data.partition(b"\r\n\r\n")
            self._length = len(head) + 4 + int(head.rpartition(b"Content-Length: ")[2])
        self._received += len(data)
        if self._received == self._length:
            self._received = 0
            self.calls += 1
            self._transport.write(_REQUEST)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc

    def end(self) -> None:
        """Call no more."""
        self._transport.abort()


def calls_per_second(port: int, *, connections: int, seconds: float) -> float:
    """Return how many calls a second an API on this port has answered."""
    return uvloop.run(_hammer(port, connections, seconds))


async def _hammer(port: int, connections: int, seconds: float) -> float:
    loop = asyncio.get_running_loop()
    callers = [
        (await loop.create_connection(_Caller, "127.0.0.1", port))[1] for _ in range(connections)
    ]
    begun, before = time.monotonic(), sum(caller.calls for caller in callers)
    await asyncio.sleep(seconds)
    calls, took = sum(caller.calls for caller in callers) - before, time.monotonic() - begun
    for caller in callers:
        caller.end()
    return calls / took
