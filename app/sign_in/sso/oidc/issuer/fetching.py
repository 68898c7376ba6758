"""Fetching JSON from an issuer: bounded in time and in bytes, and never from where a redirect leads."""

import asyncio
import json
import ssl
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

MOST_BYTES = 256 * 1024
SECONDS = 3.0
"""How long one visit to an issuer may take in all."""


class IssuerFailed(Exception):  # noqa: N818 -- says what was found
    """An issuer does not answer, or not with what it must; the message is for the log."""


@dataclass(frozen=True)
class Answered:
    """What an issuer answered: an object of JSON, or nothing in it that is one."""

    status: int
    document: dict[str, Any]


async def fetch(url: str, *, form: dict[str, str] | None = None, auth: tuple[str, str] | None = None) -> Answered:
    """GET the address, or POST a form to it; raises `IssuerFailed`.

    A client of its own for each: visits are rare, and no connection is left that may have died meanwhile. The
    environment's proxies are not used, since an address of this machine must never go through one.
    """
    method = "GET" if form is None else "POST"
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    try:
        async with (
            asyncio.timeout(SECONDS),
            httpx.AsyncClient(verify=_tls(), timeout=None, trust_env=False, follow_redirects=False) as client,  # noqa: S113 -- the whole visit is timed
            client.stream(method, url, data=form, auth=auth, headers=headers) as response,
        ):
            return Answered(response.status_code, _parse(await _read(response)))
    except TimeoutError:
        raise IssuerFailed(f"no answer within {SECONDS:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise IssuerFailed(f"not reached: {type(error).__name__}") from None


async def _read(response: httpx.Response) -> bytes:
    content = b""
    async for chunk in response.aiter_raw():  # unpacked, few bytes could be many
        content += chunk
        if len(content) > MOST_BYTES:
            raise IssuerFailed(f"an answer of more than {MOST_BYTES} bytes")
    return content


def _parse(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()
