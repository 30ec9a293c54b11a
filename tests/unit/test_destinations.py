"""Which addresses are called, in all the forms in which an address can be written."""

from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.shell.http.destinations import Destinations

ANYWHERE: Final = Destinations()
METADATA: Final = IPv4Address("169.254.169.254")
REFUSED: Final = ("169.254.0.0/16", "127.0.0.0/8", "0.0.0.0/8", "224.0.0.0/4", "168.63.129.16/32")


def carrying(address: IPv4Address) -> list[str]:
    """Return the IPv6 addresses behind which gateways put an IPv4 address."""
    number = int(address)
    high, low = number >> 16, number & 0xFFFF
    shifted = (number >> 24, number & 0xFFFFFF)
    return [
        f"::ffff:{address}",
        f"::{address}",
        f"::ffff:0:{address}",
        f"64:ff9b::{address}",
        f"64:ff9b:1::{address}",
        f"64:ff9b:1:{high:x}:{low >> 8:x}:{(low & 0xFF) << 8:x}::",
        f"64:ff9b:1:{shifted[0]:x}:{shifted[1] >> 16:x}:{shifted[1] & 0xFFFF:x}::",
        f"64:ff9b:1::{number >> 24:x}:{(number >> 8) & 0xFFFF:x}:{(number & 0xFF) << 8:x}:0",
        f"2002:{high:x}:{low:x}::1",
        f"2001:0:{high:x}:{low:x}::",
        f"2001:0:cb00:7101::{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}",
    ]


@pytest.mark.parametrize(
    "address",
    [
        "169.254.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "169.254.255.255",
        "fe80::1",
        "fe80::1%eth0",
        "febf:ffff::1",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "fd00:42::42",
        "fd00:a9fe:a9fe::1",
        "fd00:100::100:200",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",  # noqa: S104
        "0.1.2.3",
        "::",
        "224.0.0.1",
        "239.255.255.255",
        "255.255.255.255",
        "ff02::1",
        "127.0.0.1",
        "127.255.255.254",
        "::1",
        *carrying(METADATA),
        *carrying(IPv4Address("127.0.0.1")),
    ],
)
def test_no_call_goes_to_metadata_to_this_machine_or_to_no_single_host(address: str) -> None:
    assert ANYWHERE.refusal(address) is not None


@pytest.mark.parametrize(
    "address",
    [
        "203.0.113.7",
        "10.1.2.3",  # a proxy of one's own
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "240.240.0.1",  # what a service mesh gives to names outside
        "2001:db8::7",
        "2001:2::7",
        "fd12:3456::1",
        "fd00:ec2:80::1",
        "64:ff9b::203.0.113.7",
        "::ffff:203.0.113.7",
    ],
)
def test_all_other_addresses_may_be_called(address: str) -> None:
    assert ANYWHERE.refusal(address) is None


@given(st.sampled_from(REFUSED).flatmap(lambda network: st.ip_addresses(network=network)))
def test_what_is_refused_is_refused_in_every_form(address: IPv4Address) -> None:
    assert ANYWHERE.refusal(str(address)) is not None
    assert [each for each in carrying(address) if ANYWHERE.refusal(each) is None] == []


@given(st.ip_addresses())
def test_what_python_calls_special_is_refused(address: IPv4Address | IPv6Address) -> None:
    is_special = (
        address.is_link_local
        or address.is_loopback
        or address.is_multicast
        or address.is_unspecified
    )
    assert not is_special or ANYWHERE.refusal(str(address)) is not None


@given(st.ip_addresses())
def test_an_address_that_is_not_allowed_is_refused(address: IPv4Address | IPv6Address) -> None:
    networks = (ip_network("203.0.113.0/24"), ip_network("2001:db8::/32"))
    narrow = Destinations(allowed=networks)
    is_inside = any(address in network for network in networks)
    assert (narrow.refusal(str(address)) is None) == is_inside


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "127.0.0.1", "::1"])
def test_what_is_allowed_opens_nothing_that_is_always_refused(address: str) -> None:
    everything = Destinations(allowed=(ip_network("0.0.0.0/0"), ip_network("::/0")))
    assert everything.refusal("203.0.113.7") is None
    assert everything.refusal(address) is not None


def test_what_is_allowed_holds_in_the_other_form_of_an_address_too() -> None:
    narrow = Destinations(allowed=(ip_network("203.0.113.0/24"),))
    assert narrow.refusal("::ffff:203.0.113.7") is None
    assert narrow.refusal("::ffff:198.51.100.7") == "none of the allowed addresses"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_a_base_url_of_this_machine_leads_to_this_machine_only(address: str) -> None:
    here = Destinations(is_this_machine=True)
    assert here.refusal(address) is None
    assert here.refusal("203.0.113.7") == "not this machine, which the base URL names"
    assert here.refusal("64:ff9b::127.0.0.1") is not None


def test_of_a_host_with_several_addresses_one_is_enough() -> None:
    assert ANYWHERE.refusal_of_all(["169.254.169.254", "203.0.113.7"]) is None
    assert ANYWHERE.refusal_of_all(["169.254.169.254", "::1"]) == (
        "calls never go to 169.254.169.254: it is a link-local address, as metadata services have"
    )
