"""The guard against server-side request forgery: which addresses a supplied URL may reach.

The guard looks at addresses, not at spellings: a name, `2130706433`, `0177.0.0.1` and `[::ffff:127.0.0.1]`
are all judged by what they resolve to, and the connection goes to exactly the address that was judged.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from connectors.errors import Transient, Unsupported

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolver = Callable[[str, int], tuple[str, ...]]
"""Turns a host and a port into the addresses to try, in order. Raises `OSError` when there are none."""

# Answers every Azure guest, with credentials, from an address that looks public.
# https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
_AZURE_WIRE: Final = IPv4Address("168.63.129.16")
# IPv6 networks that carry an IPv4 address in their last 32 bits (RFC 6052, RFC 4291).
_EMBEDDING: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"), IPv6Network("::ffff:0:0:0/96"))
# Named here because what `ipaddress` knows of them differs between releases of Python.
# https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry
_SPECIAL: Final[tuple[Network, ...]] = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("100::/64"),
    IPv6Network("2001:2::/48"),
    IPv6Network("2001:db8::/32"),
    IPv6Network("3fff::/20"),
    IPv6Network("5f00::/16"),
    IPv6Network("fec0::/10"),
)


class AddressRefused(Unsupported):
    """A URL that the guard does not let through. The message names the host, never path or query."""

    code = "address_refused"


def resolve(host: str, port: int) -> tuple[str, ...]:
    """Resolve with the system's resolver, in its order, without doubles."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def refusal(address: Address) -> str:
    """Say why a supplied URL must not reach `address`; empty when it may."""
    for inner in _embedded(address):
        if reason := refusal(inner):
            return reason
    traits = (
        ("loopback", address.is_loopback),
        ("link-local", address.is_link_local),
        ("multicast", address.is_multicast),
        ("metadata", address == _AZURE_WIRE),
        ("unspecified", address.is_unspecified),
        ("special-purpose", any(address in network for network in _SPECIAL)),
        ("private", address.is_private and not _mapped(address)),
        ("reserved", address.is_reserved and not _embedded(address)),
        ("not public", not address.is_global and not _mapped(address)),
    )
    return next((name for name, holds in traits if holds), "")


def _mapped(address: Address) -> bool:
    return isinstance(address, IPv6Address) and address.ipv4_mapped is not None


def _embedded(address: Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses that packets to an IPv6 address may end up at."""
    if isinstance(address, IPv4Address) or address.is_loopback or address.is_unspecified:
        return ()
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in _EMBEDDING):
        inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return tuple(each for each in inner if each is not None)


@dataclass(frozen=True, slots=True)
class Guard:
    """What URLs that a user or an app supplied may reach. Immutable; shared by any number of threads.

    `networks` and `hosts` are what the admin allowed in spite of being private. Ports are not limited.
    """

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    schemes: frozenset[str] = frozenset({"https", "http"})
    resolver: Resolver = resolve

    @classmethod
    def of(cls, allow: Iterable[str] = (), *, https_only: bool = False, resolver: Resolver = resolve) -> Guard:
        """Make a guard from what the configuration allows: `10.0.0.0/8`, addresses and host names."""
        networks: list[Network] = []
        hosts: set[str] = set()
        for entry in allow:
            try:
                networks.append(ip_network(entry, strict=False))
            except ValueError:
                hosts.add(_name(entry))
        schemes = frozenset({"https"}) if https_only else frozenset({"https", "http"})
        return cls(tuple(networks), frozenset(hosts), schemes, resolver)

    def trusting(self, urls: Iterable[str]) -> Guard:
        """Return this guard with the hosts of URLs that the admin wrote, wherever they are."""
        named = (urlsplit(url).hostname for url in urls)
        return replace(self, hosts=self.hosts | {_name(host) for host in named if host})

    def check(self, url: str) -> str:
        """Judge what can be judged without resolving, and return the host. Raises `AddressRefused`."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise AddressRefused("the URL is not well-formed") from None
        if parts.scheme not in self.schemes:
            raise AddressRefused(f"the URL's scheme is not one of {', '.join(sorted(self.schemes))}")
        if not host or port == 0:
            raise AddressRefused("the URL names no host that can be reached")
        if "@" in parts.netloc:
            raise AddressRefused(f"the URL of {host} carries a user name or password")
        self._check_literal(host)
        return host

    def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Resolve `host` once and return its addresses, every one of them judged.

        One refused address refuses the name: a name that answers with both kinds is trying its luck.
        Raises `AddressRefused`, and `OSError` when the name does not resolve.
        """
        found = self.resolver(host, port)
        if _name(host) not in self.hosts:
            for each in found:
                self._judge(host, ip_address(each))
        return found

    def verify(self, url: str) -> str:
        """Check a URL and what its host resolves to now, and return the host: for forms and configuration.

        A later request is judged again. Raises `AddressRefused`, or `Transient` when the name has no address.
        """
        host = self.check(url)
        if _name(host) in self.hosts:
            return host
        parts = urlsplit(url)
        try:
            self.addresses(host, parts.port or (443 if parts.scheme == "https" else 80))
        except OSError:
            raise Transient(f"the name {host} does not resolve") from None
        return host

    def _check_literal(self, host: str) -> None:
        if _name(host) in self.hosts:
            return
        try:
            address = ip_address(host)
        except ValueError:
            return
        self._judge(host, address)

    def _judge(self, host: str, address: Address) -> None:
        plain = address.ipv4_mapped if isinstance(address, IPv6Address) and address.ipv4_mapped else address
        if any(plain in network for network in self.networks if network.version == plain.version):
            return
        if reason := refusal(address):
            raise AddressRefused(
                f"{host} is or resolves to a {reason} address",
                hint="add the host or its network to the allow list if it is meant to be reached",
            )


def _name(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()
