"""`passgate check --url`: which client IP address the running service sees."""

import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from app.authentication.address_probe import PATH, SeenClient, proof
from app.core.addresses import is_loopback
from app.services import Services

SECONDS = 10
# Documentation addresses (RFC 5737), more than the highest number of hops that can be set.
FORGED = tuple(f"198.51.100.{number}" for number in range(1, 21))
_HOPS = "PASSGATE_TRUSTED_PROXY_HOPS"
_REPLACE = (
    "let the outermost proxy replace the client's X-Forwarded-For "
    "(nginx: proxy_set_header X-Forwarded-For $remote_addr)"
)
_ONE_ADDRESS = "takes every client for {}, so that the failures of one limit all"


class ProbeFailedError(Exception):
    """The service could not be asked; the message is one line for the operator."""


async def check_client_address(services: Services, url: str) -> tuple[bool, str]:
    """Send requests to the URL as a client: one honest, two with forged X-Forwarded-For headers.

    Returns whether the service distinguishes clients and none can choose its own address, and a line about it.
    """
    one_field = [("X-Forwarded-For", ", ".join(FORGED))]
    several = [("X-Forwarded-For", ", ".join(FORGED[:10])), ("X-Forwarded-For", ", ".join(FORGED[10:]))]
    try:
        async with httpx.AsyncClient(base_url=url, timeout=SECONDS, follow_redirects=False) as client:
            honest, *forged = [
                await _ask(client, [("Authorization", proof(services.sealer, services.clock.now())), *headers])
                for headers in ([], one_field, several)
            ]
    except ProbeFailedError as error:
        return False, str(error)
    wrong = judge(honest, forged, url)
    return (
        wrong is None,
        wrong or f"this machine is taken for {honest.address} ({_HOPS}={honest.trusted_proxy_hops})",
    )


async def _ask(client: httpx.AsyncClient, headers: Sequence[tuple[str, str]]) -> SeenClient:
    try:
        answer = await client.get(PATH, headers=headers)
        if answer.status_code == httpx.codes.OK:
            return SeenClient.model_validate_json(answer.content)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ProbeFailedError(f"no answer from there: {error or type(error).__name__}") from None
    except ValidationError:
        pass
    raise ProbeFailedError(
        f"the answer ({answer.status_code}) is not this service's: is it of this release, and are its "
        "PASSGATE_SECRET_KEYS these?"
    )


def judge(honest: SeenClient, forged: Sequence[SeenClient], url: str) -> str | None:
    """Return what is wrong with the addresses that the service saw; None if nothing is."""
    if any(seen.address in FORGED for seen in forged):
        return f"a client chooses the address that it is taken for: {_fix_forgeable_address(honest)}"
    if mend := _fix_shared_address(honest, url):
        return f"the service {_ONE_ADDRESS.format(honest.address)}. {mend}"
    return None


def _fix_forgeable_address(honest: SeenClient) -> str:
    proxies = len(honest.forwarded_for)
    if not proxies:
        return f"{_REPLACE}; or set {_HOPS}=0 if there is no proxy"
    if proxies < honest.trusted_proxy_hops:
        return (
            f"{_HOPS} is {honest.trusted_proxy_hops}: set it to {proxies}, as many proxies write X-Forwarded-For"
        )
    return _REPLACE


def _fix_shared_address(honest: SeenClient, url: str) -> str | None:
    entries, hops = honest.forwarded_for, honest.trusted_proxy_hops
    if entries and len(entries) != hops:
        return f"{_HOPS} is {hops}: set it to {len(entries)}, as many proxies write X-Forwarded-For"
    if entries and not _is_ip(entries[-hops]):
        return f"The proxy writes no IP address into X-Forwarded-For: {_REPLACE}"
    if not entries and (hops or _ends_at_proxy(honest.peer, url)):
        return f"No proxy writes X-Forwarded-For: {_REPLACE}, and set {_HOPS} to the number of proxies"
    return None


def _ends_at_proxy(peer: str, url: str) -> bool:
    """Whether a proxy must be involved.

    The service itself does not terminate TLS, and a loopback peer cannot come from a URL of another host.
    """
    parts = urlsplit(url)
    return parts.scheme == "https" or (is_loopback(peer) and not is_loopback(parts.hostname or ""))


def _is_ip(text: str) -> bool:
    with suppress(ValueError):
        return bool(ipaddress.ip_address(text))
    return False
