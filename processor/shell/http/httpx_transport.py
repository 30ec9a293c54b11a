"""The engine of httpx: its well-known connection pool, for more of the CPU."""

import asyncio
from collections.abc import AsyncIterator
from typing import Self

import httpx2 as httpx

from processor.shell.http.edge_settings import EdgeSettings
from processor.shell.http.transport import Answer, Request


class HttpxTransport:
    """Sends requests by a transport of httpx, and keeps their deadlines."""

    def __init__(self, settings: EdgeSettings, transport: httpx.AsyncBaseTransport) -> None:
        """Send to the origin of `settings.base_url`."""
        self._transport = transport
        self._base_url = httpx.URL(settings.base_url)
        self._connect_timeout = settings.connect_timeout

    async def exchange(self, request: Request) -> Answer:
        """Send `request`; raises what every transport does."""
        ends_at = asyncio.get_running_loop().time() + request.deadline
        connect, read = self._connect_timeout, request.read_timeout
        timeouts = {"connect": connect, "read": read, "write": read, "pool": connect}
        async with asyncio.timeout_at(ends_at):
            response = await self._transport.handle_async_request(
                httpx.Request(
                    request.method.decode(),
                    self._base_url.copy_with(raw_path=request.target),
                    headers=request.headers,
                    stream=httpx.ByteStream(request.body),
                    extensions={"timeout": timeouts},
                )
            )
        return _Answer(response, ends_at)

    async def aclose(self) -> None:
        """Close the pool."""
        await self._transport.aclose()


class _Answer:
    def __init__(self, response: httpx.Response, ends_at: float) -> None:
        if not isinstance(response.stream, httpx.AsyncByteStream):
            raise TypeError("the transport's responses must be asynchronous")
        self.status = response.status_code
        self.headers = response.headers.raw
        self._stream = response.stream
        self._pieces: AsyncIterator[bytes] = aiter(response.stream)
        self._ends_at = ends_at

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        async with asyncio.timeout_at(self._ends_at):
            return await anext(self._pieces)

    async def close(self) -> None:
        await self._stream.aclose()
