"""How many wrong passwords are judged, and of whom (docs/api.md section 9)."""

import hashlib
import ipaddress
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from app.accounts.users.rules import email_key
from app.core.settings import Limit, PasswordLimits

_IPV6_PREFIX = 64
WIDER = 10
"""How many times as much an address may do over all accounts as it may in one."""
_CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True)
class Bucket:
    """One limit of one subject, in one account or over all of them. The subject is kept as a digest."""

    name: str
    key: bytes
    limit: Limit
    all_accounts: bool = False

    @property
    def period(self) -> timedelta:
        """How long a full bucket takes to empty."""
        return timedelta(seconds=self.limit.seconds)

    @property
    def cost(self) -> timedelta:
        """By how much one failure fills it; rounded down, so that as many as the limit says do fit."""
        return max(self.period // self.limit.failures, timedelta.resolution)

    @property
    def fullest(self) -> timedelta:
        """How far ahead a bucket may become empty. Beyond it, a clock that was ahead and set back has filled it.

        Such a bucket counts as empty: else nobody would be let in until that clock's time comes.
        """
        return self.period + _CLOCKS_DIFFER


def buckets(limits: PasswordLimits, *, email: str, ip: str, known_device: bool) -> list[Bucket]:
    """Return the buckets that one attempt fills: user-and-address, address, user, address over all accounts.

    By the e-mail address that was sent, so that one which nobody has is limited just the same. A known device of
    the user does not touch the user's own, so that an outsider cannot lock a user out of it.
    """
    user, address = email_key(email), _network(ip)
    by_address = Bucket("address", _key(address), limits.address)
    by_user = [] if known_device else [Bucket("user", _key(user), limits.user)]
    by_both = Bucket("user_and_address", _key(user, address), limits.user_and_address)
    return [by_both, by_address, *by_user, over_all_accounts(by_address)]


def over_all_accounts(bucket: Bucket) -> Bucket:
    """Return the bucket that the same subject has over all accounts, `WIDER` times as wide."""
    name = f"{bucket.name}_all_accounts"
    return replace(bucket, name=name, limit=bucket.limit.times(WIDER), all_accounts=True)


def session_buckets(limits: PasswordLimits, *, user_id: UUID, ip: str) -> list[Bucket]:
    """Return the buckets that a password fills which a session asks for: the user's sessions', the address's.

    One for all sessions of the user, whatever their addresses, and none of those that a sign-in of the user needs:
    a session that came about without the password takes nothing from who knows it.
    """
    return [
        Bucket("session_user", _key(str(user_id)), limits.user_and_address),
        Bucket("address", _key(_network(ip)), limits.address),
    ]


def link_buckets(*, email: str, ip: str, letters: Limit, requests: Limit) -> tuple[Bucket, Bucket]:
    """Return the buckets that one request for a password link fills: the e-mail address's, and the address's."""
    by_email = Bucket("password_link_user", _key(email_key(email)), letters)
    return by_email, Bucket("password_link_address", _key(_network(ip)), requests)


def request_bucket(*, ip: str, requests: Limit) -> Bucket:
    """Return the bucket that each sign-in by a third party fills that an address begins."""
    return Bucket("sso_address", _key(_network(ip)), requests)


def provider_bucket(*, provider_id: UUID, ip: str, failures: Limit) -> Bucket:
    """Return the bucket that each sign-in fills that fails at a provider of the account, for each address.

    By the provider's id, not by a name that somebody sent: there are no more buckets than providers and addresses.
    """
    return Bucket("provider_address", _key(str(provider_id), _network(ip)), failures)


def assertion_buckets(*, token_id: UUID, user_id: UUID, of_token: Limit, of_user: Limit) -> list[Bucket]:
    """Return the buckets that one assertion fills: the user's, and the API token's."""
    return [
        Bucket("assertion_user", _key(str(user_id)), of_user),
        Bucket("assertion_token", _key(str(token_id)), of_token),
    ]


def _key(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()


def _network(ip: str) -> str:
    """Return an IPv4 address as it is, and of IPv6 the /64 that one subscriber has."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
