"""Headers: what those of a response ask for, where they point, how to name it to support."""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from processor.core.bodies import cleaned

_LONGEST_PAUSE: Final = 900.0
_LONGEST_VALUE: Final = 200
_TRACE_HEADERS: Final = (
    "rokt-trace-id",
    "x-rokt-trace-id",
    "x-request-id",
    "x-correlation-id",
    "x-trace-id",
    "traceparent",
    "x-amzn-trace-id",
    "x-amzn-requestid",
    "cf-ray",
)


def retry_after(value: str | None, wall: float) -> float | None:
    """Return the seconds that a Retry-After asks to wait, at most 15 minutes.

    It is a number of seconds or an HTTP date, which `wall` (seconds since the epoch) is held
    against. None when it is missing, zero, past or neither: then our own backoff decides.
    """
    if value is None or len(value) > _LONGEST_VALUE:
        return None
    text = value.strip()
    seconds = float(text) if text.isascii() and text.isdigit() else _seconds_until(text, wall)
    return min(seconds, _LONGEST_PAUSE) if seconds > 0 else None


def _seconds_until(date: str, wall: float) -> float:
    try:
        moment = parsedate_to_datetime(date)
        # An HTTP date is in UTC, even where it does not say so.
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.timestamp() - wall
    except (ValueError, OverflowError):
        return 0.0


def trace_id(headers: Mapping[str, str]) -> str | None:
    """Return the id under which the other side can find the exchange, if it gave one."""
    for name in _TRACE_HEADERS:
        if value := headers.get(name):
            return cleaned(value, _LONGEST_VALUE)
    return None


def redirect_host(headers: Mapping[str, str]) -> str | None:
    """Return the host that a redirect points to; the rest of the address may carry anything."""
    try:
        host = urlsplit(headers.get("location", "")).hostname
    except ValueError:
        return None
    return cleaned(host, _LONGEST_VALUE) if host else None
