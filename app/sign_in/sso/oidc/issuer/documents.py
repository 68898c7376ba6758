"""An issuer's published documents: endpoints and keys (OpenID Connect Discovery 1.0)."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.core.addresses import is_fetchable_url
from app.core.guarded_fetch import SECONDS, GuardedFetcher
from app.sign_in.sso.oidc.issuer.fetching import IssuerFailed, fetch_json

_OK = 200


@dataclass(frozen=True)
class IssuerDocuments:
    """An issuer's endpoints and keys as of `fetched_at`. `keys` are JWKs, not validated."""

    authorization_endpoint: str | None
    token_endpoint: str | None
    userinfo_endpoint: str | None
    secret_in_form: bool
    takes_claims: bool
    """Whether the authorization request may list claims (`claims_parameter_supported`)."""
    keys: tuple[dict[str, Any], ...]
    fetched_at: datetime

    def has_key(self, key_id: str) -> bool:
        """Whether one of the keys has this id."""
        return any(key.get("kid") == key_id for key in self.keys)


async def fetch_documents(fetcher: GuardedFetcher, issuer: str, now: datetime) -> IssuerDocuments:
    """Fetch the issuer's documents; raises `IssuerFailed`.

    The document must name exactly this issuer (Discovery 4.3). It may name endpoints on other hosts, as Google's
    does: it comes over TLS from an issuer that the account trusts. The fetcher checks their addresses like the
    issuer's own.
    """
    if "?" in issuer:  # stored by an old release; the path below would become part of the query
        raise IssuerFailed("an issuer with a query")
    try:
        async with asyncio.timeout(SECONDS):
            found = await _get(fetcher, issuer.rstrip("/") + "/.well-known/openid-configuration", issuer)
            if found.get("issuer") != issuer:
                raise IssuerFailed("the document is another issuer's")
            keys = (await _get(fetcher, found.get("jwks_uri"), issuer)).get("keys")
    except TimeoutError:
        raise IssuerFailed(f"not read within {SECONDS:g} s") from None
    if not isinstance(keys, list):
        raise IssuerFailed("there is no list of keys")
    methods = found.get("token_endpoint_auth_methods_supported")
    return IssuerDocuments(
        _endpoint(found, "authorization_endpoint", issuer),
        _endpoint(found, "token_endpoint", issuer),
        _endpoint(found, "userinfo_endpoint", issuer),
        secret_in_form=isinstance(methods, list) and "client_secret_basic" not in methods,
        takes_claims=found.get("claims_parameter_supported") is True,
        keys=tuple(key for key in keys if isinstance(key, dict)),
        fetched_at=now,
    )


async def _get(fetcher: GuardedFetcher, url: object, issuer: str) -> dict[str, Any]:
    if not _is_allowed(url, issuer):
        raise IssuerFailed("an address that is not fetched")
    answered = await fetch_json(fetcher, str(url))
    if answered.status != _OK:
        raise IssuerFailed(f"answered {answered.status}")
    return answered.document


def _endpoint(found: dict[str, Any], name: str, issuer: str) -> str | None:
    url = found.get(name)
    return str(url) if _is_allowed(url, issuer) else None


def _is_allowed(url: object, issuer: str) -> bool:
    """Whether the issuer may name this URL. Only an issuer on this machine may name http URLs on it."""
    return (
        isinstance(url, str) and is_fetchable_url(url) and url.startswith(("https://", issuer.partition("//")[0]))
    )
