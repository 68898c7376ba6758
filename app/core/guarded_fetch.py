"""Fetch URLs that a tenant configures: allowed addresses only, limited time and size.

The URL of an issuer comes from an admin, and the URLs of its endpoints come from its answer. Unchecked, they
could make Passgate send requests into the internal network (server-side request forgery). So each host is resolved
once, here; the `FetchPolicy` checks every address, and the connection goes to an address that was checked. This
also prevents DNS rebinding. TLS is verified for the host name. Redirects are not followed, and the proxies of the
environment are not used.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import TypeAlias

import httpx

from app.core.addresses import FetchPolicy, is_loopback

MOST_BYTES = 256 * 1024
SECONDS = 3.0
"""Timeout of one fetch in total, including name resolution."""
_MOST_ADDRESSES = 3
_CONNECT_SECONDS = 1.0

# Separate threads, so that slow name resolution does not block other work in the default executor.
_RESOLVERS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="resolver")

Resolver: TypeAlias = Callable[[str, int], Awaitable[list[str]]]
"""Returns the IP addresses of a host and a port; raises `OSError` when there are none."""


class BearerToken(httpx.Auth):
    """An access token, sent as `Authorization: Bearer` (RFC 6750)."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


Credentials: TypeAlias = tuple[str, str] | BearerToken
"""Name and password for HTTP Basic, or a bearer token."""


class FetchFailed(Exception):  # noqa: N818 -- named for the outcome
    """Nothing was fetched; the message is for the log."""


@dataclass(frozen=True)
class Fetched:
    """An HTTP response of any status."""

    status: int
    body: bytes
    media_type: str = ""
    """The type of the body, in lower case and without parameters."""


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host from the system's resolver."""
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_RESOLVERS, look_up)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class GuardedFetcher:
    """Fetches from addresses that a policy allows; `tls` replaces the default TLS context."""

    def __init__(
        self, policy: FetchPolicy, *, resolver: Resolver = resolve, tls: ssl.SSLContext | None = None
    ) -> None:
        self._policy = policy
        self._resolve = resolver
        self._tls = tls

    async def fetch(
        self, url: str, *, form: dict[str, str] | None = None, auth: Credentials | None = None
    ) -> Fetched:
        """GET the URL, or POST a form to it; raises `FetchFailed`."""
        if not self._policy.allows_url(url):
            raise FetchFailed("an address that is not fetched")
        try:
            async with asyncio.timeout(SECONDS):
                return await self._fetch(httpx.URL(url), form, auth)
        except TimeoutError:
            raise FetchFailed(f"no answer within {SECONDS:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, UnicodeError) as error:
            raise FetchFailed(f"not reached: {type(error).__name__}") from None

    async def _fetch(self, url: httpx.URL, form: dict[str, str] | None, auth: Credentials | None) -> Fetched:
        addresses = await self._judged_addresses(url)
        for address in addresses[:-1]:
            try:
                return await self._ask(url, address, form, auth)
            except (httpx.ConnectError, httpx.ConnectTimeout):  # nothing was sent: try the next address
                continue
        return await self._ask(url, addresses[-1], form, auth)

    async def _judged_addresses(self, url: httpx.URL) -> list[str]:
        """Return the first addresses of the host; raises `FetchFailed` if any is not allowed."""
        host = url.raw_host.decode("ascii")  # not `host`: Python's resolver would encode it with IDNA 2003
        found = await self._resolve(host, url.port or (443 if url.scheme == "https" else 80))
        if not found or not all(map(self._policy.allows, found)):
            raise FetchFailed("a host whose address is not fetched from")
        if url.scheme != "https" and not all(map(is_loopback, found)):
            raise FetchFailed("another machine, without TLS")
        return found[:_MOST_ADDRESSES]

    async def _ask(
        self, url: httpx.URL, address: str, form: dict[str, str] | None, auth: Credentials | None
    ) -> Fetched:
        """Send the request to this address. Fetches are rare, so no connection is kept open."""
        headers = {"Host": url.netloc.decode("ascii"), "Accept": "application/json", "Accept-Encoding": "identity"}
        async with (
            httpx.AsyncClient(
                verify=self._tls or _tls(),
                timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),  # `fetch` limits the total time
                trust_env=False,
                follow_redirects=False,
            ) as client,
            client.stream(
                "GET" if form is None else "POST",
                url.copy_with(host=address),
                data=form,
                auth=auth,
                headers=headers,
                extensions={
                    "sni_hostname": url.raw_host.decode("ascii").rstrip(".")
                },  # the certificate must be for this name
            ) as response,
        ):
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            return Fetched(response.status_code, await _read(response), media_type)


async def _read(response: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_raw():  # raw: a few compressed bytes could become many
        content += chunk
        if len(content) > MOST_BYTES:
            raise FetchFailed(f"an answer of more than {MOST_BYTES} bytes")
    return bytes(content)


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()
