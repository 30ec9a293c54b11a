"""Where calls may go, told by the address that is really connected to.

A name is worth nothing here: whoever answers for a name server could lead the key to the metadata
service of a cloud, or to a program of this very machine. Sources: the documentation of the clouds,
RFC 6052, 8215 (NAT64), 3056 (6to4), 4380 (Teredo), 2765 (translated).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_LINK_LOCAL: Final = "a link-local address, as metadata services have"
_METADATA: Final = "the address of a cloud's metadata service"
_NOBODY: Final = "no address of a single host"
_REFUSED: Final[tuple[tuple[Network, str], ...]] = tuple(
    (ip_network(network), what)
    for network, what in (
        ("169.254.0.0/16", _LINK_LOCAL),
        ("fe80::/10", _LINK_LOCAL),
        ("fd00:ec2::/48", _METADATA),  # Amazon: ::254, and the identities of pods
        ("fd20:ce::/64", _METADATA),  # Google
        ("fd00:c1::a9fe:a9fe/128", _METADATA),  # Oracle
        ("192.0.0.192/32", _METADATA),  # Oracle, formerly
        ("fd00:42::42/128", _METADATA),  # Scaleway
        ("fd00:a9fe:a9fe::1/128", _METADATA),  # Akamai
        ("fd00:100::100:200/128", _METADATA),  # Alibaba
        ("100.100.100.200/32", _METADATA),  # Alibaba
        ("168.63.129.16/32", _METADATA),  # Azure
        ("0.0.0.0/8", _NOBODY),
        ("::/128", _NOBODY),
        ("224.0.0.0/4", _NOBODY),
        ("255.255.255.255/32", _NOBODY),
        ("ff00::/8", _NOBODY),
    )
)
_LOOPBACK: Final = "this very machine"
_IN_THE_LAST_BYTES: Final = tuple(
    IPv6Network(network) for network in ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96")
)
_NAT64_OF_ONES_OWN: Final = IPv6Network("64:ff9b:1::/48")


@dataclass(frozen=True, slots=True, kw_only=True)
class Destinations:
    """The addresses that may be called.

    `allowed`, if any, are the only networks; none of them opens what is always refused.
    `is_this_machine` says that the base URL names this machine: then no other is called, and
    otherwise this one is not.
    """

    allowed: tuple[Network, ...] = ()
    is_this_machine: bool = False

    def refusal(self, address: str) -> str | None:
        """Return why an address, as sockets have it, is not called; None when it may be."""
        found = _plain(ip_address(address.partition("%")[0]))
        if self.is_this_machine:
            return None if found.is_loopback else "not this machine, which the base URL names"
        for each in (found, *_carried(found)):
            if each.is_loopback:
                return _LOOPBACK
            for network, what in _REFUSED:
                if each in network:
                    return what
        if self.allowed and not any(found in network for network in self.allowed):
            return "none of the allowed addresses"
        return None

    def refusal_of_all(self, addresses: list[str]) -> str | None:
        """Say that none of the addresses of a host may be called; None when one may be."""
        refusals = [self.refusal(each) for each in addresses]
        if not refusals or None in refusals:
            return None
        return f"calls never go to {addresses[0]}: it is {refusals[0]}"


def networks(text: str | None) -> tuple[Network, ...]:
    """Return the addresses and networks of a text that has commas between them."""
    return tuple(ip_network(each) for each in text.split(",")) if text else ()


def _plain(address: Address) -> Address:
    """Return the IPv4 address behind its IPv6 form (`::ffff:…`)."""
    return getattr(address, "ipv4_mapped", None) or address


def _carried(address: Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that a gateway could make of an IPv6 address."""
    if isinstance(address, IPv4Address):
        return
    packed = address.packed
    if any(address in network for network in _IN_THE_LAST_BYTES) and not address.is_loopback:
        yield IPv4Address(packed[12:])
    if address in _NAT64_OF_ONES_OWN:
        # How long its prefix is, only its owner knows; the ninth byte carries nothing.
        bare = packed[:8] + packed[9:]
        yield from map(IPv4Address, (bare[6:10], bare[7:11], bare[8:12], packed[12:]))
    if address.sixtofour is not None:
        yield address.sixtofour
    yield from address.teredo or ()
