"""Sign-in with an ID token, which a native client sends, or which the issuer gives for a browser's code.

Issuers are fetched between transactions, never inside one.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.callers import RequestContext
from app.core.errors import Refusal, Unavailable
from app.crypto.digests import same
from app.crypto.sealing import Sealer
from app.crypto.tokens import TokenRefused, key_id_of, read_signed_token
from app.sign_in.completing import expired
from app.sign_in.outcomes import Completed
from app.sign_in.sso.oidc.issuer.documents import IssuerDocuments
from app.sign_in.sso.oidc.issuer.fetching import IssuerFailed
from app.sign_in.sso.oidc.issuer.issuers import Issuers, OidcClient, authorization_address, redeem_code
from app.sign_in.sso.oidc.issuer.userinfo import NoUserInfo, fetch_userinfo
from app.sign_in.sso.oidc.rules import PersonClaims, read_id_claims, read_person
from app.sign_in.sso.rules import Identity, IdentityIncomplete, LoginRequest, Provider, derive
from app.sign_in.sso.use_cases import (
    identity_incomplete,
    not_vouched,
    open_secret,
    refuse_provider,
    refuse_token,
    sign_in_by_provider,
    take_login,
)

_SECONDS = 4.0
"""The longest time that a callback waits for the issuer."""
_ISSUER_ERRORS = {"server_error", "temporarily_unavailable"}  # RFC 6749 4.1.2.1
_NO_ANSWER = "The identity provider does not answer."

log = structlog.get_logger()


@dataclass(frozen=True)
class Answer:
    """The parameters of the callback (code or error), and the secret of the browser's login."""

    secret: str
    code: str
    error: str


def client_of(
    sealer: Sealer, context: RequestContext, provider: Provider, public_url: str, slug: str
) -> OidcClient:
    """Return our client at the provider's issuer. The callback URL must be registered there."""
    secret = open_secret(sealer, context.account_id, provider)
    callback = f"{public_url}/v1/accounts/{slug}/sso/{provider.name}/callback"
    return OidcClient(provider.settings["client_id"], secret, callback)


async def begin_oidc_login(
    issuers: Issuers, context: RequestContext, provider: Provider, client: OidcClient, secret: str
) -> str:
    """Return the issuer's authorization URL for the browser with this secret; raises `Unavailable`."""
    documents = await issuers.find(context.account_id, provider.settings["issuer"], now=context.now)
    return authorization_address(
        documents,
        client,
        state=derive(secret, "state"),
        nonce=derive(secret, "nonce"),
        verifier=derive(secret, "pkce"),
    )


async def take_answer(
    tx: AsyncConnection, context: RequestContext, provider: Provider, secret: str, state: str
) -> LoginRequest:
    """Use up the browser's login; raises `Unauthenticated` (`sign_in_expired`).

    An answer with another `state` does not use the login up: a stranger could have sent it.
    """
    if not same(derive(secret, "state").encode(), state.encode()):
        raise expired()
    login = await take_login(tx, context, secret)
    if login is None or login.provider_id != provider.id:
        raise expired()
    return login


async def read_answer(
    issuers: Issuers, context: RequestContext, provider: Provider, client: OidcClient, answer: Answer
) -> Identity | Refusal:
    """Redeem the code and return the identity of its ID token, or the refusal; raises `Unavailable`.

    A claim that is needed and missing there is asked of UserInfo, once the ID token is verified.
    """
    if answer.error in _ISSUER_ERRORS:
        raise Unavailable(_NO_ANSWER)
    if answer.error or not answer.code:
        return refuse_token(provider, TokenRefused("the issuer gives no code"))
    verifier, nonce = (derive(answer.secret, purpose) for purpose in ("pkce", "nonce"))
    try:
        async with asyncio.timeout(_SECONDS):
            documents = await issuers.find(context.account_id, provider.settings["issuer"], now=context.now)
            given = await redeem_code(issuers.fetcher, documents, client, code=answer.code, verifier=verifier)
            person = await _verify_id_token(issuers, context, provider, given.id_token, nonce)
            if not person.is_complete:
                person = await _ask_userinfo(issuers, provider, documents, given.access_token, person)
            return person.identity()
    except TimeoutError:
        raise Unavailable(_NO_ANSWER) from None
    except IdentityIncomplete as lacking:
        return identity_incomplete(provider, lacking)
    except TokenRefused as refused:
        return refuse_token(provider, refused)


async def read_id_token(
    issuers: Issuers, context: RequestContext, provider: Provider, token: str, nonce: str
) -> Identity | Refusal:
    """Return the identity of a valid ID token, or the refusal.

    Raises `Unavailable` if the issuer's keys cannot be fetched.
    """
    try:
        return (await _verify_id_token(issuers, context, provider, token, nonce)).identity()
    except IdentityIncomplete as lacking:
        return identity_incomplete(provider, lacking)
    except TokenRefused as refused:
        return refuse_token(provider, refused)


async def _verify_id_token(
    issuers: Issuers, context: RequestContext, provider: Provider, token: str, nonce: str
) -> PersonClaims:
    """Return the person that a valid ID token names.

    Raises `TokenRefused` for an invalid one, and `Unavailable` if the keys cannot be fetched.
    """
    expected: dict[str, Any] = {name: provider.settings[name] for name in ("issuer", "client_id")}
    account_id, issuer, now = context.account_id, expected["issuer"], context.now
    key_id = key_id_of(token)
    documents = await issuers.find(account_id, issuer, now=now, key_id=key_id)
    try:
        claims = read_signed_token(token, documents.keys)
    except TokenRefused:
        if key_id is not None:
            raise
        # The only key may have been replaced: without a `kid` only the signature can tell.
        documents = await issuers.find(account_id, issuer, now=now, doubted=documents)
        claims = read_signed_token(token, documents.keys)
    try:
        return read_id_claims(claims, nonce=nonce, now=now, **expected)
    except ValueError as wrong:
        raise TokenRefused(str(wrong)) from None


async def _ask_userinfo(
    issuers: Issuers, provider: Provider, documents: IssuerDocuments, token: str | None, person: PersonClaims
) -> PersonClaims:
    """Return the person's claims, completed by UserInfo (OpenID Connect Core 5.3).

    An ID token with an e-mail address is enough to sign in a user who is linked already. So where UserInfo gives
    nothing the address then stays unverified; without an address, `Unavailable` or `IdentityIncomplete` follows.
    Raises `TokenRefused` if UserInfo is about somebody else.
    """
    try:
        claims = await fetch_userinfo(issuers.fetcher, documents.userinfo_endpoint, token)
    except IssuerFailed as failed:
        log.warning("issuer failed", issuer=documents.userinfo_endpoint, reason=str(failed))
        if person.email is None:
            raise Unavailable(_NO_ANSWER) from None
        return person
    except NoUserInfo as none:
        log.info("no userinfo", provider=provider.name, reason=str(none))
        return person
    try:
        return person.completed_by(read_person(claims))
    except ValueError as wrong:
        raise TokenRefused(f"UserInfo: {wrong}") from None


async def sign_in_by_id_token(
    tx: AsyncConnection, context: RequestContext, provider: Provider, identity: Identity, nonce: str
) -> Completed | Refusal:
    """Sign in the identity of an ID token, and use up its nonce, so that the token works once."""
    request = await take_login(tx, context, nonce)
    if request is None or request.provider_id is not None:
        return await refuse_provider(tx, context, provider, not_vouched())
    return await sign_in_by_provider(tx, context, provider, identity)
