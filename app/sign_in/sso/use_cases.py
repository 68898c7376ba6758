"""Signing in those for whom a third party vouches. They are never asked for a passcode, nor for an enrollment."""

from uuid import UUID

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users import repository as users
from app.accounts.users.repository import PasswordUser
from app.accounts.users.rules import ACTIVE, LONGEST_NAME
from app.accounts.users.use_cases import NewUser, create_user, refuse_taken
from app.audit.repository import record
from app.audit.rules import NOBODY, Event, EventType
from app.core.assurance import SSO
from app.core.callers import RequestContext
from app.core.errors import Forbidden, NotFound, Refusal, Unauthenticated, invalid_field
from app.crypto.digests import digest, is_secret, new_secret
from app.crypto.sealing import AssociatedData, Sealer
from app.crypto.tokens import TokenRefused, read_hs256_token
from app.database.ids import new_id
from app.second_factor import repository as second_factor
from app.sign_in.completing import complete, expired
from app.sign_in.outcomes import Completed
from app.sign_in.sso import repository
from app.sign_in.sso.rules import (
    CODE_LIFETIME,
    CODE_PREFIX,
    REQUEST_LIFETIME,
    REQUEST_PREFIX,
    ExchangeCode,
    Identity,
    JwtClaims,
    LoginRequest,
    Provider,
    ProviderType,
    read_claims,
)

log = structlog.get_logger()


async def provider_of(tx: AsyncConnection, context: RequestContext, name: str, type_: ProviderType) -> Provider:
    """Return the account's provider of this name and type; raises `NotFound`."""
    provider = await repository.find_provider(tx, context.account_id, name)
    if provider is None or provider.type is not type_:
        raise NotFound("The account has no such provider.")
    return provider


async def login_provider(tx: AsyncConnection, context: RequestContext, name: str, return_to: str) -> Provider:
    """Return the provider at which a browser logs in, to come back to `return_to`.

    Raises `NotFound`, and `InvalidRequest` for an address that is not exactly one of the provider's `return_urls`.
    """
    provider = await repository.find_provider(tx, context.account_id, name)
    if provider is None or "return_urls" not in provider.settings:
        raise NotFound("The account has no such provider.")
    if return_to not in provider.settings["return_urls"]:
        raise invalid_field("/return_to", "not_allowed", "This is none of the provider's return addresses.")
    return provider


def secret_associated_data(account_id: UUID, provider_id: UUID) -> AssociatedData:
    """Return where the secret of a provider rests sealed."""
    return AssociatedData("sso_providers", "sealed_secret", account_id, provider_id, user_id=None)


def open_secret(sealer: Sealer, account_id: UUID, provider: Provider) -> str | None:
    """Return the secret that the provider shares with us, if it has one."""
    if provider.sealed_secret is None:
        return None
    return sealer.open(provider.sealed_secret, secret_associated_data(account_id, provider.id)).decode()


def not_vouched() -> Unauthenticated:
    """Return the one refusal for whatever is wrong with a token: the log says what, and never the token."""
    return Unauthenticated("The token of the identity provider is not accepted.", code="invalid_credentials")


def refuse_token(provider: Provider, refused: Exception) -> Refusal:
    """Return the refusal of a token, after telling the log what is wrong with it."""
    log.info("token refused", provider=provider.name, reason=str(refused))
    return not_vouched()


def read_jwt(sealer: Sealer, context: RequestContext, provider: Provider, token: str) -> JwtClaims | Refusal:
    """Return what a JWT of the provider says, or the refusal of one that is not the provider's, or not for now."""
    secret = open_secret(sealer, context.account_id, provider)
    try:
        return read_claims(read_hs256_token(token, (secret or "").encode()), context.now)
    except (TokenRefused, ValueError) as refused:
        return refuse_token(provider, refused)


async def refuse_provider(
    tx: AsyncConnection, context: RequestContext, provider: Provider, refusal: Refusal
) -> Refusal:
    """Record a sign-in that failed at a provider, and return the refusal."""
    details = {"provider": provider.name, "code": refusal.code}
    await record(tx, context, NOBODY, Event(EventType.SIGN_IN_FAILED, details=details))
    return refusal


async def sign_in_by_jwt(
    tx: AsyncConnection, context: RequestContext, provider: Provider, claims: JwtClaims
) -> Completed | Refusal:
    """Sign in whom the JWT names; the same token never signs anybody in again, in this account."""
    if not await repository.use_once(tx, context.account_id, claims.token_id, expires_at=claims.remembered_until):
        return await refuse_provider(tx, context, provider, not_vouched())
    return await sign_in_by_provider(tx, context, provider, claims.identity)


async def sign_in_by_provider(
    tx: AsyncConnection, context: RequestContext, provider: Provider, identity: Identity
) -> Completed | Refusal:
    """Open a session for whom the provider vouches, made as a new user where that is allowed."""
    found = await _admit(tx, context, provider, identity)
    if isinstance(found, Refusal):
        return found
    return await complete(tx, context, found.user.id, amr=(SSO,), provider=provider.name)


async def hand_out_code(
    tx: AsyncConnection, context: RequestContext, provider: Provider, identity: Identity
) -> str | Refusal:
    """Return a code that the front end exchanges, within a minute and once, for the session of this identity."""
    found = await _admit(tx, context, provider, identity)
    if isinstance(found, Refusal):
        return found
    code = new_secret(CODE_PREFIX)
    expires_at = context.now + CODE_LIFETIME
    stored = ExchangeCode(new_id(context.now), provider.id, found.user.id, found.version, expires_at)
    await repository.add_code(tx, context.account_id, stored, digest(code))
    return code


async def exchange_code(tx: AsyncConnection, context: RequestContext, code: str) -> Completed:
    """Open the session that the code stands for; raises `Unauthenticated` (`sign_in_expired`) for a dead one."""
    account_id = context.account_id
    used = None
    if is_secret(code, CODE_PREFIX):
        used = await repository.use_code(tx, account_id, digest(code), now=context.now)
    if used is None:
        raise expired()
    provider = await repository.get_provider(tx, account_id, used.provider_id)
    found = await _lock(tx, context, used.user_id)
    if found is None or found.version != used.version or _refusal(provider, found):
        raise expired()
    return await complete(tx, context, found.user.id, amr=(SSO,), provider=provider.name)


async def begin_login(
    tx: AsyncConnection, context: RequestContext, provider: Provider | None, return_to: str | None
) -> str:
    """Begin a browser's login, or without a provider a nonce; returns the secret that only the client keeps."""
    secret = new_secret(REQUEST_PREFIX)
    provider_id = provider.id if provider else None
    request = LoginRequest(new_id(context.now), provider_id, return_to, context.now + REQUEST_LIFETIME)
    await repository.add_request(tx, context.account_id, request, digest(secret))
    return secret


async def take_login(tx: AsyncConnection, context: RequestContext, secret: str) -> LoginRequest | None:
    """Use up the login or the nonce of this secret; None when it is unknown, over, or was used before."""
    if not is_secret(secret, REQUEST_PREFIX):
        return None
    return await repository.use_request(tx, context.account_id, digest(secret), now=context.now)


async def _admit(
    tx: AsyncConnection, context: RequestContext, provider: Provider, identity: Identity
) -> PasswordUser | Refusal:
    """Return the user whom the provider means, their second factor locked, or the refusal to let them in."""
    user_id = await _find(tx, context, provider, identity)
    if user_id is None:
        user_id = await _link(tx, context, provider, identity)
    found = await _lock(tx, context, user_id) if user_id else None
    refusal = _refusal(provider, found)
    if refusal is not None:
        return await refuse_provider(tx, context, provider, refusal)
    assert found is not None  # noqa: S101 -- nobody is refused as nobody
    return found


def _refusal(provider: Provider, found: PasswordUser | None) -> Refusal | None:
    if found is None:
        return Forbidden("The account has no user for this identity, and the provider may make none.")
    if found.user.status != ACTIVE:
        return Forbidden("The user is suspended.")
    if found.user.role not in provider.roles:
        return Forbidden("Users of this role do not sign in by this provider.")
    return None


async def _find(
    tx: AsyncConnection, context: RequestContext, provider: Provider, identity: Identity
) -> UUID | None:
    """Return whom the provider has meant before, or whom the application knows by this id."""
    account_id = context.account_id
    if identity.subject is not None:
        return await repository.find_identity(tx, account_id, provider.id, identity.subject)
    if identity.external_id is not None:
        found = await users.find_by_external_id(tx, account_id, identity.external_id)
        return found.user.id if found else None
    return None


async def _link(
    tx: AsyncConnection, context: RequestContext, provider: Provider, identity: Identity
) -> UUID | None:
    """Link the identity to the user with its e-mail address, or to a new one; None where neither is allowed.

    Of two at once for one address the second waits, and finds what the first has made.
    """
    await users.hold_address(tx, context.account_id, identity.email)
    if (known := await _find(tx, context, provider, identity)) is not None:
        return known
    found = await users.find_by_email(tx, context.account_id, identity.email)
    if found is None and provider.create_users and provider.default_role in provider.roles:
        name = (identity.name or identity.email.partition("@")[0])[:LONGEST_NAME]
        new = NewUser(identity.email, name, provider.default_role, identity.external_id)
        user = await create_user(tx, context, NOBODY, new, None)
        if identity.subject is not None:
            await repository.add_identity(
                tx,
                context.account_id,
                new_id(context.now),
                provider.id,
                identity.subject,
                user.id,
                now=context.now,
            )
        return user.id
    if found is None or not provider.trusts_address(identity) or _refusal(provider, found):
        return None
    return found.user.id if await _remember(tx, context, provider, identity, found) else None


async def _remember(
    tx: AsyncConnection, context: RequestContext, provider: Provider, identity: Identity, found: PasswordUser
) -> bool:
    """Let the identity mean this user from now on; False when the user is another one's already.

    An address that went to another person has another subject: who has it now is not who had it then.
    """
    user = found.user
    if identity.subject is not None:
        return await repository.add_identity(
            tx, context.account_id, new_id(context.now), provider.id, identity.subject, user.id, now=context.now
        )
    if identity.external_id is not None:
        if user.external_id is not None:
            return False
        try:
            await users.store_external_id(tx, context.account_id, user.id, identity.external_id)
        except IntegrityError as error:
            refuse_taken(error)
    return True


async def _lock(tx: AsyncConnection, context: RequestContext, user_id: UUID) -> PasswordUser | None:
    """Return the user as they are now, their second factor locked: a suspension is before this, or ends it."""
    if await second_factor.lock_state(tx, context.account_id, user_id) is None:
        return None
    return await users.find_by_id(tx, context.account_id, user_id)
