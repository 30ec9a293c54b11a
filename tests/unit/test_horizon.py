"""The horizon: what is written beside a committed offset, and what is read there."""

import pytest

from processor.core.horizon import Horizon, read, taint_below, write


def test_what_is_written_is_read_back() -> None:
    horizon = Horizon(offset=2**62, partitions=12)
    text = write(horizon)
    assert (read(text), read(text + "\0")) == (horizon, horizon)
    assert len(text) < 100


@pytest.mark.parametrize(
    "foreign",
    [
        None,
        "",
        "\0",
        "somebody else's",
        "[]",
        "null",
        "7",
        "{}",
        '{"v":2,"horizon":7,"partitions":3}',
        '{"horizon":7,"partitions":3}',
        '{"v":1,"horizon":"7","partitions":3}',
        '{"v":1,"horizon":7.0,"partitions":3}',
        '{"v":1,"horizon":true,"partitions":3}',
        '{"v":1,"horizon":7}',
        '{"v":1,"horizon":7,"partitions":null}',
        '{"v":1,"horizon":' + "9" * 5_000 + ',"partitions":3}',
        "[" * 4_000,
    ],
)
def test_what_is_missing_or_not_ours_taints_up_to_the_end(foreign: str | None) -> None:
    assert read(foreign) is None
    assert taint_below(foreign, 3, 9) == 9


@pytest.mark.parametrize(
    ("reach", "committed", "end", "below"),
    [
        (7, 3, 9, 7),
        (3, 3, 9, 3),  # a clean stop: nothing is tainted
        (1, 3, 9, 3),
        (50, 3, 9, 9),  # nothing above the end at assignment can have been called
    ],
)
def test_records_below_the_horizon_and_the_end_are_tainted(
    reach: int, committed: int, end: int, below: int
) -> None:
    metadata = write(Horizon(offset=reach, partitions=1))
    assert taint_below(metadata, committed, end) == below
