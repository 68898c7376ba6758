"""Dependencies of route handlers: the account, the request context, the device cookies."""

import ipaddress
import re
from functools import cache
from typing import Annotated, cast

import structlog
from fastapi import Depends, Request

from app.accounts import repository as accounts
from app.accounts.repository import Account
from app.accounts.rules import is_slug
from app.core.callers import RequestContext
from app.database.engine import Database
from app.second_factor.trusted_devices.cookies import DeviceCookies, read_device_cookies
from app.web.cookies import cookie_headers_of
from app.web.dependencies import services_of

_USER_AGENT_LENGTH = 512
_ADDRESS_LENGTH = 64  # enough for IPv6 with a scope id, which has no limit of its own
_PORT = "(:[0-9]{1,5})?"
_FORWARDED = re.compile(rf"(?P<v4>[0-9.]+){_PORT}|\[(?P<bracketed>[^\]]+)\]{_PORT}|(?P<bare>[^\[\]]+)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

log = structlog.get_logger()


class AccountDirectory:
    """Finds accounts by slug; caches them, because id and sort of an account never change."""

    _MOST = 10_000

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, Account] = {}

    async def find(self, slug: str) -> Account | None:
        """Return the account with this slug."""
        if (known := self._known.get(slug)) is not None or not is_slug(slug):
            return known
        async with self._database.read() as tx:
            account = await accounts.find_account(tx, slug)
        if account is None:
            return None
        if len(self._known) >= self._MOST:
            self._known.clear()
        self._known[slug] = account
        return account


def get_accounts(request: Request) -> AccountDirectory:
    """Return the `AccountDirectory` of this process."""
    return cast("AccountDirectory", request.app.state.accounts)


def forwarded_for(request: Request) -> list[str]:
    """Return the entries of X-Forwarded-For; the nearest proxy wrote the last one.

    Several header fields are joined to one list.
    """
    fields = request.headers.getlist("x-forwarded-for")
    return [entry.strip() for entry in ",".join(fields).split(",")] if fields else []


def client_address(request: Request, hops: int) -> str:
    """Return the address of the client.

    Without proxies it is the peer. With `hops` trusted proxies it is entry number `hops` from the right of
    X-Forwarded-For, which the outermost trusted proxy wrote; clients can forge all entries further left. If that
    entry is missing or is not an IP address, it is the peer.
    """
    peer = request.client.host if request.client else ""
    if not hops:
        return peer
    entries = forwarded_for(request)
    address = parse_forwarded(entries[-hops]) if len(entries) >= hops else None
    if address is None:
        warn_of_hops(hops)
    return address or peer


def parse_forwarded(entry: str) -> str | None:
    """Return the IP address of an entry of X-Forwarded-For, which some gateways write with a port.

    Accepts `203.0.113.7`, `203.0.113.7:51234`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:443`.
    """
    found = _FORWARDED.fullmatch(entry) if len(entry) <= _ADDRESS_LENGTH else None
    if found is None:
        return None
    try:
        return str(ipaddress.ip_address(found["v4"] or found["bracketed"] or found["bare"]))
    except ValueError:
        return None


@cache
def warn_of_hops(hops: int) -> None:
    """Warn once in each process, because every client may cause it."""
    log.warning(
        "X-Forwarded-For does not fit PASSGATE_TRUSTED_PROXY_HOPS: the peer's address is used. "
        "Compare with `passgate check --url`",
        hops=hops,
    )


def request_context_of(request: Request) -> RequestContext:
    """Return the context of a request: account, server time, client IP, user agent, request id."""
    services = services_of(request)
    return RequestContext(
        account_id=request.state.account_id,
        now=services.clock.now(),
        ip=client_address(request, services.settings.trusted_proxy_hops),
        user_agent=_CONTROL.sub("", request.headers.get("user-agent", "")[:_USER_AGENT_LENGTH]),
        request_id=request.state.request_id,
        in_test_account=request.state.in_test_account,
    )


async def get_request_context(request: Request) -> RequestContext:
    """Return the request context, as a FastAPI dependency."""
    return request_context_of(request)


def device_cookies_of(request: Request) -> DeviceCookies:
    """Return the device cookies that the browser sent."""
    secure = services_of(request).settings.is_https
    return read_device_cookies(cookie_headers_of(request), secure=secure)


async def get_device_cookies(request: Request) -> DeviceCookies:
    """Return the device cookies that the browser sent, as a FastAPI dependency."""
    return device_cookies_of(request)


Context = Annotated[RequestContext, Depends(get_request_context)]
Cookies = Annotated[DeviceCookies, Depends(get_device_cookies)]
