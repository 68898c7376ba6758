"""What an address is, and whether only this machine can reach it."""

import ipaddress
from contextlib import suppress
from urllib.parse import urlsplit

_LONGEST_ADDRESS = 2048


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def is_address(text: str) -> bool:
    """Whether `text` is an https address, or an http one of this machine, without user and fragment."""
    if (
        len(text) > _LONGEST_ADDRESS
        or not text.isascii()
        or not text.isprintable()
        or " " in text
        or "#" in text
        or "\\" in text
    ):
        return False
    with suppress(ValueError):  # what `urlsplit` and its `port` raise
        parts = urlsplit(text)
        if not parts.hostname or "@" in parts.netloc or parts.port == 0:
            return False
        return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
    return False
