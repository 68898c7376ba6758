"""Sign-in by a third party. It never asks for a passcode or for an enrollment."""

from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users.repository import PasswordUser
from app.audit.repository import record
from app.audit.rules import NOBODY, Event, EventType
from app.core.assurance import SSO
from app.core.callers import RequestContext
from app.core.errors import Forbidden, NotFound, Refusal, Unauthenticated, invalid_field
from app.core.ids import new_id
from app.crypto.digests import digest, is_secret, new_secret
from app.crypto.sealing import AssociatedData, Sealer
from app.sign_in.completing import complete, expired
from app.sign_in.outcomes import Completed
from app.sign_in.sso import repository
from app.sign_in.sso.linking import admit, lock_user, refuse_user
from app.sign_in.sso.rules import (
    BROWSER_PREFIX,
    CODE_LIFETIME,
    CODE_PREFIX,
    REQUEST_LIFETIME,
    REQUEST_PREFIX,
    CodeBinding,
    ExchangeCode,
    HandedOut,
    Identity,
    IdentityIncomplete,
    LoginRequest,
    Provider,
    ProviderType,
    pkce_challenge,
)

log = structlog.get_logger()


def no_provider() -> NotFound:
    """Return the error for a provider that does not exist, or not with this protocol."""
    return NotFound("The account has no such provider.")


async def provider_of(tx: AsyncConnection, context: RequestContext, name: str, type_: ProviderType) -> Provider:
    """Return the account's provider of this name and type; raises `NotFound`."""
    provider = await repository.find_provider(tx, context.account_id, name)
    if provider is None or provider.type is not type_:
        raise no_provider()
    return provider


async def login_provider(tx: AsyncConnection, context: RequestContext, name: str, return_to: str) -> Provider:
    """Return the provider for a browser login that ends at `return_to`.

    Raises `NotFound`, and `InvalidRequest` unless `return_to` is exactly one of the provider's `return_urls`.
    """
    provider = await repository.find_provider(tx, context.account_id, name)
    if provider is None or "return_urls" not in provider.settings:
        raise no_provider()
    if return_to not in provider.settings["return_urls"]:
        raise invalid_field("/return_to", "not_allowed", "This is none of the provider's return addresses.")
    return provider


def secret_associated_data(account_id: UUID, provider_id: UUID) -> AssociatedData:
    """Return the associated data of a provider's sealed secret."""
    return AssociatedData("sso_providers", "sealed_secret", account_id, provider_id, user_id=None)


def open_secret(sealer: Sealer, account_id: UUID, provider: Provider) -> str | None:
    """Decrypt the provider's secret; None if it has none."""
    if provider.sealed_secret is None:
        return None
    return sealer.open(provider.sealed_secret, secret_associated_data(account_id, provider.id)).decode()


def not_vouched() -> Unauthenticated:
    """Return the one refusal of every bad token. Only the log has the reason."""
    return Unauthenticated("The token of the identity provider is not accepted.", code="invalid_credentials")


def identity_incomplete(provider: Provider, lacking: IdentityIncomplete) -> Forbidden:
    """Return the refusal of a valid token that identifies nobody: the provider has to be set up differently."""
    log.warning("identity incomplete", provider=provider.name, reason=str(lacking))
    return Forbidden(str(lacking), code="identity_incomplete")


def refuse_token(provider: Provider, refused: Exception) -> Refusal:
    """Log the reason (never the token), and return the refusal."""
    log.info("token refused", provider=provider.name, reason=str(refused))
    return not_vouched()


async def refuse_provider(
    tx: AsyncConnection, context: RequestContext, provider: Provider, refusal: Refusal
) -> Refusal:
    """Record a sign-in that failed at a provider, and return the refusal."""
    details = {"provider": provider.name, "code": refusal.code}
    await record(tx, context, NOBODY, Event(EventType.SIGN_IN_FAILED, details=details))
    return refusal


async def sign_in_by_provider(
    tx: AsyncConnection, context: RequestContext, provider: Provider, identity: Identity
) -> Completed | Refusal:
    """Open a session for the identity's user. Creates the user if the provider may."""
    found = await _admit(tx, context, provider, identity)
    if isinstance(found, Refusal):
        return await refuse_provider(tx, context, provider, found)
    return await complete(tx, context, found.user.id, amr=(SSO,), provider=provider.name)


async def hand_out_code(
    tx: AsyncConnection, context: RequestContext, provider: Provider, identity: Identity, login: LoginRequest
) -> HandedOut | Refusal:
    """Return a code that the front end exchanges for a session of this identity: once, within a minute.

    The code is bound to the verifier of the login's challenge, or else to this browser. Alone it opens no session:
    neither a stolen code, nor one planted in another browser (login CSRF).
    """
    found = await _admit(tx, context, provider, identity)
    if isinstance(found, Refusal):
        return await refuse_provider(tx, context, provider, found)
    code = new_secret(CODE_PREFIX)
    browser_secret = None if login.code_challenge else new_secret(BROWSER_PREFIX)
    binding = CodeBinding(login.code_challenge, digest(browser_secret) if browser_secret else None)
    expires_at = context.now + CODE_LIFETIME
    stored = ExchangeCode(new_id(context.now), provider.id, found.user.id, found.version, expires_at)
    await repository.add_code(tx, context.account_id, stored, digest(code), binding)
    return HandedOut(code, browser_secret)


async def exchange_code(
    tx: AsyncConnection, context: RequestContext, code: str, *, verifier: str | None, browser_secret: str
) -> Completed:
    """Exchange the code for a session; raises `Unauthenticated` (`sign_in_expired`).

    A request without the verifier or cookie that the code is bound to is refused, and does not use the code up.
    """
    account_id = context.account_id
    proof = CodeBinding(
        pkce_challenge(verifier) if verifier else None,
        digest(browser_secret) if is_secret(browser_secret, BROWSER_PREFIX) else None,
    )
    used = None
    if is_secret(code, CODE_PREFIX):
        used = await repository.use_code(tx, account_id, digest(code), proof, now=context.now)
    if used is None:
        raise expired()
    provider = await repository.get_provider(tx, account_id, used.provider_id)
    found = await lock_user(tx, context, used.user_id)
    if found is None or found.version != used.version or refuse_user(provider, found):
        raise expired()
    return await complete(tx, context, found.user.id, amr=(SSO,), provider=provider.name)


async def begin_login(
    tx: AsyncConnection,
    context: RequestContext,
    provider: Provider | None,
    return_to: str | None,
    *,
    code_challenge: str | None = None,
) -> str:
    """Store a browser login, or without a provider a nonce; returns the client's secret."""
    secret = new_secret(REQUEST_PREFIX)
    provider_id = provider.id if provider else None
    expires_at = context.now + REQUEST_LIFETIME
    request = LoginRequest(new_id(context.now), provider_id, return_to, expires_at, code_challenge)
    await repository.add_request(tx, context.account_id, request, digest(secret))
    return secret


async def take_login(tx: AsyncConnection, context: RequestContext, secret: str) -> LoginRequest | None:
    """Use up the login or the nonce of this secret; None if it is unknown, expired or used."""
    if not is_secret(secret, REQUEST_PREFIX):
        return None
    return await repository.use_request(tx, context.account_id, digest(secret), now=context.now)


async def _admit(
    tx: AsyncConnection, context: RequestContext, provider: Provider, identity: Identity
) -> PasswordUser | Refusal:
    """Return the identity's user, or the refusal.

    Refuses if the provider changed after the token was read: its secret or certificate may have been replaced.
    """
    if await repository.find_provider(tx, context.account_id, provider.name) != provider:
        return not_vouched()
    try:
        return await admit(tx, context, provider, identity)
    except IdentityIncomplete as lacking:
        return identity_incomplete(provider, lacking)
