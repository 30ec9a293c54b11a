"""Requests to the schema registry: bounded in time and size, whatever answers at its address."""

import asyncio
from http import HTTPStatus
from typing import Final

import httpx2 as httpx

from processor.core.replies import BodyState
from processor.shell.clock import steady
from processor.shell.reply_bodies import read_body
from processor.shell.tls import Tls

ANSWER_LIMIT: Final = 1 << 20
"""Bytes of an answer that are read: many times what a schema that we take can come to."""

_IDENTITY: Final = {"accept-encoding": "identity"}
_OF_THE_WIRE: Final = ("content-encoding", "content-length", "transfer-encoding")


class TooLargeError(httpx.TransportError):
    """An answer is larger than `ANSWER_LIMIT`, as it came or once it was unpacked."""


class RegistryTransport(httpx.BaseTransport):
    """Carries each request on a connection of its own, to its end or its deadline.

    Nothing of the environment is taken: no proxy, no password. No request is repeated.
    """

    def __init__(self, tls: Tls, within: float) -> None:
        """Give each exchange `within` seconds, from its first packet to its last byte."""
        self._tls = tls
        self._within = within

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the whole answer. Blocks, and not on the thread of a running loop.

        Raises httpx.TransportError when there is none that can be used.
        """
        request.read()
        return asyncio.run(self._within_time(request))

    async def _within_time(self, request: httpx.Request) -> httpx.Response:
        try:
            async with asyncio.timeout(self._within):
                return await self._exchange(request)
        except TimeoutError:
            raise httpx.ReadTimeout(f"no whole answer within {self._within:g} s") from None

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        async with httpx.AsyncHTTPTransport(
            verify=self._tls.current(steady()), trust_env=False, http2=False, retries=0
        ) as transport:
            response = await transport.handle_async_request(_asking(request))
            if not isinstance(response.stream, httpx.AsyncByteStream):
                raise TypeError("the transport's responses must be asynchronous")
            encoding = response.headers.get("content-encoding", "")
            body, state = await read_body(response.stream, encoding, ANSWER_LIMIT)
            await response.aclose()
        if state is BodyState.TOO_LARGE and response.status_code == HTTPStatus.OK:
            raise TooLargeError(f"an answer of more than {ANSWER_LIMIT} bytes")
        if state is not BodyState.COMPLETE:
            raise httpx.DecodingError("an answer that is too large, or encoded unasked")
        headers = [pair for pair in response.headers.items() if pair[0] not in _OF_THE_WIRE]
        return httpx.Response(response.status_code, headers=headers, content=body)


def _asking(request: httpx.Request) -> httpx.Request:
    headers = request.headers.copy()
    headers.update(_IDENTITY)
    return httpx.Request(
        request.method,
        request.url,
        headers=headers,
        stream=httpx.ByteStream(request.content),
        extensions=request.extensions,
    )
