"""Checks of URLs and IP addresses: valid, loopback, public, allowed to be fetched."""

import ipaddress
import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

_LONGEST_ADDRESS = 2048
Network: TypeAlias = IPv4Network | IPv6Network

# IANA's special-purpose registries (RFC 6890). The ones in `ipaddress` differ between versions of Python.
_SPECIAL_IPV4 = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local: metadata services of clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",
    )
]
# All assigned global unicast addresses. They include no addresses with an embedded IPv4 address (mapped,
# compatible, NAT64), and no loopback, link-local, unique local and multicast addresses.
_GLOBAL_IPV6 = IPv6Network("2000::/3")
_SPECIAL_IPV6 = [
    IPv6Network(text)
    for text in (
        "2001::/23",  # Teredo, benchmarks, ORCHID
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
    )
]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def is_fetchable_url(text: str) -> bool:
    """Whether `text` is an https URL, or a loopback http URL, without user and fragment."""
    if (
        len(text) > _LONGEST_ADDRESS
        or not text.isascii()
        or not text.isprintable()
        or " " in text
        or "#" in text
        or "\\" in text
    ):
        return False
    with suppress(ValueError):  # raised by `urlsplit` and its `port`
        parts = urlsplit(text)
        if not parts.hostname or "@" in parts.netloc or parts.port == 0:
            return False
        return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
    return False


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address is globally routable on the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_IPV4)
    if address.scope_id is not None or address not in _GLOBAL_IPV6:
        return False
    return not any(address in network for network in _SPECIAL_IPV6)


@dataclass(frozen=True)
class FetchPolicy:
    """Which addresses Passgate may fetch from if a tenant configures them.

    Public addresses and those in `networks`; with `loopback` (a developer's machine) also loopback addresses.
    """

    networks: tuple[Network, ...] = ()
    loopback: bool = False

    def allows(self, address: str) -> bool:
        """Whether Passgate may connect to this IP address, which a resolver returned."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        if self.loopback and found.is_loopback:
            return True
        return is_public(found) or any(found in network for network in self.networks)

    def allows_url(self, url: str) -> bool:
        """Whether the URL may be fetched, as far as can be decided without a resolver.

        It must be https, or http if `loopback` is set. If its host is a numeric IP address, that must be allowed.
        """
        if not is_fetchable_url(url):
            return False
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        if host == "localhost" or host.endswith(".localhost"):
            return self.loopback
        figures = _numeric_ip(host)
        return (parts.scheme == "https" or self.loopback) and (figures is None or self.allows(figures))


def _numeric_ip(host: str) -> str | None:
    """Return the IP address of a numeric host; resolvers accept `2130706433` and `0x7f.1` too."""
    with suppress(ValueError):
        return str(ipaddress.ip_address(host))
    with suppress(OSError):
        return str(IPv4Address(socket.inet_aton(host)))
    return None


def web_address(text: str) -> SplitResult | None:
    """Return the parts of an http or https URL, or None. Errors of `urlsplit` would quote it."""
    with suppress(ValueError):
        parts = urlsplit(text)
        has_host = parts.hostname and parts.port != 0 and not re.search(r"[\s@]", text)
        return parts if has_host and parts.scheme in {"http", "https"} else None
    return None
