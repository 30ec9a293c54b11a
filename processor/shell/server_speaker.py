"""The speaker: reads requests off a connection, and has them answered."""

import asyncio
import logging
import traceback
from typing import Final, cast

import structlog
from aiohttp import web

_LONGEST_LINE: Final = 2_048
_MOST_HEADERS: Final = 64
_IDLE_TIMEOUT: Final = 75.0
_LINGERING_TIME: Final = 1.0
_LOG: Final = structlog.get_logger(__name__)


def _is_ours(line: logging.LogRecord) -> bool:
    # Whatever knocks at the port, a scanner say, would fill the log with tracebacks: only of an
    # error in which our code takes part there is something to be known.
    error = line.exc_info[1] if line.exc_info else None
    if error is None:
        return True
    frames = traceback.walk_tb(error.__traceback__)
    return any(str(frame.f_globals.get("__name__")).startswith("processor.") for frame, _ in frames)


_LOGGER: Final = logging.getLogger(__name__)
_LOGGER.addFilter(_is_ours)


class Speaker(web.RequestHandler):
    """Speaks on one connection, which ends at whatever a request makes the library raise."""

    __slots__ = ()

    def __init__(self, server: web.Server) -> None:
        """Begin on a connection of a server of the library's, which has the requests answered."""
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=cast("logging.Logger", None),
            auto_decompress=False,
            logger=_LOGGER,
            keepalive_timeout=_IDLE_TIMEOUT,
            lingering_time=_LINGERING_TIME,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            max_headers=_MOST_HEADERS,
        )

    async def start(self) -> None:
        """Answer one request after the other, until the connection ends."""
        try:
            await super().start()
        except Exception as error:  # noqa: BLE001  readers of addresses raise what they like
            _LOG.debug("a connection was ended", error=type(error).__name__)
            if self.transport is not None:
                self.transport.abort()
