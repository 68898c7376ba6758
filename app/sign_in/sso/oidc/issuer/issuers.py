"""A cache of issuers' documents, and the requests to their endpoints."""

import asyncio
import json
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote_plus
from uuid import UUID

import httpx
import structlog

from app.core.errors import Unavailable
from app.core.guarded_fetch import GuardedFetcher
from app.crypto.tokens import TokenRefused
from app.sign_in.sso.oidc.issuer.documents import IssuerDocuments, fetch_documents
from app.sign_in.sso.oidc.issuer.fetching import IssuerFailed, fetch_json
from app.sign_in.sso.oidc.issuer.userinfo import bearer_token
from app.sign_in.sso.rules import pkce_challenge

_FRESH = timedelta(minutes=10)
_BETWEEN_REFETCHES = timedelta(seconds=30)
_KEPT = timedelta(days=1)  # while the issuer is down; longer than its tokens live
_MOST = 1_000
# The claims of the ID token that Passgate needs. Where a code is issued too, issuers give those of the scopes
# `email` and `profile` by UserInfo alone, unless they are asked (OpenID Connect Core 5.4, 5.5).
_CLAIMS = json.dumps({"id_token": {"email": {"essential": True}, "email_verified": None, "name": None}})

log = structlog.get_logger()


@dataclass(frozen=True)
class OidcClient:
    """Our client at an issuer. A public client has no secret."""

    client_id: str
    secret: str | None
    redirect_uri: str


@dataclass(frozen=True)
class Redeemed:
    """What the issuer gives for a code. The access token is None unless it is a usable bearer token."""

    id_token: str
    access_token: str | None


@dataclass
class _Known:
    documents: IssuerDocuments | None = None
    refetched_at: datetime | None = None
    failed: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def lacks(self, key_id: str | None, doubted: IssuerDocuments | None) -> bool:
        if self.documents is None or self.documents is doubted:
            return True
        return key_id is not None and not self.documents.has_key(key_id)

    def may_refetch(self, now: datetime) -> bool:
        return self.refetched_at is None or abs(now - self.refetched_at) >= _BETWEEN_REFETCHES

    def is_older_than(self, age: timedelta, now: datetime) -> bool:
        return self.documents is not None and abs(now - self.documents.fetched_at) >= age


class Issuers:
    """A cache of issuers' documents, at most ten minutes old, or a day while the issuer is down.

    Entries are per account, so that one account cannot use up another's refetch.
    """

    def __init__(self, fetcher: GuardedFetcher) -> None:
        self.fetcher = fetcher
        self._known: OrderedDict[tuple[UUID, str], _Known] = OrderedDict()

    async def find(
        self,
        account_id: UUID,
        issuer: str,
        *,
        now: datetime,
        key_id: str | None = None,
        doubted: IssuerDocuments | None = None,
    ) -> IssuerDocuments:
        """Return the issuer's documents; raises `Unavailable` if there are none.

        An unknown `key_id` causes a refetch, at most once in 30 seconds; so do `doubted` documents, whose only key
        did not sign a token without `kid`. While the issuer is down, the last documents are used for a day.
        """
        known = self._known.setdefault((account_id, issuer), _Known())
        self._known.move_to_end((account_id, issuer))
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        # A caller whose key is known does not wait for another caller's fetch.
        if known.lacks(key_id, doubted) or (known.is_older_than(_FRESH, now) and not known.lock.locked()):
            async with known.lock:
                await _refresh(self.fetcher, known, issuer, now, key_id, doubted)
        if known.documents is None or (known.failed and known.lacks(key_id, doubted)):
            raise Unavailable("The identity provider does not answer.")
        return known.documents


async def _refresh(
    fetcher: GuardedFetcher,
    known: _Known,
    issuer: str,
    now: datetime,
    key_id: str | None,
    doubted: IssuerDocuments | None,
) -> None:
    if known.documents is not None:
        if not (known.may_refetch(now) and (known.lacks(key_id, doubted) or known.is_older_than(_FRESH, now))):
            return
        known.refetched_at = now
    try:
        known.documents = await fetch_documents(fetcher, issuer, now)
        known.failed = False
    except IssuerFailed as failed:
        log.warning("issuer failed", issuer=issuer, reason=str(failed))
        known.failed = True
        if known.is_older_than(_KEPT, now):
            known.documents = None


def authorization_address(
    documents: IssuerDocuments, client: OidcClient, *, state: str, nonce: str, verifier: str
) -> str:
    """Return the authorization URL with PKCE (RFC 7636); raises `Unavailable` if the issuer has none."""
    if documents.authorization_endpoint is None:
        raise Unavailable("The identity provider has no login for browsers.")
    asked = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": "openid email profile",
        "state": state,
        "nonce": nonce,
        "code_challenge": pkce_challenge(verifier),
        "code_challenge_method": "S256",
    }
    if documents.takes_claims:
        asked["claims"] = _CLAIMS
    return str(httpx.URL(documents.authorization_endpoint).copy_merge_params(asked))


async def redeem_code(
    fetcher: GuardedFetcher, documents: IssuerDocuments, client: OidcClient, *, code: str, verifier: str
) -> Redeemed:
    """Redeem a code for an ID token and an access token (OpenID Connect Core 3.1.3).

    Raises `TokenRefused` if the issuer gives none, and `Unavailable` if it does not answer.
    """
    if documents.token_endpoint is None:
        raise Unavailable("The identity provider has no login for browsers.")
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": verifier,
        "client_id": client.client_id,
    }
    auth = None
    if client.secret is not None and documents.secret_in_form:
        form["client_secret"] = client.secret
    elif client.secret is not None:
        auth = (quote_plus(client.client_id), quote_plus(client.secret))  # RFC 6749 2.3.1
    try:
        answered = await fetch_json(fetcher, documents.token_endpoint, form=form, auth=auth)
        if answered.status in range(300, 400) or answered.status in range(500, 600):
            raise IssuerFailed(f"answered {answered.status}")  # noqa: TRY301 -- logged like a failed fetch
    except IssuerFailed as failed:
        log.warning("issuer failed", issuer=documents.token_endpoint, reason=str(failed))
        raise Unavailable("The identity provider does not answer.") from None
    token = answered.document.get("id_token")
    if not isinstance(token, str):
        raise TokenRefused(f"the issuer gives no token for the code ({answered.status})")
    return Redeemed(token, bearer_token(answered.document))
