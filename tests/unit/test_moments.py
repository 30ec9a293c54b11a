"""Moments as people write them."""

import pytest

from processor.core.moments import moment_of, read_moment, show_moment

NOW = 1_793_491_200_000  # 2026-11-01T00:00:00Z


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01T00:00Z", NOW),
        ("2026-11-01T00:00:00+00:00", NOW),
        ("2026-11-01T02:00+02:00", NOW),
        ("2026-11-01", NOW),
        ("now", NOW),
        ("2h", NOW - 7_200_000),
        ("3d", NOW - 259_200_000),
        (" 90S ", NOW - 90_000),
        ("1w", NOW - 604_800_000),
        ("999999w", 0),
    ],
)
def test_times_days_and_how_long_ago_are_read(text: str, moment: int) -> None:
    assert read_moment(text, NOW) == moment


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("soon", "is not a time"),
        ("", "is not a time"),
        ("-2h", "is not a time"),
        ("2026-11-01T00:00", "has no zone"),
        ("2026-13-01", "is not a time"),
        ("9999999h", "is not a time"),
    ],
)
def test_what_is_no_moment_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_moment(text, NOW)


def test_moments_are_shown_in_utc() -> None:
    assert show_moment(NOW + 500) == "2026-11-01T00:00:00Z"


@pytest.mark.parametrize("at", [2**63 - 1, -(2**63), 253_402_300_800_000, -62_135_596_800_001_000])
def test_what_lies_beyond_the_calendar_is_shown_as_it_is(at: int) -> None:
    assert moment_of(at) is None
    assert show_moment(at) == f"{at} ms"
