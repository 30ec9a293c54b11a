"""Complaints: what the log says of requests that are no HTTP, in one line and without a piece."""

import logging
from typing import Final

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError


def _shorten(record: logging.LogRecord) -> bool:
    """Put one line in the place of a traceback; what arrived stays out, as it may hold a key."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, ConnectionError):
        return False  # the caller left before its request was whole
    if isinstance(error, HttpProcessingError | RequestPayloadError):
        if not record.args:
            return False  # the second complaint about the same request
        record.msg = f"The fake Rokt cannot read a request from %s as HTTP: {type(error).__name__}"
        record.exc_info = None
    return True


LOGGER: Final = logging.getLogger(__name__)
"""Where aiohttp complains; a fault of our own keeps its traceback."""
LOGGER.addFilter(_shorten)
