"""Bodies of replies: read up to a limit, decoded up to the same limit."""

import zlib
from collections.abc import AsyncIterable
from typing import Final

from processor.core.replies import BodyState

_IDENTITY: Final = ("", "identity")
_GZIP: Final = ("gzip", "x-gzip")
_GZIP_ONLY: Final = 16 + zlib.MAX_WBITS


async def read_body(
    chunks: AsyncIterable[bytes], encoding: str, limit: int
) -> tuple[bytes, BodyState]:
    """Return the decoded body, or nothing and why; stops reading beyond `limit` bytes.

    Both the bytes that came and the bytes they decode to count, so that neither an endless
    body nor a compression bomb takes memory. We ask for no compression, yet a proxy may apply
    gzip; any other `encoding` is not read at all.
    """
    encoding = encoding.strip().lower()
    if encoding not in _IDENTITY and encoding not in _GZIP:
        return b"", BodyState.UNREADABLE
    received = bytearray()
    async for chunk in chunks:
        received += chunk
        if len(received) > limit:
            return b"", BodyState.TOO_LARGE
    if encoding in _IDENTITY or not received:
        return bytes(received), BodyState.COMPLETE
    return _gunzip(received, limit)


def _gunzip(data: bytearray, limit: int) -> tuple[bytes, BodyState]:
    decoder = zlib.decompressobj(_GZIP_ONLY)
    try:
        body = decoder.decompress(data, limit + 1)
    except zlib.error:
        return b"", BodyState.UNREADABLE
    if len(body) > limit:
        return b"", BodyState.TOO_LARGE
    if not decoder.eof or decoder.unused_data:
        return b"", BodyState.UNREADABLE
    return body, BodyState.COMPLETE
