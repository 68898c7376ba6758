"""The rate limits and the subjects that each one counts (docs/api.md section 9)."""

import hashlib
import ipaddress
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from app.accounts.users.rules import email_key
from app.core.settings import Limit, PasswordLimits

_IPV6_PREFIX = 64
ALL_ACCOUNTS_FACTOR = 10
"""Factor between the limit of an address over all accounts and its limit in one account."""
_CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True)
class Bucket:
    """A limit for a subject, in one account or over all; `key` is a digest of the subject."""

    name: str
    key: bytes
    limit: Limit
    all_accounts: bool = False

    @property
    def period(self) -> timedelta:
        """The time in which a full bucket becomes empty."""
        return timedelta(seconds=self.limit.seconds)

    @property
    def cost(self) -> timedelta:
        """The time that one failure adds; rounded down, so that `limit.failures` of them fit."""
        return max(self.period // self.limit.failures, timedelta.resolution)

    @property
    def max_valid_delay(self) -> timedelta:
        """The longest time from now until a bucket can be empty.

        A later `empty_at` was written with a clock that ran ahead. Such a bucket counts as empty: otherwise every
        attempt would be refused until that time.
        """
        return self.period + _CLOCKS_DIFFER


def buckets(limits: PasswordLimits, *, email: str, ip: str, known_device: bool) -> list[Bucket]:
    """Return the buckets of a sign-in: user and IP, IP, user, and IP over all accounts.

    The user is identified by the e-mail address that was sent, so unknown addresses are limited in the same way.
    On a known device of the user, the user's bucket does not count, so that attempts from elsewhere cannot lock
    the user out there.
    """
    user, address = email_key(email), _network(ip)
    by_address = Bucket("address", _key(address), limits.address)
    by_user = [] if known_device else [Bucket("user", _key(user), limits.user)]
    by_both = Bucket("user_and_address", _key(user, address), limits.user_and_address)
    return [by_both, by_address, *by_user, over_all_accounts(by_address)]


def over_all_accounts(bucket: Bucket) -> Bucket:
    """Return the same subject's bucket over all accounts; its limit is `ALL_ACCOUNTS_FACTOR` times as high."""
    name = f"{bucket.name}_all_accounts"
    return replace(bucket, name=name, limit=bucket.limit.times(ALL_ACCOUNTS_FACTOR), all_accounts=True)


def session_buckets(limits: PasswordLimits, *, user_id: UUID, ip: str) -> list[Bucket]:
    """Return the buckets of a password sent in a session: the user's sessions, and the IP.

    All sessions of the user share one bucket, whatever their IPs. It is not one of the user's sign-in buckets:
    somebody with a session but without the password cannot block the sign-in of the user.
    """
    return [
        Bucket("session_user", _key(str(user_id)), limits.user_and_address),
        Bucket("address", _key(_network(ip)), limits.address),
    ]


def link_buckets(*, email: str, ip: str, letters: Limit, requests: Limit) -> tuple[Bucket, Bucket]:
    """Return the buckets of a request for a password link: the e-mail address, and the IP."""
    by_email = Bucket("password_link_user", _key(email_key(email)), letters)
    return by_email, Bucket("password_link_address", _key(_network(ip)), requests)


def request_bucket(*, ip: str, requests: Limit) -> Bucket:
    """Return the bucket of the SSO sign-ins that an IP begins."""
    return Bucket("sso_address", _key(_network(ip)), requests)


def provider_bucket(*, provider_id: UUID, ip: str, failures: Limit) -> Bucket:
    """Return the bucket of the failed SSO sign-ins at one provider of the account from one IP.

    It is keyed by the provider's id, not by a name from the request, so that a client cannot create any number of
    buckets.
    """
    return Bucket("provider_address", _key(str(provider_id), _network(ip)), failures)


def assertion_buckets(*, token_id: UUID, user_id: UUID, of_token: Limit, of_user: Limit) -> list[Bucket]:
    """Return the buckets of an assertion: the user, and the API token."""
    return [
        Bucket("assertion_user", _key(str(user_id)), of_user),
        Bucket("assertion_token", _key(str(token_id)), of_token),
    ]


def _key(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()


def _network(ip: str) -> str:
    """Return an IPv4 address unchanged, and for IPv6 the /64 network, which is one subscriber's."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
