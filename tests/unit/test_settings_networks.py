"""Networks as a setting: what is taken, in which form, and what is refused."""

import pytest

from processor.shell.settings_addresses import NETWORKS


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        ("10.0.0.0/8, 2001:DB8::/32", "10.0.0.0/8,2001:db8::/32"),
    ],
)
def test_addresses_and_networks_are_taken_in_one_form(raw: str, value: str) -> None:
    assert NETWORKS.parse(raw) == value
    assert NETWORKS.parse(value) == value


@pytest.mark.parametrize(
    ("raw", "wrong"),
    [
        ("10.0.0.0/8,", "is not a list of addresses and networks"),
        ("rokt.example", "is not a list of addresses and networks"),
        ("10.0.0.1/8", "names a network with bits set behind its length"),
        ("", "is empty"),
        (7, "is not text"),
    ],
)
def test_anything_else_is_refused_in_words_that_do_not_quote_it(raw: object, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong) as caught:
        NETWORKS.parse(raw)
    assert str(caught.value) == wrong
