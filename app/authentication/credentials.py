"""Identifying the caller by the `Authorization` header (docs/api.md section 3)."""

import base64
import math
from dataclasses import dataclass, replace

from app.accounts.rules import SecurityPolicy
from app.accounts.users.rules import LONGEST_EMAIL, User
from app.core.callers import Caller, Credential, RequestContext
from app.core.errors import Unauthenticated
from app.core.ids import NIL_ID
from app.credentials.api_tokens.rules import PREFIX as TOKEN_PREFIX
from app.credentials.api_tokens.use_cases import find_token, touch
from app.credentials.password_access.use_cases import find_password_user
from app.crypto.digests import is_secret
from app.crypto.passwords import LONGEST_PASSWORD_BYTES, is_too_long
from app.services import Services
from app.sessions.repository import SessionOwner
from app.sessions.use_cases import find_session, keep_alive

_TOKEN_SUFFIX = "/token"  # noqa: S105 -- a suffix of the user name, not a token
_SEND_BASIC = "An API token is sent as Authorization: Basic base64(email/token:pgt_...), with its owner's address."
_MOST_BYTES = 4 * LONGEST_EMAIL + len(_TOKEN_SUFFIX) + len(":") + LONGEST_PASSWORD_BYTES
_LONGEST = 4 * math.ceil(_MOST_BYTES / 3)  # base64 characters of that many bytes


@dataclass(frozen=True)
class Identified:
    """The caller, the account's policy, and the session if that is the credential."""

    caller: Caller
    policy: SecurityPolicy
    session: SessionOwner | None = None


async def identify(services: Services, context: RequestContext, headers: list[str]) -> Identified:
    """Return the caller.

    Raises `Unauthenticated` if the credential is missing, unknown or expired, or if there is more than one header.
    """
    if len(headers) > 1:
        raise _unauthenticated("There is more than one Authorization header.")
    scheme, _, given = headers[0].partition(" ") if headers else ("", "", "")
    given = given.strip(" ")
    if scheme.lower() == "bearer":
        if given.startswith(TOKEN_PREFIX):
            raise _unauthenticated(_SEND_BASIC)
        return await _by_session(services, context, given)
    if scheme.lower() == "basic":
        name, password = _decode(given)
        if name.endswith(_TOKEN_SUFFIX):
            return await _by_token(services, context, name.removesuffix(_TOKEN_SUFFIX), password)
        if is_secret(password, TOKEN_PREFIX):  # judged as a password, it would only count as a wrong one
            raise _unauthenticated(_SEND_BASIC)
        return await _by_password(services, context, name, password)
    raise _unauthenticated()


async def _by_session(services: Services, context: RequestContext, token: str) -> Identified:
    async with services.database.read() as tx:
        owner = await find_session(tx, context.account_id, token, context.now)
    if owner is None:
        raise _unauthenticated()
    owner = await keep_alive(services.database, context.account_id, owner, context.now)
    caller = replace(
        _caller(context, Credential.SESSION, owner.user, owner.policy, has_authenticator=owner.has_authenticator),
        session_id=owner.session.id,
        first_factor_at=owner.session.first_factor_at,
        second_factor_at=owner.session.second_factor_at,
        assurance=owner.session.assurance,
    )
    return Identified(caller, owner.policy, owner)


async def _by_token(services: Services, context: RequestContext, email: str, secret: str) -> Identified:
    async with services.database.read() as tx:
        owner = await find_token(tx, context, email, secret)
    if owner is None:
        raise _unauthenticated()
    await touch(services.database, context, owner)
    caller = replace(
        _caller(
            context, Credential.API_TOKEN, owner.user, owner.policy, has_authenticator=owner.has_authenticator
        ),
        scopes=frozenset(owner.token.scopes),
        token_id=owner.token.id,
        signs_in_admins=owner.token.signs_in_admins,
    )
    return Identified(caller, owner.policy)


async def _by_password(services: Services, context: RequestContext, email: str, password: str) -> Identified:
    user, policy, has_authenticator = await find_password_user(services, context, email, password)
    caller = _caller(context, Credential.PASSWORD, user, policy, has_authenticator=has_authenticator)
    return Identified(caller, policy)


def _caller(
    context: RequestContext, credential: Credential, user: User, policy: SecurityPolicy, *, has_authenticator: bool
) -> Caller:
    return Caller(
        context=context,
        credential=credential,
        user_id=user.id,
        session_id=NIL_ID,
        email=user.email,
        role=user.role,
        has_authenticator=has_authenticator,
        required_by_account=policy.requires_two_factor_of(user.role),
        is_service=user.is_service,
    )


def _decode(given: str) -> tuple[str, str]:
    """Return the user name and the password of Basic authentication (RFC 7617), in UTF-8.

    Raises `Unauthenticated` if they are malformed or too long; lengths are checked before any other processing.
    """
    if len(given) > _LONGEST:
        raise _unauthenticated()
    try:
        name, colon, password = base64.b64decode(given, validate=True).decode().partition(":")
    except ValueError:
        raise _unauthenticated("Basic takes the base64 of a name, a colon and a secret, in UTF-8.") from None
    if not colon or "\0" in name:  # Postgres rejects NUL, and no address has it
        raise _unauthenticated()
    if len(name.removesuffix(_TOKEN_SUFFIX)) > LONGEST_EMAIL or is_too_long(password):
        raise _unauthenticated()
    return name, password


def _unauthenticated(
    detail: str = "This call needs a session token (Authorization: Bearer pgs_...) or an API token.",
) -> Unauthenticated:
    return Unauthenticated(detail)
