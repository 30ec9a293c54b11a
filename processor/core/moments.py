"""Moments as people write them: ISO times, days, and how long ago."""

import re
from datetime import UTC, datetime
from typing import Final

EXPECTED: Final = (
    "a time with its zone such as 2026-11-01T00:00Z, a day such as 2026-11-01 (UTC), or how long "
    "ago it was: 90s, 30m, 2h, 3d, 1w"
)
_AGO: Final = re.compile(r"(\d{1,6})\s*([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def read_moment(text: str, now_ms: int) -> int:
    """Return a moment as epoch milliseconds; ValueError says what is wrong with the text."""
    text = text.strip()
    if text == "now":
        return now_ms
    ago = _AGO.fullmatch(text.lower())
    if ago:
        return max(0, now_ms - int(ago[1]) * _SECONDS[ago[2]] * 1_000)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"is not {EXPECTED}") from None
    if moment.tzinfo is None:
        if not _DAY.fullmatch(text):
            raise ValueError("has no zone: add Z for UTC, or an offset such as +02:00")
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1_000)


def moment_of(at: int) -> datetime | None:
    """Return epoch milliseconds as a moment in UTC, None beyond the calendar's years.

    What producers write as a time is any number.
    """
    try:
        return datetime.fromtimestamp(at / 1_000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def show_moment(at: int) -> str:
    """Return epoch milliseconds for people: UTC, to the second; as they are beyond the calendar."""
    moment = moment_of(at)
    return f"{at} ms" if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
